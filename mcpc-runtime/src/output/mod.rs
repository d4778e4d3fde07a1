//! What a tool's function may return.

pub mod content;
mod failure;
mod floats;
mod reply;
mod success;

pub use failure::{Failed, Fails, Failure, Fallible, ViaBox, ViaError, ViaText};
pub use reply::Written;
pub(crate) use reply::{error_reply, in_one_text, readable, reply, text_of};
pub use success::Success;

use std::any::TypeId;
use std::pin::Pin;

use rmcp::model::{CallToolResult, JsonObject};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;

use self::floats::NoNumber;
use self::success::success;
use crate::message::Json;
use crate::schema::{Direction, Schemas, Writer};

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

    /// Whether any value has structured content.
    #[doc(hidden)]
    fn may_be_structured() -> bool;

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

/// A `Json<T>`: rmcp's, which its servers return in place of a `T`, or a type of the user's.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned from a tool",
    label = "is not `serde::Serialize`, or not `schemars::JsonSchema`",
    note = "return `{T}` itself, which is structured content as it is"
)]
pub trait MayBeJson<T: ?Sized>: Sized {
    /// How a tool returns this type.
    fn returns_of() -> Returns<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized, O: Output> MayBeJson<T> for O {
    fn returns_of() -> Returns<Self> {
        Self::returns()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Serialize + JsonSchema + 'static> Output for T {
    fn schema(schemas: Schemas) -> Option<JsonObject> {
        schema(schemas, TypeId::of::<T>(), T::json_schema)
    }

    fn may_be_structured() -> bool {
        may_be_structured(TypeId::of::<T>(), T::json_schema)
    }

    fn into_success(self) -> Outcome {
        success(Json::new(&self), &self, &|| NoNumber::first(&self))
    }
}

// What follows names no type of a user, so it is compiled once, here.

fn schema(
    schemas: Schemas,
    id: TypeId,
    json_schema: fn(&mut SchemaGenerator) -> Schema,
) -> Option<JsonObject> {
    if content::is_content(id) {
        return None;
    }
    let write = |mut writer: Writer| {
        let schema = json_schema(&mut writer.generator);
        writer.structured(schema).ok_or(())
    };
    schemas.write(Direction::Output, write).ok()
}

fn may_be_structured(id: TypeId, json_schema: fn(&mut SchemaGenerator) -> Schema) -> bool {
    match content::is_content(id) {
        true => id == TypeId::of::<CallToolResult>(),
        false => Writer::may_be_structured(json_schema),
    }
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

impl Returns<CallToolResult> {
    /// What our own tools return. [`Output::returns`] is the same but names the schemas of all that a reply is
    /// made of: more than 100 KB of code, which only an optimizer would find to be unused.
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
