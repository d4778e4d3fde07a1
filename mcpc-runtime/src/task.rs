//! One task's life: `created`, any number of updates, and exactly one terminal event, always last.

use std::any::Any;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::pin::{Pin, pin};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::delivery::Delivery;
use crate::log::{Event, EventKind, Worker};
use crate::message::{Json, ProgressUpdate};
use crate::metadata::Ids;
use crate::outbox::{InTurns, Room};
use crate::output::{Body, Outcome};
use crate::sync::{Mutex, MutexGuard, Notify};

/// A running task, shared by the runner and every clone of its [`Sender`].
struct Task {
    tool_name: &'static str,
    ids: Ids,
    delivery: Delivery,
    times: Times,
    /// Logging and sending are one step under this lock, so that both have one order.
    progression: Mutex<Progression>,
    stop: tokio_util::sync::CancellationToken,
    /// Notified when there is something in [`Progression`] for the runner to do.
    attention: Notify,
    /// Where blocking calls from other threads wait.
    runtime: Handle,
}

struct Progression {
    /// `None` once the task has ended: nothing is logged or sent any more.
    worker: Option<Box<dyn Worker>>,
    /// The latest progress that found no room; sent as soon as there is some, unless it is overtaken.
    deferred: Option<Event>,
    /// Why the runner has to end the task, if a clone of the sender found a reason.
    broken: Option<String>,
    /// The task was asked to stop because it took too long.
    timed_out: bool,
}

impl Task {
    fn progression(&self) -> MutexGuard<'_, Progression> {
        // Nothing under this lock calls code of a user's, so it cannot be left half-changed.
        self.progression.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs and sends `event`, behind a deferred progress.
    fn append(&self, event: Event, room: Room<'_>) {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        self.log(&progression, event, room);
    }

    /// Appends `event` as soon as the client has taken enough. Cancel safe.
    async fn send(&self, event: Event) {
        let room = self.delivery.room(&event).await;
        self.append(event, room);
    }

    /// Sends a deferred progress before something else. One per task may overdraw the budget; waiting
    /// for more room here would let a later event overtake it.
    fn log_deferred(&self, progression: &mut Progression) {
        if let Some(deferred) = progression.deferred.take() {
            self.log(progression, deferred, Room::NONE);
        }
    }

    fn log(&self, progression: &Progression, event: Event, room: Room<'_>) {
        let Some(worker) = &progression.worker else {
            return;
        };
        self.delivery.deliver(&event, room);
        worker.append(event);
    }

    /// Logs and sends the terminal event; nothing can follow.
    fn finish(&self, event: Event, room: Room<'_>) {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        if let Some(mut worker) = progression.worker.take() {
            // A client that hears of the end may take the id again, or the room for another task.
            worker.finish(event.clone());
            self.delivery.deliver(&event, room);
            drop(progression);
            // Threads and clones that outlive the task learn that it is over.
            self.stop.cancel();
            // Only now may the connection end: nothing is left to be delivered.
            drop(worker);
        }
    }

    /// Sends `event` now, or keeps it as the latest when the client is slow.
    fn append_latest(&self, event: Event) {
        match self.delivery.try_room(&event) {
            Some(room) => self.append(event, room),
            None => {
                self.progression().deferred = Some(event);
                self.attention.notify_one();
            }
        }
    }

    /// Sends an event of the session, in order with the task's own.
    async fn emit(&self, event: &str, data: &Json) {
        // A body that only ever emits must let others have their turn.
        tokio::task::coop::consume_budget().await;
        let Some(event) = self.delivery.server_event(event, data) else {
            return;
        };
        let room = event.room().await;
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        if progression.worker.is_some() {
            event.push(room);
        }
    }

    /// Makes the runner end the task.
    fn break_off(&self, reason: String) {
        self.progression().broken.get_or_insert(reason);
        self.attention.notify_one();
    }

    // Every task holds what these two hold, for as long as it runs. So what few tasks ever wait for is on the
    // heap, which makes a task a third smaller.

    /// Waits until the task was asked to stop and its grace is over, and says how it ends then. A timeout
    /// is such a request, too.
    async fn overdue(&self) -> Event {
        let stopped = self.stop.cancelled();
        let dropped = || Event { kind: EventKind::Dropped, ..failed("stopped") };
        let end = match self.times.timeout {
            None => {
                stopped.await;
                dropped()
            }
            Some(timeout) => match Box::pin(tokio::time::timeout(timeout, stopped)).await {
                Ok(()) => dropped(),
                Err(_) => {
                    self.progression().timed_out = true;
                    self.stop.cancel();
                    failed(&format!("timed out after {timeout:?}"))
                }
            },
        };
        Box::pin(tokio::time::sleep(self.times.grace)).await;
        end
    }

    /// The terminal event of a body that returned.
    fn terminal(&self, outcome: Outcome) -> Event {
        match outcome {
            Ok(success) => {
                let (result, content) = success.into_parts();
                Event { kind: EventKind::Complete, result, content }
            }
            // Once it was asked to stop, that is what an error comes from.
            Err(error) if self.stop.is_cancelled() && !self.progression().timed_out => {
                Event { kind: EventKind::Stopped, ..failed(&error) }
            }
            Err(error) => failed(&error),
        }
    }

    /// Does what clones of the sender left to do; returns with the reason once one says that the task
    /// cannot go on. Cancel safe.
    async fn attend(&self) -> String {
        loop {
            let attention = self.attention.notified();
            let deferred = {
                let mut progression = self.progression();
                if let Some(reason) = progression.broken.take() {
                    return reason;
                }
                progression.deferred.clone()
            };
            match deferred {
                None => attention.await,
                Some(deferred) => {
                    let room = Box::pin(self.delivery.room(&deferred)).await;
                    let mut progression = self.progression();
                    if let Some(latest) = progression.deferred.take() {
                        self.log(&progression, latest, room);
                    }
                }
            }
        }
    }
}

