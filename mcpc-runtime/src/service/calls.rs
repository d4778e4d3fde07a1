//! A call of a tool, from its arguments to its reply.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, ErrorData, JsonObject,
};
use tokio::sync::oneshot;
use tokio::task::coop::unconstrained;

use super::around::begun;
use super::intake::{Accepting, Place};
use super::joined::Joining;
use super::{Shared as Server, ToolService, bounded, trace};
use crate::context::Context;
use crate::control::{Running, unknown_id};
use crate::delivery::{
    Callbacks, ClientSupport, Delivery, Mode, PATIENCE, PATIENCE_WITH_PROGRESS, Progress,
    Questions, Read, Reading, answer, choose, how_far, tasks_extension, within,
};
use crate::guard::{Guarded, guarded};
use crate::log::{End, LastSeen, LogError, MaybeLater, Parcel, Question, Stop, TaskReader};
use crate::logging::Span;
use crate::message::{Address, created};
use crate::metadata::{Ids, Metadata};
use crate::outbox::{CreatedCallback, Gate, Permit, TextCallback};
use crate::output::{Body, Failed, Written, readable};
use crate::parameter::{CallParts, Inputs};
use crate::phrases::{in_short, timed_out};
use crate::task::{Created, NewTask, Part, Sender, Share, Shared, TaskLimits, Tasks};
use crate::tool::{Definition, Kind};
use crate::transport::ended_before;

