//! The task log of one process.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::retained::Retained;
use super::{Boxed, CreateError, Event, Front, Kept, Key, Owner, Page, Reader, Stop, Worker};

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
    /// Those that have ended and are still readable.
    ended: Retained<Arc<Record>>,
    /// Owners whose tasks were all asked to stop; one that comes late is stopped at once.
    ending: HashSet<Owner>,
}

/// One task.
#[derive(Debug)]
struct Record {
    kept: Kept,
    /// The number of the last event that somebody who asks for news was shown.
    shown: AtomicU64,
    events: Mutex<Events>,
    /// Notified on every new event; readers register before they look.
    changed: Notify,
    stop: CancellationToken,
}

#[derive(Debug, Default)]
struct Events {
    kept: VecDeque<Event>,
    /// The number of the first event that is kept, less one: how many were dropped.
    dropped: u64,
    bytes: usize,
    /// Nothing will be added any more.
    closed: bool,
}

/// About how many bytes an event takes.
fn size(event: &Event) -> usize {
    let result = event.result.as_str().len();
    // The reply that a tool wrote itself holds what is in the result once more.
    let content = if event.content.is_some() { result } else { 0 };
    size_of::<Event>() + result + content
}

impl Events {
    fn push(&mut self, event: Event, limit: usize) {
        self.bytes += size(&event);
        self.kept.push_back(event);
        while self.bytes > limit && self.kept.len() > 1 {
            if let Some(oldest) = self.kept.pop_front() {
                self.bytes -= size(&oldest);
                self.dropped += 1;
            }
        }
    }

    fn is_finished(&self) -> bool {
        self.kept.back().is_some_and(|event| event.event.is_terminal())
    }

    fn after(&self, after: u64) -> Page {
        let missed = self.dropped.saturating_sub(after);
        let seen = usize::try_from(after.saturating_sub(self.dropped)).unwrap_or(usize::MAX);
        let events = (self.dropped + 1..)
            .zip(&self.kept)
            .skip(seen)
            .map(|(number, event)| (number, event.clone()))
            .collect();
        Page { events, missed }
    }
}

impl MemoryLog {
    pub(crate) fn new(limits: Limits) -> Self {
        let ended = Retained::new(limits.ended_tasks, limits.ended_bytes);
        let tasks = Tasks { running: HashMap::new(), ended, ending: HashSet::new() };
        Self(Arc::new(Shared { limits, tasks: Mutex::new(tasks), ended: Notify::new() }))
    }

    fn record(&self, key: &Key) -> Option<Arc<Record>> {
        let mut tasks = self.0.tasks();
        let running = tasks.running.get(key).cloned();
        running.or_else(|| tasks.ended.get(key, Instant::now()).cloned())
    }
}

impl Shared {
    /// Takes a task from among the running ones, and keeps it for its retention if it finished.
    fn retire(&self, key: &Key, record: &Arc<Record>, finished: bool, bytes: usize) {
        let mut tasks = self.tasks();
        tasks.running.remove(key);
        if finished && !tasks.ending.contains(&key.owner) {
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
                let record = Arc::new(Record {
                    kept,
                    shown: AtomicU64::new(0),
                    events: Mutex::default(),
                    changed: Notify::new(),
                    stop: CancellationToken::new(),
                });
                if is_late {
                    record.stop.cancel();
                }
                vacant.insert(Arc::clone(&record));
                tasks.ended.remove(&key);
                Ok(Box::new(MemoryWorker { log: self.clone(), key, record }))
            }
        }
    }

    fn reader(&self, key: &Key) -> Option<Box<dyn Reader>> {
        self.record(key).map(|record| Box::new(MemoryReader(record)) as Box<dyn Reader>)
    }

    fn stop(&self, key: &Key) -> Stop {
        match self.record(key) {
            None => Stop::Unknown,
            Some(record) if lock(&record.events).closed => Stop::Ended,
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
                if !self.0.tasks().running.keys().any(|key| key.owner == owner) {
                    return;
                }
                ended.await;
            }
        })
    }
}

struct MemoryReader(Arc<Record>);