/// How long a task may go on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Times {
    /// After it was asked to stop.
    pub(crate) grace: Duration,
    /// Until it is asked to stop, if its tool says so.
    pub(crate) timeout: Option<Duration>,
}

/// A task that was accepted and whose body is yet to be started.
pub(crate) struct NewTask {
    task: Arc<Task>,
}

impl NewTask {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(
        tool_name: &'static str,
        ids: Ids,
        delivery: Delivery,
        worker: Box<dyn Worker>,
        times: Times,
    ) -> Self {
        let stop = worker.stopped().clone();
        let worker = Some(worker);
        let progression = Progression { worker, deferred: None, broken: None, timed_out: false };
        let task = Arc::new(Task {
            tool_name,
            ids,
            delivery,
            times,
            progression: Mutex::new(progression),
            stop,
            attention: Notify::new(),
            runtime: Handle::current(),
        });
        Self { task }
    }

    /// The sender that the body is given.
    pub(crate) fn sender(&self) -> Sender {
        Sender { task: Arc::clone(&self.task) }
    }

    /// Runs the body as a task of its own.
    pub(crate) fn spawn(self, body: Body) {
        tokio::spawn(self.run(body));
    }

    /// Runs the body to the task's end. Dropped before, it ends the task as well.
    pub(crate) fn run(self, body: Body) -> impl Future<Output = ()> + Send {
        Runner(self.task).run(body)
    }

    /// Gives the id back without a word: the call was refused.
    pub(crate) fn refuse(self) {
        self.task.progression().worker = None;
    }
}

/// Ends its task on every path: a runner that is dropped (the runtime is shutting down) still says so.
struct Runner(Arc<Task>);

impl Runner {
    async fn run(self, body: Body) {
        let task = &self.0;
        let terminal = {
            let body = AssertUnwindSafe(InTurns(body)).catch_unwind();
            tokio::select! {
                biased;
                // Before the body and outside of its budget: one that never rests would use that up
                // and starve the timer that is to stop it.
                end = tokio::task::coop::unconstrained(task.overdue()) => end,
                reason = task.attend() => failed(&reason),
                ended = body => match ended {
                    Ok(outcome) => task.terminal(outcome),
                    Err(panic) => failed(&panicked(task.tool_name, &*panic)),
                },
            }
        };
        // What was asked to stop has no more time to wait: its one last event may overdraw the budget.
        let room = match task.stop.is_cancelled() {
            true => task.delivery.try_room(&terminal).unwrap_or(Room::NONE),
            false => task.delivery.room(&terminal).await,
        };
        task.finish(terminal, room);
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let reason = match std::thread::panicking() {
            true => "stopped, and panicked while it was dropped",
            false => "the server shut down",
        };
        self.0.finish(failed(reason), Room::NONE);
    }
}

fn failed(reason: &str) -> Event {
    Event { kind: EventKind::Failed, result: Json::text(reason), content: None }
}

