//! What a log that is shared by several processes has besides: tasks that any of them may run.

use std::time::Duration;

use super::{Event, LogError, MaybeLater, TaskKey};
use crate::message::Json;

/// A log from which workers take tasks. Not used by the server yet: each task runs where its call is read.
pub trait TaskQueue: Send + Sync {
    /// Takes a task that nobody runs and whose tool is one of these, for so long; `None` if there is none.
    fn claim(
        &self,
        tools: &[&str],
        lease: Duration,
    ) -> MaybeLater<'static, Result<Option<Claimed>, LogError>>;

    /// Keeps a task for so long again. A worker does this for what it has [claimed](Self::claim); for a task that
    /// [`TaskLog::create`](super::TaskLog::create) made, its [writer](super::TaskWriter) does, as long as it lives.
    ///
    /// # Errors
    ///
    /// [`LogError::Lost`] if the attempt was given up: another may run the task now.
    fn renew(
        &self,
        key: &TaskKey,
        attempt: u64,
        lease: Duration,
    ) -> MaybeLater<'static, Result<Renewed, LogError>>;

    /// Gives a task back, for another attempt.
    ///
    /// # Errors
    ///
    /// As [`renew`](Self::renew).
    fn release(&self, key: &TaskKey, attempt: u64) -> MaybeLater<'static, Result<(), LogError>>;

    /// Adds events after the first `base` of a task: all of them, or none.
    ///
    /// # Errors
    ///
    /// As [`renew`](Self::renew), and [`LogError::Gone`] if the task has ended or is not known.
    fn store(
        &self,
        key: &TaskKey,
        attempt: u64,
        base: u64,
        events: Vec<Event>,
    ) -> MaybeLater<'static, Result<Stored, LogError>>;
}

/// A task that a worker took.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Which task it is.
    pub key: TaskKey,
    /// The tool that it runs.
    pub tool_name: String,
    /// All that the tool was called with, as a JSON object.
    pub arguments: Json,
    /// Which attempt this is; it fences those before.
    pub attempt: u64,
}

/// What a worker learns when it keeps a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewed {
    /// It goes on.
    Held,
    /// It goes on, and was asked to stop.
    StopAsked,
}

/// What became of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored {
    /// They were added.
    Now,
    /// They had been added before: the answer to that was lost.
    Before,
}
