//! One task's life: `created`, any number of updates, and exactly one terminal event, always last.

mod line;
mod quantity;
mod runner;
mod sender;
mod trace;

pub(crate) use runner::{Grace, NewTask, TaskLimits, panicked};
pub use sender::Sender;

pub use quantity::{Quantity, Total};

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{OnceLock, PoisonError};

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::line::Line;
use crate::delivery::Delivery;
use crate::log::{Amount, Ends, Event, EventKind, TaskWriter};
use crate::logging::event;
use crate::message::Json;
use crate::metadata::Ids;
use crate::outbox::Permit;
use crate::sync::{Mutex, MutexGuard, Notify};

/// A running task, shared by the runner and every clone of its [`Sender`].
struct Task {
    tool_name: &'static str,
    ids: Ids,
    delivery: Delivery,
    limits: TaskLimits,
    /// Logging and sending are one step under this lock, so that both have one order.
    progression: Mutex<Progression>,
    stop: CancellationToken,
    /// Notified when there is something in [`Progression`] for the runner to do.
    attention: Notify,
    /// Who waits to send; most tasks have nobody.
    line: OnceLock<Box<Line>>,
    /// The terminal event was said.
    is_over: AtomicBool,
    /// It was told that something came after that.
    is_late_told: AtomicBool,
    /// It was told that an event of the session has nowhere to go.
    is_untaken_told: AtomicBool,
    /// Where blocking calls from other threads wait.
    runtime: Handle,
}

struct Progression {
    /// `None` once the task has ended: nothing is logged or sent any more.
    writer: Option<Box<dyn TaskWriter>>,
    /// The latest progress that found no permit; sent as soon as there is some, unless it is overtaken.
    deferred: Option<Event>,
    /// What the latest progress counted.
    amount: Amount,
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

    /// Whether nothing is said any more; if so, that is logged, once for each task.
    fn is_over(&self) -> bool {
        let is_over = self.is_over.load(Ordering::SeqCst);
        if is_over && !self.is_late_told.swap(true, Ordering::Relaxed) {
            event!(
                warn,
                tool = self.tool_name,
                task_id = &*self.ids.task_id,
                "a `Sender` outlived its task: what it sends is dropped"
            );
        }
        is_over
    }

    /// Logs and sends `event`, after a deferred progress.
    fn append(&self, event: Event, permit: Permit<'_>) {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        self.log(&progression, event, permit);
    }

    /// Appends `event` in its turn, as soon as the client has taken enough. Cancel safe.
    async fn send(&self, event: Event) {
        if let Some((permit, _turn)) = self.in_line(self.delivery.claim(&event)).await {
            self.append(event, permit);
        }
    }

    /// A permit for `event`, if neither it nor an earlier call has to be waited for.
    fn reserve_now(&self, event: &Event) -> Option<Permit<'_>> {
        if self.has_line() { None } else { self.delivery.claim(event).reserve_now() }
    }

    /// Sends a deferred progress before something else. One per task may overdraw the budget; waiting
    /// for more room here would let a later event overtake it.
    fn log_deferred(&self, progression: &mut Progression) {
        if let Some(deferred) = progression.deferred.take() {
            self.log(progression, deferred, Permit::NONE);
        }
    }

    fn log(&self, progression: &Progression, event: Event, permit: Permit<'_>) {
        let Some(writer) = &progression.writer else {
            return;
        };
        self.delivery.deliver(&event, permit);
        writer.append(event);
    }

    /// Logs and sends the terminal event; nothing can follow. Returns whether there was none.
    fn finish(&self, event: Event, permit: Permit<'_>) -> bool {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        if let Some(mut writer) = progression.writer.take() {
            self.is_over.store(true, Ordering::SeqCst);
            writer.finish(event.clone());
            self.delivery.deliver(&event, permit);
            drop(progression);
            // Only now is the id free and may the connection end: nothing is left to be delivered.
            drop(writer);
            // Threads and clones that outlive the task learn that it is over.
            self.stop.cancel();
            self.disperse();
            return true;
        }
        false
    }

    /// Sends `event` now, or keeps it as the latest when the client is slow.
    fn append_latest(&self, event: Event) {
        if self.is_over() {
            return;
        }
        let permit = if self.has_line() { None } else { self.delivery.claim(&event).try_reserve() };
        match permit {
            Some(permit) => self.append(event, permit),
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
        if self.is_over() {
            return;
        }
        let Some(event) = self.delivery.server_event(event, data) else {
            return self.tell_untaken(event);
        };
        if let Some((permit, _turn)) = self.in_line(event.claim()).await {
            let mut progression = self.progression();
            self.log_deferred(&mut progression);
            if progression.writer.is_some() {
                event.push(permit);
            }
        }
    }

    /// Makes the runner end the task.
    fn break_off(&self, reason: String) {
        self.progression().broken.get_or_insert(reason);
        self.attention.notify_one();
    }
}

impl Ends for Task {
    fn end(&self) {
        self.finish(dropped(), Permit::NONE);
    }
}

fn failed(reason: &str) -> Event {
    Event::new(EventKind::Failed, Json::text(reason))
}

/// The end of a task whose body did not end by itself.
fn dropped() -> Event {
    Event { kind: EventKind::Dropped, ..failed("stopped") }
}
