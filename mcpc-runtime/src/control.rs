//! The tools with which a model looks after the tasks it started: `check_task` and `stop_task`.
//!
//! They are plain tools like any other, but for that they are made here and know the task log.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};

use crate::delivery::final_reply;
use crate::log::{Event, Front, Key, Owner, Reader, Stop};
use crate::message::ProgressUpdate;
use crate::names::{CHECK_TASK, STOP_TASK};
use crate::output::{Body, Output, Success};
use crate::parameter::{Parameter, Range, Settings};
use crate::tool::{About, Definition, Hints, Kind, Times};

const ABOUT_CHECK: &str = "Says how a task is doing that another tool started: what is new since the last \
check, and its result once it has ended. With `wait_seconds` it answers as soon as there is something new, \
so there is no need to ask again and again.";

const ABOUT_STOP: &str = "Asks a task that another tool started to stop. It answers at once; `check_task` \
says how the task ended.";

/// The control tools of a server whose tasks are in `log`. A check waits no longer than `patience`.
pub(crate) fn tools(log: &Arc<dyn Front>, patience: Duration) -> Vec<Definition> {
    vec![check_task(Arc::clone(log), patience), stop_task(Arc::clone(log))]
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
        "`{tool_name}` is still running after {waited:?} and goes on as task `{task_id}`. Call \
         `{CHECK_TASK}` with {{\"task_id\": {task_id:?}, \"wait_seconds\": {}}} to wait for news of it or \
         for its result, or `{STOP_TASK}` to stop it.",
        longest.as_secs(),
    );
    CallToolResult::success(vec![ContentBlock::text(text)])
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
        vec![task_id.describe(), wait_seconds.describe()],
        CallToolResult::returns(),
        Box::new(move |inputs| {
            let owner = inputs.owner();
            let task_id = task_id.take(inputs);
            let wait = wait_seconds.take(inputs);
            Some(check(Arc::clone(&log), owner, task_id?, Duration::from_secs(wait?)))
        }),
    )
}

fn stop_task(log: Arc<dyn Front>) -> Definition {
    let task_id = String::slot("task_id", "The id of the task", Settings::new());
    let hints = Hints { destructive: Some(true), idempotent: Some(true), ..HINTS };
    Definition::new(
        about(STOP_TASK, ABOUT_STOP, hints),
        vec![task_id.describe()],
        CallToolResult::returns(),
        Box::new(move |inputs| {
            let owner = inputs.owner();
            let task_id = task_id.take(inputs);
            Some(stop(Arc::clone(&log), owner, task_id?))
        }),
    )
}

const HINTS: Hints =
    Hints { read_only: None, destructive: None, idempotent: None, open_world: Some(false) };

fn about(name: &'static str, description: &'static str, hints: Hints) -> About {
    let times = Times { patience: None, timeout: None, retention: None };
    About { kind: Kind::Plain, name, title: None, description, hints, times, place: "mcpc" }
}

fn check(log: Arc<dyn Front>, owner: Owner, task_id: String, wait: Duration) -> Body {
    Box::pin(async move {
        let key = Key { owner, task_id: task_id.as_str().into() };
        let reader = log.reader(&key).ok_or_else(|| unknown(&task_id))?;
        let news = News::since(&*reader, reader.shown(), wait).await;
        Ok(Success::of(news.reply(&task_id, &*reader)))
    })
}

fn stop(log: Arc<dyn Front>, owner: Owner, task_id: String) -> Body {
    Box::pin(async move {
        let key = Key { owner, task_id: task_id.as_str().into() };
        let text = match log.stop(&key) {
            Stop::Asked => {
                format!("Task `{task_id}` was asked to stop. `{CHECK_TASK}` says how it ended.")
            }
            Stop::Ended => {
                format!("Task `{task_id}` has ended already; `{CHECK_TASK}` says how.")
            }
            Stop::Unknown => return Err(unknown(&task_id)),
        };
        Ok(Success::of(CallToolResult::success(vec![ContentBlock::text(text)])))
    })
}

/// The same for an id of somebody else's as for one that never was.
fn unknown(task_id: &str) -> String {
    format!("no task `{task_id}` is known; an ended one is forgotten after a while")
}

/// What is new about a task.
enum News {
    /// What it sent, and how many events before that the log had to drop.
    Updates {
        updates: Vec<(u64, Event)>,
        missed: u64,
    },
    /// It has ended; what it sent before.
    Ended {
        updates: Vec<(u64, Event)>,
        missed: u64,
        end: (u64, Event),
    },
    Nothing,
}

impl News {
    /// Reads what came after an event, and waits for something if there is nothing. An end is news
    /// whenever it is asked for. Cancel safe.
    async fn since(reader: &dyn Reader, after: u64, wait: Duration) -> Self {
        let Ok(page) = tokio::time::timeout(wait, reader.after(after)).await else {
            return Self::Nothing;
        };
        let (mut updates, missed) = match page {
            Some(page) => (page.events, page.missed),
            // It ended, and that was shown before.
            None => (last(reader).await.into_iter().collect(), 0),
        };
        match updates.pop_if(|(_, last)| last.event.is_terminal()) {
            Some(end) => Self::Ended { updates, missed, end },
            None => Self::Updates { updates, missed },
        }
    }

    /// Tells it, and notes that it was told.
    fn reply(self, task_id: &str, reader: &dyn Reader) -> CallToolResult {
        let task = format!("Task `{task_id}` (`{}`)", reader.tool_name());
        match self {
            Self::Nothing => {
                let text = format!("{task} is running. There is nothing new since the last check.");
                CallToolResult::success(vec![ContentBlock::text(text)])
            }
            Self::Updates { updates, missed } => {
                if let Some((last, _)) = updates.last() {
                    reader.show(*last);
                }
                let mut text = format!("{task} is running.");
                write_updates(&mut text, &updates, missed);
                CallToolResult::success(vec![ContentBlock::text(text)])
            }
            Self::Ended { updates, missed, end: (last, end) } => {
                reader.show(last);
                let mut reply = final_reply(end);
                let failed = reply.is_error == Some(true);
                let mut text = format!("{task} {}.", if failed { "failed" } else { "is complete" });
                write_updates(&mut text, &updates, missed);
                if !reply.content.is_empty() {
                    text.push_str(if failed { " The error:" } else { " The result:" });
                }
                reply.content.insert(0, ContentBlock::text(text));
                reply
            }
        }
    }
}

/// The last event of a task that has ended.
async fn last(reader: &dyn Reader) -> Option<(u64, Event)> {
    reader.after(0).await?.events.pop()
}

/// Writes updates, one a line. Of how far the task was, only the latest in a row is still news.
fn write_updates(text: &mut String, updates: &[(u64, Event)], missed: u64) {
    if updates.is_empty() && missed == 0 {
        return;
    }
    text.push_str(" New since the last check:\n");
    // Writing into a string cannot fail.
    if missed > 0 {
        let _ = writeln!(text, "({missed} older updates are not kept any more)");
    }
    let mut updates = updates.iter().peekable();
    while let Some((_, update)) = updates.next() {
        let progress = ProgressUpdate::read(&update.result);
        let next = updates.peek().and_then(|(_, next)| ProgressUpdate::read(&next.result));
        let _ = match (progress, next) {
            (Some(_), Some(_)) => Ok(()),
            (Some(ProgressUpdate { status, progress }), None) => {
                writeln!(text, "{progress} %: {status}")
            }
            (None, _) => writeln!(text, "{}", update.result.as_str()),
        };
    }
}
