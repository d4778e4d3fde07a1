//! A log that is really outside: a file of JSON lines, which any number of processes may have open. What it knows, it
//! read from there. It can be made slow, to fail, and to hang.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use mcpc::log::{
    Answered, Arguments, Boxed, Claimed, CreateError, Cursor, End, Event, Finished, Json, Known,
    LastSeen, List, LogError, MaybeLater, Output, Owner, Page, Progress, Question, Read, Renewed,
    Said, Status, Stop, Stored, TaskInfo, TaskKey, TaskLog, TaskQueue, TaskReader, TaskWriter,
    Told,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

/// How many updates, and how many texts of output, a reader gets.
const KEPT: usize = 9;
/// How long the process that creates a task has it, from its last word on.
const LEASE: Duration = Duration::from_secs(30);

/// A folder for one test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("mcpc-log-{}-{}", std::process::id(), uuid::Uuid::new_v4());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("log.jsonl")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What can go wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Operation {
    Create,
    Append,
    Finish,
    Read,
    Stop,
}

#[derive(Debug, Default)]
struct Faults {
    delay: Duration,
    failing: HashSet<Operation>,
    hanging: HashSet<Operation>,
}

/// The log; a clone is another handle to it.
#[derive(Clone)]
pub(crate) struct FileLog(Arc<Shared>);

struct Shared {
    path: PathBuf,
    faults: Mutex<Faults>,
    /// A clock that can be paused.
    clock: (SystemTime, Instant),
    store: tokio::sync::Mutex<Store>,
    /// Notified when something was read from the file.
    changed: Notify,
}

/// The file, and what was read from it.
struct Store {
    file: File,
    read: File,
    rest: Vec<u8>,
    tasks: HashMap<(String, String), Task>,
    /// Of the writers in this process.
    stops: HashMap<(String, String), CancellationToken>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    owner: String,
    task_id: String,
    at: Duration,
    what: What,
}

#[derive(Debug, Serialize, Deserialize)]
enum What {
    Created {
        tool_name: String,
        session_id: String,
        arguments: Map<String, Value>,
        retention: Duration,
    },
    Claimed {
        attempt: u64,
        until: Duration,
    },
    Stored(Vec<Event>),
    Forgotten,
    StopAsked,
    Answered {
        question: String,
        value: Json,
    },
    Closed(String),
    Told(Json),
    Shown(Cursor, f64),
}

#[derive(Clone, Debug)]
struct Task {
    number: u64,
    tool_name: String,
    arguments: Map<String, Value>,
    retention: Duration,
    created: Duration,
    changed: Duration,
    events: Vec<Event>,
    attempt: u64,
    until: Duration,
    is_stopping: bool,
    answers: HashMap<String, Json>,
    closed: HashSet<String>,
    told: Vec<Json>,
    last_seen: LastSeen,
}

impl Task {
    fn end(&self) -> Option<&End> {
        self.events.iter().rev().find_map(|event| match event {
            Event::End(end) => Some(end),
            Event::Said(_) => None,
        })
    }

    fn said(&self) -> impl DoubleEndedIterator<Item = &Said> {
        self.events.iter().filter_map(|event| match event {
            Event::Said(said) => Some(said),
            Event::End(_) => None,
        })
    }

    fn has_question(&self, id: &str) -> bool {
        self.said().any(|said| matches!(said, Said::Question(question) if &*question.id == id))
    }

    fn open_questions(&self) -> Vec<Question> {
        let asked = self.said().filter_map(|said| match said {
            Said::Question(question) => Some(question),
            Said::Update(_) | Said::Output(_) | Said::Progress(_) => None,
        });
        let is_open = |question: &&Question| {
            let id = &*question.id;
            self.end().is_none() && !self.answers.contains_key(id) && !self.closed.contains(id)
        };
        asked.filter(is_open).cloned().collect()
    }

