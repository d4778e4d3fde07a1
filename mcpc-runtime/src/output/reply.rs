//! What becomes of a result in the reply that carries it.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock, ErrorData};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Success;
use crate::message::{DEEPEST, Json};
use crate::numbers::Inexact;
use crate::phrases::{path_in_words, shown};
use crate::reply::Shape;

/// What a client is answered with, as a tool wrote it itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Unshared", into = "Unshared")]
#[doc(hidden)]
pub enum Written {
    /// A reply, which may say that it is an error.
    Reply(Arc<CallToolResult>),
    /// An error of the protocol.
    Error(Arc<ErrorData>),
}

/// The same, as it is stored.
#[derive(Serialize, Deserialize)]
enum Unshared {
    Reply(CallToolResult),
    Error(ErrorData),
}

impl From<Unshared> for Written {
    fn from(unshared: Unshared) -> Self {
        match unshared {
            Unshared::Reply(reply) => Self::Reply(Arc::new(reply)),
            Unshared::Error(error) => Self::Error(Arc::new(error)),
        }
    }
}

impl From<Written> for Unshared {
    fn from(written: Written) -> Self {
        match written {
            Written::Reply(reply) => Self::Reply(Arc::unwrap_or_clone(reply)),
            Written::Error(error) => Self::Error(Arc::unwrap_or_clone(error)),
        }
    }
}

impl Written {
    /// What the tool wrote.
    pub(crate) fn into_reply(self) -> Result<CallToolResult, ErrorData> {
        match self {
            Self::Reply(reply) => Ok(Arc::unwrap_or_clone(reply)),
            Self::Error(error) => Err(Arc::unwrap_or_clone(error)),
        }
    }

    /// About how many bytes it has.
    pub(crate) fn bytes(&self) -> usize {
        let json = match self {
            Self::Reply(reply) => serde_json::to_string(reply),
            Self::Error(error) => serde_json::to_string(error),
        };
        // What cannot be written was not kept by anybody.
        json.map_or(0, |json| json.len())
    }
}

impl Success {
    /// How the value stands in the [reply](Self::into_reply), if it may be written there as it is.
    pub(crate) fn shape(&self, has_schema: bool) -> Option<Shape> {
        if self.problem.is_some() || self.content.is_some() {
            return None;
        }
        match self.json.as_str().as_bytes() {
            b"null" => (!has_schema).then_some(Shape::Empty),
            [b'"', ..] if has_schema => Some(Shape::TextAndResult),
            [b'"', text @ ..] => is_surely_not_json(text).then_some(Shape::Text),
            [b'{', ..] => Some(Shape::Object),
            _ => Some(Shape::Result),
        }
        .filter(|_| self.json.is_held_as_written())
    }

    /// The reply to the call of a plain tool. `has_schema` says whether its client was promised structured content.
    ///
    /// # Errors
    ///
    /// A sentence for the client if that was promised and cannot hold the value.
    pub(crate) fn into_reply(
        self,
        has_schema: impl FnOnce() -> bool,
    ) -> Result<CallToolResult, String> {
        if let Some(problem) = self.problem {
            return Err(problem);
        }
        if let Some(reply) = self.content {
            return Ok(readable(reply));
        }
        let mut reply = reply(&self.json);
        let structured = reply.structured_content.as_ref();
        let is_there = match self.json.as_str().as_bytes() {
            [b'{', ..] => structured.is_some(),
            [b'[', ..] => structured.is_some_and(|it| it["result"].is_array()),
            [b'"', ..] => structured.is_some(),
            text => text != b"null",
        };
        if is_there || !has_schema() {
            return Ok(reply);
        }
        // A text alone, or nothing.
        reply.structured_content = match serde_json::from_str(self.json.as_str()) {
            Ok(value @ (Value::String(_) | Value::Null)) => Some(wrapped(value)),
            _ => return Err(no_structured_content(&self.json)),
        };
        Ok(reply)
    }
}

/// Why there is no structured content, for a client that was promised some.
#[cold]
fn no_structured_content(json: &Json) -> String {
    let text = json.as_str();
    let object = serde_json::from_str(text).ok().filter(|_| !json.is_too_deep());
    match object.and_then(|object| Inexact::first(&object, text)) {
        Some(number) => inexact(&number),
        None => too_deep(text),
    }
}

/// What a client is told that was promised structured content.
#[cold]
fn too_deep(json: &str) -> String {
    format!(
        "the result is nested deeper than {DEEPEST} levels, which clients cannot read as structured content; \
         as text it is {json}"
    )
}

