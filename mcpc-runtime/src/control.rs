//! The tools with which a model looks after the tasks it started: `check_task` and `stop_task`.
//!
//! They are plain tools like any other, but for that they are made here and know the task log.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::{CallToolResult, ContentBlock};

use crate::delivery::{in_words, percent, result, updates_in_words, within};
use crate::log::{Event, EventKind, Front, Key, Owner, Page, Reader, Shown, Standing, Stop};
use crate::logging::event;
use crate::names::{CHECK_TASK, STOP_TASK};
use crate::output::{Body, Returns, Success};
use crate::parameter::{Parameter, Range, Settings};
use crate::tool::{About, Definition, Hints, Kind, Times};
use crate::words::{json, shown};

const ABOUT_CHECK: &str = "Says how a task is doing that another tool started: what is new since the last \
check, and its result once it has ended. With `wait_seconds` it answers as soon as there is something new \
(or the task is a good deal further), so there is no need to ask again and again.";

const ABOUT_STOP: &str = "Asks a task that another tool started to stop. It answers at once; `check_task` \
says how the task ended.";

/// The control tools of a server whose tasks are in `log`. A check waits no longer than `patience`.
pub(crate) fn tools(log: &Arc<dyn Front>, patience: Duration) -> Vec<Definition> {
    vec![check_task(Arc::clone(log), patience), stop_task(Arc::clone(log), patience)]
}

