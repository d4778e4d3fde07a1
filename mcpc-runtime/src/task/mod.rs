//! One task's life: `created`, any number of updates, and exactly one terminal event, always last.
//!
//! # What leads to "stop"
//!
//! | what happens | what asks | what the client hears |
//! |---|---|---|
//! | the call is cancelled before its reply (its gate) | `service::calls`, by `Tasks::stop` | nothing of the task |
//! | the call is cancelled while it waits (the token of rmcp's context) | the same | no reply |
//! | `tasks/cancel` | `service::intake`, where it is read | an acknowledgement; the end when it asks |
//! | `stop_task` | `service::intake`, where it is read; `control`, what comes in quotes | that it was asked |
//! | the timeout of the tool | the runner; the end is `failed` and names the timeout | the end |
//! | the reply to the call cannot be made, as its log fails | `service::calls`, by `Tasks::stop_here` | an error in its place |
//! | another process asks | the log, by the token of its writer | the end |
//! | the end of the input, a signal | `transport::end`, by `Tasks::stop_all` | the end |
//!
//! All of them cancel one token, which the log's writer has. Then the body has its grace; [`Sender::stopped`] comes
//! true. If it returns an error, the end is [`EndKind::Stopped`], and if it goes on beyond its grace, it is dropped and
//! the end is [`EndKind::Dropped`]. The last event waits for no permit then.
//!
//! Being over is not being asked to stop, and is a flag of its own (`Task::is_over`). The token is cancelled then,
//! too, only so that clones and threads that wait for it go on.
//!
//! Ends that nobody asked for: the body returns or panics, sends what cannot be written, or its log fails
//! (`Task::break_off`); the runner is dropped with its runtime; and `Tasks::end_all`, for a body that does not give
//! way when its connection has ended.

mod asking;
mod joins;
mod line;
mod order;
mod quantity;
mod receiver;
mod runner;
mod sender;
mod tasks;
mod trace;

pub(crate) use joins::{Among, Part, Share, Shared};
pub use receiver::Receiver;
pub(crate) use runner::{Grace, NewTask, TaskLimits, panicked};
#[cfg(feature = "testing")]
pub(crate) use sender::WeakSender;
pub use sender::{Sender, Sending};
pub(crate) use tasks::{Created, InstructionsOf, Request, TaskPermits, Tasks};

pub use quantity::{Quantity, Total};

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};

use futures::FutureExt as _;
use futures::future::Shared as SharedFuture;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use self::line::Line;
use self::tasks::Delivering;
use crate::delivery::{Delivery, Event, Questions};
use crate::log::{Amount, Boxed, End, EndKind, LogError, MaybeLater, Progress, Said, in_time};
use crate::logging::event;
use crate::message::Json;
use crate::metadata::Ids;
use crate::outbox::{Claim, Permit};
use crate::question::Room;
use crate::sync::{Mutex, MutexGuard, Notify};

