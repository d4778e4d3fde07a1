//! Equal calls of one owner that share a task.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, PoisonError};

use rmcp::model::JsonObject;
use tokio::sync::watch;

use super::Tasks;
use crate::log::{Arguments, LogError, MaybeLater, Stop};
use crate::numbers::has_large;
use crate::output::Body;
use crate::sync::MutexGuard;

/// The tasks that equal calls may join, by their tools.
#[derive(Default)]
pub(super) struct Joins {
    by_tool: HashMap<Arc<str>, Vec<Joinable>>,
}

/// A task that may be joined.
struct Joinable {
    task_id: Arc<str>,
    arguments: Arguments,
    /// All of them, as others may look the same in short.
    whole: JsonObject,
    /// How many calls wait for it, or were told of it.
    calls: usize,
    started: watch::Receiver<bool>,
}

/// A call's part in a task that others may have a part in, too.
#[derive(Clone)]
pub(crate) struct Share {
    tasks: Tasks,
    tool_name: Arc<str>,
    task_id: Arc<str>,
    started: watch::Receiver<bool>,
}

/// What makes a task one that may be joined, until it is dropped.
pub(crate) struct Shared {
    share: Share,
    started: watch::Sender<bool>,
}

impl fmt::Debug for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Share").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}

impl Joins {
    fn find(&mut self, tool_name: &str, task_id: &str) -> Option<&mut Joinable> {
        let of_tool = self.by_tool.get_mut(tool_name)?;
        of_tool.iter_mut().find(|joinable| *joinable.task_id == *task_id)
    }

    fn remove(&mut self, tool_name: &str, task_id: &Arc<str>) {
        if let Some(of_tool) = self.by_tool.get_mut(tool_name) {
            of_tool.retain(|joinable| !Arc::ptr_eq(&joinable.task_id, task_id));
            if of_tool.is_empty() {
                self.by_tool.remove(tool_name);
            }
        }
    }
}

impl Tasks {
    fn joins(&self) -> MutexGuard<'_, Joins> {
        // Nothing under this lock calls code of a user's, so it cannot be left half-changed.
        self.0.joins.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A part in the task that runs a tool with these arguments and was not asked to stop.
    pub(crate) fn join(&self, tool_name: &Arc<str>, arguments: &JsonObject) -> Option<Share> {
        // Of such a number, digits may be lost by which two calls differ.
        if arguments.values().any(has_large) {
            return None;
        }
        let short = Arguments::new(arguments);
        let mut joins = self.joins();
        let equal = joins.by_tool.get_mut(tool_name)?.iter_mut().find(|joinable| {
            let is_equal = joinable.arguments.are(&short);
            is_equal && joinable.whole == *Arguments::of_the_model(arguments)
        })?;
        if !self.may_go_on(&equal.task_id) {
            return None;
        }
        equal.calls += 1;
        let (task_id, started) = (Arc::clone(&equal.task_id), equal.started.clone());
        Some(Share { tasks: self.clone(), tool_name: Arc::clone(tool_name), task_id, started })
    }

    /// Lets equal calls join a task that was just created.
    pub(crate) fn share(
        &self,
        tool_name: &Arc<str>,
        task_id: &Arc<str>,
        arguments: &JsonObject,
    ) -> Shared {
        let (started, receiver) = watch::channel(false);
        let (tool_name, task_id) = (Arc::clone(tool_name), Arc::clone(task_id));
        let joinable = Joinable {
            task_id: Arc::clone(&task_id),
            arguments: Arguments::new(arguments),
            whole: Arguments::of_the_model(arguments).into_owned(),
            calls: 1,
            started: receiver.clone(),
        };
        // The latest first: one before it was asked to stop.
        self.joins().by_tool.entry(Arc::clone(&tool_name)).or_default().insert(0, joinable);
        let share = Share { tasks: self.clone(), tool_name, task_id, started: receiver };
        Shared { share, started }
    }
}

impl Share {
    /// The id of the task.
    pub(crate) fn task_id(&self) -> &Arc<str> {
        &self.task_id
    }

    /// Whether the body of the task was started; `false` if its call was refused. Cancel safe.
    pub(crate) async fn has_started(&mut self) -> bool {
        self.started.wait_for(|started| *started).await.is_ok()
    }

    /// Gives the part up. The task is asked to stop if nobody else has one.
    pub(crate) fn leave(self) -> MaybeLater<'static, Result<Stop, LogError>> {
        let is_last = {
            let mut joins = self.tasks.joins();
            let Some(joinable) = joins.find(&self.tool_name, &self.task_id) else {
                return MaybeLater::Now(Ok(Stop::Ended));
            };
            joinable.calls = joinable.calls.saturating_sub(1);
            joinable.calls == 0
        };
        match is_last {
            true => self.tasks.stop(vec![self.task_id]),
            false => MaybeLater::Now(Ok(Stop::Ended)),
        }
    }
}

impl Shared {
    /// The part of the call that starts the task.
    pub(crate) fn share(&self) -> Share {
        self.share.clone()
    }

    /// The same body, as long as which the task may be joined. It is about to start.
    pub(crate) fn around(self, body: Body) -> Body {
        self.started.send_replace(true);
        Box::pin(async move {
            let _shared = self;
            body.await
        })
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        let Share { tasks, tool_name, task_id, .. } = &self.share;
        tasks.joins().remove(tool_name, task_id);
    }
}
