//! What waits to leave over one connection: one queue, one writer, and a gate per call.
//!
//! Replies are pushed and never wait. Callbacks first reserve bytes of a budget, as a *permit*, and give them
//! back once they are written, so a client that stops reading makes `Sender::send` wait and costs no
//! memory beyond the budget. The *gate* of a call keeps everything about a task back until the reply
//! that announces the task has been pushed.

mod gate;
mod outgoing;
mod pending;
mod permit;
mod prefetch;

pub(crate) use gate::{BeforeReply, Gate};
pub(crate) use outgoing::{JsonNotification, Outgoing, TextCallback, callback_message};
pub(crate) use pending::{Form, Items, Pending};
pub(crate) use permit::Permit;
pub(crate) use prefetch::Prefetching;

use std::cell::Cell;
use std::fmt;
use std::future::poll_fn;
use std::mem;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{RequestId, ServerJsonRpcMessage};
use tokio::sync::futures::Notified;
use tokio::sync::{Notify, Semaphore, SemaphorePermit, TryAcquireError};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::logging::event;
use crate::reply::Reply;
use prefetch::Prefetched;

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
    /// The other side is gone.
    dead: CancellationToken,
}

struct Queue {
    pending: Pending,
    /// How many bytes of replies are pending or being written.
    reply_bytes: usize,
    state: State,
}

/// What there was to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    Something,
    Nothing,
    /// Nothing, and nothing will come.
    Closed,
}

/// One that waits for a permit, counted.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
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
        f.debug_struct("Outbox").field("room", &self.0.free).finish_non_exhaustive()
    }
}