impl ToolService {
    /// Answers a call.
    pub(super) async fn call(
        &self,
        mut call: CallToolRequestParams,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let tool = self.shared().registry.get(&call.name)?;
        let mut arguments = call.arguments.take().unwrap_or_default();
        match tool.about.kind {
            Kind::Plain if call.request_state.is_some() || Self::asks_by_reply(context) => {
                call.arguments = Some(arguments);
                Box::pin(self.call_that_asks(&tool, call, context)).await
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
            None => prepare(self.shared(), tool, arguments, None, call)?,
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
            token: context.meta.get_progress_token(),
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

    /// How long a call stays open in a mode, and what its client hears meanwhile.
    fn wait_in<'a>(&self, tool: &Definition, mode: Mode<'a>, context: &Context) -> Wait<'a> {
        let becomes = match mode {
            Mode::Task => Becomes::Task,
            Mode::TaskOf2025 => Becomes::TaskOf2025,
            Mode::Progress(..) | Mode::Waiting | Mode::Callbacks(_) => Becomes::Ticket,
        };
        let (progress, patience) = match mode {
            Mode::Task => (None, self.task_patience(tool)),
            Mode::TaskOf2025 => (None, Some(Duration::ZERO)),
            Mode::Progress(gate, token) => {
                let progress = Progress::new(gate, token, self.shared().times.heartbeat);
                (Some(progress), self.patience(tool, PATIENCE_WITH_PROGRESS))
            }
            Mode::Waiting | Mode::Callbacks(_) => (None, self.patience(tool, PATIENCE)),
        };
        let questions = match becomes {
            Becomes::TaskOf2025 => self.questions_of_2025(context),
            Becomes::Task | Becomes::Ticket => self.questions(context, true),
        };
        Wait { progress, patience, becomes, questions }
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

    /// How long a call of a tool stays open, if not to its task's end; `others` where neither the tool nor the server
    /// says so.
    fn patience(&self, tool: &Definition, others: Duration) -> Option<Duration> {
        let of_tool = tool.about.times.patience.map(bounded);
        // Without a way to come back, nobody could do anything with a ticket.
        self.shared().control.and(of_tool.or(self.shared().times.patience).or(Some(others)))
    }

    /// The same of a client that takes tasks.
    fn task_patience(&self, tool: &Definition) -> Option<Duration> {
        let (of_tool, of_server) = (tool.about.times.patience, self.shared().times.task_patience);
        Some(of_tool.map(bounded).map_or(of_server, |of_tool| of_tool.min(of_server)))
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
            return self.task_of_2025(tool, leave, &*reader, context, true).await;
        }
        self.launch(tool, arguments, task, shared, context)?;
        self.wait(tool, leave, &*reader, end_here, context, wait).await
    }

    /// Answers a call with the end of a task that runs, or with what is said of it when the patience is over.
    pub(super) async fn wait(
        &self,
        tool: &Definition,
        leave: Leave,
        reader: &dyn TaskReader,
        end_here: Option<oneshot::Receiver<End>>,
        context: &Context,
        wait: Wait<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        match wait.becomes {
            Becomes::TaskOf2025 => self.task_of_2025(tool, leave, reader, context, false).await,
            Becomes::Task | Becomes::Ticket => {
                self.wait_for_reply(tool, leave, reader, end_here, context, wait).await
            }
        }
    }

    async fn wait_for_reply(
        &self,
        tool: &Definition,
        leave: Leave,
        reader: &dyn TaskReader,
        mut end_here: Option<oneshot::Receiver<End>>,
        context: &Context,
        wait: Wait<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        let Wait { progress, patience, becomes, questions } = wait;
        let is_task = becomes == Becomes::Task;
        let task_id = Arc::clone(leave.task_id());
        let rest = self.shared().control.as_ref().map(|control| control.rest(&task_id));
        let reading = Reading { reader, rest, questions: Some(&questions) };
        let read = tokio::select! {
            biased;
            read = answer(progress, reading, patience, end_here.as_mut()) => read,
            () = context.cancelled.cancelled() => {
                // Nobody reads this reply any more.
                trace::left(&self.ending, &task_id, leave.leave());
                return Err(trace::cancelled(context).into());
            }
        };
        match read {
            Some(Read::Over(reply)) => {
                // Its log may have failed, and the reply says that it goes on.
                let _kept = leave.keep();
                Ok(reply?.into())
            }
            // Nobody could come back.
            _ if self.ending.has_begun() => {
                let reading = Reading { questions: None, ..reading };
                match answer(None, reading, None, end_here.as_mut()).await {
                    Some(Read::Over(reply)) => Ok(reply?.into()),
                    Some(Read::Asks) | None => Err(ended_before(&tool.about.name).into()),
                }
            }
            read => {
                let goes_on = GoesOn {
                    task_id: &task_id,
                    reader,
                    waited: patience.filter(|_| read.is_none()),
                    is_task,
                    is_open: patience != Some(Duration::ZERO),
                    questions: &questions,
                };
                let reply = match self.goes_on(tool, goes_on).await {
                    Ok(reply) => reply,
                    Err(error) => {
                        // Nobody hears of the task.
                        leave.give_up();
                        return Err(error);
                    }
                };
                self.go_on(leave, context);
                trace::note(context, if is_task { "created" } else { "ticket" });
                Ok(reply)
            }
        }
    }

    /// What the client of a call is told whose task goes on.
    async fn goes_on(
        &self,
        tool: &Definition,
        goes_on: GoesOn<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        let GoesOn { task_id, reader, waited, is_task, is_open, questions } = goes_on;
        let open = match waited {
            None => reader.status().in_time().await?.questions,
            Some(_) => Vec::new(),
        };
        let asks = !is_task || is_open && open.iter().any(Self::is_asked_by_call);
        if asks && let Some(asked) = Self::input_required(questions, task_id, &open) {
            return Ok(asked);
        }
        let running = self.running(tool, task_id, reader, &open).await;
        match (is_task, self.shared().control) {
            (false, Some(control)) => {
                // What it asked was answered meanwhile.
                let waited = waited.or_else(|| open.is_empty().then_some(Duration::ZERO));
                Ok(control.ticket(&running, waited).into())
            }
            (false, None) => {
                Err(format!("`{}` asks what this client cannot answer", tool.about.name).into())
            }
            (true, control) => {
                let note = control.map(|control| control.note(&running));
                Ok(tasks_extension::created(task_id, reader, note).await?.into())
            }
        }
    }

    /// What there is to say of a task that goes on.
    pub(super) async fn running<'a>(
        &self,
        tool: &'a Definition,
        task_id: &'a str,
        reader: &dyn TaskReader,
        asks: &'a [Question],
    ) -> Running<'a> {
        // A log that does not say this in time may tell later, when somebody asks with the ticket.
        let how_far = within(PATIENCE_WITH_A_NOTE, noted_progress(reader));
        let twin = within(PATIENCE_WITH_A_NOTE, self.tasks().twin(task_id));
        let (how_far, twin) = Box::pin(async { tokio::join!(how_far, twin) }).await;
        let (how_far, twin) = (how_far.flatten(), twin.flatten());
        Running { tool_name: &tool.about.name, task_id, how_far, twin, asks }
    }

    /// The task of a call, what lets others join it, and how the call gives it up.
    pub(super) fn create(
        &self,
        tool: &Definition,
        own: Own,
        reaches: (Delivery, Questions),
    ) -> (NewTask, Option<Shared>, Leave) {
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

    /// Runs a plain tool's body. A cancelled call drops it at its next await, and so does its timeout, and the end of
    /// the connection, when its grace is over.
    pub(super) async fn run(
        &self,
        tool: &Definition,
        body: Body,
        context: &Context,
    ) -> Result<CallToolResult, Refusal> {
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
            Ok(Ok(Ok(success))) => {
                let reply = success.into_reply(|| tool.promises_output);
                Ok(reply.inspect_err(|_| trace::note(context, "failed"))?)
            }
            Ok(Ok(Err(failed))) => {
                trace::note(context, "failed");
                match failed.written {
                    Some(written) => Ok(readable(written.into_reply()?)),
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
    arguments: JsonObject,
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

/// How long the log may take to tell what a reply can do without.
const PATIENCE_WITH_A_NOTE: Duration = Duration::from_secs(1);

/// How far a task is, in words. It is noted as shown: a check tells what is new since.
async fn noted_progress(reader: &dyn TaskReader) -> Option<String> {
    let progress = reader.status().await.ok()?.progress?;
    if let Some(percent) = progress.amount.percent()
        && let Ok(last) = reader.last_seen().await
    {
        let _ = reader.set_last_seen(LastSeen { percent, ..last }).await;
    }
    Some(in_short(how_far(&progress)))
}

/// A task that goes on when its call is answered.
#[derive(Clone, Copy)]
struct GoesOn<'a> {
    task_id: &'a str,
    reader: &'a dyn TaskReader,
    /// How long the call waited; `None` if the task asks something.
    waited: Option<Duration>,
    is_task: bool,
    /// Whether the call may stay open at all.
    is_open: bool,
    questions: &'a Questions,
}

/// What the client is given of a task that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Becomes {
    Ticket,
    /// A task of MCP's Tasks extension.
    Task,
    /// A task of MCP 2025-11-25, whether it takes long or not.
    TaskOf2025,
}

/// A call that stays open.
pub(super) struct Wait<'a> {
    /// What its client hears meanwhile.
    pub(super) progress: Option<Progress<'a>>,
    /// How long it stays open, if not to its task's end.
    pub(super) patience: Option<Duration>,
    /// What comes of a task that takes longer.
    becomes: Becomes,
    /// Who may answer what the task asks.
    pub(super) questions: Questions,
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

/// Why a call is not answered with a result.
#[derive(Clone)]
pub(super) enum Refusal {
    /// A sentence for the client, and the model that it serves.
    Said(String),
    /// An error of the protocol, as the tool failed with one.
    Protocol(ErrorData),
}

impl Refusal {
    /// What it says.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Said(text) => text,
            Self::Protocol(error) => &error.message,
        }
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Said(text)
    }
}

impl From<Failed> for Refusal {
    fn from(Failed { text, written, .. }: Failed) -> Self {
        match written {
            Some(Written::Error(error)) => Self::Protocol(Arc::unwrap_or_clone(error)),
            Some(Written::Reply(_)) | None => Self::Said(text),
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Said(text) => text.into(),
            Refusal::Protocol(error) => error.into(),
        }
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        Self::Said(error.to_string())
    }
}

impl From<ErrorData> for Refusal {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

/// The connection ended before something did.
pub(super) struct GraceOver;

/// What comes of handling a request; rmcp never answers one whose handler panicked.
pub(super) fn or_error<T>(
    answer: Result<std::thread::Result<T>, GraceOver>,
) -> Result<T, ErrorData> {
    let problem = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(_)) => "the server's handler panicked",
        Err(GraceOver) => "the server has ended",
    };
    Err(ErrorData::internal_error(problem, None))
}
