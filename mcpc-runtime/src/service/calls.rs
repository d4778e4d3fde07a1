//! A call of a tool, from its arguments to its reply.

mod refusal;
mod waits;

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, JsonObject,
};
use tokio::task::coop::unconstrained;

pub(super) use self::refusal::{GraceOver, Refusal, or_error};
use self::waits::Becomes;
pub(super) use self::waits::Wait;
use super::around::begun;
use super::intake::{Accepting, Place};
use super::joined::Joining;
use super::trace::Traced;
use super::{Shared as Server, ToolService, trace};
use crate::context::Context;
use crate::control::unknown_id;
use crate::delivery::{Callbacks, ClientSupport, Delivery, Mode, Questions, choose};
use crate::guard::{Guarded, guarded};
use crate::log::{LogError, MaybeLater, Parcel, Stop, TaskReader};
use crate::logging::Span;
use crate::message::{Address, Json, created};
use crate::metadata::{Ids, Metadata};
use crate::names::DEFAULT_SESSION;
use crate::outbox::{CreatedCallback, Gate, Permit, TextCallback};
use crate::output::{Body, Failed, Success};
use crate::parameter::{CallArguments, CallParts, Inputs};
use crate::phrases::timed_out;
use crate::reply::Shape;
use crate::task::{Created, NewTask, Part, Sender, Share, Shared, TaskLimits, Tasks};
use crate::tool::{Definition, Kind};
use crate::transport::ended_before;

impl ToolService {
    /// Answers a call.
    pub(super) async fn call(
        &self,
        mut call: Box<CallToolRequestParams>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let tool = self.shared().registry.get(&call.name)?;
        let mut arguments = call.arguments.take().unwrap_or_default();
        match tool.about.kind {
            Kind::Plain if call.request_state.is_some() || self.asks_by_reply(&tool, context) => {
                call.arguments = Some(arguments);
                Box::pin(self.call_that_asks(&tool, *call, context)).await
            }
            Kind::Plain | Kind::Control => {
                let body = self.plain_body(&tool, arguments, context)?;
                self.run(&tool, body, context).await.map(Into::into)
            }
            Kind::Background if call.request_state.is_some() => {
                let state = call.request_state.unwrap_or_default();
                let responses = call.input_responses.unwrap_or_default();
                let wait = self.wait_in(&tool, self.mode(false, context), context);
                Box::pin(self.call_again(&tool, &state, responses, wait, context)).await
            }
            Kind::Background => {
                let parcel = context.extensions.get::<Parcel<Accepting>>().and_then(Parcel::take);
                let accepting = parcel.unwrap_or_else(|| self.intake.accept(&tool, &mut arguments));
                // On the heap: a plain call would hold as much room, and move it several times.
                Box::pin(self.call_background(&tool, arguments, accepting, context)).await
            }
        }
    }

    /// The body of a call that is answered with its result.
    pub(super) fn plain_body(
        &self,
        tool: &Arc<Definition>,
        mut arguments: JsonObject,
        context: &Context,
    ) -> Result<Body, Refusal> {
        let metadata = Metadata::take(&mut arguments)?;
        let (session_id, task_id) = (metadata.session_id(), metadata.task_id());
        let call = self.parts(tool, session_id, task_id, context);
        Ok(match self.around(tool) {
            None => prepare(self.shared(), tool, CallArguments::Any(arguments), None, call)?,
            Some(layers) => self.surrounded(layers, tool, arguments, None, call),
        })
    }

    /// Starts a task and answers its call in the best way that the client understands.
    async fn call_background(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        accepting: MaybeLater<'static, Accepting>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let accepted = accepting.await?;
        let mode = self.mode(accepted.has_metadata, context);
        let waits = matches!(mode, Mode::Progress(..) | Mode::Waiting);
        if tool.required && waits {
            self.needs_a_task(tool, context)?;
        }
        let ids = accepted.ids;
        let wait = match mode {
            Mode::Callbacks(gate) => Err(gate),
            mode => Ok(self.wait_in(tool, mode, context)),
        };
        match accepted.place {
            Place::Own(created, shared) => {
                let own = Own { ids, created, shared };
                self.call_own(tool, arguments, own, wait, context).await
            }
            Place::Joined(share, created) => {
                let joining = Joining { ids, share, created };
                Box::pin(self.call_joined(tool, arguments, joining, wait, context)).await
            }
        }
    }

