//! The streams of server-sent events by which a client over HTTP hears: that of its session, and one per request.
//!
//! What is pushed goes to a stream, has its number there, and stays until it was sent and something else takes its
//! place: who comes back after an event finds what came after it. Nothing is lost while somebody reads, however slowly;
//! whoever is away for longer finds what still had room, and is told how much had not.

use std::collections::{HashMap, VecDeque};
use std::io::Write as _;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rmcp::model::{
    GetExtensions as _, JsonRpcMessage, ProgressToken, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};
use rmcp::service::OriginatingRequestId;
use tokio::time::Instant;

use super::{Layout, Outgoing, with_line};

/// The number of the stream of a session. Those of requests count from 1.
pub(crate) const OF_SESSION: u64 = 0;

/// How long somebody may be away until what waits takes no room of others any more.
pub(super) const AWAY: Duration = Duration::from_secs(5);

/// About how many bytes are handed over at once.
const CHUNK: usize = 64 << 10;

/// What an event takes besides its bytes.
const OVERHEAD: usize = 128;

/// What the stream of a request takes besides its events.
const STREAM: usize = 512;

/// How many times the budget is kept of what was sent. What is lost with a connection was on its way, in buffers at both
/// ends of it; with a client on the same machine that reads more slowly than it is written to, about a MiB.
const SENT: usize = 4;

/// How many times the budget may wait of what is not left out, for somebody who is away.
const LASTING: usize = 8;

/// Whom a message is for.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// The session.
    Session,
    /// Whoever waits for the answer to a request, or else the session.
    Request(RequestId),
    /// The same, by the token of its progress; nobody, if the request was answered.
    Token(ProgressToken),
    /// Whoever waits for this answer to a request, which is the last that is said of it.
    Reply(RequestId),
}

impl To {
    pub(super) fn of(message: &ServerJsonRpcMessage) -> Self {
        match message {
            JsonRpcMessage::Response(response) => Self::Reply(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone().map_or(Self::Session, Self::Reply),
            JsonRpcMessage::Request(request) => {
                let originating = request.request.extensions().get::<OriginatingRequestId>();
                originating.map_or(Self::Session, |it| Self::Request(it.0.clone()))
            }
            JsonRpcMessage::Notification(notification) => match &notification.notification {
                ServerNotification::ProgressNotification(progress) => {
                    Self::Token(progress.params.progress_token.clone())
                }
                _ => Self::Session,
            },
        }
    }
}

/// What becomes of a message for somebody who stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keep {
    /// It may be left out: there is more like it, or it can be asked for.
    ForAWhile,
    Always,
}

impl Keep {
    /// How many times the budget may wait of it, for somebody who is away.
    fn times(self) -> usize {
        match self {
            Self::ForAWhile => 1,
            Self::Always => LASTING,
        }
    }
}

/// A message on its way to a stream.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(super) to: To,
    /// Its line of JSON, without the end.
    pub(super) json: Box<[u8]>,
    pub(super) keep: Keep,
    /// The code of the error that it is, if it is one.
    pub(super) error: Option<i32>,
    /// Permits to give back once it is sent.
    pub(super) permits: usize,
    /// How many bytes of replies it is.
    pub(super) reply_bytes: usize,
}

impl Frame {
    /// Something about a task, to the session unless it says otherwise.
    pub(super) fn new(outgoing: &impl Outgoing, to: Option<To>, permits: usize) -> Self {
        // One allocation, of what it takes.
        let json = with_line(|line| {
            outgoing.push_line(line);
            without_end(line)
        });
        let keep = if outgoing.is_lasting() { Keep::Always } else { Keep::ForAWhile };
        let (to, error) = (to.unwrap_or(To::Session), None);
        // What has no permit counts as what nobody waits for.
        let reply_bytes = if permits == 0 { json.len() } else { 0 };
        Self { to, json, keep, error, permits, reply_bytes }
    }

    /// What answers something that is not a message.
    pub(super) fn line(line: &[u8]) -> Self {
        let (to, keep, reply_bytes) = (To::Session, Keep::Always, line.len());
        Self { to, json: without_end(line), keep, error: None, permits: 0, reply_bytes }
    }

    /// A message of rmcp, of which this is the line.
    pub(super) fn of(to: To, message: &ServerJsonRpcMessage, line: &[u8]) -> Self {
        let (keep, error) = match message {
            JsonRpcMessage::Notification(_) => (Keep::ForAWhile, None),
            JsonRpcMessage::Response(_) | JsonRpcMessage::Request(_) => (Keep::Always, None),
            JsonRpcMessage::Error(error) => (Keep::Always, Some(error.error.code.0)),
        };
        let reply_bytes = line.len();
        Self { to, json: without_end(line), keep, error, permits: 0, reply_bytes }
    }
}

impl Frame {
    /// How many bytes of answers to requests it is.
    pub(super) fn answer_bytes(&self) -> usize {
        if matches!(self.to, To::Reply(_)) { self.reply_bytes } else { 0 }
    }
}

/// JSON without the end of its line.
fn without_end(line: &[u8]) -> Box<[u8]> {
    line.trim_ascii_end().into()
}

/// How many bytes wait for somebody who is away, by what becomes of them.
#[derive(Debug, Default)]
struct Loose {
    for_a_while: usize,
    always: usize,
}

