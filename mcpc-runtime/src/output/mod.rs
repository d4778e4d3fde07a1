//! What a tool's function may return, and how it reaches a client.

mod floats;

use std::any::{Any, TypeId};
use std::error::Error;
use std::fmt;
use std::fmt::{Display, Write as _};
use std::pin::Pin;
use std::sync::Arc;

use memchr::memmem;
use rmcp::model::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ErrorData, ImageContent,
    JsonObject, Resource, TextContent,
};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use self::floats::NoNumber;
use crate::message::{DEEPEST, Json};
use crate::numbers::Inexact;
use crate::phrases::{path_in_words, shown};
use crate::schema::{Direction, Schemas, Writer};

/// The content types that are passed on as they are, and what they are made of.
pub mod content {
    pub use rmcp::model::{
        AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ErrorCode, ErrorData,
        ImageContent, Resource, ResourceContents, TextContent,
    };
}

/// What a tool may return: `()`, or anything that is `serde::Serialize` and `schemars::JsonSchema`.
///
/// A string reaches a model as it is, any other value as JSON and as structured content.
/// rmcp's content types (images, audio, resources, [`CallToolResult`]) are passed on as they are.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a tool",
    label = "is not `serde::Serialize`, or not `schemars::JsonSchema`",
    note = "derive both, of serde 1 and schemars 1, for `{Self}` and for every type inside it"
)]
pub trait Output: 'static {
    /// The schema of structured content, if every value has some.
    #[doc(hidden)]
    fn schema(schemas: Schemas) -> Option<JsonObject>;

    /// The value as a client gets it.
    #[doc(hidden)]
    fn into_success(self) -> Outcome;

    /// How a tool returns this type; the one place where the type of a result is checked.
    #[doc(hidden)]
    #[must_use]
    fn returns() -> Returns<Self>
    where
        Self: Sized,
    {
        let is_result = std::any::type_name::<Self>().starts_with("core::result::Result<");
        Returns { is_result, schema: Self::schema, into_outcome: Self::into_success }
    }
}

/// What came of running a tool: a value for the client, or an error.
#[doc(hidden)]
pub type Outcome = Result<Success, Failed>;

/// A tool's body, ready to run: it owns everything it needs.
#[doc(hidden)]
pub type Body = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// What a tool returned.
#[derive(Debug)]
#[doc(hidden)]
pub struct Success {
    pub(crate) json: Json,
    /// The reply where JSON does not say what it is to be, as the tool wrote it itself.
    content: Option<CallToolResult>,
    /// What is wrong with the value as structured content.
    problem: Option<String>,
}

/// What a tool failed with.
#[derive(Debug)]
#[doc(hidden)]
pub struct Failed {
    pub(crate) text: String,
    /// The answer where the tool wrote it itself.
    pub(crate) written: Option<Written>,
}

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

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Self { text, written: None }
    }
}

impl From<CallToolResult> for Failed {
    fn from(mut reply: CallToolResult) -> Self {
        reply.is_error = Some(true);
        let text = text_of(&reply).unwrap_or_else(|| "the tool failed without a text".to_owned());
        Self { text, written: Some(Written::Reply(Arc::new(reply))) }
    }
}

