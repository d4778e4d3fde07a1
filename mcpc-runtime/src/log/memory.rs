//! The task log of one process.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::retained::Retained;
use super::{
    Answered, Arguments, Boxed, CreateError, Cursor, End, Finished, Json, Known, LastSeen, List,
    LogError, MaybeLater, Owner, Read, Said, Status, Stop, TaskInfo, TaskKey, TaskLog, TaskReader,
    TaskWriter, Told,
};
use crate::sync::{Condvar, Mutex, MutexGuard, Notify};

/// Bounds of a [`MemoryLog`].
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many bytes of events are kept per task; the oldest events go first. The newest event is
    /// always kept, whatever its size.
    pub bytes_per_task: usize,
    /// How many ended tasks are kept.
    pub ended_tasks: usize,
    /// How many bytes of events all ended tasks may have together.
    pub ended_bytes: usize,
}

/// Keeps the latest events of every running task, and of ended ones for a while, in memory.
#[derive(Clone, Debug)]
pub struct MemoryLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    tasks: Mutex<Tasks>,
    /// Notified whenever the end of a task is delivered.
    delivered: Condvar,
}

#[derive(Debug)]
struct Tasks {
    /// Those whose writers are not dropped, by their owners, each of which has one.
    running: HashMap<Owner, HashMap<Arc<str>, Arc<Record>>>,
    /// Those that have ended and are still readable.
    ended: Retained<Arc<Record>>,
    /// How many there ever were.
    count: u64,
}

impl Tasks {
    fn running(&self, key: &TaskKey) -> Option<&Arc<Record>> {
        self.running.get(&key.owner)?.get(&key.task_id)
    }

    fn insert(&mut self, key: TaskKey, record: Arc<Record>) {
        self.running.entry(key.owner).or_default().insert(key.task_id, record);
    }

    fn remove(&mut self, key: &TaskKey) {
        let Some(of_owner) = self.running.get_mut(&key.owner) else { return };
        of_owner.remove(&key.task_id);
        if of_owner.is_empty() {
            self.running.remove(&key.owner);
        }
    }

    /// Those that run, the oldest first, and those that ended, the last to be forgotten first.
    fn known(&mut self, owner: &Owner) -> (Vec<Named>, Vec<Named>) {
        let named = |(task_id, record): (&Arc<str>, &Arc<Record>)| {
            (Arc::clone(task_id), Arc::clone(record))
        };
        let running = self.running.get(owner).into_iter().flatten();
        let mut running: Vec<Named> = running.map(named).collect();
        running.sort_by_key(|(_, record)| record.number);
        let ended = self.ended.of(owner, Instant::now());
        (running, ended.into_iter().map(named).collect())
    }
}

/// A task and its id.
type Named = (Arc<str>, Arc<Record>);

/// What its owner is shown of a task in a list.
fn shown((task_id, record): Named) -> Known {
    Known {
        task_id,
        tool_name: Arc::clone(&record.tool_name),
        arguments: record.arguments.clone(),
        status: record.status(false),
    }
}

/// One task.
struct Record {
    tool_name: Arc<str>,
    /// What the tool was called with.
    arguments: Arguments,
    /// How long the task stays readable after its end.
    retention: Duration,
    /// Which one it is of all tasks.
    number: u64,
    created_at: SystemTime,
    /// The same, on the clock that is never set.
    created: Instant,
    /// What somebody who asks for news was shown.
    last_seen: Mutex<LastSeen>,
    events: Mutex<Events>,
    /// Notified on every new event; readers register before they look.
    changed: Arc<Notify>,
    stop: CancellationToken,
    /// Whether that was asked for before its end.
    was_stopped: AtomicBool,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("tool", &self.tool_name).finish_non_exhaustive()
    }
}

impl Record {
    fn new(info: TaskInfo<'_>, number: u64) -> Self {
        let created = Instant::now();
        Self {
            tool_name: Arc::clone(info.tool_name),
            arguments: Arguments::new(info.arguments),
            retention: info.retention,
            number,
            created_at: SystemTime::now(),
            created,
            last_seen: Mutex::default(),
            events: Mutex::new(Events::new(created)),
            changed: Arc::new(Notify::new()),
            stop: CancellationToken::new(),
            was_stopped: AtomicBool::new(false),
        }
    }

    fn has_ended(&self) -> bool {
        lock(&self.events).is_closed()
    }