    /// The best way to serve a call.
    fn mode<'a>(&self, has_metadata: bool, context: &'a Context) -> Mode<'a> {
        let gate = context.extensions.get::<Gate>();
        let can_follow = gate.is_some_and(|gate| gate.outbox().can_follow());
        choose(ClientSupport {
            metadata: has_metadata && can_follow,
            handshake: can_follow && gate.is_some_and(Gate::is_after_handshake),
            tasks: context.takes_tasks(),
            task: self.is_asked_for_task(context),
            token: context.meta().get_progress_token(),
            gate,
        })
    }

    /// Answers a call with a task of its own.
    pub(super) async fn call_own(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        own: Own,
        wait: Result<Wait<'_>, &Gate>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        match wait {
            Ok(wait) => self.run_to_end(tool, arguments, own, context, wait).await,
            Err(gate) => Ok(self.start_mcpc(tool, arguments, own, gate, context)?.into()),
        }
    }

    /// Starts a task for an MCPC client and returns the first reply.
    fn start_mcpc(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        own: Own,
        gate: &Gate,
        context: &Context,
    ) -> Result<CallToolResult, Refusal> {
        let ids = own.ids.clone();
        let reaches = (Self::callbacks(tool, &ids, gate), self.questions(context, false));
        let (task, shared, leave) = self.create(tool, own, reaches);
        if let Err(refusal) = self.launch(tool, arguments, task, shared, context) {
            gate.drop_held();
            return Err(refusal);
        }
        self.stop_if_cancelled(leave, gate);
        Ok(Self::created(tool, &ids, context))
    }

    /// How a client of MCPC hears of a task.
    pub(super) fn callbacks(tool: &Definition, ids: &Ids, gate: &Gate) -> Delivery {
        let name = Arc::clone(&tool.about.name);
        if gate.outbox().splits_replies_off() {
            // The reply is on a stream of its own, and its client may see it later than what follows.
            let Ids { session_id, task_id } = ids;
            let text = created(Address { session_id, task_id, tool_name: &name });
            gate.push(&CreatedCallback(TextCallback(text)), Permit::NONE);
        }
        Delivery::Callbacks(Callbacks::new(gate.clone(), ids.clone(), name))
    }

    /// The first reply to a client of MCPC.
    pub(super) fn created(tool: &Definition, ids: &Ids, context: &Context) -> CallToolResult {
        trace::note(context, "created");
        let Ids { session_id, task_id } = ids;
        let text = created(Address { session_id, task_id, tool_name: &tool.about.name });
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// Has a task go on after its call.
    pub(super) fn go_on(&self, leave: Leave, context: &Context) {
        match context.extensions.get::<Gate>() {
            Some(gate) => self.stop_if_cancelled(leave, gate),
            None => drop(leave.keep()),
        }
    }

    /// Has a task stopped whose client never hears of it; from here on it goes on otherwise.
    pub(super) fn stop_if_cancelled(&self, leave: Leave, gate: &Gate) {
        let (ending, kept) = (self.ending.clone(), leave.keep());
        gate.on_cancel(move || {
            let task_id = Arc::clone(kept.task_id());
            trace::left(&ending, &task_id, kept.leave());
        });
    }

    pub(super) fn tasks(&self) -> &Tasks {
        &self.intake.tasks
    }

    fn parts<'a>(
        &'a self,
        tool: &'a Definition,
        session_id: &'a str,
        task_id: Option<&'a str>,
        context: &'a Context,
    ) -> CallParts<'a> {
        CallParts {
            tool_name: &tool.about.name,
            session_id,
            task_id,
            tasks: self.tasks(),
            context,
            log_level: &self.log_level,
            listener: &self.intake.listener,
            max_questions: self.shared().max_questions,
        }
    }

    /// A task that was just created.
    pub(super) async fn reader(&self, task_id: &Arc<str>) -> Result<Box<dyn TaskReader>, Refusal> {
        let reader = self.tasks().reader(task_id).await?;
        Ok(reader.ok_or_else(|| unknown_id(task_id))?)
    }

    /// Runs a task for a client whose call stays open, to its end or for as long as its patience lasts.
    async fn run_to_end(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        own: Own,
        context: &Context,
        wait: Wait<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        let task_id = Arc::clone(&own.ids.task_id);
        // What a client of the Tasks extension hears of a task, it asks for; notifications of a call end with its
        // reply.
        let log_messages = match wait.becomes {
            Becomes::Task => None,
            Becomes::TaskOf2025 | Becomes::Ticket => {
                context.log_messages(&tool.about.name, &self.log_level)
            }
        };
        let reaches = (Delivery::Log(log_messages), wait.questions.clone());
        let (task, shared, leave) = self.create(tool, own, reaches);
        let end_here = (!self.tasks().are_in_memory()).then(|| task.end_here());
        let reader = self.reader(&task_id).await?;
        if wait.becomes == Becomes::TaskOf2025 {
            self.launch_task(tool, arguments, task, shared, context);
            return self.task_of_2025(tool, leave, &*reader, context).await;
        }
        self.launch(tool, arguments, task, shared, context)?;
        self.wait(tool, leave, &*reader, end_here, context, wait).await
    }

    /// The task of a call, what lets others join it, and how the call gives it up.
    pub(super) fn create(
        &self,
        tool: &Definition,
        own: Own,
        reaches: (Delivery, Questions),
    ) -> (NewTask, Option<Shared>, Leave) {
        self.ending.begins_task();
        let (timeout, questions) = (tool.about.times.timeout, self.shared().max_questions);
        let limits = TaskLimits { grace: self.ending.grace().clone(), timeout, questions };
        let Own { ids, created, shared } = own;
        let leave = match &shared {
            Some(shared) => Leave::Share(shared.share()),
            None => Leave::Task(self.tasks().clone(), Arc::clone(&ids.task_id)),
        };
        let name = Arc::clone(&tool.about.name);
        (NewTask::new(name, ids, reaches, created, limits), shared, leave)
    }

    /// Starts the task's body, or gives the task up if the arguments are bad.
    fn launch(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        task: NewTask,
        shared: Option<Shared>,
        context: &Context,
    ) -> Result<(), Refusal> {
        match self.begin_body(tool, arguments, &task.sender(), context) {
            Ok((body, span)) => {
                spawn(task.inside(span), shared, body);
                Ok(())
            }
            Err(refusal) => {
                task.refuse();
                Err(refusal)
            }
        }
    }

    /// Starts the task's body. A call with bad arguments is answered with a task, too, whose error says what is wrong.
    fn launch_task(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        task: NewTask,
        shared: Option<Shared>,
        context: &Context,
    ) {
        match self.begin_body(tool, arguments, &task.sender(), context) {
            Ok((body, span)) => spawn(task.inside(span), shared, body),
            Err(refusal) => spawn(task, shared, Box::pin(async { Err(refusal.into()) })),
        }
    }

    /// The body of a task and the span that it is in, or what is wrong with the arguments.
    fn begin_body(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        sender: &Sender,
        context: &Context,
    ) -> Result<(Body, Span), Refusal> {
        let (session_id, task_id) = (sender.session_id(), Some(sender.task_id()));
        let call = self.parts(tool, session_id, task_id, context);
        let span = || trace::of_task(context, &tool.about.name, sender.task_id());
        match self.around(tool) {
            None => {
                let arguments = CallArguments::Any(arguments);
                let body = prepare(self.shared(), tool, arguments, Some(sender), call);
                body.map(|body| (body, span())).map_err(Refusal::from)
            }
            Some(layers) => {
                let body = self.surrounded(layers, tool, arguments, Some(sender.clone()), call);
                let span = span();
                begun(body, &span, tool, context).map(|body| (body, span))
            }
        }
    }

    /// Answers a call of a plain tool that takes nothing of it but these arguments.
    pub(super) async fn call_simple(
        &self,
        tool: &Definition,
        arguments: CallArguments,
        context: &Context,
    ) -> Result<SimpleReply, Refusal> {
        let call = self.parts(tool, DEFAULT_SESSION, None, context);
        let body = prepare(self.shared(), tool, arguments, None, call)?;
        let success = self.run_to_success(tool, body, context).await?;
        match success.shape(tool.promises_output) {
            Some(shape) => Ok(SimpleReply::Value(success.json, shape)),
            None => written(success, tool, context).map(SimpleReply::Whole),
        }
    }

    /// Runs a plain tool's body and answers with its result.
    pub(super) async fn run(
        &self,
        tool: &Definition,
        body: Body,
        context: &Context,
    ) -> Result<CallToolResult, Refusal> {
        let success = self.run_to_success(tool, body, context).await?;
        written(success, tool, context)
    }

    /// Runs a plain tool's body. A cancelled call drops it at its next await, and so does its timeout, and the end of
    /// the connection, when its grace is over.
    async fn run_to_success(
        &self,
        tool: &Definition,
        body: Body,
        context: &Context,
    ) -> Result<Success, Refusal> {
        let name = &tool.about.name;
        let outcome = tokio::select! {
            biased;
            outcome = self.until_grace_over(body) => outcome,
            // Also fires right before the reply is sent, but by then this has returned.
            () = unconstrained(context.cancelled.cancelled()) => return Err(trace::cancelled(context).into()),
            timeout = unconstrained(over(tool.about.times.timeout)) => {
                trace::note(context, "timed_out");
                return Err(timed_out(timeout).into());
            }
        };
        match outcome {
            Ok(Ok(Ok(success))) => Ok(success),
            Ok(Ok(Err(failed))) => {
                trace::note(context, "failed");
                match failed.written {
                    Some(written) => Ok(Success::of(written.into_reply()?)),
                    None => Err(failed.text.into()),
                }
            }
            Ok(Err(panic)) => Err(trace::panicked(context, name, &*panic).into()),
            Err(GraceOver) => {
                trace::note(context, "failed");
                Err(ended_before(name).into())
            }
        }
    }

    /// Runs what a user wrote, until the connection's grace is over. Cancel safe if that is.
    pub(super) async fn until_grace_over<T>(
        &self,
        work: impl Future<Output = T> + Unpin,
    ) -> Result<std::thread::Result<T>, GraceOver> {
        let mut work = Guarded::new(work);
        tokio::select! {
            biased;
            outcome = &mut work => Ok(outcome),
            // Outside of the budget: work that never rests uses that up, and would starve the timer that is
            // to end it.
            () = unconstrained(self.ending.grace_over()) => Err(GraceOver),
        }
    }
}

