//! The task log: each task's events in order, numbered from 1 without gaps, and how far it is.
//!
//! How far a task is, is a state and no event: the latest takes the place of the one before, so a task that
//! reports it all the time drives nothing out of the log.
//!
//! It has two halves. The *front* belongs to the server that talks to clients: it creates a task,
//! reads its events and asks it to stop. The *worker* belongs to whoever runs the task's body: it
//! appends events and finishes. A log that outlives the process, or that is shared by several, will
//! implement the same two traits.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use crate::message::Json;

mod amount;
mod arguments;
mod event;
mod events;
mod memory;
mod retained;
mod texts;

pub(crate) use amount::Amount;
pub(crate) use arguments::Arguments;
pub(crate) use event::{End, EndKind, Progress, Said};
pub(crate) use memory::{Limits, MemoryLog};

/// Identifies whoever may know of a task; here, one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner(pub(crate) u64);

/// A task, within its owner: another owner's task of the same id is another task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct TaskKey {
    pub(crate) owner: Owner,
    pub(crate) task_id: Arc<str>,
}

/// What a log keeps of a task besides its events.
#[derive(Clone, Debug)]
pub(crate) struct TaskInfo {
    pub(crate) tool_name: &'static str,
    /// What the tool was called with.
    pub(crate) arguments: Arguments,
    /// How long the task stays readable after its end.
    pub(crate) retention: Duration,
}

#[cfg(test)]
impl TaskInfo {
    /// Of a call without arguments.
    pub(crate) fn of(tool_name: &'static str, retention: Duration) -> Self {
        Self { tool_name, arguments: Arguments::new(&rmcp::model::JsonObject::new()), retention }
    }
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

/// Why a task could not be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CreateError {
    #[error("a task of this id is already running")]
    Running,
    #[error("as many tasks are running as this server takes: {limit}")]
    Full { limit: usize },
}

/// How much of a task a reader has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Cursor {
    /// The number of the last event.
    events: u64,
    /// The number of the last progress.
    progress: u64,
    /// The number of the last output.
    output: u64,
}

impl Cursor {
    /// Before everything.
    pub(crate) const START: Self = Self { events: 0, progress: 0, output: 0 };
}

/// What somebody who asks for news was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct LastSeen {
    /// Everything up to here.
    pub(crate) seen: Cursor,
    /// How far the task was, in percent.
    pub(crate) percent: f64,
}

/// What a reader finds after what it has seen.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// What the body said, in order: all that is kept, and of the progress the latest.
    pub(crate) said: Vec<Said>,
    /// What ended the task, after all of that.
    pub(crate) end: Option<Arc<End>>,
    /// How many updates the reader missed because the log had to drop them.
    pub(crate) missed: u64,
    /// The output that came.
    pub(crate) output: Output,
    /// Where to go on.
    pub(crate) next: Cursor,
}

impl Page {
    /// The updates, in order.
    pub(crate) fn updates(&self) -> impl Iterator<Item = &Json> {
        self.said.iter().filter_map(|said| match said {
            Said::Update(value) => Some(value),
            Said::Output(_) | Said::Progress(_) => None,
        })
    }

    /// How far the task is, if it said so.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        self.said.iter().rev().find_map(|said| match said {
            Said::Progress(progress) => Some(progress),
            Said::Update(_) | Said::Output(_) => None,
        })
    }
}

/// What a reader finds of a task's output, which has a bound of its own: however much it is, it drives no event
/// out of the log.
#[derive(Debug, Default)]
pub(crate) struct Output {
    /// The texts that are kept, in order.
    pub(crate) texts: Vec<String>,
    /// How many texts the reader missed before these.
    pub(crate) missed: u64,
    /// Whether nothing that the body said came after it.
    pub(crate) is_latest: bool,
}

/// Where a task stands.
#[derive(Debug)]
pub(crate) struct Status {
    pub(crate) created_at: SystemTime,
    /// When it last said anything, or was created.
    pub(crate) changed_at: SystemTime,
    /// How long ago it was created.
    pub(crate) age: Duration,
    /// Its latest update, output or progress, whichever came last, if that is kept.
    pub(crate) latest: Option<Said>,
    /// How far it last said it was.
    pub(crate) progress: Option<Progress>,
    /// What ended it.
    pub(crate) end: Option<Arc<End>>,
    /// Whether it was asked to stop.
    pub(crate) is_stopping: bool,
    /// How long after its end it stays readable.
    pub(crate) retention: Duration,
}