    /// Asks the task to stop; `false` if it has ended.
    fn ask_to_stop(&self) -> bool {
        let is_asked = {
            // Its end is logged before this or after it.
            let events = lock(&self.events);
            let is_asked = !events.is_closed();
            self.was_stopped.fetch_or(is_asked, Ordering::Relaxed);
            is_asked
        };
        if is_asked {
            self.stop.cancel();
        }
        is_asked
    }

    /// Where the task stands, with what it said last or without.
    fn status(&self, with_latest: bool) -> Status {
        let events = lock(&self.events);
        Status {
            created_at: self.created_at,
            changed_at: self.created_at + (events.changed_at() - self.created),
            age: self.created.elapsed(),
            latest: if with_latest { events.latest() } else { None },
            progress: events.progress().cloned(),
            questions: events.open_questions(),
            end: events.end().cloned(),
            is_stopping: self.stop.is_cancelled() && !events.is_closed(),
            was_stopped: self.was_stopped.load(Ordering::Relaxed),
            retention: self.retention,
        }
    }

    fn changed(&self) -> Boxed<'_, ()> {
        Box::pin(self.changed.notified())
    }
}

impl MemoryLog {
    /// An empty log.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        let ended = Retained::new(limits.ended_tasks, limits.ended_bytes);
        let tasks = Mutex::new(Tasks { running: HashMap::new(), ended, count: 0 });
        Self(Arc::new(Shared { limits, tasks, delivered: Condvar::new() }))
    }

    fn record(&self, key: &TaskKey) -> Option<Arc<Record>> {
        let mut tasks = self.0.tasks();
        let running = tasks.running(key).cloned();
        running.or_else(|| tasks.ended.get(key, Instant::now()).cloned())
    }

    /// Changes the events of a task that runs.
    fn change<T>(&self, key: &TaskKey, change: impl FnOnce(&mut Events) -> T) -> Option<T> {
        let record = self.record(key)?;
        let changed = {
            let mut events = lock(&record.events);
            (!events.is_closed()).then(|| change(&mut events))
        };
        record.changed.notify_waiters();
        changed
    }

    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        let tasks = self.0.tasks();
        tasks.running.is_empty() && tasks.ended.is_empty()
    }
}

impl Shared {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        lock(&self.tasks)
    }
}

/// Locks a mutex whose data no panic can leave half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TaskLog for MemoryLog {
    fn create(
        &self,
        key: TaskKey,
        info: TaskInfo<'_>,
    ) -> MaybeLater<'static, Result<Box<dyn TaskWriter>, CreateError>> {
        let mut tasks = self.0.tasks();
        while let Some(same) = tasks.running(&key) {
            if !same.has_ended() {
                return MaybeLater::Now(Err(CreateError::Running));
            }
            // The client may have heard of that end, which is just being pushed.
            tasks = self.0.delivered.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
        tasks.count += 1;
        let record = Arc::new(Record::new(info, tasks.count));
        tasks.insert(key.clone(), Arc::clone(&record));
        let writer = MemoryWriter { log: self.clone(), key, record, state: State::Running };
        MaybeLater::Now(Ok(Box::new(writer)))
    }

    fn list(&self, owner: &Owner) -> MaybeLater<'static, Result<List, LogError>> {
        /// Of more than these nobody looks for the one that was meant.
        const MOST: usize = 200;
        let (running, ended) = self.0.tasks().known(owner);
        let count = (running.len(), ended.len());
        let tasks = running.into_iter().chain(ended).take(MOST).map(shown);
        MaybeLater::Now(Ok(List { running: count.0, ended: count.1, tasks: tasks.collect() }))
    }

    fn list_after(
        &self,
        owner: &Owner,
        after: u64,
        most: usize,
    ) -> MaybeLater<'static, Result<Vec<(u64, Known)>, LogError>> {
        let (running, ended) = self.0.tasks().known(owner);
        let mut named: Vec<Named> = running.into_iter().chain(ended).collect();
        named.retain(|(_, record)| record.number > after);
        named.sort_by_key(|(_, record)| record.number);
        let known = named.into_iter().take(most).map(|named| (named.1.number, shown(named)));
        MaybeLater::Now(Ok(known.collect()))
    }

    fn reader(
        &self,
        key: &TaskKey,
    ) -> MaybeLater<'static, Result<Option<Box<dyn TaskReader>>, LogError>> {
        let record = self.record(key);
        let reader = record.map(|record| Box::new(MemoryReader(record)) as Box<dyn TaskReader>);
        MaybeLater::Now(Ok(reader))
    }

    fn stop(&self, key: &TaskKey) -> MaybeLater<'static, Result<Stop, LogError>> {
        MaybeLater::Now(Ok(match self.record(key) {
            None => Stop::Unknown,
            Some(record) if !record.ask_to_stop() => Stop::Ended,
            Some(_) => Stop::Asked,
        }))
    }

    fn answer(
        &self,
        key: &TaskKey,
        question: &str,
        value: Json,
    ) -> MaybeLater<'static, Result<Answered, LogError>> {
        let answered = self.change(key, |events| events.answer(question, value, Instant::now()));
        MaybeLater::Now(Ok(answered.unwrap_or(Answered::Unknown)))
    }

    fn tell(&self, key: &TaskKey, value: Json) -> MaybeLater<'static, Result<Told, LogError>> {
        let told = self.change(key, |events| events.tell(value));
        MaybeLater::Now(Ok(told.unwrap_or(Told::Unknown)))
    }

    fn forget(&self, owner: &Owner) {
        self.0.tasks().ended.forget(owner);
    }

    fn is_in_memory(&self) -> bool {
        true
    }
}

