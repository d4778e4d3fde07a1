//! What a task comes to in the reply of a call, and what it says in words.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};

use crate::log::{Cursor, Event, EventKind, Page, Reader};
use crate::message::ProgressUpdate;
use crate::output;

/// Waits for a task's end and returns the reply. Cancel safe.
pub(super) async fn reply(reader: &dyn Reader) -> CallToolResult {
    let mut seen = Cursor::START;
    while let Some(page) = reader.after(seen).await {
        if page.has_end() {
            return final_reply(reader).await;
        }
        seen = page.next;
        // A task that never rests must not keep this from resting.
        tokio::task::coop::consume_budget().await;
    }
    ended_without_a_result()
}

/// The reply when the log has nothing more to say, which no task's does before its end.
pub(super) fn ended_without_a_result() -> CallToolResult {
    output::error_reply("the task ended without a result")
}

/// The reply of a task that has ended: its result, and before that what it sent, as far as it is kept.
pub(super) async fn final_reply(reader: &dyn Reader) -> CallToolResult {
    let Some(Page { mut events, missed, .. }) = reader.after(Cursor::START).await else {
        return ended_without_a_result();
    };
    let Some(end) = events.pop_if(|last| last.kind.is_terminal()) else {
        return ended_without_a_result();
    };
    let mut reply = result(end);
    if let Some(updates) = updates_in_words(&events, missed) {
        reply.content.insert(0, ContentBlock::text(format!("Updates while it ran:\n{updates}")));
    }
    reply
}

/// The reply that a terminal event stands for.
pub(crate) fn result(end: Event) -> CallToolResult {
    let is_error = end.kind != EventKind::Complete;
    if let Some(content) = end.content {
        return Arc::unwrap_or_clone(content);
    }
    let mut reply = output::reply(&end.result);
    if is_error {
        reply.is_error = Some(true);
    }
    reply
}

/// The updates among some events, one a line, and how many are missing before them; `None` if there are none.
pub(crate) fn updates_in_words(events: &[Event], missed: u64) -> Option<String> {
    let plural = if missed == 1 { "update is" } else { "updates are" };
    let gap = (missed > 0).then(|| format!("({missed} older {plural} not kept any more)").into());
    let updates = events.iter().filter(|event| event.kind == EventKind::Update).map(in_words);
    let lines: Vec<Cow<'_, str>> = gap.into_iter().chain(updates).collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// What an update or a progress says.
pub(crate) fn in_words(event: &Event) -> Cow<'_, str> {
    let json = event.result.as_str();
    match progress(event) {
        Some(ProgressUpdate { status, progress }) if status.is_empty() => {
            format!("{progress} %").into()
        }
        Some(ProgressUpdate { status, progress }) => format!("{progress} %: {status}").into(),
        // A string says itself; anything else is shown as JSON.
        None => serde_json::from_str(json).map_or(json.into(), String::into),
    }
}

/// How far an event says the task is, if that is what it says.
pub(super) fn progress(event: &Event) -> Option<ProgressUpdate<'_>> {
    match event.kind {
        EventKind::Progress => ProgressUpdate::read(&event.result),
        _ => None,
    }
}

/// How far an event says the task is, in percent.
pub(crate) fn percent(event: &Event) -> Option<f64> {
    progress(event).map(|progress| progress.progress)
}
