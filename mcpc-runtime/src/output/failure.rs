//! What a tool may fail with, and the text that a client gets of it.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::fmt::{Display, Write as _};
use std::sync::Arc;

use rmcp::model::{CallToolResult, ErrorData};

use super::reply::{Written, text_of};
use super::{Outcome, Returns};

/// What a call of a tool failed with. It is made of a text, or of what rmcp's tools fail with.
#[derive(Debug)]
pub struct Failed {
    pub(crate) text: String,
    /// The answer where the tool wrote it itself.
    pub(crate) written: Option<Written>,
    pub(crate) is_panic: bool,
}

impl Failed {
    /// The text that a client gets.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether the tool panicked.
    #[must_use]
    pub fn is_panic(&self) -> bool {
        self.is_panic
    }

    pub(crate) fn panicked(text: String) -> Self {
        Self { is_panic: true, ..text.into() }
    }
}

impl Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failed {}

impl From<String> for Failed {
    fn from(text: String) -> Self {
        Self { text, written: None, is_panic: false }
    }
}

impl From<&str> for Failed {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<CallToolResult> for Failed {
    fn from(mut reply: CallToolResult) -> Self {
        reply.is_error = Some(true);
        let text = text_of(&reply).unwrap_or_else(|| "the tool failed without a text".to_owned());
        Self { written: Some(Written::Reply(Arc::new(reply))), ..text.into() }
    }
}

impl From<ErrorData> for Failed {
    fn from(error: ErrorData) -> Self {
        let text = error.message.to_string();
        Self { written: Some(Written::Error(Arc::new(error))), ..text.into() }
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

impl<E: Failure + 'static> Fails<E> {
    /// An error as it displays itself, unless it is one of the protocol.
    pub(crate) fn displayed() -> Self {
        Self(|error| match (&error as &dyn Any).downcast_ref::<ErrorData>() {
            Some(error) => error.clone().into(),
            None => error.text().into(),
        })
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

impl<E> Copy for Fails<E> {}

impl<E> Clone for Fails<E> {
    fn clone(&self) -> Self {
        *self
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
            and so does rmcp's `CallToolResult` under its own name"
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

/// A boxed error with sources, which is not an `Error` itself.
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