/// The reply to a simple call.
pub(super) enum SimpleReply {
    /// A value, which is written as it is.
    Value(Json, Shape),
    Whole(CallToolResult),
}

impl Traced for SimpleReply {
    fn outcome(&self) -> &'static str {
        match self {
            Self::Value(..) => "complete",
            Self::Whole(reply) => reply.outcome(),
        }
    }
}

/// The reply that carries what a plain tool returned.
fn written(
    success: Success,
    tool: &Definition,
    context: &Context,
) -> Result<CallToolResult, Refusal> {
    let reply = success.into_reply(|| tool.promises_output);
    Ok(reply.inspect_err(|_| trace::note(context, "failed"))?)
}

fn spawn(task: NewTask, shared: Option<Shared>, body: Body) {
    task.spawn(match shared {
        Some(shared) => shared.around(body),
        None => body,
    });
}

/// The body of a call, or every problem of the call in one text. Reading arguments runs code of the
/// user's, which may panic.
pub(super) fn prepare(
    shared: &Server,
    tool: &Definition,
    arguments: CallArguments,
    sender: Option<&Sender>,
    call: CallParts<'_>,
) -> Result<Body, Failed> {
    let inputs = Inputs::new(arguments, sender, &shared.states, call);
    let prepared = guarded(|| tool.prepare(inputs));
    prepared
        .map_err(|panic| {
            Failed::panicked(trace::panicked(call.context, &tool.about.name, &*panic))
        })?
        .map_err(|problems| problems.join("\n").into())
}

