//! A client that showed nothing: its call stays open until the task has ended.

use rmcp::model::CallToolResult;

use crate::log::{Event, Reader};
use crate::message::TaskEvent;
use crate::output;

/// Reads a task's log to its end and returns the reply. Cancel safe.
pub(super) async fn reply(reader: &dyn Reader) -> CallToolResult {
    let mut after = 0;
    while let Some(page) = reader.after(after).await {
        for (number, event) in page.events {
            if event.event.is_terminal() {
                return final_reply(event);
            }
            after = number;
        }
    }
    ended_without_a_result()
}

/// The reply when the log has nothing more to say, which no task's does before its end.
pub(super) fn ended_without_a_result() -> CallToolResult {
    output::error_reply("the task ended without a result")
}

/// The reply that a terminal event stands for.
pub(crate) fn final_reply(event: Event) -> CallToolResult {
    if let Some(content) = event.content {
        return *content;
    }
    let mut reply = output::reply(event.result.as_str());
    if event.event == TaskEvent::Failed {
        reply.is_error = Some(true);
    }
    reply
}
