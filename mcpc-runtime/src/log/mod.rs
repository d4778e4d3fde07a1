//! The task log: what each task said, in order and numbered from 1 without gaps, and how far it is.
//!
//! How far a task is, is a state and no event: the latest takes the place of the one before, so a task that
//! reports it all the time drives nothing out of the log.
//!
//! It has two halves. One ([`TaskLog`], [`TaskReader`]) belongs to the server that talks to clients: it creates a
//! task, reads what it said and asks it to stop. The other ([`TaskWriter`]) runs with the body of the task: it
//! appends and finishes. Everything may fail and may take its time, as a log may outlive the process or be shared by
//! several; the one in memory answers at once ([`MaybeLater`]).
//!
//! Public for tests and for logs outside of this crate, and not yet stable.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rmcp::model::JsonObject;
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

pub use crate::message::Json;
pub use crate::output::Written;

use crate::output::Failed;

mod amount;
mod arguments;
mod dialogue;
mod event;
mod events;
mod later;
mod memory;
mod queue;
mod retained;
mod texts;

pub use amount::Amount;
pub use arguments::Arguments;
pub use event::{End, EndKind, Event, Progress, Question, Said};
pub use later::MaybeLater;
pub(crate) use later::{PATIENCE_WITH_THE_LOG, Parcel, in_time};
pub use memory::{Limits, MemoryLog};
pub use queue::{Claimed, Renewed, Stored, TaskQueue};

/// Who may know of a task: a principal, or one connection by an id of its own.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Owner(Arc<str>);

impl Owner {
    /// The owner of this name.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// An owner that nobody else is.
    pub(crate) fn of_one_connection() -> Self {
        Self::new(uuid::Uuid::new_v4().to_string())
    }

    /// The owner's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A task, within its owner: another owner's task of the same id is another task.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TaskKey {
    /// Who may know of it.
    pub owner: Owner,
    /// Its id.
    pub task_id: Arc<str>,
}

/// What a log is told of a task besides what it says: all that another process needs to run it.
#[derive(Clone, Copy, Debug)]
pub struct TaskInfo<'a> {
    /// The tool that it runs.
    pub tool_name: &'a Arc<str>,
    /// The session that it belongs to.
    pub session_id: &'a str,
    /// All that the tool was called with, without what a host adds to each call.
    pub arguments: &'a JsonObject,
    /// How long the task stays readable after its end.
    pub retention: Duration,
}

/// What became of asking a task to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// It was running, and is asked now.
    Asked,
    /// It has ended, and is still readable.
    Ended,
    /// No such task is known.
    Unknown,
}

/// What became of the answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answered {
    /// It is the answer.
    Now,
    /// There was one, which stays, or none is waited for any more.
    Before,
    /// No such question was asked, or its task is not running.
    Unknown,
}

/// What became of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    /// The task can read it.
    Now,
    /// The task has as many that it has not read as are kept.
    Full,
    /// The task is not running.
    Unknown,
}

/// Why a log did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogError {
    /// It cannot be reached, or has a problem of its own.
    #[error("the task log is unavailable: {0}")]
    Unavailable(Arc<str>),
    /// The task has ended, or was forgotten.
    #[error("the task log expects nothing more of this task")]
    Gone,
    /// The attempt to run the task was given up.
    #[error("the task was given to another worker")]
    Lost,
}

impl LogError {
    /// The log is unavailable, for this reason.
    pub fn unavailable(reason: impl Into<Arc<str>>) -> Self {
        Self::Unavailable(reason.into())
    }

    /// The log took too long to answer.
    pub(crate) fn late() -> Self {
        Self::unavailable(format!("no answer within {PATIENCE_WITH_THE_LOG:?}"))
    }
}

/// Why a task could not be created.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CreateError {
    /// Its owner has one of this id.
    #[error("a task of this id is already running")]
    Running,
    /// There may be no more.
    #[error("this server already runs its maximum of {limit} tasks")]
    Full {
        /// How many there are.
        limit: usize,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// How much of a task a reader has seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cursor {
    /// The number of the last update, question or end.
    pub events: u64,
    /// The number of the last progress.
    pub progress: u64,
    /// The number of the last output.
    pub output: u64,
}

impl Cursor {
    /// Before everything.
    pub const START: Self = Self { events: 0, progress: 0, output: 0 };
}

/// What somebody who asks for news was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LastSeen {
    /// Everything up to here.
    pub seen: Cursor,
    /// How far the task was, in percent.
    pub percent: f64,
}

