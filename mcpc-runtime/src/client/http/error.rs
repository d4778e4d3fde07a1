//! What can go wrong over HTTP.

use std::error::Error;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rmcp::model::{ErrorData, RequestId, ServerJsonRpcMessage};
use rmcp::service::ServiceError;
use rmcp::transport::DynamicTransportError;
use serde_json::{Value, json};

/// Why a server over HTTP could not be asked, or did not answer.
#[derive(Clone, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is not one of HTTP.
    #[error("`{0}` is not an address of HTTP; expected one as `https://example.com/mcp`")]
    Address(String),
    /// A header is not one, or is for the client alone to set.
    #[error("`{0}` is not a header that a client can be given")]
    Header(String),
    /// What TLS needs is not there.
    #[error("TLS cannot be set up")]
    Tls(#[source] Arc<dyn Error + Send + Sync>),
    /// There is no connection to the server.
    #[error("the server cannot be reached")]
    Unreachable(#[source] Arc<dyn Error + Send + Sync>),
    /// The connection ended before the answer.
    #[error("the connection was lost before the server answered")]
    Lost,
    /// The server takes too long ([`ClientBuilder::answer_limit`](crate::client::ClientBuilder::answer_limit)).
    #[error("the server did not answer within {0:?}")]
    TooLate(Duration),
    /// The server answered with an error of HTTP; 401 and 403 say that it wants to know who asks.
    #[error("the server answered with HTTP {status}{}", after_colon(said))]
    #[non_exhaustive]
    Status {
        /// The status.
        status: u16,
        /// What `WWW-Authenticate` says, or else the beginning of the body.
        said: String,
    },
    /// The server answered with something that is neither JSON nor a stream of events.
    #[error("the server answered with `{0}`; expected JSON or events")]
    ContentType(String),
    /// The server answered with JSON that is not a message of MCP.
    #[error("what the server answered is not a message of MCP: {0}")]
    Unreadable(String),
    /// An answer, or an event, is too long.
    #[error("the server sent more than {most} bytes at once")]
    #[non_exhaustive]
    TooLong {
        /// How long one may be.
        most: usize,
    },
    /// The server does not know the session any more, in which the call was made; or it did not begin a new one, and why.
    #[error("the server has forgotten the session{}", after_colon(.0))]
    Forgotten(String),
    /// The call was taken back.
    #[error("the call was taken back")]
    TakenBack,
}

fn after_colon(said: &str) -> String {
    if said.is_empty() { String::new() } else { format!(": {said}") }
}

impl HttpError {
    pub(super) fn unreachable(error: reqwest::Error) -> Self {
        // It may have secrets in its query.
        let error = error.without_url();
        match error.is_connect() {
            true => Self::Unreachable(Arc::new(error)),
            false => Self::Lost,
        }
    }

    /// Whether it may do to ask again a little later.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable(_) | Self::Lost | Self::TooLate(_) => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }

    /// The error with its sources.
    pub(super) fn in_full(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            let _to_a_string = write!(text, ": {error}");
            source = error.source();
        }
        text
    }
}

/// What tells an error that stands in place of an answer from one that a server has sent.
static MARK: LazyLock<String> = LazyLock::new(|| uuid::Uuid::new_v4().to_string());

/// What stands in place of the answer to a request, so that who waits for it hears why there is none.
pub(super) fn unanswered(id: RequestId, error: &HttpError) -> ServerJsonRpcMessage {
    let mark = json!({ "unanswered": *MARK });
    ServerJsonRpcMessage::error(ErrorData::internal_error(error.in_full(), Some(mark)), Some(id))
}

/// Whether an error stands in place of an answer.
pub(in crate::client) fn is_unanswered(error: &ErrorData) -> bool {
    let mark = error.data.as_ref().and_then(|data| data.get("unanswered"));
    mark.and_then(Value::as_str) == Some(&MARK)
}

/// The error of rmcp's that says what stands in place of an answer.
pub(in crate::client) fn lost(error: &ErrorData) -> ServiceError {
    let transport = std::any::TypeId::of::<super::Http>();
    let error = error.message.to_string().into();
    ServiceError::TransportSend(DynamicTransportError::from_parts("HTTP", transport, error))
}