    fn progress(&self) -> Option<Progress> {
        self.said().rev().find_map(|said| match said {
            Said::Progress(progress) => Some(progress.clone()),
            Said::Update(_) | Said::Output(_) | Said::Question(_) => None,
        })
    }

    fn apply(&mut self, at: Duration, what: What) {
        match what {
            What::Created { .. } | What::Forgotten => unreachable!("they are of no task"),
            What::Claimed { attempt, until } => (self.attempt, self.until) = (attempt, until),
            What::Stored(events) => {
                self.events.extend(events);
                self.changed = at;
            }
            What::StopAsked => self.is_stopping = true,
            What::Answered { question, value } => {
                self.answers.insert(question, value);
                self.changed = at;
            }
            What::Closed(question) => {
                let is_answered = self.answers.contains_key(&question);
                if self.closed.insert(question) && !is_answered {
                    self.changed = at;
                }
            }
            What::Told(value) => self.told.push(value),
            What::Shown(seen, percent) => self.last_seen = LastSeen { seen, percent },
        }
    }

    fn page(&self, after: Cursor) -> Option<Page> {
        let (mut next, mut said, mut texts) = (Cursor::START, Vec::new(), Vec::new());
        let mut progress = None;
        for event in self.said() {
            match event {
                Said::Update(_) | Said::Question(_) => {
                    next.events += 1;
                    if next.events > after.events {
                        said.push(event.clone());
                    }
                }
                Said::Progress(_) => {
                    next.progress += 1;
                    progress = Some((said.len(), event.clone()));
                }
                Said::Output(text) => {
                    next.output += 1;
                    if next.output > after.output {
                        texts.push(text.as_str().to_owned());
                    }
                }
            }
        }
        let missed = said.len().saturating_sub(KEPT);
        let mut said = said.split_off(missed);
        if let Some((at, latest)) = progress.filter(|_| next.progress > after.progress) {
            said.insert(at.saturating_sub(missed), latest);
        }
        let end = self.end().cloned().map(Arc::new);
        next.events += u64::from(end.is_some());
        let texts_missed = texts.len().saturating_sub(KEPT);
        let output = Output {
            texts: texts.split_off(texts_missed),
            missed: texts_missed as u64,
            is_latest: matches!(self.said().next_back(), Some(Said::Output(_))),
        };
        let end = end.filter(|_| next.events > after.events);
        (next != after).then_some(Page { said, end, missed: missed as u64, output, next })
    }
}

fn unavailable(error: impl std::fmt::Display) -> LogError {
    LogError::unavailable(error.to_string())
}

type Id = (String, String);

fn id(key: &TaskKey) -> Id {
    (key.owner.as_str().to_owned(), (*key.task_id).to_owned())
}

impl Store {
    /// Reads what any process has written meanwhile.
    async fn refresh(&mut self) -> Result<bool, LogError> {
        let before = self.rest.len();
        self.read.read_to_end(&mut self.rest).await.map_err(unavailable)?;
        let has_news = self.rest.len() > before;
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            self.apply(serde_json::from_slice(&line).map_err(unavailable)?);
        }
        Ok(has_news)
    }

    fn apply(&mut self, Line { owner, task_id, at, what }: Line) {
        let id = (owner, task_id);
        if let What::StopAsked = what
            && let Some(stop) = self.stops.get(&id)
        {
            stop.cancel();
        }
        match what {
            What::Created { tool_name, arguments, retention, session_id: _ } => {
                let number = self.tasks.values().map(|task| task.number + 1).max().unwrap_or(0);
                let task = Task {
                    number,
                    tool_name,
                    arguments,
                    retention,
                    created: at,
                    changed: at,
                    events: Vec::new(),
                    attempt: 1,
                    until: at + LEASE,
                    is_stopping: false,
                    answers: HashMap::new(),
                    closed: HashSet::new(),
                    told: Vec::new(),
                    last_seen: LastSeen::default(),
                };
                self.tasks.insert(id, task);
            }
            What::Forgotten => drop(self.tasks.remove(&id)),
            what => {
                if let Some(task) = self.tasks.get_mut(&id) {
                    task.apply(at, what);
                }
            }
        }
    }
}