impl Outbox {
    /// An outbox that collects messages in one form, and holds up to `budget` bytes of callbacks.
    pub(crate) fn new(form: Form, budget: usize) -> Self {
        // From nothing there would be nothing to take, and more than this cannot be taken in one piece.
        let most = Semaphore::MAX_PERMITS.min(u32::MAX as usize);
        let budget = budget.clamp(1, most) as u32;
        let queue = Queue { pending: Pending::new(form), reply_bytes: 0, state: State::Open };
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
            dead: CancellationToken::new(),
        }))
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // No push can panic half-way, so a poisoned queue is still whole.
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a callback of `bytes` bytes takes from the budget: one that is larger than the whole budget
    /// waits until it can go alone.
    fn permits(&self, bytes: usize) -> u32 {
        u32::try_from(bytes).unwrap_or(u32::MAX).min(self.0.budget)
    }

    /// What is taken at once when a callback needs `bytes` bytes: a body that runs takes some in advance.
    fn wanted(&self, bytes: u32) -> u32 {
        match prefetch::may_prefetch() {
            true => bytes.max(self.0.budget / PREFETCHES),
            false => bytes,
        }
    }

    /// A permit for a callback, out of what was taken for it.
    fn permit_of(&self, permit: SemaphorePermit<'_>, bytes: u32, wanted: u32) -> Permit<'_> {
        permit.forget();
        if wanted > bytes {
            prefetch::keep_prefetched(self, (wanted - bytes) as usize);
        }
        Permit::new(self, bytes as usize)
    }

    /// Waits for a permit for a callback of about `bytes` bytes. First come, first served; on a dead
    /// connection there is always room. Cancel safe: dropping the future gives up the place in the
    /// line.
    pub(crate) async fn reserve(&self, bytes: usize) -> Permit<'_> {
        if let Some(permit) = self.reserve_now(bytes) {
            return permit;
        }
        let bytes = self.permits(bytes);
        let wanted = self.wanted(bytes);
        let _waiting = Waiting::new(&self.0.waiting);
        let mut acquired = pin!(self.0.free.acquire_many(wanted));
        let acquired = poll_fn(|context| {
            let acquired = acquired.as_mut().poll(context);
            if acquired.is_pending() {
                // If it has nothing to write, what is waited for is held in advance.
                self.wake();
            }
            acquired
        });
        match acquired.await {
            Ok(permit) => self.permit_of(permit, bytes, wanted),
            Err(_) => Permit::NONE,
        }
    }

    /// A permit as [`reserve`](Self::reserve) gives it, if nothing has to be waited for.
    pub(crate) fn reserve_now(&self, bytes: usize) -> Option<Permit<'_>> {
        let bytes = self.permits(bytes);
        if prefetch::take_prefetched(self, bytes as usize) {
            return Some(Permit::new(self, bytes as usize));
        }
        self.try_take(bytes, self.wanted(bytes))
    }

    /// A permit for a callback alone, if there is some right now.
    pub(crate) fn try_reserve(&self, bytes: usize) -> Option<Permit<'_>> {
        let bytes = self.permits(bytes);
        if prefetch::take_prefetched(self, bytes as usize) {
            return Some(Permit::new(self, bytes as usize));
        }
        self.try_take(bytes, bytes)
    }

    fn try_take(&self, bytes: u32, wanted: u32) -> Option<Permit<'_>> {
        match self.0.free.try_acquire_many(wanted) {
            Ok(permit) => Some(self.permit_of(permit, bytes, wanted)),
            Err(TryAcquireError::Closed) => Some(Permit::NONE),
            Err(TryAcquireError::NoPermits) => None,
        }
    }

    /// Pushes one of rmcp's messages, which never waits.
    pub(crate) fn push_message(&self, message: ServerJsonRpcMessage) {
        self.push_message_and(message, None);
    }

    /// Pushes a message and, right after it, what waited for it.
    fn push_message_and(&self, message: ServerJsonRpcMessage, held: Option<Pending>) {
        let push = |queue: &mut Queue, bytes| {
            queue.pending.reply_bytes += bytes;
            queue.reply_bytes += bytes;
            if let Some(held) = held {
                queue.pending.append(held);
            }
        };
        with_line(|line| {
            // Writing to a vector cannot fail, and rmcp's messages hold JSON only.
            if let Err(error) = serde_json::to_writer(&mut *line, &message) {
                event!(error, %error, "a message cannot be written as JSON");
                line.clear();
            } else {
                line.push(b'\n');
            }
            match self.0.form {
                Form::Lines => self.extend(line, |queue| push(queue, line.len())),
                // The transport writes it in a form of its own, but hardly shorter than this.
                Form::Messages => self.add(message, |queue| push(queue, line.len())),
            }
        });
        self.wake();
    }

    /// Pushes what a request is answered with where it is read.
    pub(crate) fn push_reply(&self, id: RequestId, reply: Reply) {
        match self.0.form {
            Form::Lines => with_line(|line| {
                if let Err(error) = reply.to_line(id, line) {
                    event!(error, %error, "a reply cannot be written as JSON");
                }
                self.push_line(line);
            }),
            Form::Messages => self.push_message(reply.to_message(id)),
        }
    }

    /// Pushes bytes that answer a line which is no message.
    pub(crate) fn push_line(&self, line: &[u8]) {
        self.extend(line, |queue| {
            queue.pending.reply_bytes += line.len();
            queue.reply_bytes += line.len();
        });
        self.wake();
    }

    /// Pushes something about a task, with its permit.
    pub(crate) fn push(&self, outgoing: &impl Outgoing, permit: Permit<'_>) {
        match self.0.form {
            Form::Lines => with_line(|line| {
                outgoing.push_line(line);
                self.extend(line, |queue| queue.pending.permits += permit.spend());
            }),
            Form::Messages => {
                self.add(outgoing.message(), |queue| queue.pending.permits += permit.spend());
            }
        }
        self.wake();
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
        if self.0.waiting.load(Ordering::SeqCst) > 0 {
            // Nothing will give back what they wait for: threads hold it in advance.
            self.0.free.add_permits(self.0.prefetched.reclaim());
        }
        Taken::Nothing
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
        self.0.pushed.notify_one();
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
        drop(queue);
        self.wake();
    }

    /// Gives up: the other side is gone. What waits is dropped, and nobody waits for a permit any more.
    pub(crate) fn die(&self) {
        let mut queue = self.queue();
        queue.state = State::Dead;
        queue.pending = Pending::new(self.0.form);
        drop(queue);
        self.0.free.close();
        self.0.dead.cancel();
        self.wake();
        self.0.written.notify_waiters();
    }

    /// Waits until the other side is gone. Cancel safe.
    pub(crate) async fn dead(&self) {
        self.0.dead.cancelled().await;
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
        let most = outbox.try_reserve(99).expect("it is free");
        let last = outbox.try_reserve(1).expect("one byte is");
        assert!(outbox.try_reserve(1).is_none());
        drop(last);
        assert!(outbox.try_reserve(2).is_none());
        drop(most);
        // One that is larger than everything goes alone.
        let large = outbox.try_reserve(101).expect("nothing else is there");
        assert!(outbox.try_reserve(1).is_none());
        drop(large);
        let _one = outbox.try_reserve(1).expect("it is free");
        assert!(outbox.try_reserve(101).is_none());
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
        let _all = outbox.try_reserve(100).expect("it is free");
        let mut before = Box::pin(outbox.reserve(1));
        assert!(before.as_mut().now_or_never().is_none(), "there is none");
        outbox.die();
        assert!(before.now_or_never().is_some(), "who waited");
        assert!(outbox.reserve(1).now_or_never().is_some(), "who comes later");
    }

    #[tokio::test]
    async fn room_comes_back_when_what_it_was_for_is_written() {
        let outbox = Outbox::new(Form::Lines, 100);
        let callback = TextCallback("said".to_owned());
        outbox.push(&callback, outbox.try_reserve(100).expect("it is free"));
        let mut taken = Pending::new(Form::Lines);
        assert!(outbox.take(&mut taken).await);
        assert!(outbox.try_reserve(1).is_none(), "taken is not written");
        outbox.written(&taken);
        assert!(outbox.try_reserve(100).is_some());
    }
}
