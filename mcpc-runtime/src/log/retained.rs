//! What is kept for a while, within bounds.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tokio::time::Instant;

use super::{Owner, TaskKey};

/// Things by key, each until a time of its own. There is no timer: a look or an addition sweeps.
#[derive(Debug)]
pub(super) struct Retained<T> {
    most: usize,
    most_bytes: usize,
    bytes: usize,
    by_owner: HashMap<Owner, HashMap<Arc<str>, Entry<T>>>,
    /// How many there are.
    count: usize,
    /// The keys, the first to go first.
    by_end: BTreeMap<End, TaskKey>,
    /// How many were ever added: tells those apart that go at one time.
    added: u64,
}

type End = (Instant, u64);

#[derive(Debug)]
struct Entry<T> {
    value: T,
    bytes: usize,
    end: End,
}

impl<T> Retained<T> {
    pub(super) fn new(most: usize, most_bytes: usize) -> Self {
        let (by_owner, by_end) = Default::default();
        Self { most, most_bytes, bytes: 0, by_owner, count: 0, by_end, added: 0 }
    }

    /// Keeps a value until `until`. If that makes more than there may be, what would go first goes at once;
    /// a value that is too large by itself is not kept.
    pub(super) fn insert(
        &mut self,
        key: TaskKey,
        value: T,
        bytes: usize,
        until: Instant,
        now: Instant,
    ) {
        self.remove(&key);
        if bytes > self.most_bytes {
            return;
        }
        self.added += 1;
        let end = (until, self.added);
        self.bytes += bytes;
        self.count += 1;
        self.by_end.insert(end, key.clone());
        let of_owner = self.by_owner.entry(key.owner).or_default();
        of_owner.insert(key.task_id, Entry { value, bytes, end });
        self.sweep(now);
    }

    pub(super) fn get(&mut self, key: &TaskKey, now: Instant) -> Option<&T> {
        self.sweep(now);
        self.by_owner.get(&key.owner)?.get(&key.task_id).map(|entry| &entry.value)
    }

    /// All of an owner that are kept, the last to go first.
    pub(super) fn of(&mut self, owner: &Owner, now: Instant) -> Vec<(&Arc<str>, &T)> {
        self.sweep(now);
        let mut all: Vec<_> = self.by_owner.get(owner).into_iter().flatten().collect();
        all.sort_by_key(|(_, entry)| Reverse(entry.end));
        all.into_iter().map(|(task_id, entry)| (task_id, &entry.value)).collect()
    }

    pub(super) fn remove(&mut self, key: &TaskKey) {
        let Some(of_owner) = self.by_owner.get_mut(&key.owner) else { return };
        let Some(entry) = of_owner.remove(&key.task_id) else { return };
        if of_owner.is_empty() {
            self.by_owner.remove(&key.owner);
        }
        self.leave(&entry);
    }

    /// Removes all of an owner.
    pub(super) fn forget(&mut self, owner: &Owner) {
        for entry in self.by_owner.remove(owner).into_iter().flat_map(HashMap::into_values) {
            self.leave(&entry);
        }
    }

    /// An entry was removed.
    fn leave(&mut self, entry: &Entry<T>) {
        self.by_end.remove(&entry.end);
        self.bytes -= entry.bytes;
        self.count -= 1;
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.by_owner.is_empty() && self.by_end.is_empty() && (self.count, self.bytes) == (0, 0)
    }

    fn sweep(&mut self, now: Instant) {
        while let Some((&(until, _), key)) = self.by_end.first_key_value()
            && (until <= now || self.count > self.most || self.bytes > self.most_bytes)
        {
            let key = key.clone();
            self.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn key(task_id: &str) -> TaskKey {
        TaskKey { owner: Owner::new("o"), task_id: task_id.into() }
    }

    fn info(retained: &mut Retained<u8>, now: Instant) -> String {
        let ids = ["a", "b", "c"];
        ids.into_iter().filter(|id| retained.get(&key(id), now).is_some()).collect()
    }

    #[test]
    fn each_goes_at_its_time_and_the_first_to_go_when_there_are_too_many() {
        let mut retained = Retained::new(2, 100);
        let now = Instant::now();
        let second = Duration::from_secs(1);
        retained.insert(key("a"), 1, 10, now + 3 * second, now);
        retained.insert(key("b"), 2, 10, now + second, now);
        assert_eq!(info(&mut retained, now), "ab");
        assert_eq!(info(&mut retained, now + second), "a");
        retained.insert(key("b"), 2, 10, now + second, now);
        retained.insert(key("c"), 3, 10, now + 2 * second, now);
        assert_eq!(info(&mut retained, now), "ac", "one more than may be");
        retained.insert(key("c"), 3, 80, now + 2 * second, now);
        assert_eq!((info(&mut retained, now).as_str(), retained.bytes), ("ac", 90));
        retained.insert(key("b"), 2, 101, now + 9 * second, now);
        assert_eq!((info(&mut retained, now).as_str(), retained.bytes), ("ac", 90), "too large");
        retained.insert(key("b"), 2, 20, now + 9 * second, now);
        assert_eq!(
            (info(&mut retained, now).as_str(), retained.bytes),
            ("ab", 30),
            "too many bytes"
        );
        retained.insert(key("a"), 1, 0, now, now);
        assert_eq!(info(&mut retained, now), "b", "no time to be kept for");
    }
}
