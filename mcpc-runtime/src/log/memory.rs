//! The task log of one process.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, Weak};
use std::time::SystemTime;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::retained::Retained;
use super::{
    Arguments, Boxed, CreateError, Cursor, Delivering, End, Ends, Known, LastSeen, List, Owner,
    Page, Said, Status, Stop, TaskInfo, TaskKey, TaskLog, TaskReader, TaskWriter,
};
use crate::sync::{Condvar, Mutex, MutexGuard, Notify};

/// Bounds of a [`MemoryLog`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many tasks may run at once.
    pub(crate) tasks: usize,
    /// How many bytes of events are kept per task; the oldest events go first. The newest event is
    /// always kept, whatever its size.
    pub(crate) bytes_per_task: usize,
    /// How many ended tasks are kept.
    pub(crate) ended_tasks: usize,
    /// How many bytes of events all ended tasks may have together.
    pub(crate) ended_bytes: usize,
}

/// Keeps the latest events of every running task, and of ended ones for a while, in memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    tasks: Mutex<Tasks>,
    /// Notified whenever the end of a task is delivered.
    delivered: Condvar,
    /// Notified whenever an owner has no task any more.
    idle: Notify,
}

#[derive(Debug)]
struct Tasks {
    /// Those whose writers are not dropped.
    running: HashMap<TaskKey, Arc<Record>>,
    /// How many of these have ended, and their ends are being delivered.
    delivering: usize,
    /// How many of these each owner has, if any.
    of_owner: HashMap<Owner, usize>,
    /// Those that have ended and are still readable.
    ended: Retained<Arc<Record>>,
    /// How many there ever were.
    count: u64,
    /// Owners whose tasks were all asked to stop; one that comes late is stopped at once.
    ending: HashSet<Owner>,
}

impl Tasks {
    fn insert(&mut self, key: TaskKey, record: Arc<Record>) {
        *self.of_owner.entry(key.owner).or_default() += 1;
        self.running.insert(key, record);
    }

    /// Takes a task out; returns whether its owner has no other.
    fn remove(&mut self, key: &TaskKey) -> bool {
        self.running.remove(key);
        let Entry::Occupied(mut count) = self.of_owner.entry(key.owner) else { return true };
        *count.get_mut() -= 1;
        let is_last = *count.get() == 0;
        if is_last {
            count.remove();
        }
        is_last
    }

    /// Those that run, and those that ended, the first to be forgotten first.
    fn known(&mut self, owner: Owner) -> (Vec<Named>, Vec<Named>) {
        let of_owner = |(key, record): (&TaskKey, &Arc<Record>)| {
            (key.owner == owner).then(|| (Arc::clone(&key.task_id), Arc::clone(record)))
        };
        let running = self.running.iter().filter_map(of_owner).collect();
        (running, self.ended.iter(Instant::now()).filter_map(of_owner).collect())
    }

    fn of(&self, owner: Owner) -> Vec<Arc<Record>> {
        let tasks = self.running.iter().filter(|(key, _)| key.owner == owner);
        tasks.map(|(_, record)| Arc::clone(record)).collect()
    }
}

/// A task and its id.
type Named = (Arc<str>, Arc<Record>);

/// One task.
struct Record {
    info: TaskInfo,
    /// Which one it is of all tasks.
    number: u64,
    created_at: SystemTime,
    /// The same, on the clock that is never set.
    created: Instant,
    /// What somebody who asks for news was shown.
    last_seen: Mutex<LastSeen>,
    events: Mutex<Events>,
    /// Notified on every new event; readers register before they look.
    changed: Notify,
    stop: CancellationToken,
    ends: OnceLock<Weak<dyn Ends>>,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("kept", &self.info).finish_non_exhaustive()
    }
}

impl Record {
    fn new(info: TaskInfo, number: u64) -> Self {
        let created = Instant::now();
        Self {
            info,
            number,
            created_at: SystemTime::now(),
            created,
            last_seen: Mutex::default(),
            events: Mutex::new(Events::new(created)),
            changed: Notify::new(),
            stop: CancellationToken::new(),
            ends: OnceLock::new(),
        }
    }

    fn is_twin_of(&self, other: &Self) -> bool {
        let (ours, theirs) = (&self.info, &other.info);
        ours.tool_name == theirs.tool_name
            && ours.arguments.are(&theirs.arguments)
            && !self.has_ended()
    }

    fn has_ended(&self) -> bool {
        lock(&self.events).is_closed()
    }