/// What to say about a tool that panicked.
pub(crate) fn panicked(tool_name: &str, panic: &(dyn Any + Send)) -> String {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it gave no message");
    format!("tool `{tool_name}` panicked: {message}")
}

/// Talks to the client about a running task.
///
/// A background tool takes one as a parameter. No method fails: a client that left or a task that was
/// told to stop ends the task by the runtime's hand. A clone is another handle to the same task; one
/// that outlives its task says nothing any more.
///
/// Updates leave in the order of the calls. To send from several threads at once, clone.
#[derive(Clone)]
pub struct Sender {
    task: Arc<Task>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("tool", &self.task.tool_name)
            .field("task_id", &self.task.ids.task_id)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// Sends an update that holds `value`. Updates are never dropped and never reordered; while the
    /// client is slow, this waits.
    ///
    /// `value` is serialized before this returns, so it may borrow what it likes. A value that
    /// cannot be written as JSON ends the task as `failed`; the body is dropped where it awaits this.
    ///
    /// # Cancel safety
    ///
    /// The update is sent when the future completes, and not at all if it is dropped before.
    pub fn send<T: Serialize>(&self, value: T) -> impl Future<Output = ()> + Send + use<'_, T> {
        self.sending(self.update(&value))
    }

    /// Like [`send`](Self::send), for code that is not async: `spawn_blocking`, rayon, plain threads.
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_send<T: Serialize>(&self, value: T) {
        self.block_on_update(self.update(&value));
    }

    /// Sends how far the task has come: an update `{"status": text, "progress": percent}`.
    ///
    /// Never waits, and may be called from anywhere. While the client is slow the latest progress
    /// replaces the one before, so a client may miss some but always sees the last.
    ///
    /// `percent` is `done` of `total` in percent, from 0 to 100, to two decimals; of a `total` of 0,
    /// everything is done.
    pub fn progress(&self, done: impl Quantity, total: impl Quantity, text: impl AsRef<str>) {
        let percent = percent(done.to_f64(), total.to_f64());
        let progress = ProgressUpdate { status: text.as_ref().into(), progress: percent };
        match self.update(&progress) {
            Ok(event) => {
                self.task.append_latest(Event { kind: EventKind::Progress, ..event });
            }
            Err(reason) => self.task.break_off(reason),
        }
    }

    /// Sends a server event, which belongs to the session rather than to this task: `event` is its
    /// name, `data` what it carries. Waits while the client is slow.
    ///
    /// An MCPC client gets it as such. Any other gets a logging notification of level `info` whose `data`
    /// holds `event` and `data`, if it wants these: up to MCP 2025-11-25 unless it set a higher level, later
    /// if the call asked for such a level, and until its reply. A client of the Tasks extension hears of
    /// none.
    ///
    /// # Cancel safety
    ///
    /// The event is sent when the future completes, and not at all if it is dropped before.
    pub fn emit<T: Serialize>(
        &self,
        event: &str,
        data: T,
    ) -> impl Future<Output = ()> + Send + use<'_, T> {
        self.emitting(session_event(event, &data))
    }

    /// Like [`emit`](Self::emit), for code that is not async.
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_emit<T: Serialize>(&self, event: &str, data: T) {
        self.block_on_event(session_event(event, &data));
    }

    /// Waits until the task is asked to stop. It then has the server's grace to end by itself,
    /// before it is dropped at its next await. Cancel safe.
    pub async fn stopped(&self) {
        self.task.stop.cancelled().await;
    }

    /// Whether the task was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.task.stop.is_cancelled()
    }

    /// The task's id: the client's own, or one made for it.
    #[must_use]
    pub fn task_id(&self) -> &str {
        &self.task.ids.task_id
    }

    /// The session the task belongs to, as the client named it; `default` where it named none.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.task.ids.session_id
    }

    fn update<T: Serialize>(&self, value: &T) -> Result<Event, String> {
        match Json::new(value) {
            Ok(result) => Ok(Event::update(result)),
            Err(error) => Err(format!("an update cannot be written as JSON: {error}")),
        }
    }

    // What follows has no type of a user's in it, so it is compiled once, here.

    fn sending(&self, update: Result<Event, String>) -> Sending<'_> {
        match update {
            Ok(event) => Sending::New(&self.task, event),
            Err(reason) => Sending::Waiting(Box::pin(self.break_off(reason))),
        }
    }

    fn emitting(&self, event: Result<(String, Json), String>) -> Sending<'_> {
        Sending::Waiting(match event {
            Ok((name, data)) => Box::pin(async move { self.task.emit(&name, &data).await }),
            Err(reason) => Box::pin(self.break_off(reason)),
        })
    }

    fn block_on_update(&self, update: Result<Event, String>) {
        match update {
            Ok(event) => self.task.runtime.block_on(Sending::New(&self.task, event)),
            Err(reason) => self.task.break_off(reason),
        }
    }

    fn block_on_event(&self, event: Result<(String, Json), String>) {
        match event {
            Ok((name, data)) => self.task.runtime.block_on(self.task.emit(&name, &data)),
            Err(reason) => self.task.break_off(reason),
        }
    }

    /// Has the runner end the task. A body is dropped in here; a clone elsewhere goes on when the task
    /// has ended.
    async fn break_off(&self, reason: String) {
        self.task.break_off(reason);
        self.task.stop.cancelled().await;
        // A task that was being stopped anyway gets this far: the runner is to have its turn first.
        tokio::task::yield_now().await;
    }
}

