//! Runs the body of a task.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::FutureExt as _;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;

use super::trace::Trace;
use super::{Created, Progression, Sender, Task, dropped, failed};
use crate::delivery::{Delivery, Event, Questions};
use crate::log::{Amount, End, EndKind, LogError, MaybeLater, Said};
use crate::logging::Span;
use crate::message::Json;
use crate::metadata::Ids;
use crate::outbox::{Permit, Prefetching};
use crate::output::{Body, Failed, Outcome, Success};
use crate::phrases::timed_out;
use crate::question::Room;
use crate::sync::{Mutex, Notify};

/// How long what was asked to stop may go on: for so long, or until all of a connection's time is up. A clone
/// is another handle to the same grace.
#[derive(Clone, Debug)]
pub(crate) struct Grace {
    length: Duration,
    ended: CancellationToken,
}

impl Grace {
    pub(crate) fn new(length: Duration) -> Self {
        Self { length, ended: CancellationToken::new() }
    }

    pub(crate) fn length(&self) -> Duration {
        self.length
    }

    /// Ends it for all that have it.
    pub(crate) fn end(&self) {
        self.ended.cancel();
    }

    /// Whether it was ended for all that have it.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.is_cancelled()
    }

    /// Waits until it is ended for all that have it. Cancel safe.
    pub(crate) async fn ended(&self) {
        self.ended.cancelled().await;
    }

    /// Waits until it has elapsed, from now on.
    pub(crate) async fn elapsed(&self) {
        tokio::select! {
            biased;
            () = self.ended() => {}
            () = tokio::time::sleep(self.length) => {}
        }
    }
}

/// How long a task may go on, and how much it may ask.
#[derive(Clone, Debug)]
pub(crate) struct TaskLimits {
    /// After it was asked to stop.
    pub(crate) grace: Grace,
    /// Until it is asked to stop, if its tool says so.
    pub(crate) timeout: Option<Duration>,
    /// How many of its questions may be open at once.
    pub(crate) questions: usize,
}

/// A task that was accepted and whose body is yet to be started.
pub(crate) struct NewTask {
    task: Arc<Task>,
    span: Span,
}

impl NewTask {
    /// Must be called inside a tokio runtime.
    pub(crate) fn new(
        tool_name: Arc<str>,
        ids: Ids,
        (delivery, questions): (Delivery, Questions),
        created: Created,
        limits: TaskLimits,
    ) -> Self {
        let stop = created.writer().stopped().clone();
        let created = Some(created);
        let amount = Amount::default();
        let (deferred, storing, broken) = (None, None, None);
        let asked = 0;
        let progression =
            Progression { created, deferred, storing, amount, asked, broken, timed_out: false };
        let task = Arc::new(Task {
            tool_name,
            ids,
            delivery,
            questions,
            room: Room::new(limits.questions),
            limits,
            progression: Mutex::new(progression),
            stop,
            attention: Notify::new(),
            line: OnceLock::new(),
            is_over: AtomicBool::new(false),
            is_late_told: AtomicBool::new(false),
            is_untaken_told: AtomicBool::new(false),
            runtime: Handle::current(),
        });
        if let Some(created) = &task.progression().created {
            created.run_by(Arc::downgrade(&task));
        }
        Self { task, span: Span::NONE }
    }

    /// Has what is logged of it, by its body as well, be inside of this span.
    pub(crate) fn inside(self, span: Span) -> Self {
        Self { span, ..self }
    }

    /// The sender that the body is given.
    pub(crate) fn sender(&self) -> Sender {
        Sender { task: Arc::clone(&self.task) }
    }

    /// How the task ends, for a call that cannot rely on the log to tell.
    pub(crate) fn end_here(&self) -> oneshot::Receiver<End> {
        self.task.end_here()
    }

    /// Runs the body as a task of its own.
    pub(crate) fn spawn(self, body: Body) {
        tokio::spawn(self.run(body));
    }

    /// Runs the body to the task's end. Dropped before, it ends the task as well.
    pub(crate) fn run(self, body: Body) -> impl Future<Output = ()> + Send {
        Runner(self.task, Trace::new(self.span)).run(body)
    }

    /// Gives the id back without a word: the call was refused.
    pub(crate) fn refuse(self) {
        self.task.progression().created = None;
    }
}

/// Ends its task on every path: a runner that is dropped (the runtime is shutting down) still says so.
struct Runner(Arc<Task>, Trace);

