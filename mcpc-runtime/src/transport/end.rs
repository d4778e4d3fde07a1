//! How a connection ends: one state machine, from serving to gone, with a reason.

use std::fmt;
use std::future::pending;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::requests::Requests;
use crate::log::Boxed;
use crate::logging::{aside, event, mention};
use crate::outbox::Outbox;
use crate::task::{Grace, Tasks};

/// For how long nothing may have moved before what is held up is finished here.
const STALLED: Duration = Duration::from_millis(250);

/// The same once the process was asked to end again: the one that asks is about to kill it.
const STALLED_IN_A_HURRY: Duration = Duration::from_millis(100);

/// How long a connection that is gone waits for its last word to be in the log, which may be held up.
pub(super) const LAST_WORD: Duration = Duration::from_millis(20);

/// Why a connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Why {
    #[error("the input ended")]
    InputEnded,
    /// Its number.
    #[error("signal {0}")]
    Signal(i32),
    /// The application has the whole server end.
    #[cfg(feature = "http")]
    #[error("the application ends it")]
    Asked,
    #[error("the client left")]
    ClientLeft,
    #[error("the client does not read its replies")]
    Unread,
    #[error("the transport failed")]
    Failed,
    #[error("it was dropped, or could not begin")]
    Dropped,
}

impl Why {
    /// Whether it is not the connection alone that ends.
    fn ends_the_server(self) -> bool {
        match self {
            Self::Signal(_) => true,
            #[cfg(feature = "http")]
            Self::Asked => true,
            Self::InputEnded | Self::ClientLeft | Self::Unread | Self::Failed | Self::Dropped => {
                false
            }
        }
    }
}

/// How far a connection is on its way to the end. It goes from each stage to one after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Serving,
    /// No more calls are read, and tasks are asked to stop. Their bodies may go on until then.
    Ending {
        until: Instant,
        why: Why,
    },
    /// Everything is said that will be. It is written for as long as the client reads.
    Flushing {
        until: Instant,
        why: Why,
    },
    Gone {
        until: Instant,
    },
}

/// The end of a connection; a clone is another handle to it.
///
/// Once it begins, no more calls are read, and every task is asked to stop and has its grace. The grace is for
/// bodies, not for saying what is known: as long as tasks end and calls are answered, however many, the end
/// waits for them. What no longer moves is finished from here.
///
/// Each step may be taken by the first that comes: the transport, what serves it, or another thread.
#[derive(Clone)]
pub(crate) struct Ending(Arc<Shared>);

struct Shared {
    /// Those that end with the connection; `None` if they belong to somebody who stays.
    tasks: Option<Tasks>,
    host: Option<Host>,
    has_begun_task: AtomicBool,
    /// What bodies have, which may be cut short.
    grace: Grace,
    stage: Mutex<Stage>,
    /// Notified when the stage changes.
    changed: Notify,
    /// How many calls go on beside the requests that began them.
    beside: AtomicUsize,
    /// Notified when one of them has ended.
    is_less: Notify,
}

/// A call that goes on beside the request that began it: the end of its connection waits for it.
pub(crate) struct Beside(Ending);

impl Drop for Beside {
    fn drop(&mut self) {
        self.0.0.beside.fetch_sub(1, Ordering::SeqCst);
        self.0.0.is_less.notify_waiters();
    }
}

/// Somebody who stays when the connection is gone.
struct Host {
    tasks: Tasks,
    /// What goes on then.
    stays: Ending,
}

impl fmt::Debug for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = *self.stage();
        f.debug_struct("Ending")
            .field("tasks", &self.0.tasks)
            .field("stage", &stage)
            .finish_non_exhaustive()
    }
}

// The stages.
impl Ending {
    pub(crate) fn new(tasks: Tasks, grace: Duration) -> Self {
        Self::with(Some(tasks), Grace::new(grace), None)
    }

    /// That of a connection to somebody who stays, whose these tasks are and what goes on when the connection is gone.
    #[cfg(feature = "http")]
    pub(crate) fn of_visit(tasks: Tasks, stays: Self) -> Self {
        let grace = stays.grace().clone();
        Self::with(None, grace, Some(Host { tasks, stays }))
    }

    /// That of what goes on when the connections of somebody who stays are gone.
    #[cfg(feature = "http")]
    pub(crate) fn of_host(grace: Grace) -> Self {
        Self::with(None, grace, None)
    }

