//! What is done about a request where it is read, in the order in which requests are read.
//!
//! rmcp hands each request to a task of its own, and these run in any order. So a call gets its task here, and
//! here a task is asked to stop: what asks about a task, read after the call that starts it, finds it.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use rmcp::model::{CallToolRequest, CancelTaskRequest, GetExtensions as _, JsonObject};
use serde_json::Value;

use super::{Shared, bounded};
use crate::control::stop_meant;
use crate::log::{Arguments, CreateError, Owner, Stop, TaskInfo, TaskKey, TaskWriter};
use crate::metadata::{Ids, Metadata};
use crate::names::HOST_ARGUMENTS;
use crate::phrases::shown;
use crate::tool::{Definition, Kind};
use crate::transport::Intake;

/// The requests of one connection.
pub(crate) struct TaskIntake {
    pub(super) shared: Arc<Shared>,
    pub(super) owner: Owner,
}

/// A task that a call gets, if it runs.
pub(super) struct Accepted {
    pub(super) ids: Ids,
    /// Whether the call brought the protocol's metadata.
    pub(super) has_metadata: bool,
    pub(super) writer: Box<dyn TaskWriter>,
}

/// What a call gets, or the reason why it gets no task, on the way to the handler of the call. Dropped
/// there or on the way, the task is forgotten.
#[derive(Clone)]
pub(super) struct Parcel(Arc<Mutex<Option<Result<Accepted, String>>>>);

impl Parcel {
    fn new(accepted: Result<Accepted, String>) -> Self {
        Self(Arc::new(Mutex::new(Some(accepted))))
    }

    pub(super) fn take(&self) -> Option<Result<Accepted, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Intake for TaskIntake {
    fn call(&self, call: &mut CallToolRequest) -> Option<&'static str> {
        let tool = self.shared.registry.find(&call.params.name)?;
        let name = tool.about.name;
        match tool.about.kind {
            Kind::Background => {
                let arguments = call.params.arguments.get_or_insert_default();
                let accepted = self.accept(tool, arguments);
                call.extensions_mut().insert(Parcel::new(accepted));
            }
            Kind::Control if self.shared.control.is_some_and(|control| control.stops(name)) => {
                // With anything else the call is refused.
                let arguments = call.params.arguments.as_ref().filter(|it| it.len() == 1);
                if let Some(Value::String(task_id)) = arguments.and_then(|it| it.get("task_id")) {
                    let stop = stop_meant(&*self.shared.log, self.owner, task_id);
                    call.extensions_mut().insert(stop);
                }
            }
            Kind::Plain | Kind::Control => {}
        }
        Some(name)
    }

    fn cancel_task(&self, request: &mut CancelTaskRequest) {
        let stop = self.stop(&request.params.task_id);
        request.extensions_mut().insert(stop);
    }
}

impl TaskIntake {
    /// Takes the ids out of the arguments of a call, and the task's place among the running ones.
    pub(super) fn accept(
        &self,
        tool: &Definition,
        arguments: &mut JsonObject,
    ) -> Result<Accepted, String> {
        let metadata = Metadata::take(arguments)?;
        let has_metadata = metadata.present;
        let ids = metadata.ids();
        let retention = tool.about.times.retention.map_or(self.shared.times.retention, bounded);
        let arguments = Arguments::new(&of_the_model(arguments));
        let info = TaskInfo { tool_name: tool.about.name, arguments, retention };
        match self.shared.log.create(self.key(&ids.task_id), info) {
            Ok(writer) => Ok(Accepted { ids, has_metadata, writer }),
            Err(CreateError::Running) => Err(format!(
                "the task id `{}` belongs to a task that is still running",
                shown(&ids.task_id)
            )),
            Err(error @ CreateError::Full { .. }) => Err(format!("{error}; try again later")),
        }
    }

    fn stop(&self, task_id: &str) -> Stop {
        self.shared.log.stop(&self.key(task_id))
    }

    pub(super) fn key(&self, task_id: &str) -> TaskKey {
        TaskKey { owner: self.owner, task_id: task_id.into() }
    }
}

/// The arguments of a call without what a host adds to each.
fn of_the_model(arguments: &JsonObject) -> Cow<'_, JsonObject> {
    if !HOST_ARGUMENTS.iter().all(|name| arguments.contains_key(*name)) {
        return Cow::Borrowed(arguments);
    }
    let mut others = arguments.clone();
    others.retain(|name, _| !HOST_ARGUMENTS.contains(&name.as_str()));
    Cow::Owned(others)
}
