//! What an operator hears of a task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::tasks::Delivering;
use super::{Task, TaskLimits};
use crate::log::{End, EndKind, LogError, MaybeLater};
use crate::logging::{Inside, Span, event, listens};
use crate::message::Json;
use crate::outbox::Permit;
use crate::phrases::shown;

/// How late a body may be seen to have ended on a busy machine.
const LATE: Duration = Duration::from_millis(100);

/// What is told of a running task: that it started, was asked to stop, and how it ended.
pub(super) struct Trace {
    span: Span,
    began: Instant,
    /// Its end was told.
    is_told: AtomicBool,
}

impl Trace {
    pub(super) fn new(span: Span) -> Self {
        Self { span, began: Instant::now(), is_told: AtomicBool::new(false) }
    }

    /// A body whose own messages are inside of the task's span.
    pub(super) fn inside<F>(&self, body: F) -> Inside<'_, F> {
        Inside::new(&self.span, body)
    }

    pub(super) fn started(&self) {
        self.span.inside(|| event!(info, "started"));
    }

    pub(super) fn timed_out(&self, timeout: Duration) {
        self.span.inside(|| event!(info, by = "timeout", ?timeout, "asked to stop"));
    }

    /// A body panicked; returns what it said.
    pub(super) fn panicked(&self, task: &Task, panic: String) -> String {
        let [tool, task_id] = self.names(task);
        self.span.inside(|| event!(error, tool, task_id, panic = &*shown(&panic), "panicked"));
        panic
    }

    /// The body has ended. If it was to end long before, the timer that says so had no thread to run on.
    pub(super) fn gave_way(&self, task: &Task) {
        let TaskLimits { grace, timeout: Some(timeout), .. } = &task.limits else { return };
        let late = self.began.elapsed().saturating_sub(*timeout + grace.length());
        if late > LATE {
            let [tool, task_id] = self.names(task);
            self.span.inside(|| {
                event!(
                    warn,
                    tool,
                    task_id,
                    ?late,
                    "its thread was blocked when its timeout and its grace were over: blocking code belongs on \
                     `spawn_blocking`"
                );
            });
        }
    }

    /// Ends a task, unless it has ended.
    pub(super) fn end(&self, task: &Task, terminal: End, permit: Permit<'_>) -> Option<Ended<'_>> {
        if self.is_told.swap(true, Ordering::Relaxed) {
            return None;
        }
        let kind = terminal.kind;
        let has_error = matches!(kind, EndKind::Failed | EndKind::Stopped) && listens();
        let error = has_error.then(|| reason(&terminal.result));
        let delivering = task.finish(terminal, permit);
        let outcome = match kind {
            _ if delivering.is_none() => "cut_off",
            EndKind::Failed if task.progression().timed_out => "timed_out",
            EndKind::Failed => "failed",
            EndKind::Complete => "complete",
            EndKind::Stopped => "stopped",
            EndKind::Dropped => "dropped",
        };
        Some(Ended { trace: self, delivering, outcome, error, took: self.began.elapsed() })
    }

    /// Tells that the log does not have the end.
    fn not_stored(&self, task: &Task, error: &LogError) {
        let [tool, task_id] = self.names(task);
        self.span.inside(|| {
            event!(error, tool, task_id, %error, "the end of the task could not be stored");
        });
    }

    /// What the span would say.
    fn names<'a>(&self, task: &'a Task) -> [Option<&'a str>; 2] {
        [&*task.tool_name, &*task.ids.task_id].map(|name| self.span.is_none().then_some(name))
    }
}

/// A task that has ended. Dropped, it is delivered, and then it is told: what hears of that may take its time, and the
/// id is free meanwhile.
#[must_use = "dropping it says that the end is delivered"]
pub(super) struct Ended<'a> {
    trace: &'a Trace,
    /// `None` if something else ended it.
    delivering: Option<Delivering>,
    outcome: &'static str,
    error: Option<String>,
    took: Duration,
}

impl Ended<'_> {
    /// Waits until the log has the end.
    pub(super) fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>> {
        self.delivering.as_mut().map_or(MaybeLater::Now(Ok(())), Delivering::stored)
    }

    /// Delivers the end when the log has it, and tells if that does not get it.
    pub(super) async fn deliver(
        self,
        task: &Task,
        stored: MaybeLater<'static, Result<(), LogError>>,
    ) {
        let (stored, trace) = (stored.await, self.trace);
        drop(self);
        if let Err(error) = stored {
            trace.not_stored(task, &error);
        }
    }
}

impl Drop for Ended<'_> {
    fn drop(&mut self) {
        drop(self.delivering.take());
        let Self { trace, outcome, error, took, .. } = self;
        let error = error.as_deref();
        trace.span.inside(|| event!(info, %outcome, error, ?took, "ended"));
    }
}

impl Task {
    /// Tells, once for each task, that the client takes no event of the session.
    pub(super) fn tell_untaken(&self, name: &str) {
        if !self.is_untaken_told.swap(true, Ordering::Relaxed) {
            let (tool, task_id) = (&*self.tool_name, &*self.ids.task_id);
            event!(
                debug,
                tool,
                task_id,
                event = name,
                "nobody takes what is emitted: the client wants no such events"
            );
        }
    }
}

/// The text of a failure, or its beginning.
fn reason(result: &Json) -> String {
    let text = serde_json::from_str::<String>(result.as_str());
    shown(text.as_deref().unwrap_or(result.as_str())).into_owned()
}
