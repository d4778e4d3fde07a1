//! What can go wrong.

use std::sync::Arc;

use rmcp::model::ErrorData;
use rmcp::service::{ClientInitializeError, ServiceError};
use serde_json::Value;

/// Why a client could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The server's program could not be started.
    #[error("the server cannot be started")]
    Spawn(#[source] std::io::Error),
    /// The server cannot be reached over HTTP, or refuses the connection there.
    #[cfg(feature = "client-http")]
    #[error("the server cannot be asked over HTTP")]
    Http(#[from] super::HttpError),
    /// The server did not accept the connection.
    #[error("the server did not accept the connection")]
    Initialize(#[source] Box<ClientInitializeError>),
    /// The server did not answer, or answered with a protocol error.
    #[error("the request failed")]
    Request(#[from] ServiceError),
    /// The arguments of a call are not an object.
    #[error("the arguments of a call must be an object")]
    Arguments,
    /// The server has no tool for what was asked of a task.
    #[error("the server has no tool `{tool}`, so its task cannot be told")]
    #[non_exhaustive]
    NoTool {
        /// The tool that is missing, without a prefix.
        tool: &'static str,
    },
    /// The tool that was asked to do something about a task answered with an error.
    #[error("`{tool}` failed: {text}")]
    #[non_exhaustive]
    Tool {
        /// The tool, as the server calls it.
        tool: String,
        /// What it answered.
        text: String,
    },
    /// A call came to nothing.
    #[error(transparent)]
    Task(#[from] TaskError),
}

/// How a task ended without a result.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TaskError {
    /// The tool failed, or refused its arguments; what it said.
    #[error("the task failed: {}", plain(.0))]
    Failed(Value),
    /// The task was stopped; what it said then.
    #[error("the task was stopped{}", after_colon(.0))]
    Stopped(Value),
    /// The server answered with a protocol error.
    #[error("the server refused the call: {} ({})", .0.message, .0.code.0)]
    Refused(Arc<ErrorData>),
    /// The connection ended before the task.
    #[error("the server went away before the task ended")]
    ServerGone,
    /// The call could not be sent, or its answer could not be read.
    #[error("the call failed")]
    Call(#[source] Arc<ServiceError>),
    /// The result is not of the type that was asked for.
    #[error("the result is not of the type `{expected}`: {}", plain(value))]
    #[non_exhaustive]
    NotOfType {
        /// The type.
        expected: &'static str,
        /// The result.
        value: Value,
        /// What does not fit.
        #[source]
        source: Arc<serde_json::Error>,
    },
}

impl TaskError {
    pub(super) fn of_service(error: ServiceError) -> Self {
        match error {
            ServiceError::McpError(error) => Self::Refused(Arc::new(error)),
            ServiceError::TransportClosed => Self::ServerGone,
            error => Self::Call(Arc::new(error)),
        }
    }
}

/// A value as people read it: a string is its text.
pub(super) fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

fn after_colon(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        value => format!(": {}", plain(value)),
    }
}
