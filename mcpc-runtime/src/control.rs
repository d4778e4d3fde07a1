//! The tools with which a model looks after the tasks it started: `check_task` and `stop_task`.
//!
//! They are plain tools like any other, but for that they are made here and know the task log.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};

use crate::delivery::{in_words, result, write_updates};
use crate::log::{Event, EventKind, Front, Key, Owner, Page, Reader, Standing, Stop};
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
    About { kind: Kind::Control, name, title: None, description, hints, times, place: "mcpc" }
}

fn check(log: Arc<dyn Front>, owner: Owner, task_id: String, wait: Duration) -> Body {
    Box::pin(async move {
        let key = Key { owner, task_id: task_id.as_str().into() };
        let reader = log.reader(&key).ok_or_else(|| unknown(&task_id))?;
        let news = News::read(&*reader, wait).await;
        Ok(Success::of(news.reply(&task_id, reader.tool_name())))
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

/// What is said about an id that nothing is known of: the same for somebody else's as for one that never
/// was.
pub(crate) fn unknown(task_id: &str) -> String {
    format!("no task `{task_id}` is known; an ended one is forgotten after a while")
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
    /// How the task ended, which is news whenever it is asked for.
    end: Option<Event>,
}

impl News {
    /// Reads what was not shown yet, waits for something if there is nothing, and notes that it is shown.
    /// Cancel safe.
    async fn read(reader: &dyn Reader, wait: Duration) -> Self {
        let page = tokio::time::timeout(wait, reader.after(reader.shown())).await;
        let Standing { progress, end, .. } = reader.standing().await;
        match page {
            Ok(Some(Page { mut events, missed, next })) => {
                reader.show(next);
                let end = events.pop_if(|last| last.kind.is_terminal());
                Self { updates: events, missed, progress, is_new: true, end }
            }
            Ok(None) => Self { updates: Vec::new(), missed: 0, progress, is_new: false, end },
            Err(_) => Self { updates: Vec::new(), missed: 0, progress, is_new: false, end: None },
        }
    }

    fn reply(self, task_id: &str, tool_name: &str) -> CallToolResult {
        let mut text = format!("Task `{task_id}` (`{tool_name}`) ");
        match self.end.as_ref().map(|end| end.kind) {
            Some(EventKind::Complete) => text.push_str("is complete"),
            Some(EventKind::Stopped) => text.push_str("was stopped"),
            Some(_) => text.push_str("failed"),
            None => text.push_str("is running"),
        }
        if let (None, Some(progress)) = (&self.end, &self.progress) {
            text.push_str(", ");
            text.push_str(&in_words(progress));
        }
        text.push('.');
        if self.missed > 0 || self.updates.iter().any(|event| event.kind == EventKind::Update) {
            text.push_str(" New since the last check:\n");
            write_updates(&mut text, &self.updates, self.missed);
        } else if !self.is_new && self.end.is_none() {
            text.push_str(" There is nothing new since the last check.");
        }
        let Some(end) = self.end else {
            return CallToolResult::success(vec![ContentBlock::text(text)]);
        };
        let mut reply = result(end);
        if !reply.content.is_empty() {
            let failed = reply.is_error == Some(true);
            text.push_str(if failed { " The error:" } else { " The result:" });
        }
        reply.content.insert(0, ContentBlock::text(text));
        reply
    }
}
