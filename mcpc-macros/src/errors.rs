//! Collects every mistake of a function, so that one run reports them all.

use proc_macro2::Span;
use quote::ToTokens;
use syn::Error;

/// Mistakes found so far. Must be asked for its [`result`](Self::result).
pub(crate) struct Errors {
    combined: Option<Error>,
    asked: bool,
}

impl Errors {
    pub(crate) fn new() -> Self {
        Self { combined: None, asked: false }
    }

    /// Notes a mistake at a span.
    pub(crate) fn at(&mut self, span: Span, message: impl std::fmt::Display) {
        self.push(Error::new(span, message));
    }

    /// Notes a mistake on some tokens, from the first to the last of them.
    pub(crate) fn on(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.push(Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: Error) {
        match &mut self.combined {
            Some(combined) => combined.combine(error),
            None => self.combined = Some(error),
        }
    }

    /// Keeps a value, or notes why there is none.
    pub(crate) fn ok<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|error| self.push(error)).ok()
    }

    /// All mistakes as one error, if there are any.
    pub(crate) fn result(mut self) -> Result<(), Error> {
        self.asked = true;
        self.combined.take().map_or(Ok(()), Err)
    }
}

impl Drop for Errors {
    fn drop(&mut self) {
        assert!(self.asked || std::thread::panicking(), "nobody asked for the errors");
    }
}
