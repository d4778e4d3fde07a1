//! A `Sender` without a server, and what was sent with it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use super::answers::{Answers, Asked, Forms, Reply, TRIES};
use crate::delivery::{Delivery, Questions, Witness};
use crate::log::{
    Answered, Boxed, CreateError, End, Finished, Json, Known, List, LogError, MaybeLater, Owner,
    Question, Said, Stop, TaskInfo, TaskKey, TaskLog, TaskReader, TaskWriter, Told,
};
use crate::metadata::Ids;
use crate::question::{self, Instructions, MOST_OPEN, judged};
use crate::task::{
    Grace, NewTask, Receiver, Request, Sender, TaskLimits, TaskPermits, Tasks, WeakSender,
};

/// Something that a body sent.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Item {
    /// An update, by [`Sender::send`].
    Update(Value),
    /// A part of the output, by [`Sender::output`].
    Output(String),
    /// A question, by [`Sender::ask`] and [`Sender::ask_url`].
    Question(Asked),
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
    let weak = sender.downgrade();
    (sender, Sent { recording, weak, read: 0 })
}

fn new_task(recording: &Arc<Recording>) -> NewTask {
    let tasks =
        Tasks::new(Arc::new(Log(Arc::clone(recording))), TaskPermits::new(1), Box::new(|_| None));
    let ids = Ids { session_id: "default".into(), task_id: "test".into() };
    let (arguments, retention) = (&JsonObject::new(), std::time::Duration::ZERO);
    let tool_name = &Arc::from("test");
    let request = Request { tool_name, ids: &ids, arguments, retention, instructions: None };
    let MaybeLater::Now(Ok(created)) = tasks.create(request) else {
        unreachable!("the log of a recording answers at once, and there is room for one task");
    };
    let delivery = Delivery::Witness(Box::new(Events(Arc::clone(recording))));
    let questions = Questions::UNREACHABLE;
    let limits = TaskLimits {
        grace: Grace::new(std::time::Duration::ZERO),
        timeout: None,
        questions: MOST_OPEN,
    };
    NewTask::new(Arc::clone(tool_name), ids, (delivery, questions), created, limits)
}

/// What was sent with the [`Sender`] of [`sender()`], as plain values.
#[derive(Debug)]
pub struct Sent {
    recording: Arc<Recording>,
    weak: WeakSender,
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
            _ => None,
        })
    }

    /// The output among it.
    #[must_use]
    pub fn output(&self) -> Vec<String> {
        self.only(|item| match item {
            Item::Output(text) => Some(text),
            _ => None,
        })
    }

    /// What it said of its progress: how much of how much, and the text.
    #[must_use]
    pub fn progress(&self) -> Vec<(Option<f64>, Option<f64>, String)> {
        self.only(|item| match item {
            Item::Progress { done, total, text } => Some((done, total, text)),
            _ => None,
        })
    }

    /// The server events among it: the name of each, and what it carries.
    #[must_use]
    pub fn events(&self) -> Vec<(String, Value)> {
        self.only(|item| match item {
            Item::Event { event, data } => Some((event, data)),
            _ => None,
        })
    }

    /// Answers what the function asks from now on, with the same closure as [`Client::answers`](super::Client::answers).
    ///
    /// An answer goes the way of one to a form: it is checked, and what is refused is asked again; an empty object, where
    /// something has to be filled in, is [`NoAnswer::OnlyYesOrNo`](crate::question::NoAnswer::OnlyYesOrNo). A question that nobody
    /// answers ([`Reply::Away`]) waits for its timeout, or for the function to be stopped.
    ///
    /// Where no answers were given when a question is asked, nobody can be:
    /// [`NoAnswer::Unreachable`](crate::question::NoAnswer::Unreachable), at once.
    ///
    /// # Panics
    ///
    /// Where the function asks: when the closure panics, or when three answers to a question were refused.
    pub fn answers<R: Into<Reply>>(&self, answers: impl FnMut(&Asked) -> R + Send + 'static) {
        self.recording.answers.give(answers);
        self.recording.hints.send_replace(());
    }

    /// What the function asked so far, in order; again what it was asked again.
    #[must_use]
    pub fn questions(&self) -> Vec<Asked> {
        self.recording.answers.asked()
    }

    /// What hears what the function is [told](Self::tell): its parameter, for a test.
    ///
    /// # Panics
    ///
    /// When the [`Sender`] and its clones are gone.
    pub fn receiver<M: DeserializeOwned + JsonSchema>(&self) -> Receiver<M> {
        let Some(sender) = self.weak.upgrade() else {
            panic!("the sender is gone: take the receiver before the function is called");
        };
        lock(&self.recording.told).kind = Some(Instructions::of::<M>());
        Receiver::new(&sender)
    }

    /// Gives the function an instruction: a value of the type of its receiver, or the JSON that a model would write.
    ///
    /// # Panics
    ///
    /// When it does not fit the [receiver](Self::receiver), so that a model would be refused.
    pub fn tell(&self, instruction: impl Serialize) {
        let value = match serde_json::to_value(instruction) {
            Ok(value) => value,
            Err(error) => panic!("an instruction cannot be written as JSON: {error}"),
        };
        let kind = lock(&self.recording.told).kind.clone();
        if let Some(Err(problem)) = kind.map(|kind| kind.check(&value)) {
            panic!("the function was not told: {problem}");
        }
        let written = Json::new(&value).unwrap_or_else(|_| Json::null());
        lock(&self.recording.told).instructions.push(written);
        self.recording.hints.send_replace(());
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
    answers: Answers,
    open: Mutex<HashMap<String, Open>>,
    told: Mutex<Instructed>,
    /// Sent whenever there may be an answer or an instruction.
    hints: watch::Sender<()>,
    stop: CancellationToken,
    /// Nobody can send any more.
    gone: CancellationToken,
}

