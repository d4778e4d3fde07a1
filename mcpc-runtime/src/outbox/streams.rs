//! The streams of server-sent events by which a client over HTTP hears: that of its session, and one per request.
//!
//! What is pushed goes to a stream, has its number there, and stays until it was sent and something else takes its
//! place: who comes back after an event finds what came after it. Nothing is lost while somebody reads, however slowly;
//! whoever is away for longer finds what still had room, and is told how much had not.

mod frame;
mod kept;
mod sent;

use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::time::Duration;

use foldhash::fast::RandomState;
use rmcp::model::{ProgressToken, RequestId};
use tokio::time::Instant;

use self::frame::Keep;
pub(crate) use self::frame::{Frame, To};
use self::kept::Loose;
pub(crate) use self::sent::First;
pub(super) use self::sent::Sending;
use super::Layout;

/// The number of the stream of a session. Those of requests count from 1.
pub(crate) const OF_SESSION: u64 = 0;

/// How long somebody may be away until what waits takes no room of others any more.
pub(super) const AWAY: Duration = Duration::from_secs(5);

/// What an event takes besides its bytes.
const OVERHEAD: usize = 128;

/// What the stream of a request takes besides its events.
const STREAM: usize = 512;

/// All streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    layout: Layout,
    by_number: HashMap<u64, Stream, RandomState>,
    // A client chooses these, and only its own connection has them.
    by_request: HashMap<RequestId, u64, RandomState>,
    by_token: HashMap<ProgressToken, u64, RandomState>,
    /// The number of the latest.
    last: u64,
    /// What was sent and is kept, the oldest first, by the streams that hold it.
    sent: VecDeque<u64>,
    sent_bytes: usize,
    /// When something was sent last.
    sent_at: Instant,
    /// How many bytes wait for somebody who is away, and take no room of others.
    loose: Loose,
    /// How many bytes may wait loosely.
    budget: usize,
    /// Whether somebody will look after those who are away.
    is_watched: bool,
}

#[derive(Debug)]
struct Stream {
    /// What was sent and is kept, in order.
    sent: VecDeque<Event>,
    /// What was never sent, in order.
    waiting: VecDeque<Event>,
    /// How many of these, the first, take no room of others: nobody was there to read them.
    loose: usize,
    /// How many of those, the first, are not left out before the others are.
    lasting: usize,
    /// The number of the latest.
    last: u64,
    /// The number of the latest that was sent.
    latest_sent: u64,
    /// The number that who reads now expects next.
    next: u64,
    /// Counts those who read, one after the other.
    reader: u64,
    /// Since when nobody reads.
    left: Option<Instant>,
    waker: Option<Waker>,
    /// The request that is yet to be answered.
    request: Option<(RequestId, Option<ProgressToken>)>,
    /// When all was said that will be.
    completed: Option<Instant>,
}

#[derive(Debug)]
struct Event {
    number: u64,
    json: Box<[u8]>,
    keep: Keep,
    error: Option<i32>,
    permits: usize,
    reply_bytes: usize,
    /// Whether it answers a request.
    is_answer: bool,
}

impl Event {
    fn cost(&self) -> usize {
        let of_stream = if self.number == 1 { STREAM } else { 0 };
        of_stream + OVERHEAD + self.json.len()
    }
}

/// What came of a message.
#[derive(Debug)]
pub(super) struct Pushed {
    pub(super) waker: Option<Waker>,
    pub(super) freed: Freed,
    /// Whether it waits for somebody who has left, and nobody looks after those who have.
    pub(super) waits_for_the_absent: bool,
}

/// What was taken of the budget and is free again.
#[derive(Debug, Default)]
pub(super) struct Freed {
    pub(super) permits: usize,
    pub(super) reply_bytes: usize,
    /// How many of these are answers to requests.
    pub(super) answer_bytes: usize,
}

impl Freed {
    pub(super) fn add_all(&mut self, other: Self) {
        self.permits += other.permits;
        self.reply_bytes += other.reply_bytes;
        self.answer_bytes += other.answer_bytes;
    }

    fn add(&mut self, event: &mut Event) {
        let bytes = std::mem::take(&mut event.reply_bytes);
        self.permits += std::mem::take(&mut event.permits);
        self.reply_bytes += bytes;
        self.answer_bytes += if event.is_answer { bytes } else { 0 };
    }
}

impl Stream {
    fn new(request: Option<(RequestId, Option<ProgressToken>)>) -> Self {
        Self {
            sent: VecDeque::new(),
            waiting: VecDeque::new(),
            loose: 0,
            lasting: 0,
            last: 0,
            latest_sent: 0,
            next: 1,
            reader: 0,
            left: Some(Instant::now()),
            waker: None,
            request,
            completed: None,
        }
    }
}