struct MemoryReader(Arc<Record>);

impl TaskReader for MemoryReader {
    fn read(&self, after: Cursor) -> MaybeLater<'_, Result<Read, LogError>> {
        let events = lock(&self.0.events);
        MaybeLater::Now(Ok(match events.after(after) {
            Some(page) => Read::Page(page),
            None if events.is_closed() => Read::Closed,
            None => Read::Nothing,
        }))
    }

    fn watch(&self) -> Boxed<'_, ()> {
        self.0.changed()
    }

    fn status(&self) -> MaybeLater<'_, Result<Status, LogError>> {
        MaybeLater::Now(Ok(self.0.status(true)))
    }

    fn tool_name(&self) -> &str {
        &self.0.tool_name
    }

    fn last_seen(&self) -> MaybeLater<'_, Result<LastSeen, LogError>> {
        MaybeLater::Now(Ok(*lock(&self.0.last_seen)))
    }

    fn set_last_seen(&self, last_seen: LastSeen) -> MaybeLater<'_, Result<(), LogError>> {
        *lock(&self.0.last_seen) = last_seen;
        MaybeLater::Now(Ok(()))
    }
}

/// A task's writer, and after its end what is yet to be delivered: one allocation for both.
struct MemoryWriter {
    log: MemoryLog,
    key: TaskKey,
    record: Arc<Record>,
    state: State,
}

/// What becomes of the task when its writer is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It is forgotten: it has no end.
    Running,
    /// It is kept for its retention.
    Ended,
    /// It is forgotten: it has ended, and nobody will ask for it.
    Forgotten,
}

impl TaskWriter for MemoryWriter {
    fn append(&self, said: Said) -> MaybeLater<'static, Result<(), LogError>> {
        let limit = self.log.0.limits.bytes_per_task;
        lock(&self.record.events).push(said, limit, Instant::now());
        self.record.changed.notify_waiters();
        MaybeLater::Now(Ok(()))
    }

    fn finish(mut self: Box<Self>, end: End) -> Box<dyn Finished> {
        lock(&self.record.events).end_with(end, Instant::now());
        self.state = State::Ended;
        self.record.changed.notify_waiters();
        self
    }

    fn stopped(&self) -> &CancellationToken {
        &self.record.stop
    }

    fn answer_to(&self, question: &str) -> MaybeLater<'static, Result<Option<Json>, LogError>> {
        let events = lock(&self.record.events);
        let answer = events.dialogue().and_then(|dialogue| dialogue.answer_to(question));
        MaybeLater::Now(Ok(answer))
    }

    fn close_question(&self, question: &str) -> MaybeLater<'static, Result<(), LogError>> {
        lock(&self.record.events).close_question(question, Instant::now());
        self.record.changed.notify_waiters();
        MaybeLater::Now(Ok(()))
    }

    fn instructions(&self, after: usize) -> MaybeLater<'static, Result<Vec<Json>, LogError>> {
        MaybeLater::Now(Ok(lock(&self.record.events).instructions(after)))
    }

    fn watch(&self) -> Boxed<'static, ()> {
        Box::pin(Arc::clone(&self.record.changed).notified_owned())
    }
}

