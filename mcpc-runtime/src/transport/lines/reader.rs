//! Splits a byte stream into lines.

use serde_json::Value;
use tokio::io::AsyncReadExt as _;

use super::Reader;
use super::decode::{last_id, legible_id};
use crate::logging::event;
use crate::transport::Why;

/// A line that was read.
pub(crate) enum Line<'a> {
    Whole(&'a [u8]),
    /// A line of more bytes than may be; the id of its message, as far as that can be told.
    TooLong(Value),
    End,
}

/// Every method is cancel safe: what was read stays here.
pub(crate) struct LineReader {
    reader: Reader,
    /// How many bytes a line may have, without its end.
    longest: usize,
    buffer: Vec<u8>,
    /// Where the current line starts in the buffer.
    start: usize,
    /// Where to go on looking for its end.
    searched: usize,
    /// What is known of the current line, once that is too long.
    skipped: Option<Skipped>,
    /// Why there is nothing more to read, if so.
    exhausted: Option<Why>,
}

/// How far ahead of its lines the input is read, to see its end.
const AHEAD: usize = 64 << 10;

/// A line that is not kept.
struct Skipped {
    /// The id, if it stands in what was read before the line was too long.
    id: Value,
    /// The last bytes so far, as many clients write the id last.
    tail: Vec<u8>,
}

/// How much of a line that is too long is kept of its end, which is more than an id has.
const TAIL: usize = 1 << 10;

impl Skipped {
    fn new(start: &[u8]) -> Self {
        let mut skipped = Self { id: legible_id(start), tail: Vec::new() };
        skipped.push(start);
        skipped
    }

    fn push(&mut self, bytes: &[u8]) {
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(TAIL)..]);
        self.tail.drain(..self.tail.len().saturating_sub(TAIL));
    }

    fn id(self) -> Value {
        if self.id.is_null() { last_id(&self.tail) } else { self.id }
    }
}

impl LineReader {
    pub(crate) fn new(reader: Reader, longest: usize) -> Self {
        let buffer = Vec::with_capacity(8 << 10);
        Self { reader, longest, buffer, start: 0, searched: 0, skipped: None, exhausted: None }
    }

    /// Why there is no next line, after [`Line::End`].
    pub(super) fn why_ended(&self) -> Why {
        self.exhausted.unwrap_or(Why::InputEnded)
    }

    /// Waits for the end of the input, without taking a line out of it; for as long as little is there, as
    /// what is read has to be kept.
    pub(crate) async fn exhausted(&mut self) {
        while self.exhausted.is_none() {
            if self.buffer.len() - self.start > AHEAD {
                return std::future::pending().await;
            }
            self.fill().await;
        }
    }

    /// Waits until there is a line to take, or the end.
    pub(crate) async fn ready(&mut self) {
        while self.end_of_line().is_none() {
            self.searched = self.buffer.len();
            self.skip_if_too_long();
            if !self.fill().await {
                return;
            }
        }
    }

    /// How far it is to the end of the next line, from where it is looked for.
    fn end_of_line(&self) -> Option<usize> {
        memchr::memchr(b'\n', &self.buffer[self.searched..])
    }

    /// The next line, once this is [`ready`](Self::ready).
    pub(crate) fn take(&mut self) -> Line<'_> {
        if let Some(at) = self.end_of_line() {
            let line = self.start..self.searched + at;
            self.start = line.end + 1;
            self.searched = self.start;
            return self.line(line);
        }
        let rest = self.start..self.buffer.len();
        self.start = rest.end;
        // A last line without its end is still a line.
        match rest.is_empty() && self.skipped.is_none() {
            true => Line::End,
            false => self.line(rest),
        }
    }

    /// The line whose last bytes, or all of them, are at this range of the buffer.
    fn line(&mut self, range: std::ops::Range<usize>) -> Line<'_> {
        let line = &self.buffer[range];
        match self.skipped.take() {
            Some(mut skipped) => {
                skipped.push(line);
                Line::TooLong(skipped.id())
            }
            None if line.len() > self.longest => Line::TooLong(Skipped::new(line).id()),
            None => Line::Whole(line),
        }
    }

    /// Gives up what there is of the current line, if that is already too much.
    fn skip_if_too_long(&mut self) {
        let line = &self.buffer[self.start..];
        match &mut self.skipped {
            Some(skipped) => skipped.push(line),
            None if line.len() > self.longest => self.skipped = Some(Skipped::new(line)),
            None => return,
        }
        self.start = self.buffer.len();
    }

    /// Reads some more; `false` at the end of the input.
    async fn fill(&mut self) -> bool {
        if self.exhausted.is_some() {
            return false;
        }
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        // A buffer that one huge line blew up is not kept.
        if self.buffer.is_empty() {
            self.buffer.shrink_to(64 << 10);
        }
        self.buffer.reserve(8 << 10);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => self.exhausted = Some(Why::InputEnded),
            Ok(_) => {}
            Err(error) => {
                event!(warn, %error, "the input cannot be read");
                self.exhausted = Some(Why::Failed);
            }
        }
        self.exhausted.is_none()
    }
}
