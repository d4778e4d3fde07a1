//! A call of a tool, from its arguments to its reply.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, CreateTaskResult,
    JsonObject,
};
use rmcp::service::RequestContext;
use tokio::task::coop::unconstrained;

use super::intake::{Accepted, Parcel};
use super::{ToolService, bounded, knows_tasks, takes_tasks};
use crate::control::{ticket, unknown};
use crate::delivery::{
    Answer, Callbacks, Delivery, Notices, Open, Progress, Shown, Way, choose, tasks,
};
use crate::log::Reader;
use crate::logging::event;
use crate::message::{Address, created};
use crate::metadata::{Ids, Metadata};
use crate::outbox::Gate;
use crate::output::Body;
use crate::parameter::{CallParts, Inputs};
use crate::task::{NewTask, Sender, Times, panicked};
use crate::tool::{Definition, Kind};
use crate::transport::ended_before;

impl ToolService {
    /// Answers a call; an error is for the client, and the model behind it, to read.
    pub(super) async fn call(
        &self,
        call: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, String> {
        let tool = self.shared().registry.get(&call.name)?;
        let mut arguments = call.arguments.unwrap_or_default();
        match tool.about.kind {
            Kind::Plain | Kind::Control => {
                let metadata = Metadata::take(&mut arguments)?;
                let (session_id, task_id) = (metadata.session_id(), metadata.task_id());
                let call = CallParts { session_id, task_id, owner: self.requests.owner, context };
                let body = self.prepare(tool, arguments, None, call)?;
                self.run(tool.about.name, body, context).await.map(Into::into)
            }
            Kind::Background => {
                let parcel = context.extensions.get::<Parcel>().and_then(Parcel::take);
                let accepted =
                    parcel.unwrap_or_else(|| self.requests.accept(tool, &mut arguments))?;
                self.call_background(tool, arguments, accepted, context).await
            }
        }
    }

    /// Starts a task and answers its call in the best way that the client understands.
    async fn call_background(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        accepted: Accepted,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, String> {
        let gate = context.extensions.get::<Gate>();
        let way = choose(Shown {
            metadata: accepted.has_metadata,
            handshake: gate.is_some_and(Gate::is_after_handshake),
            tasks: takes_tasks(context),
            token: context.meta.get_progress_token(),
            gate,
        });
        let open = match way {
            Way::Callbacks(gate) => {
                return self.start_mcpc(tool, arguments, accepted, gate, context).map(Into::into);
            }
            Way::Task => {
                return self.start_task(tool, arguments, accepted, context).await.map(Into::into);
            }
            Way::Progress(gate, token) => {
                Open::Progress(Progress::new(gate, token, self.shared().times.heartbeat))
            }
            Way::Waiting => Open::Waiting(self.patience(tool)),
        };
        self.run_to_end(tool, arguments, accepted, context, open).await.map(Into::into)
    }

    /// Starts a task for an MCPC client and returns the first reply.
    fn start_mcpc(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        accepted: Accepted,
        gate: &Gate,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let name = tool.about.name;
        let ids = accepted.ids.clone();
        let delivery = Delivery::Callbacks(Callbacks::new(gate.clone(), ids.clone(), name));
        let task = self.create(tool, accepted, delivery);
        self.launch(tool, arguments, task, context)?;
        self.stop_if_cancelled(&ids.task_id, gate);
        let Ids { session_id, task_id } = &ids;
        let text = created(Address { session_id, task_id, tool_name: name });
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
    }

    /// Starts a task for a client of the Tasks extension and returns the first reply.
    async fn start_task(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        accepted: Accepted,
        context: &RequestContext<RoleServer>,
    ) -> Result<CreateTaskResult, String> {
        let task_id = accepted.ids.task_id.clone();
        // What such a client hears of a task, it asks for; notifications of a call end with its reply.
        let task = self.create(tool, accepted, Delivery::Log(None));
        let reader = self.reader(&task_id)?;
        self.launch(tool, arguments, task, context)?;
        if let Some(gate) = context.extensions.get::<Gate>() {
            self.stop_if_cancelled(&task_id, gate);
        }
        Ok(tasks::created(&task_id, &*reader).await)
    }

    /// Has a task stopped whose client never hears of it.
    fn stop_if_cancelled(&self, task_id: &str, gate: &Gate) {
        let (log, key) = (Arc::clone(&self.shared().log), self.requests.key(task_id));
        gate.on_cancel(move || {
            log.stop(&key);
        });
    }

    /// Where the server events of a task go whose call stays open, if its client has a place for them.
    fn notices(&self, tool: &Definition, context: &RequestContext<RoleServer>) -> Option<Notices> {
        let gate = context.extensions.get::<Gate>()?;
        let name = tool.about.name;
        Some(match knows_tasks(context) {
            // From this protocol on each request says for itself what it wants to hear of, until its reply.
            true => Notices::of_call(gate.clone(), name, context.meta.log_level()),
            false => Notices::of_session(gate.outbox().clone(), name, self.notices.clone()),
        })
    }

    /// A task that was just created.
    fn reader(&self, task_id: &str) -> Result<Box<dyn Reader>, String> {
        self.shared().log.reader(&self.requests.key(task_id)).ok_or_else(|| unknown(task_id))
    }

    /// How long a call of a tool stays open, if not to its task's end.
    fn patience(&self, tool: &Definition) -> Option<Duration> {
        let default = self.shared().times.patience?;
        Some(tool.about.times.patience.map_or(default, bounded))
    }

    /// Runs a task for a client whose call stays open.
    async fn run_to_end(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        accepted: Accepted,
        context: &RequestContext<RoleServer>,
        open: Open<'_>,
    ) -> Result<CallToolResult, String> {
        let key = self.requests.key(&accepted.ids.task_id);
        let task = self.create(tool, accepted, Delivery::Log(self.notices(tool, context)));
        let reader = self.reader(&key.task_id)?;
        self.launch(tool, arguments, task, context)?;
        tokio::select! {
            biased;
            answer = open.answer(&*reader) => match answer {
                Answer::Reply(reply) => Ok(reply),
                // Nobody could come back with a ticket.
                Answer::RanOut(_) if self.ending.has_begun() => {
                    Ok(Open::until_the_end(&*reader).await)
                }
                Answer::RanOut(waited) => {
                    let longest = self.shared().times.patience.unwrap_or(waited);
                    Ok(ticket(tool.about.name, &key.task_id, waited, longest))
                }
            },
            () = context.ct.cancelled() => {
                // Nobody reads this reply any more.
                self.shared().log.stop(&key);
                Err("cancelled".to_owned())
            }
        }
    }

    fn create(&self, tool: &Definition, accepted: Accepted, delivery: Delivery) -> NewTask {
        let times = Times { grace: self.ending.grace().clone(), timeout: tool.about.times.timeout };
        let Accepted { ids, worker, .. } = accepted;
        NewTask::new(tool.about.name, ids, delivery, worker, times)
    }

    /// Starts the task's body, or gives the task up if the arguments are bad.
    fn launch(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        task: NewTask,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), String> {
        let sender = task.sender();
        let (session_id, task_id) = (sender.session_id(), Some(sender.task_id()));
        let call = CallParts { session_id, task_id, owner: self.requests.owner, context };
        match self.prepare(tool, arguments, Some(&sender), call) {
            Ok(body) => {
                task.spawn(body);
                Ok(())
            }
            Err(problems) => {
                task.refuse();
                Err(problems)
            }
        }
    }

    /// The body of a call, or every problem of the call in one text. Reading arguments runs code of the
    /// user's, which may panic.
    fn prepare(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        sender: Option<&Sender>,
        call: CallParts<'_>,
    ) -> Result<Body, String> {
        let states = &self.shared().states;
        let inputs = Inputs::new(arguments, sender, states, call);
        let prepared = catch_unwind(AssertUnwindSafe(|| tool.prepare(inputs)));
        prepared
            .map_err(|panic| panicked(tool.about.name, &*panic))?
            .map_err(|problems| problems.join("\n"))
    }

    /// Runs a plain tool's body. A cancelled call drops it at its next await, and so does the end of the
    /// connection, when its grace is over.
    async fn run(
        &self,
        name: &str,
        body: Body,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let outcome = tokio::select! {
            biased;
            outcome = self.until_over(body) => outcome,
            // Also fires right before the reply is sent, but by then this has returned.
            () = unconstrained(context.ct.cancelled()) => return Err("cancelled".to_owned()),
        };
        match outcome {
            Ok(Ok(success)) => success?.into_reply(),
            Ok(Err(panic)) => Err(panicked(name, &*panic)),
            Err(Over) => Err(ended_before(name)),
        }
    }

    /// Runs what a user wrote, until the connection's grace is over. Cancel safe if that is.
    pub(super) async fn until_over<T>(
        &self,
        work: impl Future<Output = T> + Unpin,
    ) -> Result<std::thread::Result<T>, Over> {
        let mut work = Guarded(Some(work));
        tokio::select! {
            biased;
            outcome = &mut work => Ok(outcome),
            // Outside of the budget: work that never rests uses that up, and would starve the timer that is
            // to end it.
            () = unconstrained(self.ending.grace_over()) => Err(Over),
        }
    }
}

/// The connection ended before something did.
pub(super) struct Over;

/// A future that may panic when it is polled or dropped.
struct Guarded<F>(Option<F>);

impl<F: Future + Unpin> Future for Guarded<F> {
    type Output = std::thread::Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.0.as_mut().expect("it is not polled again after its end");
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(work).poll(context)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        let Some(work) = self.0.take() else { return };
        if catch_unwind(AssertUnwindSafe(|| drop(work))).is_err() {
            event!(error, "a tool panicked while it was dropped");
        }
    }
}
