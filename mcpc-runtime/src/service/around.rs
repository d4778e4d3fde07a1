//! A call inside of what the server has around every call.
//!
//! What reads the arguments is a part of the body then, so that what is around sees every call, and what is wrong
//! with it.

use std::future::ready;
use std::sync::Arc;
use std::task::{Context as Polling, Poll, Waker};

use rmcp::model::JsonObject;

use super::calls::{Refusal, prepare};
use super::intake::TaskIntake;
use super::{ToolService, trace};
use crate::around::{Layers, Next, ToolCall};
use crate::context::Context;
use crate::delivery::LeastLevel;
use crate::guard::{Guarded, guarded};
use crate::logging::Span;
use crate::numbers::LargeNumbers;
use crate::output::{Body, Failed, Outcome, Success, Written};
use crate::parameter::{CallArguments, CallParts};
use crate::task::Sender;
use crate::tool::{Definition, Kind};

/// All that a call brings to its tool but the arguments.
struct Brought {
    intake: Arc<TaskIntake>,
    tool: Arc<Definition>,
    context: Context,
    session_id: Box<str>,
    task_id: Option<Box<str>>,
    log_level: LeastLevel,
    /// That of the task that the call starts.
    sender: Option<Sender>,
}

impl Brought {
    fn parts(&self) -> CallParts<'_> {
        let Self { intake, tool, context, session_id, task_id, log_level, .. } = self;
        CallParts {
            tool_name: &tool.about.name,
            session_id,
            task_id: task_id.as_deref(),
            tasks: &intake.tasks,
            context,
            log_level,
            listener: &intake.listener,
            max_questions: intake.shared.max_questions,
        }
    }

    /// Forgets how those large numbers were written that are not among the arguments any more.
    fn forget_large_numbers(&mut self, arguments: &JsonObject) {
        if let Some(large) = self.context.extensions.remove::<LargeNumbers>()
            && let Some(left) = large.left_in(arguments)
        {
            self.context.extensions.insert(left);
        }
    }

    /// Reads the arguments and runs the tool.
    async fn run(mut self, call: ToolCall) -> Outcome {
        let arguments = call.into_arguments();
        self.forget_large_numbers(&arguments);
        let (shared, sender) = (&self.intake.shared, self.sender.as_ref());
        let arguments = CallArguments::Any(arguments);
        let prepared = prepare(shared, &self.tool, arguments, sender, self.parts());
        let body = prepared.inspect_err(|_| trace::note(&self.context, "refused"))?;
        if sender.is_some() {
            // This far the call is followed where it is answered; the tool runs in its task.
            tokio::task::yield_now().await;
        }
        let Self { tool, context, .. } = self;
        match Guarded::new(body).await {
            Ok(outcome) => outcome.and_then(Success::checked),
            Err(panic) => {
                Err(Failed::panicked(trace::panicked(&context, &tool.about.name, &*panic)))
            }
        }
    }
}

impl ToolService {
    /// What is around the calls of a tool, if anything is.
    pub(super) fn around(&self, tool: &Definition) -> Option<&Layers> {
        self.shared().around.as_ref().filter(|_| tool.about.kind != Kind::Control)
    }

    /// The body of a call, with all that is around it.
    pub(super) fn surrounded(
        &self,
        layers: &Layers,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        sender: Option<Sender>,
        call: CallParts<'_>,
    ) -> Body {
        let brought = Brought {
            intake: Arc::clone(&self.intake),
            tool: Arc::clone(tool),
            context: call.context.clone(),
            session_id: call.session_id.into(),
            task_id: call.task_id.map(Into::into),
            log_level: call.log_level.clone(),
            sender: sender.clone(),
        };
        let call = call.to_call(sender.as_ref());
        let call = call.expect("where something is around calls, they are left to a loop");
        let call = ToolCall::new(Arc::clone(tool), arguments, call);
        let (layers, inner) = (Arc::clone(layers), |call| -> Body { Box::pin(brought.run(call)) });
        // What is around is called when the body is polled first, where a panic of it is caught.
        Box::pin(async move { Next::new(layers, inner).run(call).await })
    }
}

/// The body of a task's call, if it gets as far as its tool at once, or has to wait for anything; or the reason why
/// there is no task.
pub(super) fn begun(
    mut body: Body,
    span: &Span,
    tool: &Definition,
    context: &Context,
) -> Result<Body, Refusal> {
    let mut polling = Polling::from_waker(Waker::noop());
    let outcome = match guarded(|| span.inside(|| body.as_mut().poll(&mut polling))) {
        Ok(Poll::Pending) => return Ok(body),
        Ok(Poll::Ready(outcome)) => outcome,
        Err(panic) => return Err(trace::panicked(context, &tool.about.name, &*panic).into()),
    };
    match outcome {
        // A refusal has no way to carry a whole reply, but a task has.
        Err(failed) if !matches!(failed.written, Some(Written::Reply(_))) => Err(failed.into()),
        outcome => Ok(Box::pin(ready(outcome))),
    }
}