impl Runner {
    async fn run(self, body: Body) {
        let Self(task, trace) = &self;
        trace.started();
        let terminal = {
            let body = AssertUnwindSafe(Prefetching(trace.inside(body))).catch_unwind();
            tokio::select! {
                biased;
                // Before the body and outside of its budget: one that never rests would use that up
                // and starve the timer that is to stop it.
                end = tokio::task::coop::unconstrained(task.time_up(trace)) => end,
                reason = task.attend() => failed(&reason),
                ended = body => match ended {
                    Ok(outcome) => task.terminal(outcome),
                    Err(panic) => failed(&trace.panicked(task, panicked(&task.tool_name, &*panic))),
                },
            }
        };
        trace.gave_way(task);
        // What is asked to stop has no more time to wait: its one last event may overdraw the budget.
        let permit = match task.delivery.claim(Event::End(&terminal)).try_reserve() {
            Some(permit) => permit,
            None => Box::pin(task.reserve_for_the_end(&terminal)).await,
        };
        if let Some(mut ended) = trace.end(task, terminal, permit) {
            match ended.stored() {
                MaybeLater::Now(Ok(())) => drop(ended),
                stored => Box::pin(ended.deliver(task, stored)).await,
            }
        }
    }
}

impl Task {
    // Every task holds what these hold, for as long as it runs. So what few tasks ever wait for is on the
    // heap, which makes a task a third smaller.

    /// Waits until the task was asked to stop and its grace is over, and says how it ends then. A timeout
    /// is such a request, too.
    async fn time_up(&self, trace: &Trace) -> End {
        let stopped = self.stop.cancelled();
        let end = match self.limits.timeout {
            None => {
                stopped.await;
                dropped()
            }
            Some(timeout) => match Box::pin(tokio::time::timeout(timeout, stopped)).await {
                Ok(()) => dropped(),
                Err(_) => {
                    self.progression().timed_out = true;
                    self.stop.cancel();
                    trace.timed_out(timeout);
                    failed(&timed_out(timeout))
                }
            },
        };
        Box::pin(self.limits.grace.elapsed()).await;
        end
    }

    /// Waits for a permit for the terminal event, but no longer than the task may go on.
    async fn reserve_for_the_end(&self, terminal: &End) -> Permit<'_> {
        tokio::select! {
            biased;
            permit = self.delivery.claim(Event::End(terminal)).reserve() => permit,
            () = self.stop.cancelled() => Permit::NONE,
        }
    }

    /// The terminal event of a body that returned.
    fn terminal(&self, outcome: Outcome) -> End {
        match outcome.and_then(Success::into_parts) {
            Ok((result, written)) => End { kind: EndKind::Complete, result, written },
            Err(Failed { text, written, is_panic: true }) => {
                End { kind: EndKind::Failed, result: Json::text(&text), written }
            }
            Err(Failed { text, written, .. }) => {
                // Once it was asked to stop, that is what an error comes from.
                let timeout = self.limits.timeout.filter(|_| self.progression().timed_out);
                let (kind, text) = match timeout {
                    Some(timeout) => (EndKind::Failed, format!("{}: {text}", timed_out(timeout))),
                    None if self.was_asked_to_stop() => (EndKind::Stopped, text),
                    None => (EndKind::Failed, text),
                };
                End { kind, result: Json::text(&text), written }
            }
        }
    }

    /// Does what clones of the sender left to do; returns with the reason once one says that the task
    /// cannot go on. Cancel safe.
    async fn attend(&self) -> String {
        loop {
            let attention = self.attention.notified();
            let (is_storing, deferred) = {
                let mut progression = self.progression();
                if let Some(reason) = progression.broken.take() {
                    return reason;
                }
                let is_storing = progression.storing.is_some();
                (is_storing, progression.deferred.clone().filter(|_| !is_storing))
            };
            if is_storing {
                if let Err(error) = Box::pin(self.attend_to_the_log(attention)).await {
                    return error.to_string();
                }
                continue;
            }
            match deferred {
                None => attention.await,
                Some(deferred) => {
                    let claim = self.delivery.claim(Event::Progress(&deferred));
                    let permit = Box::pin(claim.reserve()).await;
                    let mut progression = self.progression();
                    if let Some(latest) = progression.deferred.take() {
                        let stored = self.log(&mut progression, Said::Progress(latest), permit);
                        self.need_not_wait(&mut progression, stored);
                    }
                }
            }
        }
    }
}