/// What a client is told that will not wait any longer for a task.
///
/// `longest` is how long a check may wait.
pub(crate) fn ticket(
    tool_name: &str,
    task_id: &str,
    waited: Duration,
    longest: Duration,
) -> CallToolResult {
    let text = format!(
        "`{tool_name}` is still running after {waited:?} and goes on as task `{}`. Call `{CHECK_TASK}` with {} \
         to wait for news of it or for its result, or `{STOP_TASK}` to stop it.",
        shown(task_id),
        check_arguments(task_id, longest.as_secs()),
    );
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// The arguments of a check, as a model writes them.
fn check_arguments(task_id: &str, wait_seconds: u64) -> String {
    format!("{{\"task_id\": {}, \"wait_seconds\": {wait_seconds}}}", json(task_id))
}

fn check_task(log: Arc<dyn Front>, patience: Duration) -> Definition {
    let task_id = String::slot("task_id", "The id of the task", Settings::new());
    let longest = Range::new(Some(0_u8.into()), Some(patience.as_secs().into()), false);
    let wait_seconds = u64::slot(
        "wait_seconds",
        "How many seconds to wait for something new, if there is nothing yet",
        Settings::new().default_value(|| 0, |_| Some(0.into())).range(longest),
    );
    let about = about(CHECK_TASK, ABOUT_CHECK, Hints { read_only: Some(true), ..HINTS });
    Definition::new(
        about,
        Box::new([task_id.describe(), wait_seconds.describe()]),
        Returns::reply(),
        Box::new(move |inputs| {
            let owner = inputs.owner();
            let task_id = task_id.take(inputs);
            let wait = wait_seconds.take(inputs);
            Some(check(Arc::clone(&log), owner, task_id?, Duration::from_secs(wait?)))
        }),
    )
}

fn stop_task(log: Arc<dyn Front>, patience: Duration) -> Definition {
    let longest = patience.as_secs();
    let task_id = String::slot("task_id", "The id of the task", Settings::new());
    let hints = Hints { destructive: Some(true), idempotent: Some(true), ..HINTS };
    Definition::new(
        about(STOP_TASK, ABOUT_STOP, hints),
        Box::new([task_id.describe()]),
        Returns::reply(),
        Box::new(move |inputs| {
            let owner = inputs.owner();
            let task_id = task_id.take(inputs);
            let stopped = inputs.call.context.extensions.get::<Stop>().copied();
            Some(stop(Arc::clone(&log), owner, task_id?, longest, stopped))
        }),
    )
}

const HINTS: Hints =
    Hints { read_only: None, destructive: None, idempotent: None, open_world: Some(false) };

fn about(name: &'static str, description: &'static str, hints: Hints) -> About {
    let times = Times { patience: None, timeout: None, retention: None };
    About { kind: Kind::Control, name, title: None, description, hints, times, place: "mcpc" }
}

pub(crate) fn check(log: Arc<dyn Front>, owner: Owner, task_id: String, wait: Duration) -> Body {
    Box::pin(async move {
        let key = Key { owner, task_id: task_id.as_str().into() };
        let reader = log.reader(&key).ok_or_else(|| unknown(&task_id))?;
        let news = News::read(&*reader, wait).await;
        Ok(Success::of(news.reply(&task_id, reader.tool_name())))
    })
}

/// Asks a task to stop, unless that was done where the call was read, and says what came of it.
pub(crate) fn stop(
    log: Arc<dyn Front>,
    owner: Owner,
    task_id: String,
    longest: u64,
    stopped: Option<Stop>,
) -> Body {
    Box::pin(async move {
        let key = Key { owner, task_id: task_id.as_str().into() };
        let text = match stopped.unwrap_or_else(|| log.stop(&key)) {
            Stop::Asked => {
                event!(info, task_id = &*shown(&task_id), by = STOP_TASK, "asked to stop");
                format!(
                    "Task `{}` was asked to stop. Call `{CHECK_TASK}` with {} to hear how it ends.",
                    shown(&task_id),
                    check_arguments(&task_id, longest),
                )
            }
            Stop::Ended => {
                format!("Task `{}` has ended already; `{CHECK_TASK}` says how.", shown(&task_id))
            }
            Stop::Unknown => return Err(unknown(&task_id)),
        };
        Ok(Success::of(CallToolResult::success(vec![ContentBlock::text(text)])))
    })
}

/// What is said about an id that nothing is known of: the same for somebody else's as for one that never
/// was.
pub(crate) fn unknown(task_id: &str) -> String {
    format!("no task `{}` is known; an ended one is forgotten after a while", shown(task_id))
}

/// What is new about a task.
struct News {
    updates: Vec<Event>,
    /// How many updates before these the log had to drop.
    missed: u64,
    /// How far the task is.
    progress: Option<Event>,
    /// Whether any of that is new.
    is_new: bool,
    /// It was asked to stop.
    is_stopping: bool,
    /// How the task ended, which is news whenever it is asked for.
    end: Option<Event>,
}

impl News {
    /// Reads what was not shown yet, waits for something worth a look if there is nothing, and notes that it is
    /// shown. Cancel safe.
    async fn read(reader: &dyn Reader, wait: Duration) -> Self {
        let shown = reader.shown();
        // The body may report how far it is all the time; only now and then is that worth a reply.
        let page = within(wait, worth_a_look(reader, shown)).await;
        let Standing { progress, end, is_stopping, .. } = reader.standing().await;
        let percent = progress.as_ref().and_then(percent).unwrap_or(shown.percent);
        let page = match page {
            Some(page) => page,
            // Time is over, but something of less weight may be there.
            None => reader.after(shown.seen).now_or_never().flatten(),
        };
        let (updates, missed, is_new, end) = match page {
            Some(Page { mut events, missed, next }) => {
                reader.show(Shown { seen: next, percent });
                let end = events.pop_if(|last| last.kind.is_terminal());
                (events, missed, true, end)
            }
            None => (Vec::new(), 0, false, end),
        };
        Self { updates, missed, progress, is_new, is_stopping, end }
    }

    fn reply(self, task_id: &str, tool_name: &str) -> CallToolResult {
        let mut text = format!("Task `{}` (`{tool_name}`) ", shown(task_id));
        let kind = self.end.as_ref().map(|end| end.kind);
        text.push_str(match kind {
            Some(EventKind::Complete) => "is complete",
            Some(EventKind::Stopped) => "was stopped",
            Some(EventKind::Dropped) => {
                "was stopped; it did not end by itself in time, and was dropped"
            }
            Some(_) => "failed",
            None if self.is_stopping => "is running, and was asked to stop",
            None => "is running",
        });
        if let (None, Some(progress)) = (&self.end, &self.progress) {
            text.push_str(", ");
            text.push_str(&in_words(progress));
        }
        text.push('.');
        let updates = updates_in_words(&self.updates, self.missed);
        if let Some(updates) = &updates {
            text.push_str(" New since the last check:\n");
            text.push_str(updates);
        } else if !self.is_new && self.end.is_none() {
            text.push_str(
                " There is nothing new since the last check; `wait_seconds` waits for it.",
            );
        }
        let Some(end) = self.end else {
            return CallToolResult::success(vec![ContentBlock::text(text)]);
        };
        let mut reply = result(end);
        if kind == Some(EventKind::Dropped) {
            // It had no words of its own.
            reply.content.clear();
        }
        if !reply.content.is_empty() {
            text.push(if updates.is_some() { '\n' } else { ' ' });
            let failed = reply.is_error == Some(true);
            text.push_str(if failed { "The error:" } else { "The result:" });
        }
        reply.content.insert(0, ContentBlock::text(text));
        reply
    }
}

/// Waits until there is more to say than how far a task is, or until that has changed by much; `None` if nothing
/// will come. Cancel safe.
async fn worth_a_look(reader: &dyn Reader, shown: Shown) -> Option<Page> {
    /// In percent: at most so many replies are about nothing else.
    const MUCH: f64 = 10.0;
    let mut seen = shown.seen;
    loop {
        let page = reader.after(seen).await?;
        let is_progress = |event: &Event| event.kind == EventKind::Progress;
        let moved = page.events.last().and_then(percent).map(|percent| percent - shown.percent);
        let is_little = moved.is_some_and(|moved| moved.abs() < MUCH);
        if page.missed > 0 || !page.events.iter().all(is_progress) || !is_little {
            // Everything since the last look, and not only what came last.
            return reader.after(shown.seen).await;
        }
        seen = page.next;
        tokio::task::coop::consume_budget().await;
    }
}
