//! The tasks that an owner may ask about, and what is said to one who names none of them.

use std::sync::Arc;
use std::time::Duration;

use super::unknown_id;
use crate::delivery::how_far;
use crate::log::{EndKind, Known, List, LogError, Status, TaskReader};
use crate::phrases::{in_short, nearest, shown};
use crate::task::Tasks;

/// How many tasks are listed.
const MOST_LISTED: usize = 20;

/// The ids that an id may mean, which may have come in quotes; the first that is known is meant.
pub(super) fn meant(task_id: &str) -> Vec<Arc<str>> {
    let mut ids: Vec<Arc<str>> = vec![task_id.into()];
    let unquoted = unquoted(task_id);
    if unquoted != task_id {
        ids.push(unquoted.into());
    }
    ids
}

/// The task that an id means.
pub(super) async fn find(
    tasks: &Tasks,
    task_id: &str,
) -> Result<Option<(Arc<str>, Box<dyn TaskReader>)>, LogError> {
    for task_id in meant(task_id) {
        if let Some(reader) = tasks.reader(&task_id).await? {
            return Ok(Some((task_id, reader)));
        }
    }
    Ok(None)
}

fn unquoted(task_id: &str) -> &str {
    task_id.trim_matches(|c: char| c.is_whitespace() || "\"'`".contains(c))
}

/// What is said about an id that nothing is known of: the same for somebody else's as for one that never was.
pub(super) async fn unknown(tasks: &Tasks, task_id: &str) -> Result<String, LogError> {
    let list = tasks.list().await?;
    if list.tasks.is_empty() {
        return Ok(unknown_id(task_id));
    }
    let near = near(task_id, &list.tasks).map(|near| format!("; did you mean `{}`?", shown(near)));
    let (near, list) = (near.unwrap_or_default(), in_lines(&list));
    Ok(format!("unknown task `{}`{near}\n{list}", shown(task_id)))
}

/// The task whose id was perhaps meant: one that begins or ends like this, or that is written much alike.
fn near<'a>(task_id: &str, tasks: &'a [Known]) -> Option<&'a str> {
    let ids = || tasks.iter().map(|task| &*task.task_id);
    let part = unquoted(task_id).trim_matches(['…', '.']);
    let mut cut =
        ids().filter(|id| !part.is_empty() && (id.starts_with(part) || id.ends_with(part)));
    cut.next().or_else(|| nearest(part, ids()))
}

/// All tasks, in words.
pub(super) async fn listed(tasks: &Tasks, check_task: &str) -> Result<String, LogError> {
    let list = tasks.list().await?;
    Ok(match list.tasks.is_empty() {
        true => "There is no task: none is running, and none that ended is still known.".to_owned(),
        false => format!(
            "{}\nCall `{check_task}` with the `task_id` of one for its news, or for its result.",
            in_lines(&list)
        ),
    })
}

fn in_lines(list: &List) -> String {
    let List { running, ended, tasks } = list;
    let is_or_are = |count: &usize| if *count == 1 { "is" } else { "are" };
    let plural = if *running == 1 { "" } else { "s" };
    let mut text = format!("{running} task{plural} {} running", is_or_are(running));
    if *ended > 0 {
        text.push_str(&format!(", {ended} that ended {} still known", is_or_are(ended)));
    }
    text.push(':');
    for task in tasks.iter().take(MOST_LISTED) {
        text.push_str(&format!(
            "\n- `{}`: `{}` {}, {}",
            shown(&task.task_id),
            task.tool_name,
            task.arguments.in_short(),
            in_one_line(&task.status),
        ));
    }
    if let Some(more) = (running + ended).checked_sub(MOST_LISTED + 1) {
        text.push_str(&format!("\n- and {} more", more + 1));
    }
    text
}

/// What a task is doing, or how it ended, and since when.
fn in_one_line(status: &Status) -> String {
    if let Some(end) = &status.end {
        let ended = match end.kind {
            EndKind::Complete => "completed",
            EndKind::Stopped | EndKind::Dropped => "was stopped",
            EndKind::Failed => "failed",
        };
        let lived = status.changed_at.duration_since(status.created_at).unwrap_or_default();
        return format!("{ended} {} ago", time(status.age.saturating_sub(lived)));
    }
    let mut text = format!("is running for {}", time(status.age));
    if status.is_stopping {
        text.push_str(" and was asked to stop");
    }
    if !status.questions.is_empty() {
        text.push_str(", and waits for an answer");
    }
    if let Some(progress) = &status.progress {
        text.push_str(", ");
        text.push_str(&in_short(how_far(progress)));
    }
    text
}

/// How a task is doing, after its name.
pub(super) fn how(status: &Status) -> &'static str {
    match status.end.as_ref().map(|end| end.kind) {
        Some(EndKind::Complete) => "is complete",
        Some(EndKind::Stopped) => "was stopped",
        Some(EndKind::Dropped) => "was stopped (it did not end by itself in time, and was dropped)",
        Some(EndKind::Failed) => "failed",
        None if status.is_stopping => "is running, and was asked to stop,",
        None => "is running",
    }
}

/// A time as people say it.
pub(super) fn time(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}