    fn status(&self) -> Status {
        let events = lock(&self.events);
        Status {
            created_at: self.created_at,
            changed_at: self.created_at + (events.changed_at() - self.created),
            age: self.created.elapsed(),
            latest: events.latest(),
            progress: events.progress().cloned(),
            end: events.end().cloned(),
            is_stopping: self.stop.is_cancelled(),
            retention: self.info.retention,
        }
    }
}

impl MemoryLog {
    pub(crate) fn new(limits: Limits) -> Self {
        let ended = Retained::new(limits.ended_tasks, limits.ended_bytes);
        let tasks = Tasks {
            running: HashMap::new(),
            delivering: 0,
            of_owner: HashMap::new(),
            ended,
            count: 0,
            ending: HashSet::new(),
        };
        let (delivered, idle) = (Condvar::new(), Notify::new());
        Self(Arc::new(Shared { limits, tasks: Mutex::new(tasks), delivered, idle }))
    }

    fn record(&self, key: &TaskKey) -> Option<Arc<Record>> {
        let mut tasks = self.0.tasks();
        let running = tasks.running.get(key).cloned();
        running.or_else(|| tasks.ended.get(key, Instant::now()).cloned())
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
    fn create(&self, key: TaskKey, info: TaskInfo) -> Result<Box<dyn TaskWriter>, CreateError> {
        let mut tasks = self.0.tasks();
        while let Some(same) = tasks.running.get(&key) {
            if !same.has_ended() {
                return Err(CreateError::Running);
            }
            // The client may have heard of that end, which is just being pushed.
            tasks = self.0.delivered.wait(tasks).unwrap_or_else(PoisonError::into_inner);
        }
        if tasks.running.len() - tasks.delivering >= self.0.limits.tasks {
            return Err(CreateError::Full { limit: self.0.limits.tasks });
        }
        tasks.count += 1;
        let record = Arc::new(Record::new(info, tasks.count));
        if tasks.ending.contains(&key.owner) {
            record.stop.cancel();
        }
        tasks.insert(key.clone(), Arc::clone(&record));
        Ok(Box::new(MemoryWriter { log: self.clone(), key, record, has_finished: false }))
    }

    fn list(&self, owner: Owner) -> List {
        /// Of more than these nobody looks for the one that was meant.
        const MOST: usize = 200;
        let (mut running, mut ended) = self.0.tasks().known(owner);
        let count = (running.len(), ended.len());
        running.sort_by_key(|(_, record)| record.number);
        ended.reverse();
        let tasks = running.into_iter().chain(ended).take(MOST).map(|(task_id, record)| {
            let (has_ended, reader) = (record.has_ended(), Box::new(MemoryReader(record)));
            Known { task_id, has_ended, reader }
        });
        List { running: count.0, ended: count.1, tasks: tasks.collect() }
    }

    fn twin(&self, key: &TaskKey) -> Option<Arc<str>> {
        /// A model does not run more at once, and looking takes its time.
        const MOST: usize = 100;
        let tasks = self.0.tasks();
        if tasks.of_owner.get(&key.owner).is_none_or(|count| *count > MOST) {
            return None;
        }
        let this = tasks.running.get(key)?;
        let twins = tasks.running.iter().filter(|(other, record)| {
            other.owner == key.owner && record.number < this.number && record.is_twin_of(this)
        });
        let oldest = twins.min_by_key(|(_, record)| record.number)?;
        Some(Arc::clone(&oldest.0.task_id))
    }

    fn reader(&self, key: &TaskKey) -> Option<Box<dyn TaskReader>> {
        self.record(key).map(|record| Box::new(MemoryReader(record)) as Box<dyn TaskReader>)
    }

    fn stop(&self, key: &TaskKey) -> Stop {
        match self.record(key) {
            None => Stop::Unknown,
            Some(record) if record.has_ended() => Stop::Ended,
            Some(record) => {
                record.stop.cancel();
                Stop::Asked
            }
        }
    }

    fn stop_all(&self, owner: Owner) {
        let records: Vec<_> = {
            let mut tasks = self.0.tasks();
            tasks.ending.insert(owner);
            tasks.ended.retain(|key| key.owner != owner);
            tasks.of(owner)
        };
        for record in records {
            record.stop.cancel();
        }
    }

    fn end_all(&self, owner: Owner) -> usize {
        let records = self.0.tasks().of(owner);
        let running = records.iter().filter(|record| !record.has_ended());
        let ended = running.filter_map(|record| record.ends.get()?.upgrade());
        ended.map(|task| task.end()).count()
    }

    fn running(&self, owner: Owner) -> usize {
        self.0.tasks().of_owner.get(&owner).copied().unwrap_or_default()
    }

    fn idle(&self, owner: Owner) -> Boxed<'_, ()> {
        Box::pin(async move {
            loop {
                let idle = self.0.idle.notified();
                if self.running(owner) == 0 {
                    return;
                }
                idle.await;
            }
        })
    }
}