impl From<ErrorData> for Failed {
    fn from(error: ErrorData) -> Self {
        Self { text: error.message.to_string(), written: Some(Written::Error(Arc::new(error))) }
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

impl Success {
    /// A reply of our own.
    pub(crate) fn of(reply: CallToolResult) -> Self {
        Self { json: Json::null(), content: Some(reply), problem: None }
    }

    /// The value, and the reply where the tool wrote it itself; or the error, if that is what the reply says it
    /// is.
    pub(crate) fn into_parts(self) -> Result<(Json, Option<Written>), Failed> {
        match self.content {
            Some(reply) if reply.is_error == Some(true) => Err(reply.into()),
            content => Ok((self.json, content.map(|reply| Written::Reply(Arc::new(reply))))),
        }
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
            text => text != b"null",
        };
        if is_there || !has_schema() {
            return Ok(reply);
        }
        if self.json.as_str() != "null" {
            return Err(no_structured_content(&self.json));
        }
        reply.structured_content = Some(wrapped(Value::Null));
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
/// is JSON as structured content where there is none, and refuses the reply if that is no object.)
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

/// A value that is no object, as structured content.
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

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + 'static> Output for T {
    fn schema(schemas: Schemas) -> Option<JsonObject> {
        schema(schemas, TypeId::of::<T>(), T::json_schema)
    }

    fn into_success(self) -> Outcome {
        success(Json::new(&self), &self, &|| NoNumber::first(&self))
    }
}

// What follows has no type of a user's in it, so it is compiled once, here.

fn schema(
    schemas: Schemas,
    id: TypeId,
    json_schema: fn(&mut SchemaGenerator) -> Schema,
) -> Option<JsonObject> {
    if is_content(id) {
        return None;
    }
    let write = |mut writer: Writer| {
        let schema = json_schema(&mut writer.generator);
        writer.structured(schema).ok_or(())
    };
    schemas.write(Direction::Output, write).ok()
}

/// `no_number` looks for a float that is `null` in the JSON; only if there is any `null`, as it takes its time.
fn success(
    json: serde_json::Result<Json>,
    value: &dyn Any,
    no_number: &dyn Fn() -> Option<NoNumber>,
) -> Outcome {
    let json = json.map_err(|error| format!("the result cannot be written as JSON: {error}"))?;
    let content = content(value);
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

/// Whether a type is one of rmcp's content types, whose schema says nothing about a tool.
fn is_content(id: TypeId) -> bool {
    id == TypeId::of::<CallToolResult>()
        || id == TypeId::of::<Vec<ContentBlock>>()
        || id == TypeId::of::<ContentBlock>()
        || id == TypeId::of::<TextContent>()
        || id == TypeId::of::<ImageContent>()
        || id == TypeId::of::<AudioContent>()
        || id == TypeId::of::<EmbeddedResource>()
        || id == TypeId::of::<Resource>()
}

/// The reply that a value of one of rmcp's content types stands for.
fn content(value: &dyn Any) -> Option<CallToolResult> {
    if let Some(reply) = value.downcast_ref::<CallToolResult>() {
        return Some(reply.clone());
    }
    let blocks = if let Some(blocks) = value.downcast_ref::<Vec<ContentBlock>>() {
        blocks.clone()
    } else if let Some(block) = value.downcast_ref::<ContentBlock>() {
        vec![block.clone()]
    } else if let Some(text) = value.downcast_ref::<TextContent>() {
        vec![ContentBlock::Text(text.clone())]
    } else if let Some(image) = value.downcast_ref::<ImageContent>() {
        vec![ContentBlock::Image(image.clone())]
    } else if let Some(audio) = value.downcast_ref::<AudioContent>() {
        vec![ContentBlock::Audio(audio.clone())]
    } else if let Some(link) = value.downcast_ref::<Resource>() {
        vec![ContentBlock::ResourceLink(link.clone())]
    } else {
        vec![ContentBlock::Resource(value.downcast_ref::<EmbeddedResource>()?.clone())]
    };
    Some(CallToolResult::success(blocks))
}

/// How a tool's value becomes an [`Outcome`].
#[derive(Debug)]
#[doc(hidden)]
pub struct Returns<T> {
    /// Whether this is a `Result` that the attribute did not recognize, because an alias hides it.
    pub(crate) is_result: bool,
    pub(crate) schema: fn(Schemas) -> Option<JsonObject>,
    into_outcome: fn(T) -> Outcome,
}

// Derived, these would ask the same of `T`, which is only the type of an argument in here.
impl<T> Copy for Returns<T> {}

impl<T> Clone for Returns<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Copy for Fails<E> {}

impl<E> Clone for Fails<E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl Returns<CallToolResult> {
    /// What our own tools return. [`Output::returns`] is the same but names the schemas of all that a reply is
    /// made of: more than 100 KB of code, which only an optimizer would find out that nobody asks for.
    pub(crate) fn reply() -> Self {
        Self { is_result: false, schema: |_| None, into_outcome: |reply| Ok(Success::of(reply)) }
    }
}

impl<T> Returns<T> {
    /// The outcome of a tool that cannot fail.
    pub fn success(self, value: T) -> Outcome {
        (self.into_outcome)(value)
    }
}

/// A `Result` in return position, under whatever name.
#[doc(hidden)]
pub trait Fallible {
    /// What it holds when all went well.
    type Success;
    /// What it holds otherwise.
    type Failure;
    /// The plain `Result`.
    fn into_result(self) -> Result<Self::Success, Self::Failure>;
}

impl<T, E> Fallible for Result<T, E> {
    type Success = T;
    type Failure = E;

    fn into_result(self) -> Self {
        self
    }
}

/// How a tool's error becomes text.
#[derive(Debug)]
#[doc(hidden)]
pub struct Fails<E>(fn(E) -> Failed);

impl Fails<CallToolResult> {
    /// A reply that the tool wrote itself, as rmcp's servers fail with.
    #[must_use]
    pub fn reply() -> Self {
        Self(Failed::from)
    }
}

impl<E> Fails<E> {
    /// The outcome of a tool that may fail.
    pub fn outcome<T>(self, returns: Returns<T>, result: Result<T, E>) -> Outcome {
        match result {
            Ok(value) => returns.success(value),
            Err(error) => Err((self.0)(error)),
        }
    }
}

/// What a tool may fail with: anything that implements `Display`.
///
/// The text a client gets is the error and its sources, joined by `: `. An `anyhow::Error` shows its
/// whole chain, too.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool error",
    label = "has no text to show to a client",
    note = "implement `std::fmt::Display`, or derive `thiserror::Error`; `anyhow::Error` and `String` work as they are, \
            and so does rmcp's `CallToolResult` where it is called that"
)]
pub trait Failure: Sized {
    /// The error's text.
    #[doc(hidden)]
    fn text(self) -> String;

