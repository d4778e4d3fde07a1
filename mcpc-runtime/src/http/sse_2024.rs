//! HTTP+SSE of MCP 2024-11-05: a client hears everything on one stream, and posts to the path that this names first.
//!
//! A session is as a connection over stdio: the same lines in the same order, and over when its stream is.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::OriginalUri;
use axum::http::request::Parts;
use axum::http::{Method, Request, StatusCode};
use axum::response::{IntoResponse as _, Response};
use rmcp::model::JsonRpcMessage;

use super::events::{Manner, response};
use super::front::{Front, attach, ends, room};
use super::headers;
use super::refused::Refused;
use super::sessions::{InUse, Sessions};
use crate::outbox::{Layout, OF_SESSION};
use crate::transport::decode;

/// The part of a query that names a session.
const SESSION: &str = "sessionId";

impl Front {
    /// Begins a session, and answers with the stream of all that its client hears.
    pub(super) async fn handle_stream(self: Arc<Self>, request: Request<Body>) -> Response {
        let (parts, _) = request.into_parts();
        self.begin_stream(&parts).unwrap_or_else(Refused::into_response)
    }

    /// Takes a message for such a session.
    pub(super) async fn handle_message(self: Arc<Self>, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let taken = self.take_message(parts, body).await;
        taken.map_or_else(Refused::into_response, |()| {
            (StatusCode::ACCEPTED, "Accepted").into_response()
        })
    }

    fn begin_stream(self: &Arc<Self>, parts: &Parts) -> Result<Response, Refused> {
        self.check(parts, false)?;
        if parts.method != Method::GET {
            return Err(Refused::method("GET"));
        }
        headers::check_accept(&parts.headers)?;
        let session = self.open(self.principal(parts), Layout::Single, false)?;
        let in_use = session.enter();
        let reader = session.post.outbox().read_stream(OF_SESSION, None).ok_or_else(|| {
            let id = &session.id;
            Refused::not_found(format!("the session `{id}` has ended"))
        })?;
        let endpoint = format!("{}?{SESSION}={}", self.path_of_messages(parts), session.id);
        let opening = format!("event: endpoint\ndata: {endpoint}\n\n").into_bytes();
        let manner = Manner { opening, keep_alive: self.options.keep_alive, poll_after: None };
        let listening = Listening { in_use, sessions: Arc::clone(&self.sessions) };
        Ok(response(reader, manner, listening))
    }

    /// The path of messages as a client sees it, to whom a router may be at a path of another one.
    fn path_of_messages(&self, parts: &Parts) -> String {
        let here = parts.uri.path();
        let seen = parts.extensions.get::<OriginalUri>().map_or(here, |uri| uri.path());
        let prefix = seen.strip_suffix(here).unwrap_or_default();
        format!("{prefix}{}", self.options.messages_path)
    }

    async fn take_message(&self, parts: Parts, body: Body) -> Result<(), Refused> {
        self.check(&parts, parts.uri.query().is_some())?;
        if parts.method != Method::POST {
            return Err(Refused::method("POST"));
        }
        headers::check_content_type(&parts.headers)?;
        let query = parts.uri.query().unwrap_or_default();
        let named = query.split('&').filter_map(|pair| pair.split_once('='));
        let id = named.into_iter().find_map(|(name, id)| (name == SESSION).then_some(id));
        let id = id.ok_or_else(|| {
            Refused::bad_request(format!("`{SESSION}` is missing: the stream names the whole path"))
        })?;
        let principal = self.principal(&parts);
        let session = self.session(id, Layout::Single, principal.as_ref())?;
        let _in_use = session.enter();
        // Before there is a body that takes room meanwhile.
        room(&session).await?;
        let body = self.bodies.read(body).await?;
        match decode(&body) {
            Ok(mut message) => {
                if let JsonRpcMessage::Request(request) = &mut message {
                    if self.sessions.is_ending() {
                        return Err(ends());
                    }
                    attach(request, parts, principal.as_ref());
                }
                session.post.read(message, &body);
            }
            Err(Some(refusal)) => session.post.outbox().push_line(refusal.to_line().as_bytes()),
            // It asks for no answer.
            Err(None) => {}
        }
        Ok(())
    }
}

/// What is held as long as a client reads the stream of its session, which nobody could come back to.
#[derive(Debug)]
struct Listening {
    in_use: InUse,
    sessions: Arc<Sessions>,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let session = &self.in_use.0;
        session.post.outbox().die();
        self.sessions.end(&session.id);
    }
}