/// What a reader finds.
#[derive(Debug)]
pub enum Read {
    /// Something that it has not seen.
    Page(Page),
    /// Nothing new yet.
    Nothing,
    /// Nothing new, and nothing will come.
    Closed,
}

/// What a reader finds after what it has seen.
#[derive(Debug, Default)]
pub struct Page {
    /// What the body said, in order: all that is kept, and of the progress the latest.
    pub said: Vec<Said>,
    /// What ended the task, after all of that.
    pub end: Option<Arc<End>>,
    /// How many updates and questions the reader missed because the log had to drop them.
    pub missed: u64,
    /// The output that came.
    pub output: Output,
    /// Where to go on.
    pub next: Cursor,
}

impl Page {
    /// The updates, in order.
    pub(crate) fn updates(&self) -> impl Iterator<Item = &Json> {
        self.said.iter().filter_map(|said| match said {
            Said::Update(value) => Some(value),
            Said::Output(_) | Said::Progress(_) | Said::Question(_) => None,
        })
    }

    /// How far the task is, if it said so.
    pub(crate) fn progress(&self) -> Option<&Progress> {
        self.said.iter().rev().find_map(|said| match said {
            Said::Progress(progress) => Some(progress),
            Said::Update(_) | Said::Output(_) | Said::Question(_) => None,
        })
    }
}

/// What a reader finds of a task's output, which has a bound of its own: however much it is, it drives no event
/// out of the log.
#[derive(Debug, Default)]
pub struct Output {
    /// The texts that are kept, in order, as JSON.
    pub texts: Vec<String>,
    /// How many texts the reader missed before these.
    pub missed: u64,
    /// Whether nothing that the body said came after it.
    pub is_latest: bool,
}

/// Where a task stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// When it was created.
    pub created_at: SystemTime,
    /// When it last said anything, a question of it was answered or withdrawn, or it was created.
    pub changed_at: SystemTime,
    /// How long ago it was created.
    pub age: Duration,
    /// Its latest update, output or progress, whichever came last, if that is kept.
    pub latest: Option<Said>,
    /// How far it last said it was.
    pub progress: Option<Progress>,
    /// What it asks and nobody has answered, the first first; of one that has ended, nothing.
    pub questions: Vec<Question>,
    /// What ended it.
    pub end: Option<Arc<End>>,
    /// Whether it was asked to stop, of one that runs.
    pub is_stopping: bool,
    /// Whether [`TaskLog::stop`] was asked to stop it before its end.
    pub was_stopped: bool,
    /// How long after its end it stays readable.
    pub retention: Duration,
}

/// A future that a trait object returns.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The half that talks to clients. What is asked of it happens in the order in which it is asked, where the one answer
/// was awaited before the other.
///
/// [`create`](Self::create) and [`stop`](Self::stop) are called under a lock of the connection, where requests are read:
/// they must not block. What takes its time is part of the answer.
pub trait TaskLog: Send + Sync {
    /// Makes room for a task and returns the half that runs it. Where the end of a task of the same id is just
    /// being delivered, this waits for that.
    fn create(
        &self,
        key: TaskKey,
        info: TaskInfo<'_>,
    ) -> MaybeLater<'static, Result<Box<dyn TaskWriter>, CreateError>>;

    /// A reader of a task; `None` if no such task is known.
    fn reader(
        &self,
        key: &TaskKey,
    ) -> MaybeLater<'static, Result<Option<Box<dyn TaskReader>>, LogError>>;

    /// The tasks of `owner` that are known: those that run, the oldest first, then those that ended, the latest
    /// first.
    fn list(&self, owner: &Owner) -> MaybeLater<'static, Result<List, LogError>>;

    /// The tasks of `owner` that are known, each with a number, by which those that were created later come later:
    /// `most` of those whose number is above `after`.
    fn list_after(
        &self,
        owner: &Owner,
        after: u64,
        most: usize,
    ) -> MaybeLater<'static, Result<Vec<(u64, Known)>, LogError>>;

    /// Asks a task to stop.
    fn stop(&self, key: &TaskKey) -> MaybeLater<'static, Result<Stop, LogError>>;

    /// Answers a question of a task, once.
    fn answer(
        &self,
        key: &TaskKey,
        question: &str,
        value: Json,
    ) -> MaybeLater<'static, Result<Answered, LogError>>;

    /// Gives a task an instruction.
    fn tell(&self, key: &TaskKey, value: Json) -> MaybeLater<'static, Result<Told, LogError>>;

    /// Hears that nobody will ask for the tasks of `owner` any more: those that ended need not be kept.
    fn forget(&self, owner: &Owner) {
        let _ = owner;
    }

