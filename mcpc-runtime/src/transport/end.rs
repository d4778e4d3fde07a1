//! What happens when a connection brings no more calls.

use std::fmt;
use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;
use crate::log::{Boxed, Owner, TaskLog};
use crate::logging::{aside, event, mention};
use crate::task::Grace;

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
    log: Arc<dyn TaskLog>,
    owner: Owner,
    begun: CancellationToken,
    grace: Grace,
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ending").field("owner", &self.0.owner).finish_non_exhaustive()
    }
}

impl Ending {
    pub(crate) fn new(log: Arc<dyn TaskLog>, owner: Owner, grace: Duration) -> Self {
        let (begun, grace) = (CancellationToken::new(), Grace::new(grace));
        Self(Arc::new(Shared { log, owner, begun, grace }))
    }

    /// Begins it.
    pub(crate) fn begin(&self) {
        if !self.has_begun() {
            let tasks = self.0.log.running(self.0.owner);
            self.0.log.stop_all(self.0.owner);
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
        self.0.log.idle(self.0.owner).await;
        if requests.unanswered() > 0 {
            pending::<()>().await;
        }
    }

    /// After the grace, and when nothing moves any more, ends tasks and answers calls in place of those
    /// that are held up. Each step may have been done from elsewhere.
    pub(super) async fn force(&self, requests: &Requests) {
        self.grace_over().await;
        self.stalled(requests).await;
        let cut_off = self.0.log.end_all(self.0.owner);
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
        let tasks = self.0.log.running(self.0.owner);
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
    use std::sync::{Mutex, Weak};

    use super::super::requests::tests::{call, requests};
    use super::*;
    use crate::log::{
        End as Ended, EndKind, Ends, Limits, MemoryLog, TaskInfo, TaskKey, TaskWriter,
    };
    use crate::message::Json;
    use crate::outbox::{Form, Outbox};

    const OWNER: Owner = Owner(1);

    const GRACE: Duration = Duration::from_secs(2);

    /// The end of a connection that has one task at most.
    fn ending() -> (Ending, MemoryLog) {
        let limits = Limits { tasks: 1, bytes_per_task: 1, ended_tasks: 1, ended_bytes: 1 };
        let log = MemoryLog::new(limits);
        (Ending::new(Arc::new(log.clone()), OWNER, GRACE), log)
    }

    /// What is held up, but can be ended.
    struct HeldUp(Mutex<Option<Box<dyn TaskWriter>>>);

    impl Ends for HeldUp {
        fn end(&self) {
            let result = Json::text("stopped");
            let end = Ended::new(EndKind::Dropped, result);
            let writer = self.0.lock().expect("no panic").take();
            drop(writer.expect("it is ended once").finish(end));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_grace_a_task_is_ended_that_does_not_end() {
        let requests = requests(&Outbox::new(Form::Lines, 1 << 20));
        let (ending, log) = ending();
        let key = TaskKey { owner: OWNER, task_id: "t".into() };
        let info = TaskInfo::of("tool", GRACE);
        let writer = log.create(key, info).expect("there is room");
        let task = Arc::new_cyclic(|task: &Weak<HeldUp>| {
            writer.ended_by(task.clone() as Weak<dyn Ends>);
            HeldUp(Mutex::new(Some(writer)))
        });
        ending.begin();
        let early = tokio::time::timeout(GRACE, ending.force(&requests)).await;
        assert!(early.is_err() && log.running(OWNER) == 1, "it has its grace");
        ending.force(&requests).await;
        assert_eq!(log.running(OWNER), 0);
        assert!(task.0.lock().expect("no panic").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_grace_a_call_is_waited_for_as_long_as_something_moves() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        assert!(requests.read(call(1)).is_some());
        let (ending, _) = ending();
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
