//! What a reply holds.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{TaskError, plain};

/// The text of a reply, all of its parts together.
pub fn text(reply: &CallToolResult) -> String {
    let parts = reply.content.iter().filter_map(|content| content.as_text());
    parts.map(|part| part.text.as_str()).collect::<Vec<_>>().join("\n")
}

/// The result of a task.
#[derive(Clone, Debug)]
pub(super) enum Outcome {
    /// What MCPC's `complete` carries.
    Value(Arc<Value>),
    /// The reply to a call; it may be the error of a tool.
    Reply(Arc<CallToolResult>),
}

/// What comes of a task.
pub(super) type Ended = Result<Outcome, TaskError>;

/// The reply to a call whose task came to this.
pub(super) fn reply(ended: Ended) -> Result<CallToolResult, TaskError> {
    match ended {
        Ok(Outcome::Reply(reply)) => Ok(Arc::unwrap_or_clone(reply)),
        Ok(Outcome::Value(value)) => {
            let mut reply = CallToolResult::success(vec![ContentBlock::text(plain(&value))]);
            if value.is_object() {
                reply.structured_content = Some(Arc::unwrap_or_clone(value));
            }
            Ok(reply)
        }
        Err(TaskError::Failed(value)) => {
            Ok(CallToolResult::error(vec![ContentBlock::text(plain(&value))]))
        }
        Err(error) => Err(error),
    }
}

impl Outcome {
    /// The result as a type.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, TaskError> {
        let value = match self {
            Self::Value(value) => Value::clone(value),
            Self::Reply(reply) if reply.is_error == Some(true) => {
                return Err(TaskError::Failed(value(reply)));
            }
            Self::Reply(reply) => value(reply),
        };
        let error = match T::deserialize(&value) {
            Ok(result) => return Ok(result),
            Err(error) => error,
        };
        // A text may be that of a number, and what is read as a text may be a number.
        let other = match (&value, self) {
            (Value::String(text), _) => serde_json::from_str(text).ok(),
            (_, Self::Reply(reply)) => Some(Value::String(text(reply))),
            _ => None,
        };
        other.and_then(|other| T::deserialize(other).ok()).ok_or_else(|| TaskError::NotOfType {
            expected: std::any::type_name::<T>(),
            value,
            source: Arc::new(error),
        })
    }
}

/// What a reply says: structured content, or else its text, read as JSON where it is a list or an object.
fn value(reply: &CallToolResult) -> Value {
    let text = text(reply);
    match &reply.structured_content {
        Some(structured) => unwrapped(structured, &text).clone(),
        None if text.starts_with(['{', '[']) => {
            serde_json::from_str(&text).unwrap_or(Value::String(text))
        }
        None => Value::String(text),
    }
}

/// What is no object is the `result` of one in structured content; the text beside it tells whether that is so.
fn unwrapped<'a>(structured: &'a Value, text: &str) -> &'a Value {
    let inside = structured.as_object().filter(|fields| fields.len() == 1);
    let inside = inside.and_then(|fields| fields.get("result"));
    let is_the_text = |inside: &&Value| match inside {
        Value::String(inside) => inside == text,
        inside => serde_json::from_str::<Value>(text).is_ok_and(|text| text == **inside),
    };
    inside.filter(is_the_text).unwrap_or(structured)
}
