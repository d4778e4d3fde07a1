//! How a task of MCP is doing, as both of its protocols write it.

use std::time::Duration;

use rmcp::model::{CallToolResult, ErrorData};
use serde_json::{Map, Value};

/// What `tasks/get` and the notifications about a task say.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) state: State,
    pub(super) message: Option<String>,
    /// How long to wait before asking again.
    pub(super) poll_interval: Option<Duration>,
    /// What the task waits for, by keys that the answers have, too.
    pub(super) questions: Map<String, Value>,
    /// The result of a call that has one; only the Tasks extension sends it here.
    pub(super) result: Option<CallToolResult>,
    pub(super) error: Option<ErrorData>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum State {
    Working,
    InputRequired,
    Completed,
    Failed,
    Cancelled,
}

impl State {
    pub(super) fn is_terminal(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

impl Status {
    /// Reads a task, and its id; `None` if it is something else.
    pub(super) fn read(task: &Value) -> Option<(String, Self)> {
        let id = task.get("taskId")?.as_str()?.to_owned();
        let state = match task.get("status")?.as_str()? {
            "working" | "submitted" => State::Working,
            "input_required" => State::InputRequired,
            "completed" => State::Completed,
            "failed" => State::Failed,
            "cancelled" => State::Cancelled,
            _ => return None,
        };
        // Of the extension, and of 2025-11-25.
        let poll = task.get("pollIntervalMs").or_else(|| task.get("pollInterval"));
        let read = |key| task.get(key).cloned();
        let status = Self {
            state,
            message: task.get("statusMessage").and_then(Value::as_str).map(str::to_owned),
            poll_interval: poll.and_then(Value::as_u64).map(Duration::from_millis),
            questions: read("inputRequests")
                .and_then(|it| serde_json::from_value(it).ok())
                .unwrap_or_default(),
            result: read("result").and_then(|it| serde_json::from_value(it).ok()),
            error: read("error").and_then(|it| serde_json::from_value(it).ok()),
        };
        Some((id, status))
    }
}
