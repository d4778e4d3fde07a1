//! What waits to leave over one connection: one queue, one writer, and a gate per call.
//!
//! Replies are pushed and never wait. Callbacks first reserve bytes of a budget, as a *permit*, and give them
//! back once they are written, so a client that stops reading makes `Sender::send` wait and costs no
//! memory beyond the budget. The *gate* of a call keeps everything about a task back until the reply
//! that announces the task has been pushed.

mod claim;
mod gate;
mod outgoing;
mod pending;
mod permit;
mod prefetch;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing else has streams"))]
mod reader;
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing else has streams"))]
mod streams;

pub(crate) use claim::Claim;
pub(crate) use gate::{Gate, Pushing};
pub(crate) use outgoing::{
    CreatedCallback, JsonNotification, Outgoing, TextCallback, callback_message,
};
pub(crate) use pending::{Form, Items, Layout, Pending};
pub(crate) use permit::Permit;
pub(crate) use prefetch::Prefetching;
#[cfg(feature = "http")]
pub(crate) use reader::EventReader;
#[cfg(feature = "http")]
pub(crate) use streams::{First, OF_SESSION};
pub(crate) use streams::{Frame, To};

use std::cell::Cell;
use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::time::Duration;

use rmcp::model::{RequestId, ServerJsonRpcMessage};
use tokio::runtime::Handle;
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore};
use tokio::time::sleep;

use crate::logging::event;
use crate::reply::Reply;
use prefetch::Prefetched;
use streams::{Freed, Streams};

/// How many bytes of replies may wait before the connection reads no further call.
const REPLY_LIMIT: usize = 1 << 20;

/// Into how many parts the budget is divided for what is taken in advance. So many bodies find some at once, even
/// if they all compute without a rest; with fewer parts each poll is longer, and a task's memory is brought into
/// the cache for more updates at once (measured with 10,000 tasks: 8 % more updates a second than with 128).
const PREFETCHES: u32 = 64;

/// One connection's queue of outgoing messages; a clone is another handle to it.
#[derive(Clone)]
pub(crate) struct Outbox(Arc<Shared>);

struct Shared {
    form: Form,
    queue: Mutex<Queue>,
    /// How many bytes of callbacks may wait.
    budget: u32,
    /// How much of the budget is free.
    free: Semaphore,
    /// How much of it threads hold in advance.
    prefetched: Prefetched,
    /// How many wait for some.
    waiting: AtomicUsize,
    /// How many bytes, or messages, the other side has taken.
    progress: AtomicU64,
    /// Wakes the writer: something was pushed, or the outbox was closed.
    pushed: Notify,
    /// Wakes the reader of calls: replies were written.
    written: Notify,
    /// Where those are looked after who have left a stream of events.
    runtime: Option<Handle>,
}

struct Queue {
    pending: Pending,
    /// Where things go in place of that, if they are sent as events.
    streams: Option<Box<Streams>>,
    /// How many bytes of replies are pending or being written.
    reply_bytes: usize,
    /// How many of those answer a request, where they are sent as events.
    answer_bytes: usize,
    state: State,
}

impl Queue {
    /// Counts a reply that was added, and adds what waited for it.
    fn count_reply(&mut self, bytes: usize, held: Option<Pending>) {
        self.pending.reply_bytes += bytes;
        self.reply_bytes += bytes;
        if let Some(held) = held {
            self.pending.append(held);
        }
    }
}

/// What there was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Something,
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Nothing more will be pushed that anyone waits for; the writer ends when the queue is empty.
    Closing,
    /// The other side is gone; whatever is pushed is dropped.
    Dead,
}

/// Runs `write` with a buffer for one line, which is empty and belongs to this thread: what is written while the
/// queue is locked holds up everyone else (of 100 tasks that send as fast as they can, a quarter of the time).
fn with_line<T>(write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
    /// A buffer that one huge line blew up is not kept.
    const KEPT: usize = 64 << 10;
    thread_local! {
        static LINE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
    }
    // A thread that ends may still have something to say, and no buffer any more.
    let mut line = LINE.try_with(Cell::take).unwrap_or_default();
    let written = write(&mut line);
    line.clear();
    line.shrink_to(KEPT);
    let _is_kept = LINE.try_with(|kept| kept.set(line));
    written
}

impl fmt::Debug for Outbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox").field("free", &self.0.free).finish_non_exhaustive()
    }
}

