//! What a request over HTTP is answered with that gets no answer of MCP's.

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rmcp::model::RequestId;
use serde_json::{Value, json};

use crate::transport::Refusal;

/// A JSON-RPC error, with the status of HTTP that goes with it.
#[derive(Debug)]
pub(super) struct Refused(Box<Answer>);

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    id: Value,
    code: i32,
    message: String,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// JSON-RPC leaves the code of what says nothing about a request to servers.
const SERVER: i32 = -32000;
/// That of a request that is none.
pub(super) const INVALID_REQUEST: i32 = -32600;
/// What a header says, and what the body says, differ (MCP 2026-07-28).
const MISMATCH: i32 = -32020;

impl Refused {
    pub(super) fn new(status: StatusCode, code: i32, message: impl Into<String>) -> Self {
        let (id, headers) = (Value::Null, Vec::new());
        Self(Box::new(Answer { status, id, code, message: message.into(), headers }))
    }

    /// What the decoder says of a body.
    pub(super) fn malformed(refusal: Refusal) -> Self {
        let Refusal { id, code, message } = refusal;
        let mut refused = Self::new(StatusCode::BAD_REQUEST, code, message);
        refused.0.id = id;
        refused
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    pub(super) fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, SERVER, message)
    }

    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, SERVER, message)
    }

    pub(super) fn mismatch(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, MISMATCH, message)
    }

    /// This server, and not the request, is the reason; it may be sent again.
    pub(super) fn unavailable(message: impl Into<String>, retry: Duration) -> Self {
        let seconds = retry.as_secs().max(1);
        Self::new(StatusCode::SERVICE_UNAVAILABLE, SERVER, message)
            .with(header::RETRY_AFTER, HeaderValue::from(seconds))
    }

    /// With what a request that is none of ours is told; none of its methods has a meaning here.
    pub(super) fn method(allowed: &'static str) -> Self {
        Self::new(StatusCode::METHOD_NOT_ALLOWED, SERVER, format!("expected {allowed}"))
            .with(header::ALLOW, HeaderValue::from_static(allowed))
    }

    pub(super) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.0.headers.push((name, value));
        self
    }

    /// With the end of its connection.
    pub(super) fn and_closes(self) -> Self {
        self.with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// As the answer to this request.
    pub(super) fn to(mut self, id: &RequestId) -> Self {
        self.0.id = json!(id);
        self
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let Answer { status, id, code, message, headers } = *self.0;
        let error = json!({"code": code, "message": message});
        let error = json!({"jsonrpc": "2.0", "id": id, "error": error});
        let mut response = Response::new(Body::from(error.to_string()));
        *response.status_mut() = status;
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.headers_mut().extend(headers);
        response
    }
}