impl Loose {
    fn of(&self, keep: Keep) -> usize {
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

    fn add(&mut self, event: &Event) {
        *self.entry(event.keep) += event.cost();
    }

    fn take(&mut self, event: &Event) {
        *self.entry(event.keep) -= event.cost();
    }
}

/// All streams of one connection.
#[derive(Debug)]
pub(super) struct Streams {
    layout: Layout,
    by_number: HashMap<u64, Stream>,
    by_request: HashMap<RequestId, u64>,
    by_token: HashMap<ProgressToken, u64>,
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
    /// Whether nothing more will be said.
    is_complete: bool,
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

/// What a reader is handed.
#[derive(Debug)]
pub(super) enum Sending {
    /// Events, and what they took.
    Events(Freed),
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
            is_complete: false,
        }
    }

    fn is_away(&self, now: Instant) -> bool {
        self.left.is_some_and(|left| now >= left + AWAY)
    }

    /// Has what waits take no room of others any more; returns whether that changes anything.
    fn let_go(&mut self, freed: &mut Freed, loose: &mut Loose) -> bool {
        let is_changed = self.holds_room();
        for event in self.waiting.iter_mut().skip(self.loose) {
            freed.add(event);
            loose.add(event);
        }
        self.loose = self.waiting.len();
        is_changed
    }

    /// Whether something waits that takes room of others.
    fn holds_room(&self) -> bool {
        self.waiting.len() > self.loose
    }

    /// Leaves out the oldest that may be, or that is there at all.
    fn leave_out(&mut self, keep: Keep) -> Option<Event> {
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
    pub(super) fn new(layout: Layout, budget: usize) -> Self {
        let mut streams = Self {
            layout,
            by_number: HashMap::new(),
            by_request: HashMap::new(),
            by_token: HashMap::new(),
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
        stream.is_complete = true;
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

    /// Leaves out what has no room any more of what waits for somebody who is away: of this stream, or else of another.
    fn bound(&mut self, number: u64) {
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
    fn leave_out(&mut self, number: u64, keep: Keep) -> bool {
        let stream = self.by_number.get_mut(&number);
        let Some(event) = stream.and_then(|stream| stream.leave_out(keep)) else { return false };
        self.loose.take(&event);
        self.forget_if_read(number);
        true
    }

    /// Has somebody read a stream in place of who did before, from after an event on; `None` if there is no such
    /// stream.
    pub(super) fn attach(
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
    pub(super) fn detach(&mut self, number: u64, reader: u64) -> bool {
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
    pub(super) fn poll_first(
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
            None if stream.is_complete || is_over => Poll::Ready(First::Over),
            None => {
                stream.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }

    /// Hands a reader what it has not been handed.
    pub(super) fn poll(
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
            if stream.is_complete || is_over {
                return Poll::Ready(Sending::Over);
            }
            stream.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        if stream.is_complete && stream.waiting.is_empty() {
            stream.waiting.shrink_to_fit();
            stream.sent.shrink_to_fit();
        }
        self.forget_the_oldest();
        Poll::Ready(Sending::Events(freed))
    }

    /// Forgets the oldest of what was sent, as long as that is more than is kept.
    fn forget_the_oldest(&mut self) {
        let kept =
            if self.layout == Layout::Session { self.budget.saturating_mul(SENT) } else { 0 };
        self.forget_down_to(kept);
    }

    fn forget_down_to(&mut self, kept: usize) {
        while self.sent_bytes > kept
            && let Some(number) = self.sent.pop_front()
        {
            let Some(stream) = self.by_number.get_mut(&number) else { continue };
            if let Some(event) = stream.sent.pop_front() {
                self.sent_bytes -= event.cost();
            }
            if stream.is_complete {
                self.forget_if_read(number);
            }
        }
    }

    /// Forgets what nobody comes back for any more: all that was sent, if nothing was for so long, and the streams of
    /// answered requests that were left so long ago.
    pub(super) fn forget_sent(&mut self, limit: Duration) -> Freed {
        let mut freed = Freed::default();
        let is_left = |stream: &Stream| stream.left.is_some_and(|left| left.elapsed() >= limit);
        let left =
            self.by_number.iter().filter(|(_, stream)| stream.is_complete && is_left(stream));
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
    fn forget_if_read(&mut self, number: u64) {
        let is_read = self.by_number.get(&number).is_some_and(|stream| {
            stream.is_complete
                && stream.left.is_some()
                && stream.sent.is_empty()
                && stream.waiting.is_empty()
        });
        if is_read && number != OF_SESSION {
            self.by_number.remove(&number);
        }
    }

    /// Has what waits for those who are away take no room of others; returns whether somebody may be away later.
    pub(super) fn let_go(&mut self) -> (Freed, bool) {
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

    /// The number of the last event before what a stream's reader is handed next.
    pub(super) fn after(&self, number: u64) -> u64 {
        self.by_number.get(&number).map_or(0, |stream| stream.next - 1)
    }

    /// Whether nothing waits that takes room of others.
    pub(super) fn hold_no_room(&self) -> bool {
        !self.by_number.values().any(Stream::holds_room)
    }

    /// Whether something waits for somebody who reads.
    pub(super) fn waits_for_readers(&self) -> bool {
        let mut streams = self.by_number.values();
        streams.any(|stream| stream.left.is_none() && stream.first().is_some())
    }

    pub(super) fn wakers(&mut self) -> Vec<Waker> {
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
