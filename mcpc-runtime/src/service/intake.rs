//! What is done about a request where it is read, in the order in which requests are read.
//!
//! rmcp hands each request to a task of its own, and these run in any order. So a call gets its task here, and
//! here a task is asked to stop: what asks about a task, read after the call that starts it, finds it.

use std::sync::Arc;

use rmcp::model::{
    CallToolRequest, CancelTaskRequest, GetExtensions, InitializeResult, JsonObject,
    ProtocolVersion, RequestId, SubscriptionFilter,
};
use serde_json::Value;

use super::answer::needs_tasks;
use super::changes::Changes;
use super::limit::Limit;
use super::reach::Reach;
use super::told_2025::SessionTasks;
use super::{Shared as Server, bounded};
use crate::context::{Context, Declared};
use crate::control::{Message, Messaging, Stopping, stop_meant};
use crate::events::Listener;
use crate::log::{CreateError, MaybeLater, Parcel};
use crate::metadata::{Ids, Metadata};
use crate::outbox::{Gate, Outbox};
use crate::phrases::shown;
use crate::task::{Among, Created, Request, Share, Shared, Tasks};
use crate::tool::{Definition, Kind};
use crate::transport::Intake;
#[cfg(feature = "http")]
use crate::transport::Rest;

/// The requests of one connection.
pub(crate) struct TaskIntake {
    pub(super) shared: Arc<Server>,
    pub(super) tasks: Tasks,
    pub(super) listener: Arc<Listener>,
    pub(super) limit: Limit,
    pub(super) reach: Reach,
    pub(super) changes: Changes,
    /// Those of a session of MCP 2025-11-25.
    pub(super) session_tasks: SessionTasks,
}

/// A task that a call gets, if it runs.
pub(super) struct Accepted {
    pub(super) ids: Ids,
    /// Whether the call brought the protocol's metadata.
    pub(super) has_metadata: bool,
    pub(super) place: Place,
}

/// The task that is a call's.
pub(super) enum Place {
    /// One of its own, which equal calls may join if their tool says so.
    Own(Created, Option<Shared>),
    /// The one that an equal call started, and one of its own that says the same, if that is to have an id that the
    /// client chose.
    Joined(Share, Option<Created>),
}

/// What a call gets, or the reason why it gets no task. Dropped, the task is forgotten.
pub(super) type Accepting = Result<Accepted, String>;

impl Intake for TaskIntake {
    fn call(&self, call: &mut CallToolRequest) -> Option<Arc<str>> {
        let tool = self.shared.registry.find(&call.params.name);
        self.look_for_mcpc(call, tool.is_some());
        let tool = tool?;
        let name = &tool.about.name;
        match tool.about.kind {
            // It goes on with a task.
            Kind::Background if call.params.request_state.is_some() => {}
            Kind::Background => {
                let arguments = call.params.arguments.get_or_insert_default();
                let accepted = self.accept(&tool, arguments);
                call.extensions_mut().insert(Parcel::new(accepted));
            }
            Kind::Control if self.shared.control.is_some_and(|control| control.stops(name)) => {
                // With anything else the call is refused.
                let arguments = call.params.arguments.as_ref().filter(|it| it.len() == 1);
                if let Some(Value::String(task_id)) = arguments.and_then(|it| it.get("task_id")) {
                    let task_id = task_id.clone();
                    if self.lets_in(call, |_| true) {
                        let stop: Stopping = Parcel::new(stop_meant(&self.tasks, &task_id));
                        call.extensions_mut().insert(stop);
                    }
                }
            }
            Kind::Control if self.shared.control.is_some_and(|it| it.messages(name)) => {
                // With anything else the call is refused.
                if let Some(message) = call.params.arguments.as_ref().and_then(Message::all_of)
                    && let Some(control) = self.shared.control
                    && self.lets_in(call, |_| true)
                {
                    let delivered: Messaging = Parcel::new(control.message(&self.tasks, message));
                    call.extensions_mut().insert(delivered);
                }
            }
            Kind::Plain if call.params.request_state.is_some() => {
                let entered = self.limit.enter_again();
                call.extensions_mut().insert(entered);
            }
            Kind::Plain | Kind::Control => {}
        }
        Some(Arc::clone(name))
    }

    fn cancel_task(&self, request: &mut CancelTaskRequest) {
        let may_ask = |client: &Context| match client.knows_tasks() {
            true => needs_tasks(client).is_ok(),
            false => self.session_tasks.has_begun(),
        };
        if !self.shared.has_tasks || !self.lets_in(request, may_ask) {
            return;
        }
        let task_id = request.params.task_id.as_str().into();
        let stop: Stopping = Parcel::new(self.tasks.stop(vec![task_id]));
        request.extensions_mut().insert(stop);
    }

