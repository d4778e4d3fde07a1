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
use crate::delivery::{Delivery, Event};
use crate::log::{Amount, End, EndKind, Ends, Progress, Said, TaskWriter};
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
    deferred: Option<Progress>,
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

    /// Logs and sends what the body said, after a deferred progress.
    fn append(&self, said: Said, permit: Permit<'_>) {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        self.log(&progression, said, permit);
    }

    /// Appends what the body said in its turn, as soon as the client has taken enough. Cancel safe.
    async fn send(&self, said: Said) {
        let permit = self.delivery.reserve(Event::of(&said));
        if let Some((permit, _turn)) = self.in_line(permit).await {
            self.append(said, permit);
        }
    }

    /// A permit for what the body said, if neither it nor an earlier call has to be waited for.
    fn reserve_now(&self, said: &Said) -> Option<Permit<'_>> {
        if self.has_line() { None } else { self.delivery.reserve_now(Event::of(said)) }
    }

    /// Sends a deferred progress before something else. One per task may overdraw the budget; waiting
    /// for more room here would let a later event overtake it.
    fn log_deferred(&self, progression: &mut Progression) {
        if let Some(deferred) = progression.deferred.take() {
            self.log(progression, Said::Progress(deferred), Permit::NONE);
        }
    }

    fn log(&self, progression: &Progression, said: Said, permit: Permit<'_>) {
        let Some(writer) = &progression.writer else {
            return;
        };
        self.delivery.deliver(Event::of(&said), permit);
        writer.append(said);
    }

    /// Logs and sends what ends the task; nothing can follow. Returns whether nothing had ended it.
    fn finish(&self, end: End, permit: Permit<'_>) -> bool {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        if let Some(writer) = progression.writer.take() {
            self.is_over.store(true, Ordering::SeqCst);
            let delivering = writer.finish(end.clone());
            self.delivery.deliver(Event::End(&end), permit);
            drop(progression);
            // Only now is the id free and may the connection end: nothing is left to be delivered.
            drop(delivering);
            // Threads and clones that outlive the task learn that it is over.
            self.stop.cancel();
            self.disperse();
            return true;
        }
        false
    }

    /// Sends a progress now, or keeps it as the latest when the client is slow.
    fn append_latest(&self, progress: Progress) {
        if self.is_over() {
            return;
        }
        let event = Event::Progress(&progress);
        let permit = if self.has_line() { None } else { self.delivery.try_reserve(event) };
        match permit {
            Some(permit) => self.append(Said::Progress(progress), permit),
            None => {
                self.progression().deferred = Some(progress);
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
        if let Some((permit, _turn)) = self.in_line(event.reserve()).await {
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

fn failed(reason: &str) -> End {
    End::new(EndKind::Failed, Json::text(reason))
}

/// The end of a task whose body did not end by itself.
fn dropped() -> End {
    End { kind: EndKind::Dropped, ..failed("stopped") }
}