    /// Where the search for the best text starts; the one place where the type of an error is checked.
    #[doc(hidden)]
    #[must_use]
    fn kind() -> ErrorKind<Self> {
        ErrorKind(|error| error.text().into())
    }
}

#[diagnostic::do_not_recommend]
impl<E: Display> Failure for E {
    fn text(self) -> String {
        // The alternate form is how `anyhow::Error` shows its chain.
        format!("{self:#}")
    }
}

/// Picks, for a concrete error type, the best way to show it: the method is looked up on ever
/// plainer types, so that an error with sources is found before one with text only.
#[doc(hidden)]
pub struct ErrorKind<E>(fn(E) -> Failed);

impl<E> fmt::Debug for ErrorKind<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorKind")
    }
}

/// An error with sources.
#[doc(hidden)]
pub trait ViaError<E> {
    /// How to show it.
    fn fails(&self) -> Fails<E>;
}

impl<E: Error + 'static> ViaError<E> for &&ErrorKind<E> {
    fn fails(&self) -> Fails<E> {
        Fails(failed)
    }
}

/// A boxed error with sources, which is no `Error` itself.
#[doc(hidden)]
pub trait ViaBox<E> {
    /// How to show it.
    fn fails(&self) -> Fails<E>;
}

macro_rules! via_box {
    ($($error:ty),*) => {
        $(impl ViaBox<Box<$error>> for &ErrorKind<Box<$error>> {
            fn fails(&self) -> Fails<Box<$error>> {
                Fails(|error| chain(&*error).into())
            }
        })*
    };
}

via_box!(dyn Error, dyn Error + Send, dyn Error + Send + Sync);

/// Anything else.
#[doc(hidden)]
pub trait ViaText<E> {
    /// How to show it.
    fn fails(&self) -> Fails<E>;
}

impl<E> ViaText<E> for ErrorKind<E> {
    fn fails(&self) -> Fails<E> {
        Fails(self.0)
    }
}

/// An error with sources, unless it is one of the protocol.
fn failed<E: Error + 'static>(error: E) -> Failed {
    match (&error as &dyn Any).downcast_ref::<ErrorData>() {
        Some(error) => error.clone().into(),
        None => chain(&error).into(),
    }
}

/// An error and its sources, joined by `: `; a source that its parent already quotes is left out.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let part = error.to_string();
        if !text.ends_with(&part) {
            let _ = write!(text, ": {part}");
        }
        source = error.source();
    }
    text
}