impl FileLog {
    pub(crate) async fn open(path: PathBuf) -> Self {
        Self::with_clock(path, (SystemTime::now(), Instant::now())).await
    }

    /// The same file, as another process has it.
    pub(crate) async fn again(&self) -> Self {
        Self::with_clock(self.0.path.clone(), self.0.clock).await
    }

    async fn with_clock(path: PathBuf, clock: (SystemTime, Instant)) -> Self {
        let file = OpenOptions::new().create(true).append(true).open(&path).await.expect("a file");
        let read = File::open(&path).await.expect("a file");
        let (tasks, stops) = Default::default();
        let store = tokio::sync::Mutex::new(Store { file, read, rest: Vec::new(), tasks, stops });
        let (faults, changed) = (Mutex::default(), Notify::new());
        Self(Arc::new(Shared { path, faults, clock, store, changed }))
    }

    fn faults(&self) -> std::sync::MutexGuard<'_, Faults> {
        self.0.faults.lock().expect("no panic")
    }

    /// Has everything take so long.
    pub(crate) fn delay(&self, delay: Duration) {
        self.faults().delay = delay;
    }

    pub(crate) fn fail(&self, operations: &[Operation]) {
        self.faults().failing.extend(operations);
    }

    pub(crate) fn hang(&self, operations: &[Operation]) {
        self.faults().hanging.extend(operations);
    }

    pub(crate) fn recover(&self) {
        *self.faults() = Faults::default();
    }

    /// Forgets all tasks, whatever becomes of them.
    pub(crate) async fn lose_all(&self) {
        self.0.store.lock().await.tasks.clear();
    }

    fn now(&self) -> Duration {
        self.0.clock.1.elapsed()
    }

    async fn begin(&self, operation: Operation) -> Result<(), LogError> {
        let (delay, fails, hangs) = {
            let faults = self.faults();
            let of = |all: &HashSet<Operation>| all.contains(&operation);
            (faults.delay, of(&faults.failing), of(&faults.hanging))
        };
        sleep(delay).await;
        if hangs {
            std::future::pending::<()>().await;
        }
        if fails { Err(LogError::unavailable("the disk is full")) } else { Ok(()) }
    }

    /// Looks at what the file says, and writes what follows from that, as one step.
    async fn step<T>(
        &self,
        operation: Operation,
        key: TaskKey,
        step: impl FnOnce(Option<&Task>, Duration) -> (T, Vec<What>),
    ) -> Result<T, LogError> {
        self.begin(operation).await?;
        let (id, now) = (id(&key), self.now());
        let mut store = self.0.store.lock().await;
        let has_news = store.refresh().await?;
        let known = store
            .tasks
            .get(&id)
            .filter(|task| task.end().is_none() || now < task.changed + task.retention);
        let (answer, lines) = step(known, now);
        for what in lines {
            let line = Line { owner: id.0.clone(), task_id: id.1.clone(), at: now, what };
            let mut line = serde_json::to_vec(&line).map_err(unavailable)?;
            line.push(b'\n');
            store.file.write_all(&line).await.map_err(unavailable)?;
            store.file.flush().await.map_err(unavailable)?;
        }
        let has_news = store.refresh().await? || has_news;
        drop(store);
        if has_news {
            self.0.changed.notify_waiters();
        }
        Ok(answer)
    }

    async fn task(&self, key: TaskKey) -> Result<Option<Task>, LogError> {
        self.step(Operation::Read, key, |task, _| (task.cloned(), Vec::new())).await
    }

    async fn store_events(
        &self,
        operation: Operation,
        key: TaskKey,
        attempt: u64,
        base: Option<u64>,
        events: Vec<Event>,
    ) -> Result<Stored, LogError> {
        self.step(operation, key, |task, now| {
            let Some(task) = task else { return (Err(LogError::Gone), Vec::new()) };
            if task.attempt != attempt {
                return (Err(LogError::Lost), Vec::new());
            }
            let base = base.map_or(task.events.len(), |base| base as usize);
            let after = task.events.get(base..).unwrap_or_default();
            if !after.is_empty() && after.starts_with(&events) {
                return (Ok(Stored::Before), Vec::new());
            }
            if task.end().is_some() || base != task.events.len() {
                return (Err(LogError::Gone), Vec::new());
            }
            let held = What::Claimed { attempt, until: now + LEASE };
            (Ok(Stored::Now), vec![What::Stored(events), held])
        })
        .await?
    }

    fn changed(&self) -> Boxed<'_, ()> {
        let changed = self.0.changed.notified();
        Box::pin(async move {
            // Another process gives no hint.
            let _ = timeout(Duration::from_secs(1), changed).await;
        })
    }

    fn known<'a>(
        &self,
        store: &'a Store,
        owner: &'a Owner,
    ) -> impl Iterator<Item = (&'a (String, String), &'a Task)> + use<'a> {
        let now = self.now();
        let known = move |task: &Task| task.end().is_none() || now < task.changed + task.retention;
        store.tasks.iter().filter(move |((of, _), task)| of == owner.as_str() && known(task))
    }

    fn shown(&self, ((_, task_id), task): (&(String, String), &Task)) -> Known {
        Known {
            task_id: task_id.as_str().into(),
            tool_name: task.tool_name.as_str().into(),
            arguments: Arguments::new(&task.arguments),
            status: self.status(task, false),
        }
    }

    fn status(&self, task: &Task, with_latest: bool) -> Status {
        let at = |time: Duration| self.0.clock.0 + time;
        let latest = match task.said().next_back() {
            Some(Said::Progress(_)) => task.progress().map(Said::Progress),
            latest => latest.cloned(),
        };
        Status {
            created_at: at(task.created),
            changed_at: at(task.changed),
            age: self.now().saturating_sub(task.created),
            latest: latest.filter(|_| with_latest),
            progress: task.progress(),
            questions: task.open_questions(),
            end: task.end().cloned().map(Arc::new),
            is_stopping: task.is_stopping && task.end().is_none(),
            was_stopped: task.is_stopping,
            retention: task.retention,
        }
    }
}

