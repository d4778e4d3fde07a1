//! What waits beside the queue of a connection, for room in that.

use std::collections::{HashSet, VecDeque};

use crate::outbox::{JsonNotification, TextCallback};

/// Something that a connection hears.
#[derive(Debug)]
pub(super) enum Heard {
    /// An event, as a client of MCPC has it.
    ServerEvent(TextCallback),
    /// An event, as any other client has it.
    LogMessage(JsonNotification),
    /// Something has changed.
    Change(JsonNotification),
}

impl Heard {
    /// About how many bytes it has.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::ServerEvent(TextCallback(text)) => text.len(),
            Self::LogMessage(JsonNotification(text)) | Self::Change(JsonNotification(text)) => {
                text.len()
            }
        }
    }
}

/// What waits, in its order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    /// Each with its number.
    events: VecDeque<(u64, Heard)>,
    changes: VecDeque<(u64, Heard)>,
    /// The same, by what they say.
    waiting_changes: HashSet<String>,
    /// How many there were.
    count: u64,
    /// How many bytes of it are events.
    event_bytes: usize,
    /// Whether something moves it to the queue.
    pub(super) is_moved: bool,
    /// Whether anything was left out.
    has_lost: bool,
}

impl Waiting {
    /// Adds something, and leaves out the oldest events that there is no room for; returns whether these are the first.
    pub(super) fn add(&mut self, heard: Heard, most_bytes: usize) -> bool {
        self.count += 1;
        if let Heard::Change(JsonNotification(text)) = &heard {
            // One that waits tells of this, too.
            if self.waiting_changes.insert(text.clone()) {
                self.changes.push_back((self.count, heard));
            }
            return false;
        }
        self.event_bytes += heard.len();
        self.events.push_back((self.count, heard));
        let had_lost = self.has_lost;
        while self.event_bytes > most_bytes && self.lose_oldest_event() {
            self.has_lost = true;
        }
        self.has_lost && !had_lost
    }

    /// Leaves out the oldest event, unless it is the latest, too.
    fn lose_oldest_event(&mut self) -> bool {
        let is_alone = self.events.len() < 2;
        let oldest = if is_alone { None } else { self.events.pop_front() };
        self.event_bytes -= oldest.as_ref().map_or(0, |(_, lost)| lost.len());
        oldest.is_some()
    }

    /// Takes what is next.
    pub(super) fn next(&mut self) -> Option<Heard> {
        let number = |waiting: &VecDeque<(u64, Heard)>| waiting.front().map(|(number, _)| *number);
        let is_event = match (number(&self.events), number(&self.changes)) {
            (Some(event), Some(change)) => event < change,
            (event, _) => event.is_some(),
        };
        let waiting = if is_event { &mut self.events } else { &mut self.changes };
        let (_, heard) = waiting.pop_front()?;
        match &heard {
            Heard::Change(JsonNotification(text)) => drop(self.waiting_changes.remove(text)),
            event => self.event_bytes -= event.len(),
        }
        Some(heard)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(text: &str) -> Heard {
        Heard::Change(JsonNotification(text.to_owned()))
    }

    fn event(text: &str) -> Heard {
        Heard::LogMessage(JsonNotification(text.to_owned()))
    }

    #[test]
    fn adding_to_what_waits_takes_no_longer_the_more_that_is() {
        let began = std::time::Instant::now();
        let mut waiting = Waiting::default();
        for number in 0..50_000 {
            assert!(!waiting.add(change(&format!("{number:020}")), 10));
        }
        let _has_lost = waiting.add(event("an event"), 10);
        for number in 0..50_000 {
            waiting.add(event(&format!("{number:020}")), 10);
        }
        // One after the other, all that waits would be looked at for a minute.
        assert!(began.elapsed().as_secs() < 10, "it took {:?}", began.elapsed());
    }

    #[test]
    fn the_oldest_events_are_left_out_and_no_change_is_and_none_waits_twice() {
        let mut waiting = Waiting::default();
        assert!(!waiting.add(change("a change"), 10));
        assert!(!waiting.add(event("12345"), 10));
        assert!(!waiting.add(change("a change"), 10), "it waits already");
        assert!(!waiting.add(event("67890"), 10));
        assert!(waiting.add(event("x"), 10), "the first loss");
        assert!(!waiting.add(event("a long one, which stays"), 10), "is told of once");
        assert!(!waiting.add(change("another"), 10));
        let left: Vec<_> = std::iter::from_fn(|| waiting.next()).map(|heard| heard.len()).collect();
        assert_eq!(left, ["a change".len(), "a long one, which stays".len(), "another".len()]);
        assert_eq!(waiting.event_bytes, 0);
    }
}