/// A future that a trait object returns.
pub(crate) type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The half that talks to clients.
pub(crate) trait TaskLog: Send + Sync {
    /// Makes room for a task and returns the half that runs it. Where the end of a task of the same id is just
    /// being delivered, this waits for that.
    fn create(&self, key: TaskKey, info: TaskInfo) -> Result<Box<dyn TaskWriter>, CreateError>;

    /// The tasks of `owner` that are known: those that run, the oldest first, then those that ended, the latest
    /// first.
    fn list(&self, owner: Owner) -> List;

    /// The task of the same owner that runs the same tool with the same arguments since before, if this one and
    /// that run; nobody looks who has very many.
    fn twin(&self, key: &TaskKey) -> Option<Arc<str>>;

    /// A reader of a task's events; `None` if no such task is known.
    fn reader(&self, key: &TaskKey) -> Option<Box<dyn TaskReader>>;

    /// Asks a task to stop.
    fn stop(&self, key: &TaskKey) -> Stop;

    /// Asks every task of `owner` to stop, and from now on each one as soon as it is created. None is
    /// kept beyond its end: nobody will ask for it.
    fn stop_all(&self, owner: Owner);

    /// Ends every task of `owner` that has not ended, in place of its writer; returns how many.
    fn end_all(&self, owner: Owner) -> usize;

    /// How many tasks of `owner` there are whose writers are not dropped.
    fn running(&self, owner: Owner) -> usize;

    /// Waits until no task of `owner` is running, and every writer of those that ended is dropped.
    fn idle(&self, owner: Owner) -> Boxed<'_, ()>;
}

/// The tasks that an owner may ask about.
pub(crate) struct List {
    pub(crate) running: usize,
    pub(crate) ended: usize,
    /// The first of them, as many as anybody may want to look at.
    pub(crate) tasks: Vec<Known>,
}

/// A task that its owner may ask about.
pub(crate) struct Known {
    pub(crate) task_id: Arc<str>,
    pub(crate) has_ended: bool,
    pub(crate) reader: Box<dyn TaskReader>,
}

/// What can end a task from outside of its body.
pub(crate) trait Ends: Send + Sync {
    /// Says that it has ended, unless that was said.
    fn end(&self);
}

/// Reads one task's events, even after the log forgot the task.
pub(crate) trait TaskReader: Send + Sync {
    /// What came after `seen`, waiting until there is something; `None` when the task was forgotten and
    /// nothing will come.
    fn after(&self, seen: Cursor) -> Boxed<'_, Option<Page>>;

    /// Where the task stands now.
    fn status(&self) -> Boxed<'_, Status>;

    /// The tool that the task runs.
    fn tool_name(&self) -> &str;

    /// What the tool was called with.
    fn arguments(&self) -> &Arguments;

    /// What was shown to somebody who asks for news, and may ask again.
    fn last_seen(&self) -> LastSeen;

    /// Notes what was shown.
    fn set_last_seen(&self, last_seen: LastSeen);
}

/// A task that has ended, and whose end is yet to be delivered: its id is not free, and its owner not idle, before this
/// is dropped. So no time may pass until then.
#[must_use = "dropping it says that the end is delivered"]
pub(crate) struct Delivering(
    #[expect(dead_code, reason = "its drop is what counts")] Box<dyn Send>,
);

impl Delivering {
    /// Until `writer`, which has nothing more to write, is dropped.
    pub(crate) fn until_dropped(writer: Box<dyn Send>) -> Self {
        Self(writer)
    }
}

/// The half that runs a task. A task that finished is kept for its retention; one whose writer is dropped
/// before is forgotten.
pub(crate) trait TaskWriter: Send + Sync {
    /// Adds an update or some output, or replaces the progress.
    fn append(&self, said: Said);

    /// Adds what ends the task. From here on it has ended and counts no more among those that run.
    fn finish(self: Box<Self>, end: End) -> Delivering;

    /// Notes who can end the task if the writer is held up. Once.
    fn ended_by(&self, task: Weak<dyn Ends>);

    /// Cancelled when the task is asked to stop.
    fn stopped(&self) -> &CancellationToken;
}