/// A question that waits for its answer.
#[derive(Clone, Debug)]
struct Open {
    question: Question,
    asked: Asked,
    /// How often it was tried to answer it.
    tries: usize,
    answer: Option<Json>,
}

/// What the function was told.
#[derive(Debug, Default)]
struct Instructed {
    /// What can be said, once there is a receiver.
    kind: Option<Instructions>,
    instructions: Vec<Json>,
}

/// A lock that is held where nothing panics.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Recording {
    fn items(&self) -> MutexGuard<'_, Vec<Item>> {
        lock(&self.items)
    }

    /// Notes a question. It is answered where its answer is waited for, so that a test fails there.
    fn ask(&self, question: Question) {
        let Some(asked) = shown(&question) else { return };
        self.answers.note(&asked);
        self.add(Item::Question(asked.clone()));
        let open = Open { question, asked, tries: 0, answer: None };
        lock(&self.open).insert(open.question.id.to_string(), open);
    }

    /// The answer to a question, if there is one.
    fn answer(&self, id: &str) -> Option<Json> {
        loop {
            let mut open = lock(&self.open).get(id).cloned()?;
            if open.answer.is_some() {
                return open.answer;
            }
            let reply = self.answers.reply(&open.asked);
            if let Some(problem) = self.answers.problem() {
                panic!("{problem}");
            }
            let result = open.asked.result(Forms::FullAndUrls, reply)?;
            match judged(&open.question, &result)? {
                Ok(response) => open.answer = Some(response.to_json()),
                Err(problem) => {
                    open.tries += 1;
                    let asked = question::Asked::of(&open.question)?;
                    let again = question::Asked { problem: Some(problem), ..asked };
                    open.asked = shown(&again.to_log(id, None))?;
                    let text = open.asked.text();
                    assert!(open.tries < TRIES, "no answer to a question fits: {text}");
                    self.answers.note(&open.asked);
                }
            }
            lock(&self.open).insert(id.to_owned(), open);
        }
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

/// A question, as a client shows it.
fn shown(question: &Question) -> Option<Asked> {
    let params = question::Asked::of(question)?.to_elicitation(&question.id).ok()?;
    Some(Asked::elicited(&question.id, &serde_json::to_value(params).ok()?))
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

    fn list_after(
        &self,
        _owner: &Owner,
        _after: u64,
        _most: usize,
    ) -> MaybeLater<'static, Result<Vec<(u64, Known)>, LogError>> {
        MaybeLater::Now(Ok(Vec::new()))
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
            Said::Question(question) => {
                self.0.ask(question);
                return MaybeLater::Now(Ok(()));
            }
        });
        MaybeLater::Now(Ok(()))
    }

    fn finish(self: Box<Self>, _end: End) -> Box<dyn Finished> {
        Box::new(Ended)
    }

    fn stopped(&self) -> &CancellationToken {
        &self.0.stop
    }

    fn answer_to(&self, question: &str) -> MaybeLater<'static, Result<Option<Json>, LogError>> {
        let (recording, question) = (Arc::clone(&self.0), question.to_owned());
        MaybeLater::later(async move { Ok(recording.answer(&question)) })
    }

    fn close_question(&self, question: &str) -> MaybeLater<'static, Result<(), LogError>> {
        lock(&self.0.open).remove(question);
        MaybeLater::Now(Ok(()))
    }

    fn instructions(&self, after: usize) -> MaybeLater<'static, Result<Vec<Json>, LogError>> {
        let told = lock(&self.0.told);
        MaybeLater::Now(Ok(told.instructions.iter().skip(after).cloned().collect()))
    }

    fn watch(&self) -> Boxed<'static, ()> {
        let mut hints = self.0.hints.subscribe();
        Box::pin(async move {
            // What sends them is kept by what waits.
            let _ = hints.changed().await;
        })
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

    fn answers(&self) -> bool {
        self.0.answers.are_given()
    }
}
