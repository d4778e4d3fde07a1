//! The task log: each task's events in order, numbered from 1 without gaps.
//!
//! It has two halves. The *front* belongs to the server that talks to clients: it creates a task,
//! reads its events and asks it to stop. The *worker* belongs to whoever runs the task's body: it
//! appends events and finishes. A log that outlives the process, or that is shared by several, will
//! implement the same two traits.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::CallToolResult;
use tokio_util::sync::CancellationToken;

use crate::message::{Json, TaskEvent};

mod memory;
mod retained;

pub(crate) use memory::{Limits, MemoryLog};

/// Identifies whoever may know of a task; here, one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) u64);

/// A task, within its owner: another owner's task of the same id is another task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    pub(crate) owner: Owner,
    pub(crate) task_id: Arc<str>,
}

/// What a log keeps of a task besides its events.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) tool_name: &'static str,
    /// How long the task stays readable after its end.
    pub(crate) retention: Duration,
}

/// What became of asking a task to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// It was running, and knows now.
    Asked,
    /// It has ended, and is still readable.
    Ended,
    Unknown,
}

/// One event of a task.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) event: TaskEvent,
    pub(crate) result: Json,
    /// The reply as the tool wrote it itself, where its result is one of rmcp's content types.
    pub(crate) content: Option<Box<CallToolResult>>,
}

/// Why a task could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("a task of this id is already running")]
    Running,
    #[error("{limit} tasks are running, which is this server's limit")]
    Full { limit: usize },
}

/// What a reader finds after the events it has seen.
#[derive(Debug)]
pub(crate) struct Page {
    /// The events, each with its number.
    pub(crate) events: Vec<(u64, Event)>,
    /// How many events the reader missed because the log had to drop them.
    pub(crate) missed: u64,
}

/// A future that a trait object returns.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The half that talks to clients.
pub(crate) trait Front: Send + Sync {
    /// Makes room for a task and returns the half that runs it.
    fn create(&self, key: Key, kept: Kept) -> Result<Box<dyn Worker>, CreateError>;

    /// A reader of a task's events; `None` if no such task is known.
    fn reader(&self, key: &Key) -> Option<Box<dyn Reader>>;

    /// Asks a task to stop.
    fn stop(&self, key: &Key) -> Stop;

    /// Asks every task of `owner` to stop, and from now on each one as soon as it is created. None is
    /// kept beyond its end: nobody will ask for it.
    fn stop_all(&self, owner: Owner);

    /// Waits until no task of `owner` is running.
    fn idle(&self, owner: Owner) -> Boxed<'_, ()>;
}

/// Reads one task's events, even after the log forgot the task.
pub(crate) trait Reader: Send + Sync {
    /// The events after number `after`, waiting until there is one; `None` when the task was
    /// forgotten and none will come.
    fn after(&self, after: u64) -> Boxed<'_, Option<Page>>;

    /// The tool that the task runs.
    fn tool_name(&self) -> &str;

    /// The number of the last event that was shown to somebody who asks for news, and may ask again.
    fn shown(&self) -> u64;

    /// Notes that the events up to this number were shown.
    fn show(&self, number: u64);
}

/// The half that runs a task. Dropping it ends the task: one that finished is kept for its retention, any
/// other is forgotten.
pub(crate) trait Worker: Send + Sync {
    /// Adds an event.
    fn append(&self, event: Event);

    /// Adds the terminal event; nothing may follow.
    fn finish(&self, event: Event);

    /// Cancelled when the task is asked to stop.
    fn stopped(&self) -> &CancellationToken;
}
