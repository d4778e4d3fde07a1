//! The values that stand in `#[arg(..)]`: defaults and examples.

use std::fmt;
use std::marker::PhantomData;

use serde::Serialize;
use serde_json::Value;

/// Picks, for a concrete type, how a default is written into the schema: not at all where the type
/// cannot be written as JSON.
#[doc(hidden)]
pub struct DefaultKind<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for DefaultKind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultKind")
    }
}

impl<T> DefaultKind<T> {
    /// The kind of the type `T`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// A type that a string literal in `#[arg(..)]` can become: `#[arg(default = "en")]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a string is not a `{Self}`",
    label = "not a `{Self}`, nor can it become one"
)]
pub trait FromText {
    /// Makes the value.
    fn from_text(text: &'static str) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: From<&'static str>> FromText for T {
    fn from_text(text: &'static str) -> Self {
        text.into()
    }
}

/// A type whose values can stand in a schema: `#[arg(example = ..)]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an `example` of `{Self}` cannot be shown",
    label = "cannot be written as JSON",
    note = "derive `serde::Serialize` for `{Self}` and for every type inside it"
)]
pub trait Example: Sized {
    /// Writes the example.
    fn shown(self) -> Option<Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Example for T {
    fn shown(self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// A default that can be shown.
#[doc(hidden)]
pub trait ShownDefault<T> {
    /// How to write it.
    fn json(&self) -> fn(T) -> Option<Value>;
}

impl<T: Serialize> ShownDefault<T> for &DefaultKind<T> {
    fn json(&self) -> fn(T) -> Option<Value> {
        // That nothing is the default need not be said.
        |default| serde_json::to_value(default).ok().filter(|default| !default.is_null())
    }
}

/// A default that cannot.
#[doc(hidden)]
pub trait HiddenDefault<T> {
    /// Does not write it.
    fn json(&self) -> fn(T) -> Option<Value>;
}

impl<T> HiddenDefault<T> for DefaultKind<T> {
    fn json(&self) -> fn(T) -> Option<Value> {
        |_| None
    }
}