struct MemoryReader(Arc<Record>);

impl TaskReader for MemoryReader {
    fn after(&self, seen: Cursor) -> Boxed<'_, Option<Page>> {
        Box::pin(async move {
            loop {
                let changed = self.0.changed.notified();
                let (page, closed) = {
                    let events = lock(&self.0.events);
                    (events.after(seen), events.is_closed())
                };
                if page.is_some() || closed {
                    return page;
                }
                changed.await;
            }
        })
    }

    fn status(&self) -> Boxed<'_, Status> {
        Box::pin(std::future::ready(self.0.status()))
    }

    fn tool_name(&self) -> &str {
        self.0.info.tool_name
    }

    fn arguments(&self) -> &Arguments {
        &self.0.info.arguments
    }

    fn last_seen(&self) -> LastSeen {
        *lock(&self.0.last_seen)
    }

    fn set_last_seen(&self, last_seen: LastSeen) {
        *lock(&self.0.last_seen) = last_seen;
    }
}

struct MemoryWriter {
    log: MemoryLog,
    key: TaskKey,
    record: Arc<Record>,
    has_finished: bool,
}

impl TaskWriter for MemoryWriter {
    fn append(&self, said: Said) {
        let limit = self.log.0.limits.bytes_per_task;
        lock(&self.record.events).push(said, limit, Instant::now());
        self.record.changed.notify_waiters();
    }

    fn finish(mut self: Box<Self>, end: End) -> Delivering {
        {
            let mut tasks = self.log.0.tasks();
            lock(&self.record.events).end_with(end, Instant::now());
            tasks.delivering += 1;
        }
        self.has_finished = true;
        self.record.changed.notify_waiters();
        Delivering::until_dropped(self)
    }

    fn ended_by(&self, task: Weak<dyn Ends>) {
        let _is_first = self.record.ends.set(task);
    }

    fn stopped(&self) -> &CancellationToken {
        &self.record.stop
    }
}