    fn greets(&self, greeting: &InitializeResult, reads_task_params: bool) -> bool {
        self.reach.begin();
        self.listener.declare(&greeting.capabilities);
        let is_it = greeting.protocol_version == ProtocolVersion::V_2025_11_25;
        let has_tasks = reads_task_params && is_it && self.shared.has_tasks;
        if has_tasks {
            self.session_tasks.begin();
        }
        has_tasks
    }

    fn session_begins(&self) {
        self.listener.begin_session();
    }

    #[cfg(feature = "http")]
    fn rest(&self) -> Rest {
        // A handler may do anything with what a loop hands it.
        if self.shared.inner.is_some() {
            return Rest::Never;
        }
        if self.limit.is_idle() { self.reach.rest() } else { Rest::NotYet }
    }

    fn connected(&self, outbox: &Outbox) {
        self.listener.connect(outbox);
    }

    fn listens(
        &self,
        id: &RequestId,
        accepted: &SubscriptionFilter,
        acknowledge: Box<dyn FnOnce() + '_>,
    ) {
        self.listener.listens(id, accepted, acknowledge);
    }

    fn listens_no_more(&self, id: &RequestId) {
        self.listener.listens_no_more(id);
    }
}

impl TaskIntake {
    pub(super) fn new(
        shared: Arc<Server>,
        tasks: Tasks,
        listener: Arc<Listener>,
        limit: Limit,
    ) -> Self {
        let changes = Changes::of(&shared.registry);
        let (reach, session_tasks) = (Reach::default(), SessionTasks::default());
        Self { shared, tasks, listener, limit, reach, changes, session_tasks }
    }

    /// Whether a request is answered as it asks: one that its handler will refuse does nothing here.
    fn lets_in(
        &self,
        request: &mut impl GetExtensions,
        may_ask: impl FnOnce(&Context) -> bool,
    ) -> bool {
        let client = Context::of_unread(Declared::of(request), self.reach.client());
        if self.shared.admit(&client).is_err() || !may_ask(&client) {
            return false;
        }
        let entered = self.limit.enter_where_it_is_read();
        let is_let_in = entered.is_let_in();
        request.extensions_mut().insert(entered);
        is_let_in
    }

    /// Notes what a call shows of a client that speaks MCPC. A handler's tool may have an argument of any name.
    fn look_for_mcpc(&self, call: &CallToolRequest, is_ours: bool) {
        let Some(gate) = call.extensions().get::<Gate>() else { return };
        let arguments = call.params.arguments.as_ref().filter(|_| is_ours);
        let session_id = arguments.and_then(Metadata::session_in);
        if gate.is_after_handshake() || session_id.is_some() {
            self.listener.shows_mcpc(gate, session_id);
        }
    }

    /// Takes the ids out of the arguments of a call, and the task's place among the running ones.
    pub(super) fn accept(
        &self,
        tool: &Definition,
        arguments: &mut JsonObject,
    ) -> MaybeLater<'static, Accepting> {
        let metadata = match Metadata::take(arguments) {
            Ok(metadata) => metadata,
            Err(problem) => return MaybeLater::Now(Err(problem)),
        };
        let has_metadata = metadata.present;
        // An id that somebody chose, somebody else may guess.
        let ids = if self.tasks.are_secret() { Metadata::default().ids() } else { metadata.ids() };
        let arguments = &*tool.of_the_model(arguments);
        let joins = tool.joins && !self.tasks.are_secret();
        let among = joins.then(|| self.tasks.join(&tool.about.name, &ids.task_id, arguments));
        let among = match among {
            Some(Among::Joins(share)) if !has_metadata => {
                let place = Place::Joined(share, None);
                return MaybeLater::Now(Ok(Accepted { ids, has_metadata, place }));
            }
            among => among,
        };
        self.create(tool, &ids, arguments).map(move |created| {
            let created = created.map_err(|error| refusal(&error, &ids))?;
            let place = match among {
                None => Place::Own(created, None),
                Some(Among::First(shared)) => Place::Own(created, Some(shared)),
                Some(Among::Joins(share)) => Place::Joined(share, Some(created)),
            };
            Ok(Accepted { ids, has_metadata, place })
        })
    }

    /// A task of its own for a call with these arguments, which are the model's.
    pub(super) fn create(
        &self,
        tool: &Definition,
        ids: &Ids,
        arguments: &JsonObject,
    ) -> MaybeLater<'static, Result<Created, CreateError>> {
        let retention = tool.about.times.retention.map_or(self.shared.times.retention, bounded);
        let tool_name = &tool.about.name;
        let instructions = tool.instructions();
        self.tasks.create(Request { tool_name, ids, arguments, retention, instructions })
    }
}

/// What is said to a call that gets no task.
pub(super) fn refusal(error: &CreateError, ids: &Ids) -> String {
    match error {
        CreateError::Running => {
            format!("the task id `{}` belongs to a task that is still running", shown(&ids.task_id))
        }
        CreateError::Full { .. } => format!("{error}; try again later"),
        CreateError::Log(error) => error.to_string(),
    }
}
