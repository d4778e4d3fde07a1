//! What of the streams is sent: to the one that reads each.

use std::io::Write as _;
use std::task::{Context, Poll, Waker};

use tokio::time::Instant;

use super::{Event, Freed, OVERHEAD, Stream, Streams};
use crate::outbox::Layout;

/// About how many bytes are handed over at once.
const CHUNK: usize = 64 << 10;

/// What a reader is handed.
#[derive(Debug)]
pub(in crate::outbox) enum Sending {
    /// Events, what they took, and whether there will be no more.
    Events { freed: Freed, is_last: bool },
    /// There will be nothing more, or somebody else reads.
    Over,
}

/// What comes first on a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum First {
    /// A message; if it is an error, that's code.
    Message(Option<i32>),
    /// The end: nobody is answered.
    Over,
}

impl Stream {
    /// The first that the reader was not handed.
    fn first(&self) -> Option<&Event> {
        let at = self.sent.partition_point(|event| event.number < self.next);
        self.sent.get(at).or(self.waiting.front())
    }

    /// Writes an event to its reader, after what that has missed before it.
    fn write(number: u64, next: &mut u64, event: &Event, layout: Layout, out: &mut Vec<u8>) {
        out.reserve(OVERHEAD + event.json.len());
        write_missed(event.number - *next, out);
        match layout {
            Layout::Request => {}
            Layout::Session => {
                let _to_a_vector = writeln!(out, "id: {number}-{}", event.number);
            }
            Layout::Single => out.extend_from_slice(b"event: message\n"),
        }
        write_data(&event.json, out);
        *next = event.number + 1;
    }
}

impl Streams {
    /// Has somebody read a stream in place of who did before, from after an event on; `None` if there is no such
    /// stream.
    pub(in crate::outbox) fn attach(
        &mut self,
        number: u64,
        after: Option<u64>,
    ) -> Option<(u64, Option<Waker>)> {
        let stream = self.by_number.get_mut(&number)?;
        stream.reader += 1;
        stream.left = None;
        // What it says it has seen cannot be more than was sent.
        let unsent = stream.latest_sent + 1;
        stream.next = after.map_or(unsent, |after| after.saturating_add(1).min(unsent));
        Some((stream.reader, stream.waker.take()))
    }

    /// Whoever read a stream has left it; returns whether something waits that takes room of others, and nobody looks
    /// after that.
    pub(in crate::outbox) fn detach(&mut self, number: u64, reader: u64) -> bool {
        let stream = self.by_number.get_mut(&number).filter(|stream| stream.reader == reader);
        let Some(stream) = stream else { return false };
        stream.left = Some(Instant::now());
        stream.waker = None;
        let is_to_be_watched = stream.holds_room() && !self.is_watched;
        self.is_watched |= is_to_be_watched;
        self.forget_if_read(number);
        is_to_be_watched
    }

    /// What comes first, of what a reader has not been handed.
    pub(in crate::outbox) fn poll_first(
        &mut self,
        number: u64,
        reader: u64,
        is_over: bool,
        context: &mut Context<'_>,
    ) -> Poll<First> {
        let stream = self.by_number.get_mut(&number).filter(|stream| stream.reader == reader);
        let Some(stream) = stream else { return Poll::Ready(First::Over) };
        match stream.first() {
            Some(event) => Poll::Ready(First::Message(event.error)),
            None if stream.completed.is_some() || is_over => Poll::Ready(First::Over),
            None => {
                stream.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Hands a reader what it has not been handed.
    pub(in crate::outbox) fn poll(
        &mut self,
        number: u64,
        reader: u64,
        is_over: bool,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Sending> {
        let layout = self.layout;
        let stream = self.by_number.get_mut(&number).filter(|stream| stream.reader == reader);
        let Some(stream) = stream else { return Poll::Ready(Sending::Over) };
        let mut freed = Freed::default();
        let again = stream.sent.partition_point(|event| event.number < stream.next);
        for event in stream.sent.range(again..) {
            if out.len() >= CHUNK {
                break;
            }
            Stream::write(number, &mut stream.next, event, layout, out);
        }
        while out.len() < CHUNK
            && let Some(mut event) = stream.waiting.pop_front()
        {
            Stream::write(number, &mut stream.next, &event, layout, out);
            match stream.loose {
                0 => freed.add(&mut event),
                loose => {
                    stream.loose = loose - 1;
                    stream.lasting = stream.lasting.saturating_sub(1);
                    self.loose.take(&event);
                }
            }
            stream.latest_sent = event.number;
            self.sent.push_back(number);
            self.sent_at = Instant::now();
            self.sent_bytes += event.cost();
            stream.sent.push_back(event);
        }
        if stream.first().is_none() {
            // The latest may have been left out.
            write_missed(stream.last + 1 - stream.next, out);
            stream.next = stream.last + 1;
        }
        if out.is_empty() {
            if stream.completed.is_some() || is_over {
                return Poll::Ready(Sending::Over);
            }
            stream.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        if stream.completed.is_some() && stream.waiting.is_empty() {
            stream.waiting.shrink_to_fit();
            stream.sent.shrink_to_fit();
        }
        let is_last = stream.completed.is_some() && stream.first().is_none();
        self.forget_the_oldest();
        Poll::Ready(Sending::Events { freed, is_last })
    }

    /// The number of the last event before what a stream's reader is handed next.
    pub(in crate::outbox) fn after(&self, number: u64) -> u64 {
        self.by_number.get(&number).map_or(0, |stream| stream.next - 1)
    }

    /// Whether something waits for somebody who reads.
    pub(in crate::outbox) fn waits_for_readers(&self) -> bool {
        let mut streams = self.by_number.values();
        streams.any(|stream| stream.left.is_none() && stream.first().is_some())
    }

    /// Whether somebody reads a stream.
    pub(in crate::outbox) fn is_read(&self, number: u64) -> bool {
        self.by_number.get(&number).is_some_and(|stream| stream.left.is_none())
    }

    pub(in crate::outbox) fn wakers(&mut self) -> Vec<Waker> {
        self.by_number.values_mut().filter_map(|stream| stream.waker.take()).collect()
    }
}

/// The data of an event, and its end.
fn write_data(json: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b"data: ");
    out.extend_from_slice(json);
    out.extend_from_slice(b"\n\n");
}

/// Tells a reader how much it has missed, as a logging notification: nothing else of MCP's could.
fn write_missed(missed: u64, out: &mut Vec<u8>) {
    if missed > 0 {
        let json = format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"warning","logger":"mcpc","data":"{missed} messages were dropped while nobody read this stream"}}}}"#
        );
        write_data(json.as_bytes(), out);
    }
}