impl Drop for MemoryWriter {
    fn drop(&mut self) {
        let shared = &*self.log.0;
        if !self.has_finished {
            lock(&self.record.events).close();
            self.record.changed.notify_waiters();
        }
        // Counting takes its time where a tool wrote its reply itself, and everybody needs the lock of the tasks.
        let bytes = if self.has_finished { lock(&self.record.events).bytes() } else { 0 };
        let is_idle = {
            let mut tasks = shared.tasks();
            if self.has_finished {
                tasks.delivering -= 1;
                if !tasks.ending.contains(&self.key.owner) {
                    let now = Instant::now();
                    let until = now + self.record.info.retention;
                    tasks.ended.insert(
                        self.key.clone(),
                        Arc::clone(&self.record),
                        bytes,
                        until,
                        now,
                    );
                }
            }
            tasks.remove(&self.key)
        };
        shared.delivered.notify_all();
        if is_idle {
            shared.idle.notify_waiters();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::EndKind;
    use crate::message::Json;

    const LIMITS: Limits =
        Limits { tasks: 2, bytes_per_task: 1 << 10, ended_tasks: 2, ended_bytes: 1 << 20 };

    fn info() -> TaskInfo {
        TaskInfo::of("tool", Duration::from_secs(60))
    }

    fn key(owner: u64, task_id: &str) -> TaskKey {
        TaskKey { owner: Owner(owner), task_id: task_id.into() }
    }

    fn end(text: &str) -> End {
        End::new(EndKind::Complete, Json::text(text))
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_the_next_event() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let writer = log.create(key.clone(), info()).expect("there is room");
        let later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(writer.finish(end("end")));
        };
        let reader = log.reader(&key).expect("known");
        let (page, ()) = tokio::join!(reader.after(Cursor::START), later);
        let page = page.expect("open");
        assert_eq!((&*page.said, page.end.as_deref()), (&[][..], Some(&end("end"))));
        let again = reader.after(Cursor::START).await.expect("still readable");
        assert_eq!(again.end, page.end);
        assert!(reader.after(page.next).await.is_none(), "and nothing more will come");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_task_is_readable_for_its_retention() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let writer = log.create(key.clone(), info()).expect("there is room");
        drop(writer.finish(end("end")));
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(log.stop(&key), Stop::Ended);
        assert_eq!(log.reader(&key).expect("readable").tool_name(), "tool");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(log.stop(&key), Stop::Unknown);
        assert!(log.reader(&key).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_says_where_it_stands() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let writer = log.create(key.clone(), info()).expect("there is room");
        let reader = log.reader(&key).expect("known");
        let status = reader.status().await;
        assert_eq!(status.changed_at, status.created_at);
        tokio::time::advance(Duration::from_secs(3)).await;
        writer.append(Said::Update(Json::text("said")));
        tokio::time::advance(Duration::from_secs(1)).await;
        let status = reader.status().await;
        let Status { created_at, changed_at, age, latest, progress, end, .. } = status;
        assert_eq!(age, Duration::from_secs(4));
        assert_eq!(changed_at, created_at + Duration::from_secs(3));
        assert_eq!(latest, Some(Said::Update(Json::text("said"))));
        assert_eq!((progress, end, status.is_stopping), (None, None, false));
        assert!(log.stop(&key) == Stop::Asked && reader.status().await.is_stopping);
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_is_idle_when_what_its_tasks_said_is_delivered() {
        let log = MemoryLog::new(Limits { tasks: 1, ..LIMITS });
        let writer = log.create(key(1, "a"), info()).expect("there is room");
        let delivering = writer.finish(end("end"));
        assert!(log.create(key(1, "b"), info()).is_ok(), "it counts no more");
        let idle = tokio::time::timeout(Duration::from_secs(60), log.idle(Owner(1)));
        assert!(idle.await.is_err(), "and yet its end is not delivered");
        drop(delivering);
        log.idle(Owner(1)).await;
    }

    #[test]
    fn ended_tasks_have_a_bound_of_bytes() {
        let log = MemoryLog::new(Limits { tasks: 9, ended_tasks: 9, ended_bytes: 2_500, ..LIMITS });
        for task_id in ["a", "b", "c"] {
            let writer = log.create(key(1, task_id), info()).expect("there is room");
            drop(writer.finish(end(&"x".repeat(1_000))));
        }
        let is_known = |task_id| log.reader(&key(1, task_id)).is_some();
        assert_eq!(["a", "b", "c"].map(is_known), [false, true, true]);
    }

    /// A client that heard of the end may take the id again, although the thread that says so is not done.
    #[test]
    fn an_id_whose_end_is_being_delivered_is_waited_for() {
        let log = MemoryLog::new(LIMITS);
        let writer = log.create(key(1, "a"), info()).expect("there is room");
        let delivering = writer.finish(end("end"));
        let delivers = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            drop(delivering);
        });
        assert!(log.create(key(1, "a"), info()).is_ok());
        delivers.join().expect("no panic");
    }

    #[test]
    fn a_task_without_an_end_is_forgotten_at_once() {
        let log = MemoryLog::new(LIMITS);
        drop(log.create(key(1, "a"), info()).expect("there is room"));
        assert!(log.reader(&key(1, "a")).is_none());
    }

    #[test]
    fn an_owner_that_leaves_takes_its_tasks_along() {
        let log = MemoryLog::new(LIMITS);
        let (before, after) = (key(1, "before"), key(1, "after"));
        let end_it = |writer: Box<dyn TaskWriter>| drop(writer.finish(end("end")));
        end_it(log.create(before.clone(), info()).expect("there is room"));
        let writer = log.create(after.clone(), info()).expect("there is room");
        log.stop_all(Owner(1));
        assert!(writer.stopped().is_cancelled());
        let late = log.create(key(1, "late"), info()).expect("there is room");
        assert!(late.stopped().is_cancelled(), "its call was read before");
        end_it(writer);
        assert!(log.reader(&before).is_none() && log.reader(&after).is_none());
    }

    #[test]
    fn an_id_is_taken_once_per_owner_until_it_is_forgotten() {
        let log = MemoryLog::new(LIMITS);
        let first = log.create(key(1, "a"), info()).expect("free");
        assert_eq!(log.create(key(1, "a"), info()).err(), Some(CreateError::Running));
        let _second = log.create(key(2, "a"), info()).expect("another owner's id");
        assert_eq!(log.create(key(3, "a"), info()).err(), Some(CreateError::Full { limit: 2 }));
        drop(first);
        assert!(log.create(key(1, "a"), info()).is_ok());
        assert_eq!(log.stop(&key(1, "a")), Stop::Unknown, "it was forgotten at once");
        assert_eq!(log.stop(&key(2, "a")), Stop::Asked);
    }
}