impl Outbox {
    /// An outbox that collects messages in one form, and holds up to `budget` bytes of callbacks.
    pub(crate) fn new(form: Form, budget: usize) -> Self {
        // From nothing there would be nothing to take, and more than this cannot be taken in one piece.
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let budget = budget.clamp(1, most) as u32;
        let streams = match form {
            Form::Lines | Form::Messages => None,
            Form::Events(layout) => Some(Box::new(Streams::new(layout, budget as usize))),
        };
        let pending = Pending::new(form);
        let queue = Queue { pending, streams, reply_bytes: 0, answer_bytes: 0, state: State::Open };
        Self(Arc::new(Shared {
            form,
            queue: Mutex::new(queue),
            budget,
            free: Semaphore::new(budget as usize),
            prefetched: Prefetched::default(),
            waiting: AtomicUsize::new(0),
            progress: AtomicU64::new(0),
            pushed: Notify::new(),
            written: Notify::new(),
            runtime: matches!(form, Form::Events(_)).then(|| Handle::try_current().ok()).flatten(),
        }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No push can panic half-way, so a poisoned queue is still whole.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many bytes of callbacks may wait.
    pub(crate) fn budget(&self) -> usize {
        self.0.budget as usize
    }

    /// What a callback of about `bytes` bytes takes of the budget.
    pub(crate) fn claim(&self, bytes: usize) -> Claim<'_> {
        Claim::new(self, bytes)
    }

    /// Pushes a message of rmcp, which never waits.
    pub(crate) fn push_message(&self, message: ServerJsonRpcMessage) {
        self.push_message_and(message, None);
    }

    /// Pushes a message and, right after it, what waited for it.
    fn push_message_and(&self, message: ServerJsonRpcMessage, held: Option<Pending>) {
        with_line(|line| {
            write_message(&message, line);
            let bytes = line.len();
            match self.0.form {
                Form::Lines => self.extend(line, |queue| queue.count_reply(bytes, held)),
                // The transport writes it in a form of its own, but hardly shorter than this.
                Form::Messages => self.add(message, |queue| queue.count_reply(bytes, held)),
                Form::Events(_) => {
                    return self.deliver_and(Frame::of(To::of(&message), &message, line), held);
                }
            }
            self.wake();
        });
    }

    /// Pushes a message of rmcp to whom it is for.
    fn push_message_to(&self, to: To, message: ServerJsonRpcMessage) {
        match self.0.form {
            Form::Lines | Form::Messages => self.push_message(message),
            Form::Events(_) => with_line(|line| {
                write_message(&message, line);
                self.deliver([Frame::of(to, &message, line)]);
            }),
        }
    }

    /// Pushes what a request is answered with without rmcp's loop.
    pub(crate) fn push_reply(&self, id: RequestId, reply: Reply) {
        self.push_reply_and(id, reply, None);
    }

    /// Pushes such a reply and, right after it, what waited for it.
    fn push_reply_and(&self, id: RequestId, reply: Reply, held: Option<Pending>) {
        match self.0.form {
            Form::Lines => with_line(|line| {
                reply.into_line(id, line);
                self.push_line_and(line, held);
            }),
            Form::Messages => self.push_message_and(reply.into_message(id), held),
            Form::Events(_) => with_line(|line| {
                let error = reply.error();
                reply.into_line(id.clone(), line);
                self.deliver_and(Frame::reply(id, error, line), held);
            }),
        }
    }

    /// Pushes bytes that answer a line which is not a message.
    pub(crate) fn push_line(&self, line: &[u8]) {
        if let Form::Events(_) = self.0.form {
            return self.deliver([Frame::line(line)]);
        }
        self.push_line_and(line, None);
    }

    fn push_line_and(&self, line: &[u8], held: Option<Pending>) {
        self.extend(line, |queue| queue.count_reply(line.len(), held));
        self.wake();
    }

    /// Pushes something about a task, with its permit.
    pub(crate) fn push(&self, outgoing: &impl Outgoing, permit: Permit<'_>) {
        self.push_to(None, outgoing, permit);
    }

    /// The same to whom it is for, which is the session unless this says otherwise.
    fn push_to(&self, to: Option<To>, outgoing: &impl Outgoing, permit: Permit<'_>) {
        match self.0.form {
            Form::Lines => with_line(|line| {
                outgoing.push_line(line);
                self.extend(line, |queue| queue.pending.permits += permit.spend());
            }),
            Form::Messages => {
                self.add(outgoing.message(), |queue| queue.pending.permits += permit.spend());
            }
            Form::Events(_) => {
                return self.deliver([Frame::new(outgoing, to, permit.spend())]);
            }
        }
        self.wake();
    }

    /// Hands an event to its stream and, right after it, what waited for it.
    fn deliver_and(&self, frame: Frame, held: Option<Pending>) {
        let held = held.map(|held| held.items.into_frames()).unwrap_or_default();
        self.deliver(std::iter::once(frame).chain(held));
    }

    /// Hands events to their streams, unless nobody reads those any more, and wakes their readers.
    fn deliver(&self, frames: impl IntoIterator<Item = Frame>) {
        let (mut freed, mut wakers, mut is_absent) = (Freed::default(), Vec::new(), false);
        self.change(|queue| {
            let Some(streams) = &mut queue.streams else { return };
            for frame in frames {
                queue.reply_bytes += frame.reply_bytes;
                queue.answer_bytes += frame.answer_bytes();
                let pushed = streams.push(frame);
                wakers.extend(pushed.waker);
                is_absent |= pushed.waits_for_the_absent;
                freed.add_all(pushed.freed);
            }
        });
        self.give_back(freed);
        if is_absent {
            self.watch_the_absent();
        }
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Adds a line to an open queue of lines, and does whatever else that takes.
    fn extend(&self, line: &[u8], and: impl FnOnce(&mut Queue)) {
        self.change(|queue| {
            if let Items::Lines(lines) = &mut queue.pending.items {
                lines.extend_from_slice(line);
                and(queue);
            }
        });
    }

    /// Adds a message to an open queue of messages, and does whatever else that takes.
    fn add(&self, message: ServerJsonRpcMessage, and: impl FnOnce(&mut Queue)) {
        self.change(|queue| {
            if let Items::Messages(messages) = &mut queue.pending.items {
                messages.push_back(message);
                and(queue);
            }
        });
    }

    /// Changes the queue, unless nobody reads it any more.
    fn change(&self, change: impl FnOnce(&mut Queue)) {
        let mut queue = self.queue();
        if queue.state != State::Dead {
            change(&mut queue);
        }
    }

    /// Swaps everything that waits into `taken`.
    pub(crate) fn take_now(&self, taken: &mut Pending) -> Taken {
        taken.clear();
        {
            let mut queue = self.queue();
            if !queue.pending.items.is_empty() {
                mem::swap(&mut queue.pending, taken);
                return Taken::Something;
            }
            if queue.state != State::Open {
                return Taken::Closed;
            }
        }
        self.reclaim();
        Taken::Nothing
    }

    /// Takes back what threads hold in advance, if somebody waits for it and nothing else will give it back.
    fn reclaim(&self) {
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            self.0.free.add_permits(self.0.prefetched.reclaim());
        }
    }

    /// Swaps everything that waits into `taken`, as soon as something does; `false` when the outbox
    /// is closed and empty. Cancel safe.
    pub(crate) async fn take(&self, taken: &mut Pending) -> bool {
        loop {
            let pushed = self.pushed();
            match self.take_now(taken) {
                Taken::Something => return true,
                Taken::Nothing => pushed.await,
                Taken::Closed => return false,
            }
        }
    }

    /// Waits until there is something to look at again; begins when it is made.
    pub(crate) fn pushed(&self) -> Notified<'_> {
        self.0.pushed.notified()
    }

    /// Has the writer look at the queue.
    pub(crate) fn wake(&self) {
        match self.0.form {
            Form::Lines | Form::Messages => self.0.pushed.notify_one(),
            Form::Events(_) => self.reclaim_if_all_is_sent(),
        }
    }

    /// Notes that so many bytes of what was taken were written, or one message.
    pub(crate) fn progressed(&self, bytes: usize) {
        self.0.progress.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Grows whenever the other side reads something.
    pub(crate) fn progress(&self) -> u64 {
        self.0.progress.load(Ordering::Relaxed)
    }

    /// Waits until the other side has read nothing for so long. Cancel safe.
    pub(crate) async fn stuck(&self, limit: Duration) {
        let mut before = None;
        loop {
            let progress = self.progress();
            if before == Some(progress) {
                return;
            }
            before = Some(progress);
            sleep(limit).await;
        }
    }

    /// Gives back the permits of what was taken and is now written.
    pub(crate) fn written(&self, pending: &Pending) {
        self.0.free.add_permits(pending.permits);
        let below = {
            let mut queue = self.queue();
            queue.reply_bytes -= pending.reply_bytes;
            queue.reply_bytes <= REPLY_LIMIT
        };
        if below {
            self.0.written.notify_waiters();
        }
    }

    /// Whether too many replies are unwritten to take another call.
    pub(crate) fn is_full(&self) -> bool {
        let queue = self.queue();
        queue.reply_bytes > REPLY_LIMIT && queue.state != State::Dead
    }

    /// Waits until few enough replies are unwritten to take another call. Cancel safe.
    pub(crate) async fn reply_room_available(&self) {
        loop {
            let written = self.0.written.notified();
            if !self.is_full() {
                return;
            }
            written.await;
        }
    }

    /// Lets the writer end once it has written everything.
    pub(crate) fn close(&self) {
        let mut queue = self.queue();
        if queue.state == State::Open {
            queue.state = State::Closing;
        }
        let wakers = queue.wakers();
        drop(queue);
        self.wake();
        wakers.into_iter().for_each(Waker::wake);
    }

    /// Gives up: the other side is gone. What waits is dropped, and nobody waits for a permit any more.
    pub(crate) fn die(&self) {
        let mut queue = self.queue();
        queue.state = State::Dead;
        queue.pending = Pending::new(self.0.form);
        let wakers = queue.wakers();
        if let Some(streams) = &mut queue.streams {
            **streams = Streams::new(Layout::Request, 0);
        }
        drop(queue);
        self.0.free.close();
        self.wake();
        wakers.into_iter().for_each(Waker::wake);
        self.0.written.notify_waiters();
    }

    /// Whether the other side is gone.
    pub(crate) fn is_dead(&self) -> bool {
        self.0.free.is_closed()
    }
}

impl Queue {
    /// Those that read its streams.
    fn wakers(&mut self) -> Vec<Waker> {
        self.streams.as_mut().map(|streams| streams.wakers()).unwrap_or_default()
    }
}

/// Writes a message of rmcp as a line.
fn write_message(message: &ServerJsonRpcMessage, line: &mut Vec<u8>) {
    // Writing to a vector cannot fail, and rmcp's messages hold JSON only.
    if let Err(error) = serde_json::to_writer(&mut *line, message) {
        event!(error, %error, "a message cannot be written as JSON");
        line.clear();
    } else {
        line.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test]
    async fn the_budget_goes_to_its_last_byte_and_no_further() {
        let outbox = Outbox::new(Form::Lines, 100);
        let most = outbox.claim(99).try_reserve().expect("it is free");
        let last = outbox.claim(1).try_reserve().expect("one byte is");
        assert!(outbox.claim(1).try_reserve().is_none());
        drop(last);
        assert!(outbox.claim(2).try_reserve().is_none());
        drop(most);
        // One that is larger than everything goes alone.
        let large = outbox.claim(101).try_reserve().expect("nothing else is there");
        assert!(outbox.claim(1).try_reserve().is_none());
        drop(large);
        let _one = outbox.claim(1).try_reserve().expect("it is free");
        assert!(outbox.claim(101).try_reserve().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_is_stuck_that_reads_nothing_for_so_long_and_not_one_that_is_slow() {
        const LIMIT: Duration = Duration::from_secs(1);
        let outbox = Outbox::new(Form::Lines, 100);
        let started = Instant::now();
        let reads = async {
            for _ in 0..100 {
                sleep(LIMIT / 2).await;
                outbox.progressed(1);
            }
            started.elapsed()
        };
        let stuck = async {
            outbox.stuck(LIMIT).await;
            started.elapsed()
        };
        let (read, stuck) = tokio::join!(reads, stuck);
        assert!(stuck >= read + LIMIT && stuck <= read + 2 * LIMIT, "{read:?} {stuck:?}");
    }

    #[tokio::test]
    async fn nobody_waits_for_room_on_a_dead_connection() {
        let outbox = Outbox::new(Form::Lines, 100);
        let _all = outbox.claim(100).try_reserve().expect("it is free");
        let mut before = Box::pin(outbox.claim(1).reserve());
        assert!(before.as_mut().now_or_never().is_none(), "there is none");
        outbox.die();
        assert!(before.now_or_never().is_some(), "who waited");
        assert!(outbox.claim(1).reserve().now_or_never().is_some(), "who comes later");
    }

    #[tokio::test]
    async fn room_comes_back_when_what_it_was_for_is_written() {
        let outbox = Outbox::new(Form::Lines, 100);
        let callback = TextCallback("said".to_owned());
        outbox.push(&callback, outbox.claim(100).try_reserve().expect("it is free"));
        let mut taken = Pending::new(Form::Lines);
        assert!(outbox.take(&mut taken).await);
        assert!(outbox.claim(1).try_reserve().is_none(), "taken is not written");
        outbox.written(&taken);
        assert!(outbox.claim(100).try_reserve().is_some());
    }
}
