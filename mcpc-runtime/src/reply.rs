//! What a request is answered with, and its bytes.

use rmcp::model::{
    ContentBlock, CreateTaskResult, CustomResult, ErrorData, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage, ServerResult, Task,
};
use serde_json::{Value, json};

/// What one request is answered with.
#[derive(Debug)]
pub(crate) struct Reply(Result<ServerResult, ErrorData>);

impl Reply {
    /// In the words of the protocol that the request speaks: its later revisions (`is_modern`) say of a result what it
    /// is, and earlier ones have no structured content but an object.
    pub(crate) fn new(outcome: Result<ServerResult, ErrorData>, is_modern: bool) -> Self {
        Self(if is_modern { outcome } else { outcome.map(legacy) })
    }

    /// For a loop of rmcp, which adds the id.
    pub(crate) fn into_outcome(self) -> Result<ServerResult, ErrorData> {
        self.0
    }

    /// As a message, for a transport of rmcp.
    pub(crate) fn into_message(self, id: RequestId) -> ServerJsonRpcMessage {
        match self.0 {
            Ok(result) => JsonRpcMessage::response(result, id),
            Err(error) => JsonRpcMessage::error(error, Some(id)),
        }
    }

    /// As a line of JSON, after what the buffer holds. What cannot be written as JSON is an error that says so.
    pub(crate) fn into_line(self, id: RequestId, line: &mut Vec<u8>) {
        let before = line.len();
        let written = match self.0 {
            Ok(result) => write_response(&result, &id, line),
            Err(error) => serde_json::to_writer(
                &mut *line,
                &ServerJsonRpcMessage::error(error, Some(id.clone())),
            ),
        };
        if written.is_err() {
            line.truncate(before);
            let problem = "the reply cannot be written as JSON";
            let error = ErrorData::internal_error(problem, None);
            let message: ServerJsonRpcMessage = JsonRpcMessage::error(error, Some(id));
            serde_json::to_writer(&mut *line, &message).expect("texts and an id are JSON");
        }
        line.push(b'\n');
    }
}

/// Writes what is written of `JsonRpcMessage::response`, without making that, which is large.
fn write_response(
    result: &ServerResult,
    id: &RequestId,
    line: &mut Vec<u8>,
) -> serde_json::Result<()> {
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    serde_json::to_writer(&mut *line, id)?;
    line.extend_from_slice(br#","result":"#);
    serde_json::to_writer(&mut *line, result)?;
    line.push(b'}');
    Ok(())
}

/// A task as MCP 2025-11-25 has it.
pub(crate) fn task_of_2025(task: &Task) -> Value {
    let mut written = json!({ "taskId": task.task_id, "status": task.status });
    if let Some(message) = &task.status_message {
        written["statusMessage"] = message.as_str().into();
    }
    written["createdAt"] = task.created_at.as_str().into();
    written["lastUpdatedAt"] = task.last_updated_at.as_str().into();
    written["ttl"] = task.ttl_ms.into();
    if let Some(interval) = task.poll_interval_ms {
        written["pollInterval"] = interval.into();
    }
    written
}

/// A task that was created for a call, likewise.
fn created_of_2025(created: &CreateTaskResult) -> ServerResult {
    let mut written = json!({ "task": task_of_2025(&created.task) });
    if let Some(meta) = &created.meta {
        written["_meta"] = json!(meta);
    }
    ServerResult::CustomResult(CustomResult::new(written))
}

/// A result as protocols before 2026-07-28 have it, whatever the version of rmcp does about that.
fn legacy(mut result: ServerResult) -> ServerResult {
    if let ServerResult::CreateTaskResult(created) = &result {
        return created_of_2025(created);
    }
    result.strip_result_type_for_legacy_peer();
    if let ServerResult::CallToolResult(reply) = &mut result
        && let Some(value) = reply.structured_content.take_if(|value| !value.is_object())
    {
        let text = reply.content.first().and_then(ContentBlock::as_text);
        let is_said = text
            .is_some_and(|it| serde_json::from_str(&it.text).is_ok_and(|it: Value| it == value));
        if !is_said {
            reply.content.insert(0, ContentBlock::text(value.to_string()));
        }
    }
    result
}