impl Streams {
    pub(super) fn new(layout: Layout, budget: usize) -> Self {
        let mut streams = Self {
            layout,
            by_number: HashMap::default(),
            by_request: HashMap::default(),
            by_token: HashMap::default(),
            last: OF_SESSION,
            sent: VecDeque::new(),
            sent_bytes: 0,
            sent_at: Instant::now(),
            loose: Loose::default(),
            budget,
            is_watched: false,
        };
        if layout != Layout::Request {
            streams.by_number.insert(OF_SESSION, Stream::new(None));
        }
        streams
    }

    /// The stream of a request; `None` if one of the same id is yet to be answered.
    pub(super) fn open(&mut self, id: &RequestId, token: Option<ProgressToken>) -> Option<u64> {
        if self.by_request.contains_key(id) {
            return None;
        }
        self.last += 1;
        self.by_request.insert(id.clone(), self.last);
        if let Some(token) = &token {
            self.by_token.insert(token.clone(), self.last);
        }
        self.by_number.insert(self.last, Stream::new(Some((id.clone(), token))));
        Some(self.last)
    }

    /// Nothing more is said of a request.
    pub(super) fn close(&mut self, id: &RequestId) -> Option<Waker> {
        let number = *self.by_request.get(id)?;
        self.complete(number)
    }

    fn complete(&mut self, number: u64) -> Option<Waker> {
        let stream = self.by_number.get_mut(&number)?;
        stream.completed = Some(Instant::now());
        if let Some((id, token)) = stream.request.take() {
            self.by_request.remove(&id);
            if let Some(token) = token
                && self.by_token.get(&token) == Some(&number)
            {
                self.by_token.remove(&token);
            }
        }
        let waker = stream.waker.take();
        self.forget_if_read(number);
        waker
    }

    /// The stream of a message, if somebody may read it.
    fn stream_of(&self, to: &To) -> Option<u64> {
        match self.layout {
            Layout::Request => return Some(self.last),
            Layout::Single => return Some(OF_SESSION),
            Layout::Session => {}
        }
        match to {
            To::Session => Some(OF_SESSION),
            To::Request(id) => Some(self.by_request.get(id).copied().unwrap_or(OF_SESSION)),
            To::Token(token) => self.by_token.get(token).copied(),
            To::Reply(id) => self.by_request.get(id).copied(),
        }
    }

    /// Adds a message.
    pub(super) fn push(&mut self, frame: Frame) -> Pushed {
        let mut freed = Freed::default();
        let Frame { to, json, keep, error, permits, reply_bytes } = frame;
        let is_last = matches!(to, To::Reply(_)) && self.layout != Layout::Single;
        let is_answer = matches!(to, To::Reply(_));
        let mut event = Event { number: 0, json, keep, error, permits, reply_bytes, is_answer };
        let number = self.stream_of(&to);
        let Some((number, stream)) =
            number.and_then(|number| Some((number, self.by_number.get_mut(&number)?)))
        else {
            freed.add(&mut event);
            return Pushed { waker: None, freed, waits_for_the_absent: false };
        };
        stream.last += 1;
        event.number = stream.last;
        stream.waiting.push_back(event);
        if stream.left.is_some() && stream.is_away(Instant::now()) {
            stream.let_go(&mut freed, &mut self.loose);
        }
        let waits_for_the_absent = !self.is_watched && stream.left.is_some() && stream.holds_room();
        self.is_watched |= waits_for_the_absent;
        let waker = match is_last {
            true => self.complete(number),
            false => stream.waker.take(),
        };
        self.bound(number);
        Pushed { waker, freed, waits_for_the_absent }
    }
}

#[cfg(test)]
mod tests {
    use super::frame::Keep;
    use super::*;

    #[test]
    fn a_token_is_that_of_the_latest_request_that_has_it() {
        let mut streams = Streams::new(Layout::Session, 1 << 20);
        let (first, second) = (RequestId::Number(1), RequestId::Number(2));
        let token = ProgressToken(RequestId::Number(7));
        streams.open(&first, Some(token.clone()));
        let number = streams.open(&second, Some(token.clone()));
        let json = b"{}".as_slice().into();
        let reply = Frame {
            to: To::Reply(first),
            json,
            keep: Keep::Always,
            error: None,
            permits: 0,
            reply_bytes: 2,
        };
        streams.push(reply);
        assert_eq!(streams.stream_of(&To::Token(token)), number, "the first has ended");
    }
}
