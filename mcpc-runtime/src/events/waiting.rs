//! What waits beside the queue of a connection, for room in that.

use std::collections::VecDeque;

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

    fn is_event(&self) -> bool {
        matches!(self, Self::ServerEvent(_) | Self::LogMessage(_))
    }

    /// Whether both tell of one change.
    fn is_same_change(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Change(one), Self::Change(other)) => one.0 == other.0,
            _ => false,
        }
    }
}

/// What waits, in its order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    heard: VecDeque<Heard>,
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
        if self.heard.iter().any(|waiting| waiting.is_same_change(&heard)) {
            return false;
        }
        if heard.is_event() {
            self.event_bytes += heard.len();
        }
        self.heard.push_back(heard);
        let had_lost = self.has_lost;
        while self.event_bytes > most_bytes && self.lose_oldest_event() {
            self.has_lost = true;
        }
        self.has_lost && !had_lost
    }

    /// Leaves out the oldest event, unless it is the latest, too.
    fn lose_oldest_event(&mut self) -> bool {
        let mut events = (0..self.heard.len()).filter(|&at| self.heard[at].is_event());
        let (Some(oldest), Some(_)) = (events.next(), events.next()) else { return false };
        self.event_bytes -= self.heard.remove(oldest).map_or(0, |lost| lost.len());
        true
    }

    /// Takes what is next.
    pub(super) fn next(&mut self) -> Option<Heard> {
        let heard = self.heard.pop_front()?;
        if heard.is_event() {
            self.event_bytes -= heard.len();
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
