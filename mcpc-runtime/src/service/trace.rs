//! What an operator hears of a call.

use std::any::Any;
use std::sync::{Arc, OnceLock, Weak};

use rmcp::model::{CallToolResponse, CallToolResult};
use tokio::runtime::Handle;
use tokio::time::Instant;

use super::calls::Refusal;
use crate::context::Context;
use crate::log::{LogError, MaybeLater, Stop};
use crate::logging::{Inside, Span, event, mention, span};
use crate::phrases::shown;
use crate::task::panicked as in_words;
use crate::transport::Ending;

/// What is noted of a call that somebody listens to, among its request's extensions.
#[derive(Clone)]
struct Noted(Arc<Notes>);

struct Notes {
    /// The span in which the call was made.
    outside: Span,
    /// That of the call, which ends with it.
    span: Weak<Span>,
    /// What became of the call, where its reply does not say so.
    outcome: OnceLock<&'static str>,
}

/// A call that somebody listens to.
pub(super) struct Trace {
    span: Arc<Span>,
    notes: Arc<Notes>,
    began: Instant,
}

impl Trace {
    /// `None` if nobody listens.
    pub(super) fn of(tool: &str, context: &mut Context) -> Option<Self> {
        let span = span!(
            "call",
            tool = &*shown(tool),
            request = &*request(context),
            client = client(context)
        );
        if span.is_none() {
            return None;
        }
        let span = Arc::new(span);
        let (outside, outcome) = (Span::current(), OnceLock::new());
        let notes = Arc::new(Notes { outside, span: Arc::downgrade(&span), outcome });
        context.extensions.insert(Noted(Arc::clone(&notes)));
        Some(Self { span, notes, began: Instant::now() })
    }

    /// Answers the call inside of its span.
    pub(super) async fn follow<R: Traced>(
        self,
        answer: impl Future<Output = Result<R, Refusal>> + Unpin,
    ) -> Result<R, Refusal> {
        let Self { span, notes, began } = self;
        span.inside(|| event!(debug, "called"));
        let reply = Inside::new(&span, answer).await;
        let outcome = notes.outcome.get().copied().unwrap_or(outcome(&reply));
        let (error, took) =
            (reply.as_ref().err().map(|error| shown(error.text())), began.elapsed());
        span.inside(|| event!(debug, %outcome, error = error.as_deref(), ?took, "answered"));
        reply
    }
}

/// Does the work of a call that may outlive its request, in the span of that.
pub(super) async fn in_span_of_call<T>(
    span: Option<Arc<Span>>,
    work: impl Future<Output = T> + Unpin,
) -> T {
    match span {
        Some(span) => Inside::new(&span, work).await,
        None => work.await,
    }
}

/// The span of a call, if somebody listens to it.
pub(super) fn span_of_call(context: &Context) -> Option<Arc<Span>> {
    context.extensions.get::<Noted>()?.0.span.upgrade()
}

/// A reply to a call.
pub(super) trait Traced {
    /// What became of the call, where nothing was noted of it.
    fn outcome(&self) -> &'static str;
}

impl Traced for CallToolResponse {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Complete(reply) => reply.outcome(),
            Self::Task(_) => "created",
            _ => "complete",
        }
    }
}

impl Traced for CallToolResult {
    fn outcome(&self) -> &'static str {
        if self.is_error == Some(true) { "failed" } else { "complete" }
    }
}

fn outcome(reply: &Result<impl Traced, Refusal>) -> &'static str {
    match reply {
        Err(Refusal::Protocol(_)) => "failed",
        Err(Refusal::Said(_)) => "refused",
        Ok(reply) => reply.outcome(),
    }
}

/// The span of a task, beside that of the call that starts it, which ends before.
pub(super) fn of_task(context: &Context, tool: &str, task_id: &str) -> Span {
    let outside = context.extensions.get::<Noted>().and_then(|noted| noted.0.outside.id());
    span!(
        parent: outside,
        "task",
        tool,
        task_id = &*shown(task_id),
        request = &*request(context),
        client = client(context)
    )
}

fn request(context: &Context) -> String {
    shown(&context.id.to_string()).into_owned()
}

/// What the client calls itself, in short.
fn client(context: &Context) -> Option<String> {
    let client = context.client_info()?;
    Some(shown(&format!("{} {}", client.name, client.version)).into_owned())
}

/// Notes what becomes of a call; the first note counts.
pub(super) fn note(context: &Context, outcome: &'static str) {
    if let Some(noted) = context.extensions.get::<Noted>() {
        let _is_first = noted.0.outcome.set(outcome);
    }
}

/// What to say about a call whose code panicked.
pub(super) fn panicked(context: &Context, tool: &str, panic: &(dyn Any + Send)) -> String {
    note(context, "panicked");
    let panic = in_words(tool, panic);
    let tool = context.extensions.get::<Noted>().is_none().then_some(tool);
    event!(error, tool, panic = &*shown(&panic), "panicked");
    panic
}

/// Notes that a call was cancelled; returns a reply that nobody reads any more.
pub(super) fn cancelled(context: &Context) -> String {
    note(context, "cancelled");
    "cancelled".to_owned()
}

/// Tells that a task was asked to stop because its call was cancelled, if that is why it was. Is held up by nothing.
pub(super) fn left(
    ending: &Ending,
    task_id: &str,
    stop: MaybeLater<'static, Result<Stop, LogError>>,
) {
    if ending.has_begun() {
        return;
    }
    let task_id = shown(task_id).into_owned();
    let tell = move |stop| {
        if stop == Ok(Stop::Asked) {
            mention(move || event!(info, task_id, by = "notifications/cancelled", "asked to stop"));
        }
    };
    match stop {
        MaybeLater::Now(stop) => tell(stop),
        MaybeLater::Later(stop) => {
            if let Ok(runtime) = Handle::try_current() {
                runtime.spawn(async { tell(stop.await) });
            }
        }
    }
}
