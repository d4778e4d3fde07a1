//! What a tool returned, as a client gets it.

use std::any::Any;
use std::sync::Arc;

use memchr::memmem;
use rmcp::model::{CallToolResult, ContentBlock};

use super::floats::NoNumber;
use super::{Failed, Outcome, Output, Written, content};
use crate::message::Json;
use crate::phrases::path_in_words;

/// What a tool returned, as a client gets it.
#[derive(Debug)]
pub struct Success {
    pub(crate) json: Json,
    /// The reply where JSON does not say what it is to be, as the tool wrote it itself.
    pub(super) content: Option<CallToolResult>,
    /// What is wrong with the value as structured content.
    pub(super) problem: Option<String>,
}

impl Success {
    /// What a tool would have returned.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as JSON.
    pub fn new(value: impl Output) -> Outcome {
        value.into_success()
    }

    /// The value as JSON; `null` where the tool wrote its [reply](Self::reply) itself.
    #[must_use]
    pub fn json(&self) -> &str {
        self.json.as_str()
    }

    /// The reply, where the tool wrote it itself.
    #[must_use]
    pub fn reply(&self) -> Option<&CallToolResult> {
        self.content.as_ref()
    }

    /// The same, unless it is a reply that says it is an error.
    pub(crate) fn checked(self) -> Outcome {
        match self.content {
            Some(reply) if reply.is_error == Some(true) => Err(reply.into()),
            _ => Ok(self),
        }
    }

    /// A reply of our own.
    pub(crate) fn of(reply: CallToolResult) -> Self {
        Self { json: Json::null(), content: Some(reply), problem: None }
    }

    /// What a tool has returned before.
    pub(crate) fn again(json: Json, written: Option<Written>) -> Self {
        let content = match written {
            Some(Written::Reply(reply)) => Some((*reply).clone()),
            Some(Written::Error(_)) | None => None,
        };
        Self { json, content, problem: None }
    }

    /// The value, and the reply where the tool wrote it itself; or the error, if that is what the reply says it
    /// is.
    pub(crate) fn into_parts(self) -> Result<(Json, Option<Written>), Failed> {
        match self.content {
            Some(reply) if reply.is_error == Some(true) => Err(reply.into()),
            content => Ok((self.json, content.map(|reply| Written::Reply(Arc::new(reply))))),
        }
    }
}

/// `no_number` looks for a float that is `null` in the JSON; only if there is any `null`, as it takes its time.
pub(super) fn success(
    json: serde_json::Result<Json>,
    value: &dyn Any,
    no_number: &dyn Fn() -> Option<NoNumber>,
) -> Outcome {
    let json = json.map_err(|error| format!("the result cannot be written as JSON: {error}"))?;
    let content = content::reply(value);
    let may_be_lost =
        content.is_none() && memmem::find(json.as_str().as_bytes(), b"null").is_some();
    let Some(found) = may_be_lost.then(no_number).flatten() else {
        return Ok(Success { json, content, problem: None });
    };
    let alone = (json.as_str() == "null").then(|| ContentBlock::text(found.in_words()));
    let content = alone.map(|text| CallToolResult::success(vec![text]));
    Ok(Success { json, content, problem: Some(not_a_number(&found)) })
}

#[cold]
fn not_a_number(found: &NoNumber) -> String {
    let what = match found.path.as_slice() {
        [] => "the result".to_owned(),
        path => format!("the result's `{}`", path_in_words("", path)),
    };
    format!(
        "{what} is {}, for which JSON has no number; the tool has to return `null` or a string there, and say \
         so in its type",
        found.in_words(),
    )
}
