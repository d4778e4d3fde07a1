//! What of the streams is kept: for somebody who is away, and of what was sent, for who comes back.

use std::time::Duration;

use tokio::time::Instant;

use super::frame::Keep;
use super::{AWAY, Event, Freed, OF_SESSION, Stream, Streams};
use crate::outbox::Layout;

/// How many times the budget is kept of what was sent. What is lost with a connection was on its way, in buffers at both
/// ends of it; with a client on the same machine that reads more slowly than it is written to, about a MiB.
const SENT: usize = 4;

/// How many bytes wait for somebody who is away, by what becomes of them.
#[derive(Debug, Default)]
pub(super) struct Loose {
    for_a_while: usize,
    always: usize,
}

impl Loose {
    pub(super) fn of(&self, keep: Keep) -> usize {
        match keep {
            Keep::ForAWhile => self.for_a_while,
            Keep::Always => self.always,
        }
    }

    fn entry(&mut self, keep: Keep) -> &mut usize {
        match keep {
            Keep::ForAWhile => &mut self.for_a_while,
            Keep::Always => &mut self.always,
        }
    }

    pub(super) fn add(&mut self, event: &Event) {
        *self.entry(event.keep) += event.cost();
    }

    pub(super) fn take(&mut self, event: &Event) {
        *self.entry(event.keep) -= event.cost();
    }
}

impl Stream {
    pub(super) fn is_away(&self, now: Instant) -> bool {
        self.left.is_some_and(|left| now >= left + AWAY)
    }

    /// Has what waits take no room of others any more; returns whether that changes anything.
    pub(super) fn let_go(&mut self, freed: &mut Freed, loose: &mut Loose) -> bool {
        let is_changed = self.holds_room();
        for event in self.waiting.iter_mut().skip(self.loose) {
            freed.add(event);
            loose.add(event);
        }
        self.loose = self.waiting.len();
        is_changed
    }

    /// Whether something waits that takes room of others.
    pub(super) fn holds_room(&self) -> bool {
        self.waiting.len() > self.loose
    }

    /// Leaves out the oldest that may be, or that is there at all.
    pub(super) fn leave_out(&mut self, keep: Keep) -> Option<Event> {
        let at = match keep {
            // By then nothing else is left.
            Keep::Always => 0,
            Keep::ForAWhile => {
                let is_lasting = |event: &Event| event.keep == Keep::Always;
                while self.lasting < self.loose && is_lasting(&self.waiting[self.lasting]) {
                    self.lasting += 1;
                }
                self.lasting
            }
        };
        if at == self.loose {
            return None;
        }
        let event = self.waiting.remove(at)?;
        self.loose -= 1;
        self.lasting = self.lasting.min(self.loose);
        Some(event)
    }
}

impl Streams {
    /// Leaves out what has no room any more of what waits for somebody who is away: of this stream, or else of another.
    pub(super) fn bound(&mut self, number: u64) {
        for keep in [Keep::ForAWhile, Keep::Always] {
            while self.loose.of(keep) > self.budget.saturating_mul(keep.times()) {
                if !self.leave_out(number, keep) {
                    let others = self.by_number.iter().filter(|(_, stream)| stream.loose > 0);
                    let others: Vec<u64> = others.map(|(number, _)| *number).collect();
                    if !others.into_iter().any(|other| self.leave_out(other, keep)) {
                        break;
                    }
                }
            }
        }
    }

    /// Leaves out the oldest of a stream that may be; returns whether there was one.
    pub(super) fn leave_out(&mut self, number: u64, keep: Keep) -> bool {
        let stream = self.by_number.get_mut(&number);
        let Some(event) = stream.and_then(|stream| stream.leave_out(keep)) else { return false };
        self.loose.take(&event);
        self.forget_if_read(number);
        true
    }

    /// Forgets the oldest of what was sent, as long as that is more than is kept.
    pub(super) fn forget_the_oldest(&mut self) {
        let kept =
            if self.layout == Layout::Session { self.budget.saturating_mul(SENT) } else { 0 };
        self.forget_down_to(kept);
    }

    pub(super) fn forget_down_to(&mut self, kept: usize) {
        while self.sent_bytes > kept
            && let Some(number) = self.sent.pop_front()
        {
            let Some(stream) = self.by_number.get_mut(&number) else { continue };
            if let Some(event) = stream.sent.pop_front() {
                self.sent_bytes -= event.cost();
            }
            if stream.completed.is_some() {
                self.forget_if_read(number);
            }
        }
    }

    /// Forgets what nobody comes back for any more: all that was sent, if nothing was for so long, and the streams of
    /// answered requests that were left, and answered, so long ago; those whose answer was never sent wait for longer.
    pub(in crate::outbox) fn forget_sent(&mut self, limit: Duration, unsent: Duration) -> Freed {
        let mut freed = Freed::default();
        let is_left = |stream: &Stream| {
            let limit = if stream.waiting.is_empty() { limit } else { unsent };
            let (Some(left), Some(completed)) = (stream.left, stream.completed) else {
                return false;
            };
            left.max(completed).elapsed() >= limit
        };
        let left = self.by_number.iter().filter(|(_, stream)| is_left(stream));
        let left: Vec<u64> = left.map(|(number, _)| *number).collect();
        for number in left {
            let Some(mut stream) = self.by_number.remove(&number) else { continue };
            stream.let_go(&mut freed, &mut self.loose);
            stream.waiting.iter().for_each(|event| self.loose.take(event));
            self.sent_bytes -= stream.sent.iter().map(Event::cost).sum::<usize>();
        }
        if self.sent_at.elapsed() >= limit {
            self.forget_down_to(0);
            self.sent.shrink_to_fit();
            for stream in self.by_number.values_mut() {
                stream.sent.shrink_to_fit();
                stream.waiting.shrink_to_fit();
            }
        }
        freed
    }

    /// Forgets the stream of a request that nobody reads, and of which nothing is left.
    pub(super) fn forget_if_read(&mut self, number: u64) {
        let is_read = self.by_number.get(&number).is_some_and(|stream| {
            stream.completed.is_some()
                && stream.left.is_some()
                && stream.sent.is_empty()
                && stream.waiting.is_empty()
        });
        if is_read && number != OF_SESSION {
            self.by_number.remove(&number);
        }
    }

    /// Has what waits for those who are away take no room of others; returns whether somebody may be away later.
    pub(in crate::outbox) fn let_go(&mut self) -> (Freed, bool) {
        let (now, mut freed, mut is_left) = (Instant::now(), Freed::default(), false);
        let mut changed = Vec::new();
        for (number, stream) in &mut self.by_number {
            if stream.is_away(now) {
                if stream.let_go(&mut freed, &mut self.loose) {
                    changed.push(*number);
                }
            } else if stream.left.is_some() && stream.holds_room() {
                is_left = true;
            }
        }
        for number in changed {
            self.bound(number);
        }
        self.is_watched = is_left;
        (freed, is_left)
    }

    /// Whether nothing waits that takes room of others.
    pub(in crate::outbox) fn hold_no_room(&self) -> bool {
        !self.by_number.values().any(Stream::holds_room)
    }
}
