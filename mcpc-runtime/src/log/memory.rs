//! The task log of one process.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, PoisonError};
use std::time::SystemTime;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::events::Events;
use super::retained::Retained;
use super::{
    Boxed, CreateError, Cursor, Event, Front, Kept, Key, Owner, Page, Reader, Shown, Standing,
    Stop, Worker,
};
use crate::sync::{Mutex, MutexGuard, Notify};

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
    /// Notified whenever a task ends.
    ended: Notify,
}

#[derive(Debug)]
struct Tasks {
    running: HashMap<Key, Arc<Record>>,
    /// How many tasks of an owner have ended whose workers are still there.
    finishing: HashMap<Owner, usize>,
    /// Those that have ended and are still readable.
    ended: Retained<Arc<Record>>,
    /// Owners whose tasks were all asked to stop; one that comes late is stopped at once.
    ending: HashSet<Owner>,
}

impl Tasks {
    fn are_over(&self, owner: Owner) -> bool {
        !self.finishing.contains_key(&owner) && !self.running.keys().any(|key| key.owner == owner)
    }
}

/// One task.
#[derive(Debug)]
struct Record {
    kept: Kept,
    created_at: SystemTime,
    /// The same, on the clock that is never set.
    created: Instant,
    /// What somebody who asks for news was shown.
    shown: Mutex<Shown>,
    events: Mutex<Events>,
    /// Notified on every new event; readers register before they look.
    changed: Notify,
    stop: CancellationToken,
}

impl Record {
    fn new(kept: Kept) -> Self {
        let created = Instant::now();
        Self {
            kept,
            created_at: SystemTime::now(),
            created,
            shown: Mutex::default(),
            events: Mutex::new(Events::new(created)),
            changed: Notify::new(),
            stop: CancellationToken::new(),
        }
    }

    fn standing(&self) -> Standing {
        let events = lock(&self.events);
        Standing {
            created_at: self.created_at,
            changed_at: self.created_at + (events.changed_at() - self.created),
            age: self.created.elapsed(),
            latest: events.latest(),
            progress: events.progress().cloned(),
            end: events.end().cloned(),
            is_stopping: self.stop.is_cancelled(),
            retention: self.kept.retention,
        }
    }
}

impl MemoryLog {
    pub(crate) fn new(limits: Limits) -> Self {
        let ended = Retained::new(limits.ended_tasks, limits.ended_bytes);
        let tasks = Tasks {
            running: HashMap::new(),
            finishing: HashMap::new(),
            ended,
            ending: HashSet::new(),
        };
        Self(Arc::new(Shared { limits, tasks: Mutex::new(tasks), ended: Notify::new() }))
    }

    fn record(&self, key: &Key) -> Option<Arc<Record>> {
        let mut tasks = self.0.tasks();
        let running = tasks.running.get(key).cloned();
        running.or_else(|| tasks.ended.get(key, Instant::now()).cloned())
    }
}

impl Shared {
    /// Takes a task that finished from among the running ones, and keeps it for its retention.
    fn finish(&self, key: &Key, record: &Arc<Record>, bytes: usize) {
        let mut tasks = self.tasks();
        tasks.running.remove(key);
        *tasks.finishing.entry(key.owner).or_default() += 1;
        if !tasks.ending.contains(&key.owner) {
            let now = Instant::now();
            let until = now + record.kept.retention;
            tasks.ended.insert(key.clone(), Arc::clone(record), bytes, until, now);
        }
    }

    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        lock(&self.tasks)
    }
}

/// Locks a mutex whose data no panic can leave half-changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Front for MemoryLog {
    fn create(&self, key: Key, kept: Kept) -> Result<Box<dyn Worker>, CreateError> {
        let mut tasks = self.0.tasks();
        let running = tasks.running.len();
        let is_late = tasks.ending.contains(&key.owner);
        match tasks.running.entry(key.clone()) {
            Entry::Occupied(_) => Err(CreateError::Running),
            Entry::Vacant(_) if running >= self.0.limits.tasks => {
                Err(CreateError::Full { limit: self.0.limits.tasks })
            }
            Entry::Vacant(vacant) => {
                let record = Arc::new(Record::new(kept));
                if is_late {
                    record.stop.cancel();
                }
                vacant.insert(Arc::clone(&record));
                Ok(Box::new(MemoryWorker { log: self.clone(), key, record, has_finished: false }))
            }
        }
    }

    fn reader(&self, key: &Key) -> Option<Box<dyn Reader>> {
        self.record(key).map(|record| Box::new(MemoryReader(record)) as Box<dyn Reader>)
    }

    fn stop(&self, key: &Key) -> Stop {
        match self.record(key) {
            None => Stop::Unknown,
            Some(record) if lock(&record.events).is_closed() => Stop::Ended,
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
            let running = tasks.running.iter().filter(|(key, _)| key.owner == owner);
            running.map(|(_, record)| record.clone()).collect()
        };
        for record in records {
            record.stop.cancel();
        }
    }

    fn idle(&self, owner: Owner) -> Boxed<'_, ()> {
        Box::pin(async move {
            loop {
                let ended = self.0.ended.notified();
                if self.0.tasks().are_over(owner) {
                    return;
                }
                ended.await;
            }
        })
    }
}

struct MemoryReader(Arc<Record>);

impl Reader for MemoryReader {
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

    fn standing(&self) -> Boxed<'_, Standing> {
        Box::pin(std::future::ready(self.0.standing()))
    }

    fn tool_name(&self) -> &str {
        self.0.kept.tool_name
    }

    fn shown(&self) -> Shown {
        *lock(&self.0.shown)
    }

    fn show(&self, shown: Shown) {
        *lock(&self.0.shown) = shown;
    }
}