impl TaskLog for FileLog {
    fn create(
        &self,
        key: TaskKey,
        info: TaskInfo<'_>,
    ) -> MaybeLater<'static, Result<Box<dyn TaskWriter>, CreateError>> {
        let log = self.clone();
        let created = What::Created {
            tool_name: info.tool_name.to_string(),
            session_id: info.session_id.to_owned(),
            arguments: info.arguments.clone(),
            retention: info.retention,
        };
        MaybeLater::later(async move {
            let create = |task: Option<&Task>, _| match task {
                Some(task) if task.end().is_none() => (Err(CreateError::Running), Vec::new()),
                _ => (Ok(()), vec![created]),
            };
            log.step(Operation::Create, key.clone(), create).await??;
            let stop = CancellationToken::new();
            log.0.store.lock().await.stops.insert(id(&key), stop.clone());
            let (sender, receiver) = mpsc::unbounded_channel();
            tokio::spawn(write(log.clone(), key.clone(), receiver));
            Ok(Box::new(Writer { log, key, stop, sender: Some(sender) }) as Box<dyn TaskWriter>)
        })
    }

    fn reader(
        &self,
        key: &TaskKey,
    ) -> MaybeLater<'static, Result<Option<Box<dyn TaskReader>>, LogError>> {
        let (log, key) = (self.clone(), key.clone());
        MaybeLater::later(async move {
            let task = log.task(key.clone()).await?;
            let reader = task.map(|task| Reader { log, key, tool_name: task.tool_name });
            Ok(reader.map(|reader| Box::new(reader) as Box<dyn TaskReader>))
        })
    }

    fn list(&self, owner: &Owner) -> MaybeLater<'static, Result<List, LogError>> {
        let (log, owner) = (self.clone(), owner.clone());
        MaybeLater::later(async move {
            log.begin(Operation::Read).await?;
            let mut store = log.0.store.lock().await;
            store.refresh().await?;
            let (mut ended, mut running): (Vec<_>, Vec<_>) =
                log.known(&store, &owner).partition(|(_, task)| task.end().is_some());
            running.sort_by_key(|(_, task)| task.number);
            ended.sort_by_key(|(_, task)| std::cmp::Reverse(task.changed + task.retention));
            let count = (running.len(), ended.len());
            let tasks = running.into_iter().chain(ended).map(|named| log.shown(named));
            Ok(List { running: count.0, ended: count.1, tasks: tasks.collect() })
        })
    }

    fn list_after(
        &self,
        owner: &Owner,
        after: u64,
        most: usize,
    ) -> MaybeLater<'static, Result<Vec<(u64, Known)>, LogError>> {
        let (log, owner) = (self.clone(), owner.clone());
        MaybeLater::later(async move {
            log.begin(Operation::Read).await?;
            let mut store = log.0.store.lock().await;
            store.refresh().await?;
            let mut later: Vec<_> = log.known(&store, &owner).collect();
            later.retain(|(_, task)| task.number + 1 > after);
            later.sort_by_key(|(_, task)| task.number);
            let later = later.into_iter().take(most);
            Ok(later.map(|named| (named.1.number + 1, log.shown(named))).collect())
        })
    }

    fn stop(&self, key: &TaskKey) -> MaybeLater<'static, Result<Stop, LogError>> {
        let (log, key) = (self.clone(), key.clone());
        MaybeLater::later(async move {
            let stop = |task: Option<&Task>, _| match task {
                None => (Stop::Unknown, Vec::new()),
                Some(task) if task.end().is_some() => (Stop::Ended, Vec::new()),
                Some(_) => (Stop::Asked, vec![What::StopAsked]),
            };
            log.step(Operation::Stop, key, stop).await
        })
    }

    fn answer(
        &self,
        key: &TaskKey,
        question: &str,
        value: Json,
    ) -> MaybeLater<'static, Result<Answered, LogError>> {
        let (log, key, question) = (self.clone(), key.clone(), question.to_owned());
        MaybeLater::later(async move {
            let answer = |task: Option<&Task>, _| match task {
                Some(task) if task.end().is_none() && task.has_question(&question) => {
                    let is_closed = task.closed.contains(&question);
                    match is_closed || task.answers.contains_key(&question) {
                        true => (Answered::Before, Vec::new()),
                        false => (Answered::Now, vec![What::Answered { question, value }]),
                    }
                }
                _ => (Answered::Unknown, Vec::new()),
            };
            log.step(Operation::Read, key, answer).await
        })
    }

    fn tell(&self, key: &TaskKey, value: Json) -> MaybeLater<'static, Result<Told, LogError>> {
        let (log, key) = (self.clone(), key.clone());
        MaybeLater::later(async move {
            let tell = |task: Option<&Task>, _| match task {
                Some(task) if task.end().is_none() && task.told.len() >= 100 => {
                    (Told::Full, Vec::new())
                }
                Some(task) if task.end().is_none() => (Told::Now, vec![What::Told(value)]),
                _ => (Told::Unknown, Vec::new()),
            };
            log.step(Operation::Read, key, tell).await
        })
    }
}

