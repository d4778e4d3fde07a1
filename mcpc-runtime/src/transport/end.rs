//! What happens when a connection brings no more calls.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;
use crate::log::Boxed;
use crate::logging::{aside, event, mention};
use crate::task::{Grace, Tasks};

/// For how long nothing may have moved before what is held up is finished here.
const STALLED: Duration = Duration::from_millis(250);

/// The same once the process was asked to end again: the one that asks is about to kill it.
const STALLED_IN_A_HURRY: Duration = Duration::from_millis(100);

/// The end of a connection; a clone is another handle to it.
///
/// Once it begins, no more calls are read, and every task is asked to stop and has its grace. The grace is for
/// bodies, not for saying what is known: as long as tasks end and calls are answered, however many, the end
/// waits for them. What no longer moves is finished from here.
#[derive(Clone)]
pub(crate) struct Ending(Arc<Shared>);

struct Shared {
    tasks: Tasks,
    begun: CancellationToken,
    grace: Grace,
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("tasks", &self.0.tasks).finish_non_exhaustive()
    }
}

impl Ending {
    pub(crate) fn new(tasks: Tasks, grace: Duration) -> Self {
        let (begun, grace) = (CancellationToken::new(), Grace::new(grace));
        Self(Arc::new(Shared { tasks, begun, grace }))
    }

    /// Begins it.
    pub(crate) fn begin(&self) {
        if !self.has_begun() {
            let tasks = self.0.tasks.running();
            self.0.tasks.stop_all();
            self.0.begun.cancel();
            if tasks > 0 {
                mention(move || {
                    event!(info, tasks, "the connection ends: its tasks are asked to stop")
                });
            }
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.0.begun.is_cancelled()
    }

    /// Waits until it begins. Cancel safe.
    pub(crate) async fn begun(&self) {
        self.0.begun.cancelled().await;
    }

    /// Ends the grace of whatever was asked to stop.
    pub(super) fn end_grace(&self) {
        self.0.grace.end();
    }

    /// What bodies have that are asked to stop.
    pub(crate) fn grace(&self) -> &Grace {
        &self.0.grace
    }

    /// Waits until it has begun and the grace is over. Cancel safe.
    pub(crate) async fn grace_over(&self) {
        self.begun().await;
        self.0.grace.over().await;
    }

    /// How long a client may read nothing at the end: as long as its tasks may take, and a moment at least.
    pub(super) fn patience_with_readers(&self) -> Duration {
        match self.0.grace.has_ended() {
            true => STALLED_IN_A_HURRY,
            false => self.0.grace.length().max(Duration::from_secs(1)),
        }
    }

    /// How long something has for a thing that takes no time.
    pub(super) fn moment(&self) -> Duration {
        match self.0.grace.has_ended() {
            true => STALLED_IN_A_HURRY,
            false => STALLED,
        }
    }

    /// Waits until every task has ended and every call is answered. Cancel safe.
    async fn settled(&self, requests: &Requests) {
        self.0.tasks.idle().await;
        if requests.unanswered() > 0 {
            pending::<()>().await;
        }
    }

    /// After the grace, and when nothing moves any more, ends tasks and answers calls in place of those
    /// that are held up. Each step may have been done from elsewhere.
    pub(super) async fn force(&self, requests: &Requests) {
        self.grace_over().await;
        self.stalled(requests).await;
        let cut_off = self.0.tasks.end_all();
        if cut_off > 0 {
            aside(move || {
                event!(warn, tasks = cut_off, "tasks were cut off: their bodies do not give way");
            });
            // Calls that wait for them are answered by those that wait.
            self.stalled(requests).await;
        }
        requests.answer_the_rest();
    }

    /// What there is to be done, and what was read of it: whether anything moves.
    pub(super) fn left(&self, requests: &Requests) -> (usize, usize, u64) {
        let tasks = self.0.tasks.running();
        (tasks, requests.unanswered(), requests.outbox().progress())
    }

    /// Waits until no task has ended, no call was answered and nothing was read for a while.
    async fn stalled(&self, requests: &Requests) {
        let mut before = self.left(requests);
        loop {
            tokio::select! {
                () = sleep(STALLED) => {}
                () = self.0.grace.ended() => sleep(STALLED_IN_A_HURRY).await,
            }
            let now = self.left(requests);
            if now == before {
                return;
            }
            before = now;
        }
    }
}

/// Sees to the end of a connection from within its transport. Dropping it begins the end, too.
#[derive(Debug)]
pub(crate) struct End {
    ending: Ending,
    forced: Option<Forced>,
}

struct Forced(Boxed<'static, ()>);

impl fmt::Debug for Forced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Forced")
    }
}

impl End {
    pub(crate) fn new(ending: Ending) -> Self {
        Self { ending, forced: None }
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Waits until every task has ended and every call is answered. Cancel safe. As a reply that is sent
    /// meanwhile may be the last, this is to be called again after each.
    pub(super) async fn reached(&mut self, requests: &Requests) {
        let Self { ending, forced } = self;
        ending.begin();
        let forced = forced.get_or_insert_with(|| {
            let (ending, requests) = (ending.clone(), requests.clone());
            Forced(Box::pin(async move { ending.force(&requests).await }))
        });
        tokio::select! {
            biased;
            () = ending.settled(requests) => {}
            () = &mut forced.0 => {}
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.ending.begin();
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::JsonObject;

    use super::super::requests::tests::{call, requests};
    use super::*;
    use crate::delivery::Delivery;
    use crate::log::{Limits, MemoryLog};
    use crate::metadata::Ids;
    use crate::outbox::{Form, Outbox};
    use crate::task::{NewTask, Places, Request, TaskLimits};

    const GRACE: Duration = Duration::from_secs(2);

    /// The end of a connection that has one task at most.
    fn ending() -> Ending {
        let limits = Limits { bytes_per_task: 1, ended_tasks: 1, ended_bytes: 1 };
        let log = Arc::new(MemoryLog::new(limits));
        Ending::new(Tasks::new(log, Places::new(1)), GRACE)
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_grace_a_task_is_ended_that_does_not_end() {
        let requests = requests(&Outbox::new(Form::Lines, 1 << 20));
        let ending = ending();
        let tasks = ending.0.tasks.clone();
        let ids = Ids { session_id: "s".into(), task_id: "t".into() };
        let arguments = &JsonObject::new();
        let request = Request { tool_name: "tool", ids: &ids, arguments, retention: GRACE };
        let created = tasks.create(request).await;
        let created = created.unwrap_or_else(|error| panic!("there is room: {error}"));
        let limits = TaskLimits { grace: ending.grace().clone(), timeout: None };
        // Nobody runs it.
        let held_up = NewTask::new("tool", ids, Delivery::Log(None), created, limits);
        ending.begin();
        let early = tokio::time::timeout(GRACE, ending.force(&requests)).await;
        assert!(early.is_err() && tasks.running() == 1, "it has its grace");
        ending.force(&requests).await;
        assert_eq!(tasks.running(), 0);
        drop(held_up);
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_grace_a_call_is_waited_for_as_long_as_something_moves() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        assert!(requests.read(call(1)).is_some());
        let ending = ending();
        ending.begin();
        let reads = async {
            for _ in 0..100 {
                sleep(STALLED / 2).await;
                outbox.progressed(1);
            }
            assert_eq!(requests.unanswered(), 1);
            sleep(3 * STALLED).await;
            assert_eq!(requests.unanswered(), 0);
        };
        tokio::join!(ending.force(&requests), reads);
    }
}