struct MemoryWorker {
    log: MemoryLog,
    key: Key,
    record: Arc<Record>,
    has_finished: bool,
}

impl Worker for MemoryWorker {
    fn append(&self, event: Event) {
        let limit = self.log.0.limits.bytes_per_task;
        lock(&self.record.events).push(event, limit, Instant::now());
        self.record.changed.notify_waiters();
    }

    fn finish(&mut self, event: Event) {
        let bytes = {
            let mut events = lock(&self.record.events);
            events.push(event, self.log.0.limits.bytes_per_task, Instant::now());
            events.close();
            events.bytes()
        };
        self.has_finished = true;
        self.log.0.finish(&self.key, &self.record, bytes);
        self.record.changed.notify_waiters();
    }

    fn stopped(&self) -> &CancellationToken {
        &self.record.stop
    }
}

impl Drop for MemoryWorker {
    fn drop(&mut self) {
        if self.has_finished {
            let mut tasks = self.log.0.tasks();
            if let Entry::Occupied(mut finishing) = tasks.finishing.entry(self.key.owner) {
                *finishing.get_mut() -= 1;
                if *finishing.get() == 0 {
                    finishing.remove();
                }
            }
        } else {
            lock(&self.record.events).close();
            self.log.0.tasks().running.remove(&self.key);
            self.record.changed.notify_waiters();
        }
        self.log.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::log::EventKind;
    use crate::message::Json;

    const LIMITS: Limits =
        Limits { tasks: 2, bytes_per_task: 1 << 10, ended_tasks: 2, ended_bytes: 1 << 20 };

    const KEPT: Kept = Kept { tool_name: "tool", retention: Duration::from_secs(60) };

    fn key(owner: u64, task_id: &str) -> Key {
        Key { owner: Owner(owner), task_id: task_id.into() }
    }

    fn end(text: &str) -> Event {
        Event { kind: EventKind::Complete, result: Json::text(text), content: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_the_next_event() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let mut worker = log.create(key.clone(), KEPT).expect("there is room");
        let later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            worker.finish(end("end"));
        };
        let reader = log.reader(&key).expect("known");
        let (page, ()) = tokio::join!(reader.after(Cursor::START), later);
        let page = page.expect("open");
        assert_eq!(page.events, [end("end")]);
        let again = reader.after(Cursor::START).await.expect("still readable");
        assert_eq!(again.events, page.events);
        assert!(reader.after(page.next).await.is_none(), "and nothing more will come");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_task_is_readable_for_its_retention() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let mut worker = log.create(key.clone(), KEPT).expect("there is room");
        worker.finish(end("end"));
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
        let worker = log.create(key.clone(), KEPT).expect("there is room");
        let reader = log.reader(&key).expect("known");
        let standing = reader.standing().await;
        assert_eq!(standing.changed_at, standing.created_at);
        tokio::time::advance(Duration::from_secs(3)).await;
        worker.append(Event::update(Json::text("said")));
        tokio::time::advance(Duration::from_secs(1)).await;
        let standing = reader.standing().await;
        let Standing { created_at, changed_at, age, latest, progress, end, .. } = standing;
        assert_eq!(age, Duration::from_secs(4));
        assert_eq!(changed_at, created_at + Duration::from_secs(3));
        assert_eq!(latest, Some(Event::update(Json::text("said"))));
        assert_eq!((progress, end, standing.is_stopping), (None, None, false));
        assert!(log.stop(&key) == Stop::Asked && reader.standing().await.is_stopping);
    }

    #[tokio::test(start_paused = true)]
    async fn an_owner_is_idle_when_what_its_tasks_said_is_delivered() {
        let log = MemoryLog::new(LIMITS);
        let mut worker = log.create(key(1, "a"), KEPT).expect("there is room");
        worker.finish(end("end"));
        assert!(log.create(key(1, "a"), KEPT).is_ok(), "its id is free");
        let idle = tokio::time::timeout(Duration::from_secs(60), log.idle(Owner(1)));
        assert!(idle.await.is_err(), "and yet its end is not delivered");
        drop(worker);
        log.idle(Owner(1)).await;
    }

    #[test]
    fn a_task_without_an_end_is_forgotten_at_once() {
        let log = MemoryLog::new(LIMITS);
        drop(log.create(key(1, "a"), KEPT).expect("there is room"));
        assert!(log.reader(&key(1, "a")).is_none());
    }

    #[test]
    fn an_owner_that_leaves_takes_its_tasks_along() {
        let log = MemoryLog::new(LIMITS);
        let (before, after) = (key(1, "before"), key(1, "after"));
        let end_it = |mut worker: Box<dyn Worker>| worker.finish(end("end"));
        end_it(log.create(before.clone(), KEPT).expect("there is room"));
        let worker = log.create(after.clone(), KEPT).expect("there is room");
        log.stop_all(Owner(1));
        assert!(worker.stopped().is_cancelled());
        end_it(worker);
        assert!(log.reader(&before).is_none() && log.reader(&after).is_none());
    }

    #[test]
    fn an_id_is_taken_once_per_owner_until_it_is_forgotten() {
        let log = MemoryLog::new(LIMITS);
        let first = log.create(key(1, "a"), KEPT).expect("free");
        assert_eq!(log.create(key(1, "a"), KEPT).err(), Some(CreateError::Running));
        let _second = log.create(key(2, "a"), KEPT).expect("another owner's id");
        assert_eq!(log.create(key(3, "a"), KEPT).err(), Some(CreateError::Full { limit: 2 }));
        drop(first);
        assert!(log.create(key(1, "a"), KEPT).is_ok());
        assert_eq!(log.stop(&key(1, "a")), Stop::Unknown, "it was forgotten at once");
        assert_eq!(log.stop(&key(2, "a")), Stop::Asked);
    }
}