    fn with(tasks: Option<Tasks>, grace: Grace, host: Option<Host>) -> Self {
        let (stage, changed) = (Mutex::new(Stage::Serving), Notify::new());
        let (beside, is_less) = (AtomicUsize::new(0), Notify::new());
        let has_begun_task = AtomicBool::new(false);
        let shared = Shared { tasks, host, has_begun_task, grace, stage, changed, beside, is_less };
        Self(Arc::new(shared))
    }

    /// A task begins by way of the connection.
    pub(crate) fn begins_task(&self) {
        self.0.has_begun_task.store(true, Ordering::Relaxed);
    }

    /// Whether tasks may run that began by way of the connection: of somebody who stays, any may be one.
    #[cfg(feature = "http")]
    pub(crate) fn is_worked_for(&self) -> bool {
        let of_host = || self.0.host.as_ref().is_some_and(|host| host.tasks.running() > 0);
        self.running() > 0 || (self.0.has_begun_task.load(Ordering::Relaxed) && of_host())
    }

    /// Whether it has begun as the whole server ends.
    fn is_the_servers(&self) -> bool {
        matches!(*self.stage(), Stage::Ending { why, .. } if why.ends_the_server())
    }

    /// Waits until it ends and its tasks go on, as somebody stays whose they are; for ever, if they end with it.
    pub(crate) async fn left_behind(&self) {
        if self.0.host.is_none() {
            return pending().await;
        }
        self.begun().await;
        if self.is_the_servers() {
            pending().await
        }
    }

    /// Waits until the tasks have ended of somebody who stays, where the whole server ends.
    async fn host_is_idle(&self) {
        let Some(Host { tasks, .. }) = &self.0.host else { return };
        if self.is_the_servers() {
            tasks.idle().await;
        }
    }

    /// How many tasks run that end with the connection.
    pub(crate) fn running(&self) -> usize {
        self.0.tasks.as_ref().map_or(0, Tasks::running)
    }

    /// What a call goes by that is to go on when the connection is gone, as somebody stays whose it is; nothing, if the call
    /// ends with the connection.
    pub(crate) fn of_what_stays(&self) -> Option<Self> {
        self.0.host.as_ref().map(|host| host.stays.clone())
    }

    /// Has the end wait for something until what is returned is dropped, or the grace is over.
    pub(crate) fn beside(&self) -> Beside {
        self.0.beside.fetch_add(1, Ordering::SeqCst);
        Beside(self.clone())
    }

    /// Waits until nothing goes on beside its request.
    async fn is_alone(&self) {
        loop {
            let is_less = self.0.is_less.notified();
            if self.0.beside.load(Ordering::SeqCst) == 0 {
                return;
            }
            is_less.await;
        }
    }

    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Goes on to what `next` says, if that says anything; returns the stage before.
    fn advance(&self, next: impl FnOnce(Stage) -> Option<Stage>) -> Option<Stage> {
        let mut stage = self.stage();
        let before = *stage;
        *stage = next(before)?;
        drop(stage);
        self.0.changed.notify_waiters();
        Some(before)
    }

    /// Begins it; the first reason counts.
    pub(crate) fn begin(&self, why: Why) {
        if self.has_begun() {
            return;
        }
        let tasks = self.running();
        if let Some(tasks) = &self.0.tasks {
            tasks.stop_all();
        }
        let until = Instant::now() + self.0.grace.length();
        let begun = self.advance(|stage| match stage {
            Stage::Serving => Some(Stage::Ending { until, why }),
            Stage::Ending { .. } | Stage::Flushing { .. } | Stage::Gone { .. } => None,
        });
        if begun.is_some() && tasks > 0 {
            mention(move || {
                event!(info, tasks, "the connection ends: its tasks are asked to stop");
            });
        }
    }

    /// Nothing is said any more, and what is unwritten is to be written. One that still serves is dropped.
    pub(super) fn flush(&self, outbox: &Outbox) {
        self.begin(Why::Dropped);
        self.advance(|stage| match stage {
            Stage::Ending { until, why } => Some(Stage::Flushing { until, why }),
            Stage::Serving | Stage::Flushing { .. } | Stage::Gone { .. } => None,
        });
        outbox.close();
    }