struct Reader {
    log: FileLog,
    key: TaskKey,
    tool_name: String,
}

impl TaskReader for Reader {
    fn read(&self, after: Cursor) -> MaybeLater<'_, Result<Read, LogError>> {
        MaybeLater::later(async move {
            let Some(task) = self.log.task(self.key.clone()).await? else {
                return Ok(Read::Closed);
            };
            Ok(match task.page(after) {
                Some(page) => Read::Page(page),
                None if task.end().is_some() => Read::Closed,
                None => Read::Nothing,
            })
        })
    }

    fn watch(&self) -> Boxed<'_, ()> {
        self.log.changed()
    }

    fn status(&self) -> MaybeLater<'_, Result<Status, LogError>> {
        MaybeLater::later(async move {
            let task = self.log.task(self.key.clone()).await?.ok_or(LogError::Gone)?;
            Ok(self.log.status(&task, true))
        })
    }

    fn tool_name(&self) -> &str {
        &self.tool_name
    }

    fn last_seen(&self) -> MaybeLater<'_, Result<LastSeen, LogError>> {
        MaybeLater::later(async move {
            Ok(self.log.task(self.key.clone()).await?.ok_or(LogError::Gone)?.last_seen)
        })
    }

    fn set_last_seen(&self, shown: LastSeen) -> MaybeLater<'_, Result<(), LogError>> {
        let shown = What::Shown(shown.seen, shown.percent);
        MaybeLater::later(
            self.log.step(Operation::Read, self.key.clone(), |_, _| ((), vec![shown])),
        )
    }
}

