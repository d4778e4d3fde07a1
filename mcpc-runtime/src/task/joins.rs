//! Equal calls of one owner that share a task.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError};

use rmcp::model::JsonObject;
use tokio::runtime::Handle;
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
    /// The name that its parts have, and no equal one.
    task_id: Arc<str>,
    arguments: Arguments,
    /// All of them, as others may look the same in short.
    whole: JsonObject,
    /// How many calls wait for it, or were told of it.
    calls: usize,
    started: watch::Receiver<bool>,
}

/// What a call is among equal ones.
pub(crate) enum Among {
    /// The first of them, which starts the task.
    First(Shared),
    /// One that joins the task of another.
    Joins(Share),
}

/// A call's part in a task that others may have a part in, too. Dropped, it is given up.
pub(crate) struct Share {
    /// `None` once it was kept.
    part: Option<Part>,
    task_id: Arc<str>,
    started: watch::Receiver<bool>,
}

/// A part that is given up only where somebody says so.
pub(crate) struct Part {
    tasks: Tasks,
    tool_name: Arc<str>,
    task_id: Arc<str>,
}

/// What makes a task one that may be joined, until it is dropped.
pub(crate) struct Shared {
    tasks: Tasks,
    tool_name: Arc<str>,
    task_id: Arc<str>,
    started: watch::Sender<bool>,
}

impl Joins {
    fn find(&mut self, tool_name: &str, task_id: &Arc<str>) -> Option<&mut Joinable> {
        let of_tool = self.by_tool.get_mut(tool_name)?;
        of_tool.iter_mut().find(|joinable| Arc::ptr_eq(&joinable.task_id, task_id))
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

    /// A part in the task that runs a tool with these arguments and was not asked to stop; or, if there is none, what
    /// lets equal calls join the one that is to be created.
    pub(crate) fn join(
        &self,
        tool_name: &Arc<str>,
        task_id: &Arc<str>,
        arguments: &JsonObject,
    ) -> Among {
        let short = Arguments::new(arguments);
        let mut joins = self.joins();
        let of_tool = joins.by_tool.entry(Arc::clone(tool_name)).or_default();
        // Of such a number, digits may be lost by which two calls differ.
        if !arguments.values().any(has_large)
            && let Some(equal) =
                of_tool.iter_mut().find(|it| it.arguments.are(&short) && it.whole == *arguments)
            && self.may_be_joined(equal)
        {
            equal.calls += 1;
            return Among::Joins(self.share(tool_name, &equal.task_id, equal.started.clone()));
        }
        let (started, receiver) = watch::channel(false);
        let (task_id, whole) = (Arc::clone(task_id), arguments.clone());
        let first = Joinable { task_id, arguments: short, whole, calls: 1, started: receiver };
        let (tool_name, task_id) = (Arc::clone(tool_name), Arc::clone(&first.task_id));
        // The latest first: one before it was asked to stop.
        of_tool.insert(0, first);
        Among::First(Shared { tasks: self.clone(), tool_name, task_id, started })
    }

    /// Whether a task was not asked to stop. One that was not started may be yet to be created.
    fn may_be_joined(&self, joinable: &Joinable) -> bool {
        self.may_go_on(&joinable.task_id).unwrap_or_else(|| !*joinable.started.borrow())
    }

    fn share(
        &self,
        tool_name: &Arc<str>,
        task_id: &Arc<str>,
        started: watch::Receiver<bool>,
    ) -> Share {
        let (tasks, tool_name) = (self.clone(), Arc::clone(tool_name));
        let part = Some(Part { tasks, tool_name, task_id: Arc::clone(task_id) });
        Share { part, task_id: Arc::clone(task_id), started }
    }

    /// Lets nobody join a task any more, which is yet to be created and will be asked to stop.
    pub(super) fn joins_no_more(&self, task_id: &str) {
        let mut joins = self.joins();
        for of_tool in joins.by_tool.values_mut() {
            of_tool.retain(|joinable| *joinable.task_id != *task_id);
        }
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

    /// The same part, which is not given up when it is dropped.
    pub(crate) fn keep(mut self) -> Part {
        self.part.take().expect("this is what takes it, and a drop")
    }

    /// Gives the part up. The task is asked to stop if nobody else has one.
    pub(crate) fn leave(self) -> MaybeLater<'static, Result<Stop, LogError>> {
        self.keep().leave()
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if let Some(part) = self.part.take()
            && let MaybeLater::Later(stop) = part.leave()
            && let Ok(runtime) = Handle::try_current()
        {
            runtime.spawn(stop);
        }
    }
}

impl Part {
    /// The id of the task.
    pub(crate) fn task_id(&self) -> &Arc<str> {
        &self.task_id
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
    /// The part of the call that starts the task, which is handed out once.
    pub(crate) fn share(&self) -> Share {
        self.tasks.share(&self.tool_name, &self.task_id, self.started.subscribe())
    }

    /// Wraps the body of the task, which is about to start: the task may be joined until the body ends.
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
        self.tasks.joins().remove(&self.tool_name, &self.task_id);
    }
}