    /// It is over, and why is logged. Returns who hears once it was, if somebody listens.
    pub(super) fn gone(&self) -> Option<oneshot::Receiver<()>> {
        self.begin(Why::Dropped);
        let before = self.advance(|stage| match stage {
            Stage::Ending { until, .. } | Stage::Flushing { until, .. } => {
                Some(Stage::Gone { until })
            }
            Stage::Serving | Stage::Gone { .. } => None,
        });
        match before? {
            // Of one request, which is all that many a visit is, there is nothing to tell.
            Stage::Ending { .. } | Stage::Flushing { .. } if self.0.tasks.is_none() => None,
            Stage::Ending { why, .. } | Stage::Flushing { why, .. } => {
                mention(move || event!(info, %why, "the connection has ended"))
            }
            Stage::Serving | Stage::Gone { .. } => None,
        }
    }

    pub(crate) fn has_begun(&self) -> bool {
        *self.stage() != Stage::Serving
    }

    /// Waits until it begins. Cancel safe.
    pub(crate) async fn begun(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.has_begun() {
                return;
            }
            changed.await;
        }
    }

    /// Until when bodies may go on, if it has begun and nobody was in a hurry.
    pub(super) fn until(&self) -> Option<Instant> {
        match *self.stage() {
            _ if self.0.grace.has_ended() => None,
            Stage::Serving => None,
            Stage::Ending { until, .. } | Stage::Flushing { until, .. } | Stage::Gone { until } => {
                Some(until)
            }
        }
    }
}

// What is waited for, and done, on the way.
impl Ending {
    /// Ends the grace of whatever was asked to stop.
    pub(super) fn end_grace(&self) {
        self.0.grace.end();
    }

    /// What bodies have that are asked to stop.
    pub(crate) fn grace(&self) -> &Grace {
        &self.0.grace
    }

    /// Waits until it has begun and a grace is over that begins when this is seen. Cancel safe.
    pub(crate) async fn grace_over(&self) {
        self.begun().await;
        self.0.grace.elapsed().await;
    }

    /// Waits until it has begun and bodies may go on no longer. Cancel safe.
    async fn time_up(&self) {
        self.begun().await;
        if let Some(until) = self.until() {
            tokio::select! {
                biased;
                () = self.0.grace.ended() => {}
                () = sleep_until(until) => {}
            }
        }
    }

    /// How long a client may read nothing at the end: as long as its tasks may take, and a moment at least.
    fn patience_with_readers(&self) -> Duration {
        match self.0.grace.has_ended() {
            true => STALLED_IN_A_HURRY,
            false => self.0.grace.length().max(Duration::from_secs(1)),
        }
    }

    /// Waits until the client has read nothing for too long. Cancel safe, but begins anew each time.
    pub(super) async fn unread(&self, outbox: &Outbox) {
        outbox.stuck(self.patience_with_readers()).await;
    }