/// Waits until a timeout is over, if there is one.
async fn over(timeout: Option<Duration>) -> Duration {
    match timeout {
        Some(timeout) => {
            // On the heap: hardly any call has one.
            Box::pin(tokio::time::sleep(timeout)).await;
            timeout
        }
        None => std::future::pending().await,
    }
}

/// A task of a call's own, which is yet to be started.
pub(super) struct Own {
    pub(super) ids: Ids,
    pub(super) created: Created,
    /// What lets equal calls join it.
    pub(super) shared: Option<Shared>,
}

/// How a call gives its task up.
pub(super) enum Leave {
    /// The task is asked to stop.
    Task(Tasks, Arc<str>),
    /// It is asked if no other call has a part in it.
    Share(Share),
    /// The same, but that the part is not given up when this is dropped.
    Kept(Part),
    /// It is not: the call that started it, or joined it, has its part still.
    Nothing(Arc<str>),
}

impl Leave {
    pub(super) fn task_id(&self) -> &Arc<str> {
        match self {
            Self::Task(_, task_id) => task_id,
            Self::Share(share) => share.task_id(),
            Self::Kept(part) => part.task_id(),
            Self::Nothing(task_id) => task_id,
        }
    }

    /// The same for a task whose client may come back, so that it goes on when this is dropped.
    fn keep(self) -> Self {
        match self {
            Self::Share(share) => Self::Kept(share.keep()),
            others => others,
        }
    }

    /// Gives up a task of which no client will hear, whether or not its log is there.
    pub(super) fn give_up(self) {
        match self {
            Self::Task(tasks, task_id) => drop(tasks.stop_here(&task_id)),
            Self::Share(share) => drop(share),
            Self::Kept(part) => drop(part.leave()),
            Self::Nothing(_) => {}
        }
    }

    fn leave(self) -> MaybeLater<'static, Result<Stop, LogError>> {
        match self {
            Self::Task(tasks, task_id) => tasks.stop(vec![task_id]),
            Self::Share(share) => share.leave(),
            Self::Kept(part) => part.leave(),
            Self::Nothing(_) => MaybeLater::Now(Ok(Stop::Unknown)),
        }
    }
}