/// A running task, shared by the runner and every clone of its [`Sender`].
struct Task {
    tool_name: Arc<str>,
    ids: Ids,
    delivery: Delivery,
    questions: Questions,
    limits: TaskLimits,
    /// For what it asks.
    room: Room,
    /// Logging and sending are one step under this lock, so that both have one order.
    progression: Mutex<Progression>,
    /// Cancelled when the body is to leave: because it was asked to stop, or because the task is over.
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

/// What the log answers to something that was appended.
type Storing = SharedFuture<Boxed<'static, Result<(), LogError>>>;

/// Such answers, in their order. Behind a pointer, as every task holds room for it and hardly one has any.
#[derive(Default)]
struct Awaited(VecDeque<Storing>);

struct Progression {
    /// `None` once the task has ended: nothing is logged or sent any more.
    created: Option<Created>,
    /// The latest progress that found no permit; sent as soon as there is some, unless it is overtaken.
    deferred: Option<Progress>,
    /// What the log has not answered yet, the first to be answered first; the runner awaits each. `None` if there is
    /// nothing, as in memory.
    storing: Option<Box<Awaited>>,
    /// What the latest progress counted.
    amount: Amount,
    /// How many questions it has asked.
    asked: u32,
    /// Why the runner has to end the task, if a clone of the sender found a reason.
    broken: Option<String>,
    /// The task was asked to stop because it took too long.
    timed_out: bool,
}

impl Progression {
    /// The log has the first of what it had not answered.
    fn is_stored(&mut self) {
        if let Some(storing) = &mut self.storing {
            storing.0.pop_front();
            if storing.0.is_empty() {
                self.storing = None;
            }
        }
    }
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
                tool = &*self.tool_name,
                task_id = &*self.ids.task_id,
                "a `Sender` outlived its task: what it sends is dropped"
            );
        }
        is_over
    }

    /// Whether the terminal event was said.
    fn has_ended(&self) -> bool {
        self.is_over.load(Ordering::SeqCst)
    }

    /// Whether it was asked to stop before its end.
    fn was_asked_to_stop(&self) -> bool {
        self.stop.is_cancelled() && !self.has_ended()
    }

    /// Logs and sends what the body said, after a deferred progress. The answer is the log's, once that has room for
    /// more; the runner awaits it as well.
    fn append(&self, said: Said, permit: Permit<'_>) -> MaybeLater<'static, Result<(), LogError>> {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        self.log(&mut progression, said, permit)
    }

    /// Waits until the log has room for more. One that has failed ends the task.
    async fn stored(&self, stored: MaybeLater<'static, Result<(), LogError>>) {
        if let Err(error) = stored.await {
            self.break_off_here(error.to_string()).await;
        }
    }

    /// Has the runner end the task. A body is dropped in here; a clone elsewhere goes on when the task
    /// has ended.
    async fn break_off_here(&self, reason: String) {
        self.break_off(reason);
        self.stop.cancelled().await;
        // A task that was being stopped anyway gets this far: the runner is to have its turn first.
        tokio::task::yield_now().await;
    }

    /// Appends what the body said in its turn, as soon as the client has taken enough. Cancel safe.
    async fn send(&self, said: Said) {
        if let Some((permit, _turn)) = self.in_line(self.claim(&said)).await {
            let stored = self.append(said, permit);
            self.stored(stored).await;
        }
    }

    /// What the body said takes of the connection's budget.
    fn claim(&self, said: &Said) -> Claim<'_> {
        self.event(said).map_or(Claim::NOTHING, |event| self.delivery.claim(event))
    }

    /// What the client hears of what the body said, as far as it leaves beside the log.
    fn event<'a>(&self, said: &'a Said) -> Option<Event<'a>> {
        match said {
            // The client is asked itself.
            Said::Question(question) if !self.questions.are_asked_by_reply(question) => None,
            said => Some(Event::of(said)),
        }
    }

    /// A permit for what the body said, if neither it nor an earlier call has to be waited for.
    fn reserve_now(&self, said: &Said) -> Option<Permit<'_>> {
        if self.has_line() { None } else { self.claim(said).reserve_now() }
    }

    /// Sends a deferred progress before something else. One per task may overdraw the budget; waiting
    /// for more room here would let a later event overtake it.
    fn log_deferred(&self, progression: &mut Progression) {
        if let Some(deferred) = progression.deferred.take() {
            let stored = self.log(progression, Said::Progress(deferred), Permit::NONE);
            self.need_not_wait(progression, stored);
        }
    }

    /// A progress is logged in its place, and waits for nothing; the runner awaits what the log takes its time for.
    fn need_not_wait(
        &self,
        progression: &mut Progression,
        stored: MaybeLater<'static, Result<(), LogError>>,
    ) {
        if let MaybeLater::Now(Err(error)) = stored {
            progression.broken.get_or_insert(error.to_string());
            self.attention.notify_one();
        }
    }

    fn log(
        &self,
        progression: &mut Progression,
        said: Said,
        permit: Permit<'_>,
    ) -> MaybeLater<'static, Result<(), LogError>> {
        let Some(created) = &progression.created else { return MaybeLater::Now(Ok(())) };
        if let Some(event) = self.event(&said) {
            self.delivery.deliver(event, permit);
        }
        match created.writer().append(said) {
            MaybeLater::Now(stored) => MaybeLater::Now(stored),
            MaybeLater::Later(stored) => self.share(progression, stored),
        }
    }

    /// Has the runner await an answer of the log, too: the body may not. No log in memory gets here.
    #[cold]
    fn share(
        &self,
        progression: &mut Progression,
        stored: Boxed<'static, Result<(), LogError>>,
    ) -> MaybeLater<'static, Result<(), LogError>> {
        let stored = in_time(stored).shared();
        progression.storing.get_or_insert_default().0.push_back(stored.clone());
        self.attention.notify_one();
        MaybeLater::later(stored)
    }

    /// Logs and sends what ends the task; nothing can follow. `None` if something had ended it. Only the drop of what
    /// is returned makes the id free and lets the connection end.
    fn finish(&self, end: End, permit: Permit<'_>) -> Option<Delivering> {
        let mut progression = self.progression();
        self.log_deferred(&mut progression);
        let created = progression.created.take()?;
        self.is_over.store(true, Ordering::SeqCst);
        let delivering = created.finish(end.clone());
        self.delivery.deliver(Event::End(&end), permit);
        let storing = progression.storing.take();
        drop(progression);
        // Whatever the log answers to what came before, it answers to the end.
        drop(storing);
        // Threads and clones that outlive the task learn that it is over.
        self.stop.cancel();
        self.disperse();
        self.tell_end(end);
        Some(delivering)
    }

    /// Ends the task in place of its runner, unless it has ended; returns whether that did it.
    fn cut_off(&self) -> bool {
        self.finish(dropped(), Permit::NONE).is_some()
    }

    /// Sends a progress now, or keeps it as the latest when the client is slow.
    fn append_latest(&self, progress: Progress) {
        if self.is_over() {
            return;
        }
        let claim = self.delivery.claim(Event::Progress(&progress));
        let permit = if self.has_line() { None } else { claim.try_reserve() };
        match permit {
            Some(permit) => {
                let mut progression = self.progression();
                if progression.storing.is_some() {
                    // The runner says it when the log has what came before.
                    progression.deferred = Some(progress);
                    return;
                }
                self.log_deferred(&mut progression);
                let stored = self.log(&mut progression, Said::Progress(progress), permit);
                self.need_not_wait(&mut progression, stored);
            }
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
        if let Some((permit, _turn)) = self.in_line(event.claim()).await {
            let mut progression = self.progression();
            self.log_deferred(&mut progression);
            if progression.created.is_some() {
                event.push(permit);
            }
        }
    }

    /// Makes the runner end the task.
    fn break_off(&self, reason: String) {
        // Nothing would end a body that nobody runs, and its test is to fail.
        #[cfg(feature = "testing")]
        assert!(!self.delivery.is_witnessed(), "{reason}");
        self.progression().broken.get_or_insert(reason);
        self.attention.notify_one();
    }
}

fn failed(reason: &str) -> End {
    End::new(EndKind::Failed, Json::text(reason))
}

/// The end of a task whose body did not end by itself.
fn dropped() -> End {
    End { kind: EndKind::Dropped, ..failed("stopped") }
}