    /// Has what is left be written, for as long as the client reads.
    pub(super) async fn write_rest<T>(&self, outbox: &Outbox, write: impl Future<Output = T>) {
        self.flush(outbox);
        tokio::select! {
            _ = write => {}
            () = self.unread(outbox) => {
                event!(warn, "the client does not read; what it has not taken is dropped");
            }
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
        if let Some(tasks) = &self.0.tasks {
            tasks.idle().await;
        }
        self.is_alone().await;
        self.host_is_idle().await;
        requests.all_answered().await;
    }

    /// After the grace, and when nothing moves any more, ends tasks and answers calls in place of those
    /// that are held up. Each step may have been done from elsewhere.
    pub(super) async fn force(&self, requests: &Requests) {
        self.time_up().await;
        self.stalled(requests).await;
        let cut_off = self.0.tasks.as_ref().map_or(0, Tasks::end_all);
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
        let tasks = self.running() + self.0.beside.load(Ordering::SeqCst);
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
pub(crate) struct End {
    ending: Ending,
    timer: Timer,
}

/// What is waited for from one call of `receive` to the next, which is dropped and repeated.
enum Timer {
    None,
    /// That the client reads nothing for too long, which has nothing more to ask.
    Unread(Boxed<'static, ()>),
    /// That what is held up is finished.
    Forced(Boxed<'static, ()>),
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("ending", &self.ending).finish_non_exhaustive()
    }
}

impl End {
    pub(crate) fn new(ending: Ending) -> Self {
        Self { ending, timer: Timer::None }
    }

    pub(super) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Waits until every task has ended and every call is answered, once it has begun. Cancel safe. As a reply that
    /// is sent meanwhile may be the last, this is to be called again after each.
    pub(super) async fn reached(&mut self, requests: &Requests) {
        let Self { ending, timer } = self;
        if !matches!(timer, Timer::Forced(_)) {
            let (ending, requests) = (ending.clone(), requests.clone());
            *timer = Timer::Forced(Box::pin(async move { ending.force(&requests).await }));
        }
        tokio::select! {
            biased;
            () = ending.settled(requests) => {}
            () = timer.over() => {}
        }
    }

    /// Waits until a client has read nothing for too long that has nothing more to ask. Cancel safe.
    pub(super) async fn unread(&mut self, outbox: &Outbox) {
        if !matches!(self.timer, Timer::Unread(_)) {
            let (ending, outbox) = (self.ending.clone(), outbox.clone());
            self.timer = Timer::Unread(Box::pin(async move { ending.unread(&outbox).await }));
        }
        self.timer.over().await;
    }

    /// The client reads.
    pub(super) fn is_read(&mut self) {
        self.timer = Timer::None;
    }
}

impl Timer {
    async fn over(&mut self) {
        match self {
            Self::None => pending().await,
            Self::Unread(timer) | Self::Forced(timer) => timer.await,
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.ending.begin(Why::Dropped);
    }
}

/// Sees to the end of a connection from outside of its transport, which rmcp drops without a word when a connection
/// does not come about; by then the reply that says why may still be unwritten. Dropping it ends the connection.
#[derive(Debug)]
pub(crate) struct Flush {
    ending: Ending,
    outbox: Outbox,
    /// What writes, if that is not the transport.
    writer: Option<JoinHandle<()>>,
}

impl Flush {
    pub(super) fn new(ending: Ending, outbox: Outbox, writer: Option<JoinHandle<()>>) -> Self {
        Self { ending, outbox, writer }
    }

    /// Writes what is left, as long as the client reads.
    pub(crate) async fn finish(mut self) {
        let Self { ending, outbox, writer } = &mut self;
        match writer {
            Some(writer) => ending.write_rest(outbox, writer).await,
            None => ending.flush(outbox),
        }
        if let Some(is_told) = ending.gone() {
            let _in_time = timeout(LAST_WORD, is_told).await;
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        drop(self.ending.gone());
        self.outbox.die();
        if let Some(writer) = &self.writer {
            writer.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use rmcp::model::JsonObject;

    use super::super::requests::tests::{call, requests};
    use super::*;
    use crate::delivery::{Delivery, Questions};
    use crate::log::{Limits, MemoryLog};
    use crate::metadata::Ids;
    use crate::outbox::{Form, Outbox};
    use crate::task::{NewTask, Request, TaskLimits, TaskPermits};

    const GRACE: Duration = Duration::from_secs(2);

    /// The end of a connection that has one task at most.
    fn ending() -> Ending {
        let limits = Limits { bytes_per_task: 1, ended_tasks: 1, ended_bytes: 1 };
        let log = Arc::new(MemoryLog::new(limits));
        Ending::new(Tasks::new(log, TaskPermits::new(1), Box::new(|_| None)), GRACE)
    }

    /// A task that nobody runs.
    async fn held_up(ending: &Ending) -> NewTask {
        let ids = Ids { session_id: "s".into(), task_id: "t".into() };
        let arguments = &JsonObject::new();
        let request = Request {
            tool_name: &"tool".into(),
            ids: &ids,
            arguments,
            retention: GRACE,
            instructions: None,
        };
        let created = ending.0.tasks.as_ref().expect("its own").create(request).await;
        let created = created.unwrap_or_else(|error| panic!("there is room: {error}"));
        let limits = TaskLimits { grace: ending.grace().clone(), timeout: None, questions: 1 };
        NewTask::new(
            "tool".into(),
            ids,
            (Delivery::Log(None), Questions::UNREACHABLE),
            created,
            limits,
        )
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_grace_a_task_is_ended_that_does_not_end() {
        let requests = requests(&Outbox::new(Form::Lines, 1 << 20));
        let ending = ending();
        let tasks = ending.0.tasks.clone().expect("its own");
        let held_up = held_up(&ending).await;
        ending.begin(Why::InputEnded);
        let early = timeout(GRACE, ending.force(&requests)).await;
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
        ending.begin(Why::InputEnded);
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

    /// The stages that each step leads to, from each stage.
    #[tokio::test(start_paused = true)]
    async fn a_connection_goes_from_each_stage_to_one_after_it_and_never_back() {
        let outbox = Outbox::new(Form::Lines, 1);
        type Step = fn(&Ending, &Outbox);
        let steps: [(&str, Step); 4] = [
            ("begin", |ending, _| ending.begin(Why::InputEnded)),
            ("begin again", |ending, _| ending.begin(Why::Signal(15))),
            ("flush", |ending, outbox| ending.flush(outbox)),
            ("gone", |ending, _| drop(ending.gone())),
        ];
        let until = Instant::now() + GRACE;
        let ending_as = |why| Stage::Ending { until, why };
        let flushing_as = |why| Stage::Flushing { until, why };
        let gone = Stage::Gone { until };
        let (input, signal) = (Why::InputEnded, Why::Signal(15));
        let table: [(&[usize], [Stage; 4]); 5] = [
            (&[], [ending_as(input), ending_as(signal), flushing_as(Why::Dropped), gone]),
            (&[0], [ending_as(input), ending_as(input), flushing_as(input), gone]),
            (&[1], [ending_as(signal), ending_as(signal), flushing_as(signal), gone]),
            (&[0, 2], [flushing_as(input), flushing_as(input), flushing_as(input), gone]),
            (&[0, 2, 3], [gone; 4]),
        ];
        for (before, after) in table {
            for ((name, step), after) in steps.iter().zip(after) {
                let ending = ending();
                before.iter().for_each(|at| steps[*at].1(&ending, &outbox));
                step(&ending, &outbox);
                assert_eq!(*ending.stage(), after, "{name} after {before:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_waits_for_the_beginning_hears_of_it_and_tasks_are_asked_to_stop() {
        let (ending, other) = (ending(), ending());
        let task = held_up(&ending).await;
        let sender = task.sender();
        let mut waits = Box::pin(ending.begun());
        assert!(waits.as_mut().now_or_never().is_none() && !sender.is_stopped());
        other.begin(Why::InputEnded);
        assert!(!ending.has_begun() && !sender.is_stopped(), "that of another");
        ending.begin(Why::ClientLeft);
        assert!(waits.now_or_never().is_some() && sender.is_stopped());
        assert!(ending.begun().now_or_never().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn bodies_may_go_on_until_the_grace_is_over_or_somebody_is_in_a_hurry() {
        let ending = ending();
        assert_eq!(ending.until(), None, "it serves");
        assert!(timeout(2 * GRACE, ending.time_up()).await.is_err());
        ending.begin(Why::InputEnded);
        let began = Instant::now();
        assert_eq!(ending.until(), Some(began + GRACE));
        sleep(GRACE / 2).await;
        ending.time_up().await;
        assert_eq!(began.elapsed(), GRACE, "however late it is asked");
        ending.flush(&Outbox::new(Form::Lines, 1));
        drop(ending.gone());
        assert_eq!(ending.until(), Some(began + GRACE), "that is known to the last");

        let ending = self::ending();
        ending.begin(Why::Signal(2));
        let began = Instant::now();
        let hurries = async {
            sleep(GRACE / 4).await;
            ending.end_grace();
        };
        tokio::join!(ending.time_up(), hurries);
        assert_eq!((began.elapsed(), ending.until()), (GRACE / 4, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_left_is_written_for_as_long_as_the_client_reads() {
        let ending = ending();
        let outbox = Outbox::new(Form::Lines, 1);
        let began = Instant::now();
        let reads = async {
            for _ in 0..10 {
                sleep(GRACE / 2).await;
                outbox.progressed(1);
            }
        };
        tokio::join!(ending.write_rest(&outbox, pending::<()>()), reads);
        let took = began.elapsed();
        assert!(took >= 6 * GRACE && took <= 7 * GRACE, "{took:?}");
        assert_eq!(*ending.stage(), Stage::Flushing { until: began + GRACE, why: Why::Dropped });
    }

    /// What a transport waits for to serve on is not taken for what it waits for at the end.
    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_read_does_not_shorten_the_grace_of_a_call() {
        let outbox = Outbox::new(Form::Lines, 1 << 20);
        let requests = requests(&outbox);
        assert!(requests.read(call(1)).is_some());
        let ending = ending();
        let mut end = End::new(ending.clone());
        assert!(timeout(GRACE / 2, end.unread(&outbox)).await.is_err());
        ending.begin(Why::Signal(15));
        assert!(timeout(GRACE, end.reached(&requests)).await.is_err());
        assert_eq!(requests.unanswered(), 1);
        end.reached(&requests).await;
        assert_eq!(requests.unanswered(), 0);
        drop(end);
        let ending = self::ending();
        drop(End::new(ending.clone()));
        assert!(matches!(*ending.stage(), Stage::Ending { why: Why::Dropped, .. }));
    }
}