#[cold]
fn inexact(number: &Inexact) -> String {
    let Inexact { path, written } = number;
    format!(
        "the result's `{}` is {}, which structured content cannot hold exactly; the tool has to return it as a \
         string",
        path_in_words("", path),
        shown(written),
    )
}

/// The reply that carries a JSON value: a string as it is, nothing for `null`, anything else as text and as
/// structured content, which is an object: another value is the `result` of one. (Gemini CLI 0.61 reads a text that
/// is JSON as structured content where there is none, and refuses the reply if that is not an object.)
///
/// What structured content cannot hold, as it is [nested too deep](Json::is_too_deep) or has a number that is too
/// long, is a text only.
pub(crate) fn reply(json: &Json) -> CallToolResult {
    let is_too_deep = json.is_too_deep();
    let json = json.as_str();
    let text = |text: &str| CallToolResult::success(vec![ContentBlock::text(text)]);
    let value = match serde_json::from_str(json) {
        Ok(Value::Null) => return CallToolResult::success(Vec::new()),
        Ok(Value::String(string)) => return readable(text(&string)),
        Ok(value) if !is_too_deep && Inexact::first(&value, json).is_none() => value,
        _ if json.starts_with('{') => return text(json),
        _ => return not_json(text(json), json),
    };
    let mut reply = text(json);
    reply.structured_content = Some(if value.is_object() { value } else { wrapped(value) });
    reply
}

/// A value that is not an object, as structured content.
fn wrapped(value: Value) -> Value {
    json!({ "result": value })
}

/// The reply that tells a client, and its model, what went wrong.
pub(crate) fn error_reply(text: impl Into<String>) -> CallToolResult {
    readable(CallToolResult::error(vec![ContentBlock::text(text.into())]))
}

/// A reply that every client can read: where its first text would be taken for JSON, and for no object, it does not
/// stand there. A lone one is structured content, too.
pub(crate) fn readable(mut reply: CallToolResult) -> CallToolResult {
    let first = match (reply.content.first(), &reply.structured_content) {
        (Some(ContentBlock::Text(first)), None) => &first.text,
        _ => return reply,
    };
    let is_object = first.trim_start().starts_with('{');
    if is_object || serde_json::from_str::<IgnoredAny>(first).is_err() {
        return reply;
    }
    let is_text = |block: &ContentBlock| block.as_text().is_some();
    if reply.content.len() == 1 {
        let text = first.clone();
        return not_json(reply, &text);
    }
    match reply.content.iter().position(|block| !is_text(block)) {
        Some(other) => reply.content.rotate_left(other),
        None => reply = in_one_text(reply),
    }
    reply
}

/// A reply whose texts are one, before whatever else it has.
pub(crate) fn in_one_text(mut reply: CallToolResult) -> CallToolResult {
    if let Some(text) = text_of(&reply) {
        reply.structured_content = None;
        reply.content.retain(|block| block.as_text().is_none());
        reply.content.insert(0, ContentBlock::text(text));
    }
    reply
}

/// The same reply, with its text as structured content.
fn not_json(mut reply: CallToolResult, text: &str) -> CallToolResult {
    reply.structured_content = Some(wrapped(text.into()));
    reply
}

/// Whether a text is not taken for JSON that is no object, as its first character shows. With an escape or a space
/// anything may begin.
fn is_surely_not_json(text: &[u8]) -> bool {
    match text {
        [b'[' | b'-' | b'0'..=b'9' | b'\\' | b' ', ..] => false,
        _ => ![&b"true"[..], b"false", b"null"].iter().any(|word| text.starts_with(word)),
    }
}

/// All that a reply says in words: its texts, one below the other, and its structured content where they do not say
/// that, too.
pub(crate) fn text_of(reply: &CallToolResult) -> Option<String> {
    let texts = reply.content.iter().filter_map(|block| block.as_text());
    let texts: Vec<&str> = texts.map(|text| text.text.as_str()).collect();
    let text = (!texts.is_empty()).then(|| texts.join("\n"));
    match (&reply.structured_content, text) {
        (None | Some(Value::Null), text) => text,
        (Some(structured), Some(text)) if says(&text, structured) => Some(text),
        (Some(structured), text) => Some(match text {
            Some(text) if !text.is_empty() => format!("{text}\n{structured}"),
            _ => structured.to_string(),
        }),
    }
}

/// Whether a text is what structured content says, or the `result` in it.
fn says(text: &str, structured: &Value) -> bool {
    let result = &structured["result"];
    if result.as_str() == Some(text) {
        return true;
    }
    let value = serde_json::from_str::<Value>(text);
    value.is_ok_and(|value| value == *structured || value == *result)
}
