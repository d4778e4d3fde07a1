//! Why a call has no result.

use std::sync::Arc;

use rmcp::model::ErrorData;

use crate::log::LogError;
use crate::output::{Failed, Written};

/// Why a call is not answered with a result.
#[derive(Clone)]
pub(in crate::service) enum Refusal {
    /// A sentence for the client, and the model that it serves.
    Said(String),
    /// An error of the protocol, as the tool failed with one.
    Protocol(ErrorData),
}

impl Refusal {
    /// What it says.
    pub(in crate::service) fn text(&self) -> &str {
        match self {
            Self::Said(text) => text,
            Self::Protocol(error) => &error.message,
        }
    }
}

impl From<String> for Refusal {
    fn from(text: String) -> Self {
        Self::Said(text)
    }
}

impl From<Failed> for Refusal {
    fn from(Failed { text, written, .. }: Failed) -> Self {
        match written {
            Some(Written::Error(error)) => Self::Protocol(Arc::unwrap_or_clone(error)),
            Some(Written::Reply(_)) | None => Self::Said(text),
        }
    }
}

impl From<Refusal> for Failed {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Said(text) => text.into(),
            Refusal::Protocol(error) => error.into(),
        }
    }
}

impl From<LogError> for Refusal {
    fn from(error: LogError) -> Self {
        Self::Said(error.to_string())
    }
}

impl From<ErrorData> for Refusal {
    fn from(error: ErrorData) -> Self {
        Self::Protocol(error)
    }
}

/// The connection ended before something did.
pub(in crate::service) struct GraceOver;

/// What comes of handling a request; rmcp never answers one whose handler panicked.
pub(in crate::service) fn or_error<T>(
    answer: Result<std::thread::Result<T>, GraceOver>,
) -> Result<T, ErrorData> {
    let problem = match answer {
        Ok(Ok(answer)) => return Ok(answer),
        Ok(Err(_)) => "the server's handler panicked",
        Err(GraceOver) => "the server has ended",
    };
    Err(ErrorData::internal_error(problem, None))
}