impl Task {
    /// Waits for what the log is to answer first, unless there is something else to do before. Cancel safe.
    async fn attend_to_the_log(&self, attention: impl Future<Output = ()>) -> Result<(), LogError> {
        let first = {
            let progression = self.progression();
            progression.storing.as_ref().and_then(|storing| storing.0.front().cloned())
        };
        let Some(first) = first else { return Ok(()) };
        tokio::select! {
            biased;
            stored = first => {
                stored?;
                self.progression().is_stored();
            }
            () = attention => {}
        }
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let reason = match std::thread::panicking() {
            true => "stopped, and panicked while it was dropped",
            false => "the server shut down",
        };
        // Stored as well, but not waited for: nobody could.
        drop(self.1.end(&self.0, failed(reason), Permit::NONE));
    }
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

#[cfg(test)]
mod tests {
    use std::future::pending;

    use rmcp::model::{CallToolResult, JsonObject, JsonRpcMessage, RequestId, ServerResult};
    use serde_json::Value;
    use tokio::time::{Instant, timeout};

    use super::*;
    use crate::delivery::Callbacks;
    use crate::log::{Cursor, Limits, MemoryLog, Page, TaskReader};
    use crate::outbox::{Form, Gate, Items, Outbox, Pending, Taken};
    use crate::task::{Request, TaskPermits, Tasks};

    const GRACE: Duration = Duration::from_secs(5);

    /// Enough for two short updates.
    const BUDGET: usize = 600;

    /// A task of a client that reads nothing.
    struct Unread {
        tasks: Tasks,
        outbox: Outbox,
        gate: Gate,
        task: NewTask,
    }

    impl Unread {
        async fn new() -> Self {
            Self::with_timeout(None).await
        }

        async fn with_timeout(timeout: Option<Duration>) -> Self {
            let (ended_tasks, bytes) = (9, 1 << 10);
            let limits = Limits { bytes_per_task: bytes, ended_tasks, ended_bytes: bytes };
            let tasks = Tasks::new(
                Arc::new(MemoryLog::new(limits)),
                TaskPermits::new(9),
                Box::new(|_| None),
            );
            let ids = Ids { session_id: "s".into(), task_id: "t".into() };
            let (arguments, retention) = (&JsonObject::new(), Duration::from_secs(60));
            let request = Request {
                tool_name: &"tool".into(),
                ids: &ids,
                arguments,
                retention,
                instructions: None,
            };
            let created = tasks.create(request).await;
            let created = created.unwrap_or_else(|error| panic!("there is room: {error}"));
            let outbox = Outbox::new(Form::Lines, BUDGET);
            let gate = Gate::new(outbox.clone(), RequestId::Number(1), true);
            let delivery =
                Delivery::Callbacks(Callbacks::new(gate.clone(), ids.clone(), "tool".into()));
            let times = TaskLimits { grace: Grace::new(GRACE), timeout, questions: 1 };
            let task = NewTask::new(
                "tool".into(),
                ids,
                (delivery, Questions::UNREACHABLE),
                created,
                times,
            );
            Self { tasks, outbox, gate, task }
        }

        /// All the room there is: until it is dropped, whatever needs some waits.
        fn most(&self) -> Permit<'_> {
            self.outbox.claim(BUDGET).try_reserve().expect("nothing was said yet")
        }

        /// The events that were sent, once the call is answered.
        fn sent(&self) -> Vec<String> {
            let ok = ServerResult::CallToolResult(CallToolResult::success(Vec::new()));
            self.gate.open(JsonRpcMessage::response(ok, RequestId::Number(1)));
            let mut sent = Pending::new(Form::Lines);
            assert_eq!(self.outbox.take_now(&mut sent), Taken::Something);
            let Items::Lines(lines) = sent.items else { panic!("lines were asked for") };
            let lines = String::from_utf8(lines).expect("UTF-8");
            let events = lines.lines().skip(1).map(|line| {
                let line: Value = serde_json::from_str(line).expect("JSON");
                let text = line["result"]["content"][0]["text"].as_str().expect("a callback");
                let callback: Value = serde_json::from_str(text).expect("JSON");
                callback["event"].as_str().expect("an event").to_owned()
            });
            events.collect()
        }

        async fn reader(&self) -> Reader {
            let reader = self.tasks.reader(&"t".into()).await.expect("in memory");
            Reader(reader.expect("it was created"))
        }
    }

    struct Reader(Box<dyn TaskReader>);

    impl Reader {
        async fn after(&self, seen: Cursor) -> Option<Page> {
            crate::log::after(&*self.0, seen).await.expect("in memory")
        }
    }

    async fn end(reader: &Reader) -> (EndKind, String) {
        let page = reader.after(Cursor::START).await.expect("it said something");
        let end = page.end.expect("an end");
        (end.kind, end.result.as_str().to_owned())
    }