impl Reader for MemoryReader {
    fn after(&self, after: u64) -> Boxed<'_, Option<Page>> {
        Box::pin(async move {
            loop {
                let changed = self.0.changed.notified();
                let (page, closed) = {
                    let events = lock(&self.0.events);
                    (events.after(after), events.closed)
                };
                if page.missed > 0 || !page.events.is_empty() {
                    return Some(page);
                }
                if closed {
                    return None;
                }
                changed.await;
            }
        })
    }

    fn tool_name(&self) -> &str {
        self.0.kept.tool_name
    }

    fn shown(&self) -> u64 {
        self.0.shown.load(Ordering::Relaxed)
    }

    fn show(&self, number: u64) {
        self.0.shown.fetch_max(number, Ordering::Relaxed);
    }
}

struct MemoryWorker {
    log: MemoryLog,
    key: Key,
    record: Arc<Record>,
}

impl Worker for MemoryWorker {
    fn append(&self, event: Event) {
        lock(&self.record.events).push(event, self.log.0.limits.bytes_per_task);
        self.record.changed.notify_waiters();
    }

    fn finish(&self, event: Event) {
        self.append(event);
    }

    fn stopped(&self) -> &CancellationToken {
        &self.record.stop
    }
}

impl Drop for MemoryWorker {
    fn drop(&mut self) {
        let (finished, bytes) = {
            let mut events = lock(&self.record.events);
            events.closed = true;
            (events.is_finished(), events.bytes)
        };
        self.record.changed.notify_waiters();
        self.log.0.retire(&self.key, &self.record, finished, bytes);
        self.log.0.ended.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::message::{Json, TaskEvent};

    const LIMITS: Limits = Limits {
        tasks: 2,
        bytes_per_task: 2 * size_of::<Event>() + 10,
        ended_tasks: 2,
        ended_bytes: 1 << 20,
    };

    const KEPT: Kept = Kept { tool_name: "tool", retention: Duration::from_secs(60) };

    fn key(owner: u64, task_id: &str) -> Key {
        Key { owner: Owner(owner), task_id: task_id.into() }
    }

    fn update(text: &str) -> Event {
        Event { event: TaskEvent::Update, result: Json::text(text), content: None }
    }

    fn end(text: &str) -> Event {
        Event { event: TaskEvent::Complete, ..update(text) }
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.events.iter().map(|(number, _)| *number).collect()
    }

    #[tokio::test]
    async fn events_are_numbered_and_a_late_reader_learns_what_it_missed() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let worker = log.create(key.clone(), KEPT).expect("there is room");
        let reader = log.reader(&key).expect("known");
        for text in ["1", "22", "333"] {
            worker.append(update(text));
        }
        // 3 + 4 + 5 bytes with their quotes; ten fit.
        let page = reader.after(0).await.expect("open");
        assert_eq!((numbers(&page), page.missed), (vec![2, 3], 1));
        let page = reader.after(2).await.expect("open");
        assert_eq!((numbers(&page), page.missed), (vec![3], 0));
        worker.append(update(&"x".repeat(100)));
        let page = reader.after(3).await.expect("open");
        assert_eq!((numbers(&page), page.missed), (vec![4], 0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_waits_for_the_next_event() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let worker = log.create(key.clone(), KEPT).expect("there is room");
        let later = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            worker.finish(end("end"));
        };
        let reader = log.reader(&key).expect("known");
        let (page, ()) = tokio::join!(reader.after(0), later);
        assert_eq!(numbers(&page.expect("open")), [1]);
        drop(worker);
        assert_eq!(numbers(&reader.after(0).await.expect("still readable")), [1]);
        assert!(reader.after(1).await.is_none(), "and nothing more will come");
    }

    #[tokio::test(start_paused = true)]
    async fn an_ended_task_is_readable_for_its_retention() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let worker = log.create(key.clone(), KEPT).expect("there is room");
        worker.finish(end("end"));
        drop(worker);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(log.stop(&key), Stop::Ended);
        assert_eq!(log.reader(&key).expect("readable").tool_name(), "tool");
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(log.stop(&key), Stop::Unknown);
        assert!(log.reader(&key).is_none());
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
        let end_it = |worker: Box<dyn Worker>| worker.finish(end("end"));
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
