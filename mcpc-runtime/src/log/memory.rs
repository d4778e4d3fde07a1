//! The task log of one process.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{Boxed, CreateError, Event, Front, Key, Owner, Page, Reader, Worker};

/// Bounds of a [`MemoryLog`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// How many tasks may run at once.
    pub(crate) tasks: usize,
    /// How many bytes of events are kept per task; the oldest events go first. The newest event is
    /// always kept, whatever its size.
    pub(crate) bytes_per_task: usize,
}

/// Keeps every running task's latest events in memory.
#[derive(Clone, Debug)]
pub(crate) struct MemoryLog(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    limits: Limits,
    tasks: Mutex<Tasks>,
    /// Notified whenever a task is forgotten.
    forgotten: Notify,
}

#[derive(Debug, Default)]
struct Tasks {
    running: HashMap<Key, Arc<Record>>,
    /// Owners whose tasks were all asked to stop; one that comes late is stopped at once.
    ending: HashSet<Owner>,
}

/// One task.
#[derive(Debug)]
struct Record {
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
    size_of::<Event>() + event.result.as_str().len()
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
        let (tasks, forgotten) = Default::default();
        Self(Arc::new(Shared { limits, tasks, forgotten }))
    }

    fn record(&self, key: &Key) -> Option<Arc<Record>> {
        self.0.tasks().running.get(key).cloned()
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

impl Front for MemoryLog {
    fn create(&self, key: Key) -> Result<Box<dyn Worker>, CreateError> {
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
                    events: Mutex::default(),
                    changed: Notify::new(),
                    stop: CancellationToken::new(),
                });
                if is_late {
                    record.stop.cancel();
                }
                vacant.insert(Arc::clone(&record));
                Ok(Box::new(MemoryWorker { log: self.clone(), key, record }))
            }
        }
    }

    fn reader(&self, key: &Key) -> Option<Box<dyn Reader>> {
        self.record(key).map(|record| Box::new(MemoryReader(record)) as Box<dyn Reader>)
    }

    fn stop(&self, key: &Key) -> bool {
        let record = self.record(key);
        if let Some(record) = &record {
            record.stop.cancel();
        }
        record.is_some()
    }

    fn stop_all(&self, owner: Owner) {
        let records: Vec<_> = {
            let mut tasks = self.0.tasks();
            tasks.ending.insert(owner);
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
                let forgotten = self.0.forgotten.notified();
                if !self.0.tasks().running.keys().any(|key| key.owner == owner) {
                    return;
                }
                forgotten.await;
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
        lock(&self.record.events).closed = true;
        self.record.changed.notify_waiters();
        self.log.0.tasks().running.remove(&self.key);
        self.log.0.forgotten.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Json, TaskEvent};

    const LIMITS: Limits = Limits { tasks: 2, bytes_per_task: 2 * size_of::<Event>() + 10 };

    fn key(owner: u64, task_id: &str) -> Key {
        Key { owner: Owner(owner), task_id: task_id.into() }
    }

    fn update(text: &str) -> Event {
        Event { event: TaskEvent::Update, result: Json::text(text), content: None }
    }

    fn numbers(page: &Page) -> Vec<u64> {
        page.events.iter().map(|(number, _)| *number).collect()
    }

    #[tokio::test]
    async fn events_are_numbered_and_a_late_reader_learns_what_it_missed() {
        let log = MemoryLog::new(LIMITS);
        let key = key(1, "a");
        let worker = log.create(key.clone()).expect("there is room");
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
        let worker = log.create(key.clone()).expect("there is room");
        let later = async {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
            worker.finish(update("end"));
        };
        let reader = log.reader(&key).expect("known");
        let (page, ()) = tokio::join!(reader.after(0), later);
        assert_eq!(numbers(&page.expect("open")), [1]);
        drop(worker);
        assert!(log.reader(&key).is_none(), "a dropped worker's task is forgotten");
        assert_eq!(numbers(&reader.after(0).await.expect("still readable")), [1]);
        assert!(reader.after(1).await.is_none(), "and nothing more will come");
    }

    #[test]
    fn an_id_is_taken_once_per_owner_until_it_is_forgotten() {
        let log = MemoryLog::new(LIMITS);
        let first = log.create(key(1, "a")).expect("free");
        assert_eq!(log.create(key(1, "a")).err(), Some(CreateError::Running));
        let _second = log.create(key(2, "a")).expect("another owner's id");
        assert_eq!(log.create(key(3, "a")).err(), Some(CreateError::Full { limit: 2 }));
        drop(first);
        assert!(log.create(key(1, "a")).is_ok());
        assert!(!log.stop(&key(1, "a")), "it was forgotten at once");
        assert!(log.stop(&key(2, "a")));
    }
}