impl Finished for MemoryWriter {
    fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>> {
        MaybeLater::Now(Ok(()))
    }

    fn forget(mut self: Box<Self>) {
        self.state = State::Forgotten;
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        let shared = &*self.log.0;
        // Counting takes its time where a tool wrote its reply itself, and everybody needs the lock of the tasks.
        let bytes = match self.state {
            State::Running => {
                lock(&self.record.events).close();
                self.record.changed.notify_waiters();
                0
            }
            State::Ended => lock(&self.record.events).bytes(),
            State::Forgotten => 0,
        };
        {
            let mut tasks = shared.tasks();
            if self.state == State::Ended {
                let now = Instant::now();
                let (key, record) = (self.key.clone(), Arc::clone(&self.record));
                tasks.ended.insert(key, record, bytes, now + self.record.retention, now);
            }
            tasks.remove(&self.key);
        }
        shared.delivered.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonObject;

    use super::*;
    use crate::log::EndKind;

    const LIMITS: Limits = Limits { bytes_per_task: 1 << 10, ended_tasks: 2, ended_bytes: 1 << 20 };

    fn create(log: &MemoryLog, key: &TaskKey) -> Result<Box<dyn TaskWriter>, CreateError> {
        let (arguments, retention) = (&JsonObject::new(), Duration::from_secs(60));
        let info = TaskInfo { tool_name: &"tool".into(), session_id: "s", arguments, retention };
        now(log.create(key.clone(), info))
    }

    fn now<T>(answer: MaybeLater<'_, T>) -> T {
        match answer {
            MaybeLater::Now(answer) => answer,
            MaybeLater::Later(_) => panic!("it answers at once"),
        }
    }

    fn is_known(log: &MemoryLog, key: &TaskKey) -> bool {
        now(log.reader(key)).expect("it cannot fail").is_some()
    }

    fn key(owner: &str, task_id: &str) -> TaskKey {
        TaskKey { owner: Owner::new(owner), task_id: task_id.into() }
    }

    fn end(text: &str) -> End {
        End::new(EndKind::Complete, Json::text(text))
    }

    #[test]
    fn ended_tasks_have_a_bound_of_bytes() {
        let log = MemoryLog::new(Limits { ended_tasks: 9, ended_bytes: 2_500, ..LIMITS });
        for task_id in ["a", "b", "c"] {
            let writer = create(&log, &key("1", task_id)).expect("it is free");
            drop(writer.finish(end(&"x".repeat(1_000))));
        }
        let is_known = |task_id| is_known(&log, &key("1", task_id));
        assert_eq!(["a", "b", "c"].map(is_known), [false, true, true]);
    }

    /// A client that heard of the end may take the id again, although the thread that says so is not done.
    #[test]
    fn an_id_whose_end_is_being_delivered_is_waited_for() {
        let log = MemoryLog::new(LIMITS);
        let writer = create(&log, &key("1", "a")).expect("it is free");
        let delivering = writer.finish(end("end"));
        let delivers = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(delivering);
        });
        assert!(create(&log, &key("1", "a")).is_ok());
        delivers.join().expect("no panic");
    }

    #[test]
    fn a_task_without_an_end_is_forgotten_at_once() {
        let log = MemoryLog::new(LIMITS);
        drop(create(&log, &key("1", "a")).expect("it is free"));
        assert!(log.is_empty());
    }

    #[test]
    fn of_an_owner_that_is_gone_nothing_is_kept() {
        let log = MemoryLog::new(LIMITS);
        let other = key("other", "t");
        drop(create(&log, &other).expect("it is free").finish(end("end")));
        for number in 0..1_000 {
            let owner = number.to_string();
            let (before, after) = (key(&owner, "before"), key(&owner, "after"));
            drop(create(&log, &before).expect("it is free").finish(end("end")));
            let writer = create(&log, &after).expect("it is free");
            log.forget(&before.owner);
            assert!(!is_known(&log, &before) && is_known(&log, &after));
            writer.finish(end("end")).forget();
            assert!(!is_known(&log, &after));
        }
        assert!(is_known(&log, &other) && !log.is_empty());
        log.forget(&other.owner);
        assert!(log.is_empty());
    }
}