/// What awaits that something is sent.
///
/// No `async fn`: the code of one is compiled again in each crate that awaits it (a third of what a server's
/// crate took to build), and its state is part of every body that does.
enum Sending<'a> {
    New(&'a Task, Event),
    Waiting(BoxFuture<'a, ()>),
    Over,
}

impl Future for Sending<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if let Self::New(..) = *self {
            // A body that only ever sends must let others have their turn.
            ready!(pin!(tokio::task::coop::consume_budget()).poll(context));
            if let Self::New(task, event) = std::mem::replace(&mut *self, Self::Over) {
                match task.delivery.room_now(&event) {
                    Some(room) => task.append(event, room),
                    None => *self = Self::Waiting(Box::pin(task.send(event))),
                }
            }
        }
        if let Self::Waiting(future) = &mut *self {
            ready!(future.as_mut().poll(context));
            *self = Self::Over;
        }
        Poll::Ready(())
    }
}

/// A server event's name and data.
fn session_event<T: Serialize>(event: &str, data: &T) -> Result<(String, Json), String> {
    if event.is_empty() {
        return Err("a server event needs a name".to_owned());
    }
    match Json::new(data) {
        Ok(data) => Ok((event.to_owned(), data)),
        Err(error) => Err(format!("the event `{event}` cannot be written as JSON: {error}")),
    }
}

/// What is not a number is nothing, and what is negative or beyond the total is clamped.
fn percent(done: f64, total: f64) -> f64 {
    let share = if total <= 0.0 { 1.0 } else { done / total };
    let share = if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) };
    // The sum makes `-0.0` a plain zero.
    ((share * 10_000.0).round() + 0.0) / 100.0
}

/// A number of things, as [`Sender::progress`] counts them: any of Rust's number types.
pub trait Quantity {
    /// The number; integers beyond 2⁵³ lose their last digits, which no percentage shows.
    #[doc(hidden)]
    fn to_f64(self) -> f64;
}

macro_rules! quantity {
    ($($number:ty)*) => {
        $(impl Quantity for $number {
            #[allow(
                clippy::cast_lossless,
                clippy::cast_precision_loss,
                reason = "the documentation of the trait says so"
            )]
            fn to_f64(self) -> f64 {
                self as f64
            }
        })*
    };
}

quantity!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize f32 f64);

#[cfg(test)]
mod tests {
    use super::percent;

    #[test]
    #[expect(clippy::float_cmp, reason = "the very numbers are shown to people")]
    fn percentages_read_well() {
        assert_eq!(percent(1.0, 5.0), 20.0);
        assert_eq!(percent(1.0, 3.0), 33.33);
        assert_eq!(percent(7.0, 5.0), 100.0);
        assert_eq!(percent(-1.0, 5.0), 0.0);
        assert_eq!(percent(0.0, 0.0), 100.0);
        assert_eq!(percent(1.0, 8.0), 12.5);
        assert_eq!(percent(29.0, 100.0), 29.0);
        assert_eq!(percent(f64::NAN, 5.0), 0.0);
        assert_eq!(percent(f64::INFINITY, f64::INFINITY), 0.0);
        assert_eq!(percent(1.0, -5.0), 100.0);
        assert_eq!(percent(1e307, 1e308), 10.0);
        assert!(percent(-0.0, 5.0).is_sign_positive());
    }
}
