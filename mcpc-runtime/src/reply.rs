//! What a request is answered with, and its bytes.

use rmcp::model::{
    CallToolResult, ContentBlock, CreateTaskResult, CustomResult, ErrorData, JsonRpcMessage,
    RequestId, ResultType, ServerJsonRpcMessage, ServerResult, Task,
};
use serde_json::{Value, json};

use crate::message::Json;

/// What one request is answered with.
#[derive(Debug)]
pub(crate) struct Reply(Content);

#[derive(Debug)]
enum Content {
    /// On the heap, as a result has hundreds of bytes and passes through many hands.
    Outcome(Box<Result<ServerResult, ErrorData>>),
    /// What a plain tool returned.
    Value { value: Json, shape: Shape, is_modern: bool },
}

/// Where a value stands in the reply that carries it, as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// Nowhere: it is `null`.
    Empty,
    /// A string that is the text.
    Text,
    /// A string that is the text, and the `result` of structured content.
    TextAndResult,
    /// An object that is structured content.
    Object,
    /// What is the `result` of structured content.
    Result,
}

impl Reply {
    /// In the words of the protocol that the request speaks: its later revisions (`is_modern`) say of a result what it
    /// is, and earlier ones have no structured content but an object.
    pub(crate) fn new(outcome: Result<ServerResult, ErrorData>, is_modern: bool) -> Self {
        Self(Content::Outcome(Box::new(if is_modern { outcome } else { outcome.map(legacy) })))
    }

    /// The same of a value that a plain tool returned, which is written without being read.
    pub(crate) fn of_value(value: Json, shape: Shape, is_modern: bool) -> Self {
        Self(Content::Value { value, shape, is_modern })
    }

    /// For a loop of rmcp, which adds the id.
    pub(crate) fn into_outcome(self) -> Result<ServerResult, ErrorData> {
        match self.0 {
            Content::Outcome(outcome) => *outcome,
            Content::Value { value, shape, is_modern } => {
                Ok(ServerResult::CallToolResult(result_of(&value, shape, is_modern)))
            }
        }
    }

    /// The code of the error that it is, if it is one.
    pub(crate) fn error(&self) -> Option<i32> {
        match &self.0 {
            Content::Outcome(outcome) => outcome.as_ref().as_ref().err().map(|it| it.code.0),
            Content::Value { .. } => None,
        }
    }

    /// As a message, for a transport of rmcp.
    pub(crate) fn into_message(self, id: RequestId) -> ServerJsonRpcMessage {
        match self.into_outcome() {
            Ok(result) => JsonRpcMessage::response(result, id),
            Err(error) => JsonRpcMessage::error(error, Some(id)),
        }
    }

    /// As a line of JSON, after what the buffer holds. What cannot be written as JSON is an error that says so.
    pub(crate) fn into_line(self, id: RequestId, line: &mut Vec<u8>) {
        let before = line.len();
        let written = match self.0 {
            Content::Value { value, shape, is_modern } => {
                write_value(value.as_str(), shape, is_modern, &id, line)
            }
            Content::Outcome(outcome) => match *outcome {
                Ok(result) => write_response(&result, &id, line),
                Err(error) => serde_json::to_writer(
                    &mut *line,
                    &ServerJsonRpcMessage::error(error, Some(id.clone())),
                ),
            },
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
    write_start(id, line)?;
    serde_json::to_writer(&mut *line, result)?;
    line.push(b'}');
    Ok(())
}

/// Writes a response up to its result.
fn write_start(id: &RequestId, line: &mut Vec<u8>) -> serde_json::Result<()> {
    line.extend_from_slice(br#"{"jsonrpc":"2.0","id":"#);
    serde_json::to_writer(&mut *line, id)?;
    line.extend_from_slice(br#","result":"#);
    Ok(())
}

/// Writes what is written of [`result_of`], without making that.
fn write_value(
    value: &str,
    shape: Shape,
    is_modern: bool,
    id: &RequestId,
    line: &mut Vec<u8>,
) -> serde_json::Result<()> {
    write_start(id, line)?;
    line.extend_from_slice(match is_modern {
        true => br#"{"resultType":"complete","content":["#,
        false => br#"{"content":["#,
    });
    if shape != Shape::Empty {
        line.extend_from_slice(br#"{"type":"text","text":"#);
        match shape {
            // It is a string as it is.
            Shape::Text | Shape::TextAndResult => line.extend_from_slice(value.as_bytes()),
            _ => serde_json::to_writer(&mut *line, value)?,
        }
        line.push(b'}');
    }
    let structured = match shape {
        Shape::Empty | Shape::Text => ["]", "", ""],
        Shape::Object => [r#"],"structuredContent":"#, value, ""],
        Shape::TextAndResult | Shape::Result => [r#"],"structuredContent":{"result":"#, value, "}"],
    };
    for part in structured.into_iter().chain([r#","isError":false}}"#]) {
        line.extend_from_slice(part.as_bytes());
    }
    Ok(())
}

/// The reply that carries a value.
fn result_of(value: &Json, shape: Shape, is_modern: bool) -> CallToolResult {
    let json = value.as_str();
    let read = || serde_json::from_str::<Value>(json).unwrap_or_default();
    let text = match shape {
        Shape::Empty => None,
        Shape::Text | Shape::TextAndResult => serde_json::from_str(json).ok(),
        Shape::Object | Shape::Result => Some(json.to_owned()),
    };
    let mut result =
        CallToolResult::success(text.map(ContentBlock::text).into_iter().collect::<Vec<_>>());
    result.result_type = is_modern.then_some(ResultType::COMPLETE);
    result.structured_content = match shape {
        Shape::Empty | Shape::Text => None,
        Shape::Object => Some(read()),
        Shape::TextAndResult | Shape::Result => Some(json!({ "result": read() })),
    };
    result
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_the_same_as_a_line_and_as_a_message() {
        for (shape, value) in [
            (Shape::Empty, "null"),
            (Shape::Text, r#""a\"\\\u0001\u00e9""#),
            (Shape::TextAndResult, r#""true""#),
            (Shape::Object, r#"{"b":"\"","a":[1.5,null]}"#),
            (Shape::Result, "-7"),
        ] {
            for is_modern in [false, true] {
                let reply = || Reply::of_value(Json::written(value.to_owned()), shape, is_modern);
                let mut line = Vec::new();
                reply().into_line(RequestId::Number(1), &mut line);
                let line: Value = serde_json::from_slice(&line).expect("JSON");
                let message = reply().into_message(RequestId::Number(1));
                assert_eq!(line, serde_json::to_value(&message).expect("JSON"));
            }
        }
    }
}
