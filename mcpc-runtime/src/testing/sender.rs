//! A `Sender` without a server, and what was sent with it.

use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rmcp::model::JsonObject;
use serde_json::Value;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::delivery::{Delivery, Questions, Witness};
use crate::log::{
    Answered, Boxed, CreateError, End, Finished, Json, List, LogError, MaybeLater, Owner, Said,
    Stop, TaskInfo, TaskKey, TaskLog, TaskReader, TaskWriter, Told,
};
use crate::metadata::Ids;
use crate::task::{Grace, NewTask, Request, Sender, TaskLimits, TaskPermits, Tasks};

/// Something that a body sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// An update, by [`Sender::send`].
    Update(Value),
    /// A part of the output, by [`Sender::output`].
    Output(String),
    /// How far the task is, by [`Sender::progress`] and [`Sender::status`].
    #[non_exhaustive]
    Progress {
        /// How much is done; `None` before [`Sender::progress`] said that.
        done: Option<f64>,
        /// What there is to be done, if that is known.
        total: Option<f64>,
        /// What the task is doing.
        text: String,
    },
    /// A server event, by [`Sender::emit`].
    #[non_exhaustive]
    Event {
        /// Its name.
        event: String,
        /// What it carries.
        data: Value,
    },
}

/// A `Sender` for a test of a background tool's function, and what is sent with it.
///
/// Nothing else is needed: no server, no client, and no tokio runtime but for what the function itself awaits. What is sent
/// never waits. A value that cannot be written as JSON panics where it is sent.
///
#[doc = include_str!("../../docs/testing_sender.md")]
#[must_use]
pub fn sender() -> (Sender, Sent) {
    let recording = Arc::new(Recording::default());
    // In a test that is not async there is none; what is sent needs no more of it than that it exists.
    static WITHOUT_ASYNC: LazyLock<Runtime> = LazyLock::new(|| {
        let runtime = Builder::new_current_thread().build();
        runtime.expect("a runtime without IO and timers asks the system for nothing")
    });
    let _inside = Handle::try_current().is_err().then(|| WITHOUT_ASYNC.enter());
    let sender = new_task(&recording).sender();
    (sender, Sent { recording, read: 0 })
}

fn new_task(recording: &Arc<Recording>) -> NewTask {
    let tasks =
        Tasks::new(Arc::new(Log(Arc::clone(recording))), TaskPermits::new(1), Box::new(|_| None));
    let ids = Ids { session_id: "default".into(), task_id: "test".into() };
    let (arguments, retention) = (&JsonObject::new(), std::time::Duration::ZERO);
    let tool_name = &Arc::from("test");
    let request = Request { tool_name, ids: &ids, arguments, retention };
    let MaybeLater::Now(Ok(created)) = tasks.create(request) else {
        unreachable!("the log of a recording answers at once, and there is room for one task");
    };
    let delivery = Delivery::Witness(Box::new(Events(Arc::clone(recording))));
    let questions = Questions::UNREACHABLE;
    let limits = TaskLimits { grace: Grace::new(std::time::Duration::ZERO), timeout: None };
    NewTask::new(Arc::clone(tool_name), ids, (delivery, questions), created, limits)
}

/// What was sent with the [`Sender`] of [`sender()`], as plain values.
#[derive(Debug)]
pub struct Sent {
    recording: Arc<Recording>,
    /// How many items [`next`](Self::next) returned.
    read: usize,
}

impl Sent {
    /// Everything that was sent so far, in order.
    #[must_use]
    pub fn items(&self) -> Vec<Item> {
        self.recording.items().clone()
    }

    /// The updates among it.
    #[must_use]
    pub fn updates(&self) -> Vec<Value> {
        self.only(|item| match item {
            Item::Update(value) => Some(value),
            Item::Output(_) | Item::Progress { .. } | Item::Event { .. } => None,
        })
    }

    /// The output among it.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.only(|item| match item {
            Item::Output(text) => Some(text),
            Item::Update(_) | Item::Progress { .. } | Item::Event { .. } => None,
        })
    }

    /// What it said of its progress: how much of how much, and the text.
    #[must_use]
    pub fn progress(&self) -> Vec<(Option<f64>, Option<f64>, String)> {
        self.only(|item| match item {
            Item::Progress { done, total, text } => Some((done, total, text)),
            Item::Update(_) | Item::Output(_) | Item::Event { .. } => None,
        })
    }

    /// The server events among it: the name of each, and what it carries.
    #[must_use]
    pub fn events(&self) -> Vec<(String, Value)> {
        self.only(|item| match item {
            Item::Event { event, data } => Some((event, data)),
            Item::Update(_) | Item::Output(_) | Item::Progress { .. } => None,
        })
    }

    /// Waits for the next thing that is sent; `None` when nothing can come, as the function and its clones of the `Sender`
    /// are gone. Cancel safe.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            // Before it looks, so that nothing comes in between.
            let changed = self.recording.changed.notified();
            if let Some(item) = self.recording.items().get(self.read) {
                self.read += 1;
                return Some(item.clone());
            }
            if self.recording.gone.is_cancelled() {
                return None;
            }
            tokio::select! {
                () = changed => {}
                () = self.recording.gone.cancelled() => {}
            }
        }
    }

    /// Asks the function to stop: [`Sender::is_stopped`] is true from here on, and [`Sender::stopped`] completes.
    pub fn stop(&self) {
        self.recording.stop.cancel();
    }

    /// Whether it was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.recording.stop.is_cancelled()
    }

    fn only<T>(&self, which: impl FnMut(Item) -> Option<T>) -> Vec<T> {
        self.items().into_iter().filter_map(which).collect()
    }
}