    /// Whether everything is answered at once and nothing can fail.
    fn is_in_memory(&self) -> bool {
        false
    }
}

/// The tasks that an owner may ask about.
#[derive(Debug)]
pub struct List {
    /// How many of them run.
    pub running: usize,
    /// How many of them have ended.
    pub ended: usize,
    /// The first of them, up to the number that anybody may want to look at.
    pub tasks: Vec<Known>,
}

/// A task that its owner may ask about.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its id.
    pub task_id: Arc<str>,
    /// The tool that it runs.
    pub tool_name: Arc<str>,
    /// What the tool was called with.
    pub arguments: Arguments,
    /// Where it stands, without what it said last.
    pub status: Status,
}

/// Reads one task. A reader in the process that runs the task reads it even after the log forgot it.
pub trait TaskReader: Send + Sync {
    /// What came after `after`.
    fn read(&self, after: Cursor) -> MaybeLater<'_, Result<Read, LogError>>;

    /// A hint to read again: comes soon after something new came that came after this was called, and may come at any
    /// other time. A log whose hints can be lost gives one at least every second.
    fn watch(&self) -> Boxed<'_, ()>;

    /// Where the task stands now.
    fn status(&self) -> MaybeLater<'_, Result<Status, LogError>>;

    /// The tool that the task runs.
    fn tool_name(&self) -> &str;

    /// What was shown to somebody who asks for news, and may ask again.
    fn last_seen(&self) -> MaybeLater<'_, Result<LastSeen, LogError>>;

    /// Notes what was shown.
    fn set_last_seen(&self, last_seen: LastSeen) -> MaybeLater<'_, Result<(), LogError>>;
}

impl From<LogError> for Failed {
    fn from(error: LogError) -> Self {
        error.to_string().into()
    }
}

/// What came after `seen`, waiting until there is something; `None` when nothing will come. Cancel safe.
pub(crate) async fn after(reader: &dyn TaskReader, seen: Cursor) -> Result<Option<Page>, LogError> {
    loop {
        // Before it reads, so that nothing comes in between.
        let changed = reader.watch();
        match reader.read(seen).in_time().await? {
            Read::Page(page) => return Ok(Some(page)),
            Read::Closed => return Ok(None),
            Read::Nothing => changed.await,
        }
    }
}

/// Waits until the open questions of a task are others than these. A log that fails is asked again.
pub(crate) async fn asks_others(reader: &dyn TaskReader, questions: &[Question]) {
    loop {
        // Before it looks, so that nothing comes in between.
        let changed = reader.watch();
        if let Ok(status) = reader.status().in_time().await
            && status.questions != questions
        {
            return;
        }
        changed.await;
    }
}

/// The half that runs a task. A task that finished is kept for its retention; one whose writer is dropped
/// before is forgotten, or is for another worker to run.
///
/// [`append`](Self::append) and [`finish`](Self::finish) are called under a lock of the task: they must not block. What
/// takes its time is part of the answer.
pub trait TaskWriter: Send + Sync {
    /// Adds what the body said. It has its place in the order as soon as this returns, whether the answer is awaited or
    /// not; awaiting it waits until the log has room for more.
    fn append(&self, said: Said) -> MaybeLater<'static, Result<(), LogError>>;

    /// Adds what ends the task. From here on it has ended.
    fn finish(self: Box<Self>, end: End) -> Box<dyn Finished>;

    /// Cancelled when the task is asked to stop. Who runs the task cancels it as well, once the task is over.
    fn stopped(&self) -> &CancellationToken;

    /// The answer to a question of the task, if there is one yet.
    fn answer_to(&self, question: &str) -> MaybeLater<'static, Result<Option<Json>, LogError>>;

    /// Hears that the task waits for no answer to a question any more: it has one, or gave up.
    fn close_question(&self, question: &str) -> MaybeLater<'static, Result<(), LogError>>;

    /// The instructions after the first so many, which the task has read and will not ask for again.
    fn instructions(&self, after: usize) -> MaybeLater<'static, Result<Vec<Json>, LogError>>;

    /// A hint to look for answers and instructions again, as [`TaskReader::watch`].
    fn watch(&self) -> Boxed<'static, ()>;
}

/// A task that has ended, and whose end is yet to be delivered: its id is not free before this is dropped. The end is
/// stored whether this is dropped or not.
pub trait Finished: Send {
    /// Waits until the end is stored.
    fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>>;

    /// The end is delivered, and nobody will ask for the task.
    fn forget(self: Box<Self>);
}