type Answer = oneshot::Sender<Result<(), LogError>>;

/// What a writer writes, in its order: an event, or that there will be none.
type Writing = (Option<Event>, Answer);

struct Writer {
    log: FileLog,
    key: TaskKey,
    stop: CancellationToken,
    /// `None` once it has finished.
    sender: Option<mpsc::UnboundedSender<Writing>>,
}

/// Writes in order what a writer says. After a failure nothing follows, or there would be a gap.
async fn write(log: FileLog, key: TaskKey, mut receiver: mpsc::UnboundedReceiver<Writing>) {
    let mut failed = None;
    while let Some((event, answer)) = receiver.recv().await {
        let operation = match event {
            Some(Event::End(_)) => Operation::Finish,
            _ => Operation::Append,
        };
        let stored = match (&failed, event) {
            (Some(error), _) => Err(LogError::clone(error)),
            (None, Some(event)) => {
                let (key, events) = (key.clone(), vec![event]);
                log.store_events(operation, key, 1, None, events).await.map(drop)
            }
            (None, None) => {
                let forget = |_: Option<&Task>, _| ((), vec![What::Forgotten]);
                log.step(Operation::Append, key.clone(), forget).await
            }
        };
        failed = stored.as_ref().err().cloned();
        let _ = answer.send(stored);
    }
}

impl Writer {
    fn write(&self, event: Option<Event>) -> oneshot::Receiver<Result<(), LogError>> {
        let (answer, answered) = oneshot::channel();
        if let Some(sender) = &self.sender {
            let _ = sender.send((event, answer));
        }
        answered
    }
}

fn answer(
    answered: oneshot::Receiver<Result<(), LogError>>,
) -> MaybeLater<'static, Result<(), LogError>> {
    MaybeLater::later(async { answered.await.unwrap_or_else(|error| Err(unavailable(error))) })
}

impl TaskWriter for Writer {
    fn append(&self, said: Said) -> MaybeLater<'static, Result<(), LogError>> {
        answer(self.write(Some(Event::Said(said))))
    }

    fn finish(mut self: Box<Self>, end: End) -> Box<dyn Finished> {
        let answered = self.write(Some(Event::End(end)));
        self.sender = None;
        Box::new(Ended(Some(answered)))
    }

    fn stopped(&self) -> &CancellationToken {
        &self.stop
    }

    fn answer_to(&self, question: &str) -> MaybeLater<'static, Result<Option<Json>, LogError>> {
        let (log, key, question) = (self.log.clone(), self.key.clone(), question.to_owned());
        MaybeLater::later(async move {
            let task = log.task(key).await?;
            let open = task.filter(|task| !task.closed.contains(&question));
            Ok(open.and_then(|task| task.answers.get(&question).cloned()))
        })
    }

    fn close_question(&self, question: &str) -> MaybeLater<'static, Result<(), LogError>> {
        let (log, key, closed) =
            (self.log.clone(), self.key.clone(), What::Closed(question.to_owned()));
        MaybeLater::later(
            async move { log.step(Operation::Read, key, |_, _| ((), vec![closed])).await },
        )
    }

    fn instructions(&self, after: usize) -> MaybeLater<'static, Result<Vec<Json>, LogError>> {
        let (log, key) = (self.log.clone(), self.key.clone());
        MaybeLater::later(async move {
            let told = log.task(key).await?.map(|task| task.told);
            Ok(told.unwrap_or_default().get(after..).unwrap_or_default().to_vec())
        })
    }

    fn watch(&self) -> Boxed<'static, ()> {
        let log = self.log.clone();
        Box::pin(async move { log.changed().await })
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        drop(self.write(None));
    }
}