#[derive(Debug, Default)]
struct Recording {
    items: Mutex<Vec<Item>>,
    changed: Notify,
    stop: CancellationToken,
    /// Nobody can send any more.
    gone: CancellationToken,
}

impl Recording {
    fn items(&self) -> MutexGuard<'_, Vec<Item>> {
        self.items.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, item: Item) {
        self.items().push(item);
        self.changed.notify_waiters();
    }
}

/// What is sent as JSON, as a test compares it. A number of more than 64 bits is a float, as in every [`Value`].
fn value(json: &Json) -> Value {
    serde_json::from_str(json.as_str()).unwrap_or_else(|_| json.as_str().into())
}

/// The log that a recording is.
struct Log(Arc<Recording>);

/// Nobody asks a recording about tasks.
impl TaskLog for Log {
    fn create(
        &self,
        _key: TaskKey,
        _info: TaskInfo<'_>,
    ) -> MaybeLater<'static, Result<Box<dyn TaskWriter>, CreateError>> {
        MaybeLater::Now(Ok(Box::new(Writer(Arc::clone(&self.0)))))
    }

    fn reader(
        &self,
        _key: &TaskKey,
    ) -> MaybeLater<'static, Result<Option<Box<dyn TaskReader>>, LogError>> {
        MaybeLater::Now(Ok(None))
    }

    fn list(&self, _owner: &Owner) -> MaybeLater<'static, Result<List, LogError>> {
        MaybeLater::Now(Ok(List { running: 0, ended: 0, tasks: Vec::new() }))
    }

    fn stop(&self, _key: &TaskKey) -> MaybeLater<'static, Result<Stop, LogError>> {
        MaybeLater::Now(Ok(Stop::Unknown))
    }

    fn answer(
        &self,
        _key: &TaskKey,
        _question: &str,
        _value: Json,
    ) -> MaybeLater<'static, Result<Answered, LogError>> {
        MaybeLater::Now(Ok(Answered::Unknown))
    }

    fn tell(&self, _key: &TaskKey, _value: Json) -> MaybeLater<'static, Result<Told, LogError>> {
        MaybeLater::Now(Ok(Told::Unknown))
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

struct Writer(Arc<Recording>);

impl TaskWriter for Writer {
    fn append(&self, said: Said) -> MaybeLater<'static, Result<(), LogError>> {
        self.0.add(match said {
            Said::Update(json) => Item::Update(value(&json)),
            Said::Output(json) => Item::Output(text(&json)),
            Said::Progress(progress) => Item::Progress {
                done: progress.amount.done,
                total: progress.amount.total,
                text: progress.status.into(),
            },
            Said::Question(question) => Item::Update(value(&question.value)),
        });
        MaybeLater::Now(Ok(()))
    }

    fn finish(self: Box<Self>, _end: End) -> Box<dyn Finished> {
        Box::new(Ended)
    }

    fn stopped(&self) -> &CancellationToken {
        &self.0.stop
    }

    fn answer_to(&self, _question: &str) -> MaybeLater<'static, Result<Option<Json>, LogError>> {
        MaybeLater::Now(Ok(None))
    }

    fn close_question(&self, _question: &str) -> MaybeLater<'static, Result<(), LogError>> {
        MaybeLater::Now(Ok(()))
    }

    fn instructions(&self, _after: usize) -> MaybeLater<'static, Result<Vec<Json>, LogError>> {
        MaybeLater::Now(Ok(Vec::new()))
    }

    fn watch(&self) -> Boxed<'static, ()> {
        Box::pin(std::future::pending())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.gone.cancel();
    }
}

/// A text that is kept as JSON.
fn text(json: &Json) -> String {
    serde_json::from_str(json.as_str()).unwrap_or_else(|_| json.as_str().to_owned())
}

struct Ended;

impl Finished for Ended {
    fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>> {
        MaybeLater::Now(Ok(()))
    }

    fn forget(self: Box<Self>) {}
}

/// Hears of what is in no log.
#[derive(Debug)]
struct Events(Arc<Recording>);

impl Witness for Events {
    fn server_event(&self, event: &str, data: &Json) {
        self.0.add(Item::Event { event: event.to_owned(), data: value(data) });
    }
}