    #[tokio::test(start_paused = true)]
    async fn the_last_event_of_a_task_that_was_asked_to_stop_waits_for_no_room() {
        for is_asked_late in [false, true] {
            let unread = Unread::new().await;
            let (tasks, reader, sender) =
                (unread.tasks.clone(), unread.reader().await, unread.task.sender());
            unread.task.spawn(Box::pin(async move {
                sender.send("x".repeat(1_000)).await;
                if !is_asked_late {
                    sender.stopped().await;
                }
                Err("in my own words".to_owned().into())
            }));
            let started = Instant::now();
            tokio::time::sleep(Duration::from_secs(1)).await;
            assert_eq!(tasks.running(), 1, "it waits to be asked, or for room");
            tasks.stop_all();
            timeout(GRACE, tasks.idle()).await.expect("it ends, although nobody reads");
            assert_eq!(started.elapsed(), Duration::from_secs(1));
            let kind = if is_asked_late { EndKind::Failed } else { EndKind::Stopped };
            assert_eq!(end(&reader).await, (kind, "\"in my own words\"".to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_obeys_its_timeout_has_failed_and_was_not_stopped() {
        let unread = Unread::with_timeout(Some(Duration::from_secs(60))).await;
        let (tasks, reader, sender) =
            (unread.tasks.clone(), unread.reader().await, unread.task.sender());
        unread.task.spawn(Box::pin(async move {
            sender.stopped().await;
            Err("in my own words".to_owned().into())
        }));
        tasks.idle().await;
        let text = "\"timed out after 60s: in my own words\"";
        assert_eq!(end(&reader).await, (EndKind::Failed, text.to_owned()));
    }

    #[tokio::test(start_paused = true)]
    async fn a_runner_that_is_dropped_says_so() {
        for is_polled in [false, true] {
            let unread = Unread::new().await;
            let (reader, body) = (unread.reader().await, Box::pin(pending()));
            let mut run = Box::pin(unread.task.run(body));
            if is_polled {
                assert!(run.as_mut().now_or_never().is_none());
            }
            drop(run);
            let end = end(&reader).await;
            assert_eq!(end, (EndKind::Failed, "\"the server shut down\"".to_owned()));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_is_ended_from_elsewhere_has_that_end() {
        let unread = Unread::new().await;
        let (tasks, reader, sender) =
            (unread.tasks.clone(), unread.reader().await, unread.task.sender());
        unread.task.spawn(Box::pin(async move {
            sender.progress(1, 2, "half");
            pending().await
        }));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!((tasks.end_all(), tasks.end_all()), (1, 0));
        timeout(Duration::from_millis(1), tasks.idle()).await.expect("it has ended");
        assert_eq!(end(&reader).await, (EndKind::Dropped, "\"stopped\"".to_owned()));
    }

    /// Whatever came before it was held back for the reply, which nobody gives here.
    #[tokio::test(start_paused = true)]
    async fn a_deferred_progress_is_said_as_soon_as_there_is_room() {
        let unread = Unread::new().await;
        let (outbox, reader, sender) =
            (unread.outbox.clone(), unread.reader().await, unread.task.sender());
        let most = outbox.claim(BUDGET).try_reserve().expect("nothing was said yet");
        unread.task.spawn(Box::pin(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.progress(1, 2, "half");
            pending().await
        }));
        let said = timeout(Duration::from_secs(2), reader.after(Cursor::START)).await;
        assert!(said.is_err(), "there is no room");
        drop(most);
        let said = timeout(Duration::from_millis(1), reader.after(Cursor::START)).await;
        let page = said.expect("there is room").expect("it goes on");
        assert!(matches!(page.said[0], Said::Progress(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_does_not_overtake_a_deferred_progress() {
        let unread = Unread::new().await;
        let (outbox, reader, sender) =
            (unread.outbox.clone(), unread.reader().await, unread.task.sender());
        // A permit for one of the two, and for the other never.
        let (one, _other) =
            (outbox.claim(300).try_reserve(), outbox.claim(BUDGET - 300).try_reserve());
        unread.task.spawn(Box::pin(async move {
            sender.progress(1, 2, "half");
            sender.send("an update").await;
            pending().await
        }));
        tokio::time::sleep(Duration::from_secs(1)).await;
        drop(one);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let page = reader.after(Cursor::START).await.expect("it said something");
        let said = page.said;
        assert!(matches!(said[..], [Said::Progress(_), Said::Update(_)]), "{said:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deferred_progress_comes_before_the_end() {
        let unread = Unread::new().await;
        let (outbox, tasks, reader) =
            (unread.outbox.clone(), unread.tasks.clone(), unread.reader().await);
        let sender = unread.task.sender();
        let most = outbox.claim(BUDGET).try_reserve().expect("nothing was said yet");
        unread.task.spawn(Box::pin(async move {
            sender.progress(1, 2, "half");
            Err("in my own words".to_owned().into())
        }));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(tasks.running(), 1, "there is no room for its end");
        drop(most);
        timeout(Duration::from_millis(1), tasks.idle()).await.expect("it has ended");
        let page = reader.after(Cursor::START).await.expect("it said something");
        let (said, end) = (page.said, page.end.map(|end| end.kind));
        assert!(matches!(said[..], [Said::Progress(_)]), "{said:?}");
        assert_eq!(end, Some(EndKind::Failed));
    }

    #[tokio::test(start_paused = true)]
    async fn a_grace_is_as_long_as_it_says_unless_it_is_ended() {
        let (grace, started) = (Grace::new(GRACE), Instant::now());
        grace.elapsed().await;
        assert_eq!(started.elapsed(), GRACE);
        let soon = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            grace.end();
        };
        let clone = grace.clone();
        tokio::join!(clone.elapsed(), soon);
        assert_eq!(started.elapsed(), GRACE + Duration::from_secs(1));
    }

    async fn results(reader: &Reader) -> Vec<String> {
        let page = reader.after(Cursor::START).await.expect("it said something");
        page.updates().map(|update| update.as_str().to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_update_passes_nobody_who_waits() {
        let unread = Unread::new().await;
        let (reader, sender, most) = (unread.reader().await, unread.task.sender(), unread.most());
        let mut first = Box::pin(sender.send("first"));
        assert!(first.as_mut().now_or_never().is_none(), "there is no room");
        // The first has its room now, but not its turn on this thread.
        drop(most);
        tokio::join!(sender.send("second"), first);
        assert_eq!(results(&reader).await, ["\"first\"", "\"second\""]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_event_of_the_session_does_not_overtake_a_deferred_progress() {
        let unread = Unread::new().await;
        let (sender, most) = (unread.task.sender(), unread.most());
        sender.progress(1, 2, "half");
        let mut event = Box::pin(sender.emit("weather", "fine"));
        assert!(event.as_mut().now_or_never().is_none(), "there is no room");
        drop(most);
        event.await;
        assert_eq!(unread.sent(), ["update", "weather"]);
    }

    /// It has its room in the very moment in which the task ends.
    #[tokio::test(start_paused = true)]
    async fn an_event_of_the_session_does_not_follow_the_end() {
        let unread = Unread::new().await;
        let (sender, most) = (unread.task.sender(), unread.most());
        let mut event = Box::pin(sender.emit("weather", "fine"));
        assert!(event.as_mut().now_or_never().is_none(), "there is no room");
        drop(most);
        unread.tasks.end_all();
        event.await;
        assert_eq!(unread.sent(), ["failed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_send_hear_of_the_end() {
        let unread = Unread::new().await;
        let (sender, most) = (unread.task.sender(), unread.most());
        let mut waits = Box::pin(sender.send("before"));
        assert!(waits.as_mut().now_or_never().is_none(), "there is no room");
        assert!(!sender.is_stopped());
        unread.tasks.end_all();
        assert_eq!(waits.now_or_never(), Some(()), "who waits for room");
        assert!(sender.is_stopped(), "who looks, as threads do");
        assert_eq!(sender.send("after").now_or_never(), Some(()), "who comes later");
        assert_eq!(sender.emit("after", ()).now_or_never(), Some(()), "who comes later");
        drop(most);
        assert_eq!(unread.sent(), ["failed"]);
    }

    #[tokio::test(start_paused = true)]
    async fn events_of_the_session_have_a_share_of_the_budget() {
        let unread = Unread::new().await;
        let (outbox, sender) = (unread.outbox.clone(), unread.task.sender());
        let emits = async {
            for number in 0..10 {
                sender.emit("event", number).await;
            }
        };
        assert!(timeout(Duration::from_secs(1), emits).await.is_err(), "nobody reads");
        assert!(outbox.claim(200).try_reserve().is_none());
        let mut pending = Pending::new(Form::Lines);
        // They are held back for the reply.
        assert_eq!(outbox.take_now(&mut pending), Taken::Nothing);
        assert!(matches!(pending.items, Items::Lines(lines) if lines.is_empty()));
    }
}