struct Ended(Option<oneshot::Receiver<Result<(), LogError>>>);

impl Finished for Ended {
    fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>> {
        self.0.take().map_or(MaybeLater::Now(Ok(())), answer)
    }

    fn forget(self: Box<Self>) {}
}

impl TaskQueue for FileLog {
    fn claim(
        &self,
        tools: &[&str],
        lease: Duration,
    ) -> MaybeLater<'static, Result<Option<Claimed>, LogError>> {
        let (log, tools): (_, Vec<String>) =
            (self.clone(), tools.iter().map(|tool| (*tool).to_owned()).collect());
        MaybeLater::later(async move {
            let free = {
                let mut store = log.0.store.lock().await;
                store.refresh().await?;
                let now = log.now();
                let mut free = store.tasks.iter().filter(|(_, task)| {
                    task.end().is_none() && task.until <= now && tools.contains(&task.tool_name)
                });
                free.next().map(|((owner, task_id), _)| TaskKey {
                    owner: Owner::new(owner.as_str()),
                    task_id: task_id.as_str().into(),
                })
            };
            let Some(key) = free else { return Ok(None) };
            let claim = |task: Option<&Task>, now| {
                let Some(task) = task.filter(|task| task.until <= now) else {
                    return (None, Vec::new());
                };
                let attempt = task.attempt + 1;
                let arguments = Value::Object(task.arguments.clone()).to_string();
                let claimed = Claimed {
                    key: key.clone(),
                    tool_name: task.tool_name.clone(),
                    arguments: Json::written(arguments),
                    attempt,
                };
                (Some(claimed), vec![What::Claimed { attempt, until: now + lease }])
            };
            log.step(Operation::Create, key.clone(), claim).await
        })
    }

    fn renew(
        &self,
        key: &TaskKey,
        attempt: u64,
        lease: Duration,
    ) -> MaybeLater<'static, Result<Renewed, LogError>> {
        let (log, key) = (self.clone(), key.clone());
        MaybeLater::later(async move {
            let renew = |task: Option<&Task>, now| match task {
                Some(task) if task.attempt == attempt && task.end().is_none() => {
                    let held = if task.is_stopping { Renewed::StopAsked } else { Renewed::Held };
                    (Ok(held), vec![What::Claimed { attempt, until: now + lease }])
                }
                _ => (Err(LogError::Lost), Vec::new()),
            };
            log.step(Operation::Append, key, renew).await?
        })
    }

    fn release(&self, key: &TaskKey, attempt: u64) -> MaybeLater<'static, Result<(), LogError>> {
        self.renew(key, attempt, Duration::ZERO).map(|renewed| renewed.map(drop))
    }

    fn store(
        &self,
        key: &TaskKey,
        attempt: u64,
        base: u64,
        events: Vec<Event>,
    ) -> MaybeLater<'static, Result<Stored, LogError>> {
        let (log, key) = (self.clone(), key.clone());
        MaybeLater::later(async move {
            log.store_events(Operation::Append, key, attempt, Some(base), events).await
        })
    }
}
