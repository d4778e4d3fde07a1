//! What is done about a request of HTTP.

use std::io::Write as _;
use std::sync::{Arc, Once};
use std::time::Duration;

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use rmcp::model::{
    ClientJsonRpcMessage, ClientRequest, GetExtensions as _, JsonRpcMessage, JsonRpcRequest,
    ProtocolVersion, RequestId,
};
use tokio::time::timeout;

use super::body::Bodies;
use super::events::{Manner, response};
use super::headers::{self, SESSION, Said, text};
use super::options::Options;
use super::origin;
use super::refused::Refused;
use super::sessions::{InUse, Session, Sessions};
use super::simple::Begun;
use crate::logging::event;
use crate::outbox::{EventReader, First, Layout, OF_SESSION};
use crate::parameter::Principal;
use crate::phrases::shown;
use crate::server::Built;
use crate::service::Connection;
use crate::transport::{Flush, Post, Posted, ShortRequest, decode_read};

/// How long a client that does not read its answers waits for the next request to be taken.
const PATIENCE_WITH_READERS: Duration = Duration::from_secs(10);

/// For how long an answer goes with the head of its response.
const PATIENCE_WITH_THE_HEAD: Duration = Duration::from_millis(20);

/// When to come back to a server that ends, or has no room.
pub(super) const RETRY: Duration = Duration::from_secs(5);

/// A server, as it is seen over HTTP.
pub(super) struct Front {
    pub(super) built: Arc<Built>,
    pub(super) options: Options,
    pub(super) bodies: Bodies,
    pub(super) sessions: Arc<Sessions>,
    /// What ends sessions that nobody uses; there is nothing to do before there is one.
    pub(super) reaper: Once,
}

impl Front {
    pub(super) async fn handle(self: Arc<Self>, request: Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        match self.answer(parts, body).await {
            Ok(response) => response,
            Err(refused) => refused.into_response(),
        }
    }

    async fn answer(self: &Arc<Self>, parts: Parts, body: Body) -> Result<Response, Refused> {
        self.check(&parts, parts.headers.contains_key(&SESSION))?;
        match parts.method {
            Method::POST => self.post(parts, body).await,
            Method::GET => self.get(&parts),
            Method::DELETE => self.delete(&parts),
            _ => Err(Refused::method("POST, GET, DELETE")),
        }
    }

    /// Refuses whoever may not ask at all, or not any more.
    pub(super) fn check(&self, parts: &Parts, is_in_session: bool) -> Result<(), Refused> {
        let Options { hosts, origins, .. } = &self.options;
        origin::check(&parts.headers, &parts.uri, hosts, origins)?;
        // Who is in a session may still read what it asked for, and answer what it was asked.
        match self.sessions.is_ending() && !is_in_session {
            true => Err(ends()),
            false => Ok(()),
        }
    }

    /// To whom a request belongs.
    pub(super) fn principal(&self, parts: &Parts) -> Option<Arc<str>> {
        self.options.principal.as_ref()?(parts).map(Into::into)
    }

    async fn post(self: &Arc<Self>, parts: Parts, body: Body) -> Result<Response, Refused> {
        headers::check_content_type(&parts.headers)?;
        headers::check_accept(&parts.headers)?;
        let body = self.bodies.read(body).await?;
        let principal = self.principal(&parts);
        let message = match self.take(&parts, &body, principal.as_ref())? {
            Taken::Message(message) => *message,
            Taken::Begun(begun) => {
                drop((parts, body));
                return self.answer_simple(begun).await;
            }
            // It asks for no answer.
            Taken::Nothing => return Ok(StatusCode::ACCEPTED.into_response()),
        };
        match message {
            JsonRpcMessage::Request(request) => {
                let is_read_again =
                    matches!(request.request, ClientRequest::SubscriptionsListenRequest(_));
                let body = is_read_again.then_some(body);
                let body = body.as_deref().unwrap_or_default();
                // On the heap: a simple request, as most are, would hold as much room, and move it.
                Box::pin(self.request(parts, Asking { request, body }, principal)).await
            }
            message => self.tell(&parts, message, principal.as_ref()),
        }
    }

    /// Takes what a body says.
    fn take(
        self: &Arc<Self>,
        parts: &Parts,
        body: &[u8],
        principal: Option<&Arc<str>>,
    ) -> Result<Taken, Refused> {
        let mut cut = String::new();
        let mut read = ShortRequest::of(body, &mut cut);
        if let Some(read) = &mut read
            && let Some(begun) = self.begin_simple(parts, read, principal)
        {
            return Ok(Taken::Begun(begun));
        }
        match decode_read(body, &mut read) {
            Ok(message) => Ok(Taken::Message(Box::new(message))),
            Err(Some(refusal)) => Err(Refused::malformed(refusal)),
            Err(None) => Ok(Taken::Nothing),
        }
    }

    async fn request(
        self: &Arc<Self>,
        parts: Parts,
        mut asking: Asking<'_>,
        principal: Option<Arc<str>>,
    ) -> Result<Response, Refused> {
        let request = &mut asking.request;
        let id = request.id.clone();
        if self.sessions.is_ending() {
            return Err(ends().to(&id));
        }
        let said = Said::by(request);
        let is_modern = said.is_modern();
        let session = match text(&parts.headers, &SESSION) {
            Some(session) if !is_modern => {
                headers::check_version(&parts.headers).map_err(|it| it.to(&id))?;
                Some(
                    self.session(session, Layout::Session, principal.as_ref())
                        .map_err(|it| it.to(&id))?,
                )
            }
            _ => None,
        };
        let needs_session = !is_modern && !headers::is_modern_by_header(&parts.headers);
        let begins = needs_session
            && session.is_none()
            && matches!(request.request, ClientRequest::InitializeRequest(_));
        if session.is_none() && needs_session && !begins {
            return Err(no_session().to(&id));
        }
        if session.is_none() && !begins {
            let tools = self.sessions.shared().registry.now();
            headers::check_mirrored(&parts.headers, said, &tools).map_err(|it| it.to(&id))?;
        }
        attach(request, parts, principal.as_ref());
        match session {
            Some(session) => self.of_session(session, asking).await,
            None if begins => self.begin(asking, principal).await,
            None => self.alone(asking, principal).await,
        }
    }

    /// The session of a request.
    pub(super) fn session(
        &self,
        id: &str,
        layout: Layout,
        principal: Option<&Arc<str>>,
    ) -> Result<Arc<Session>, Refused> {
        let session = self.sessions.get(id).filter(|session| session.layout == layout);
        // Nobody learns of another's session.
        let session = session.filter(|session| session.principal.as_ref() == principal);
        let is_there =
            |session: &Arc<Session>| !session.ending.has_begun() || self.sessions.is_ending();
        session.filter(is_there).ok_or_else(|| {
            Refused::not_found(format!("there is no session `{}`; start a new one", shown(id)))
        })
    }

    /// Begins a session.
    async fn begin(
        self: &Arc<Self>,
        asking: Asking<'_>,
        principal: Option<Arc<str>>,
    ) -> Result<Response, Refused> {
        let Asking { request, body } = asking;
        let id = request.id.clone();
        let primes = match &request.request {
            ClientRequest::InitializeRequest(initialize) => {
                let version = initialize.params.protocol_version.as_str();
                version >= ProtocolVersion::V_2025_11_25.as_str()
            }
            _ => false,
        };
        let session = self.open(principal, Layout::Session, primes).map_err(|it| it.to(&id))?;
        let in_use = session.enter();
        let asked = session.post.request(request, body);
        let (mut reader, _) = asked.ok_or_else(|| in_flight(&id))?;
        let first = reader.first().await;
        if let Some(status) = status_of(first) {
            let response = refused(&mut reader, status);
            // Nobody will come back to it.
            self.sessions.end(&session.id);
            return response.map_err(|it| it.to(&id));
        }
        let header = HeaderValue::from_str(&session.id).expect("a UUID is a header");
        let mut response = self.events(reader, in_use);
        response.headers_mut().insert(&SESSION, header);
        Ok(response)
    }

    /// Adds a session that is heard on such streams, and serves it.
    pub(super) fn open(
        self: &Arc<Self>,
        principal: Option<Arc<str>>,
        layout: Layout,
        primes: bool,
    ) -> Result<Arc<Session>, Refused> {
        let connection = match &principal {
            Some(principal) => Connection::of(&self.sessions.account(Some(principal)), false),
            None => Connection::new(Arc::clone(self.sessions.shared())),
        };
        let ending = connection.ending().clone();
        let (posted, post, flush) = self.built.posted(&connection, layout);
        let id: Arc<str> = uuid::Uuid::new_v4().to_string().into();
        let session = Session::new(Arc::clone(&id), principal, layout, post, ending, primes);
        if !self.sessions.add(&session, self.options.max_sessions) {
            if self.sessions.is_ending() {
                return Err(ends());
            }
            event!(warn, sessions = self.options.max_sessions, "a session was refused");
            let most = self.options.max_sessions;
            let problem = format!("this server already has its maximum of {most} sessions");
            return Err(Refused::unavailable(problem, RETRY));
        }
        self.reap();
        self.serve(connection, posted, (session.post.clone(), flush), id);
        Ok(session)
    }

    /// Sees to it that what nobody uses comes to its end.
    pub(super) fn reap(self: &Arc<Self>) {
        self.reaper.call_once(|| drop(tokio::spawn(super::reap(Arc::downgrade(self)))));
    }

    /// Serves a session in a task of its own.
    fn serve(
        self: &Arc<Self>,
        connection: Connection,
        posted: Posted,
        (post, flush): (Post, Flush),
        id: Arc<str>,
    ) {
        let sessions = Arc::clone(&self.sessions);
        tokio::spawn(async move {
            struct HasEnded(Arc<Sessions>, Arc<str>);
            impl Drop for HasEnded {
                fn drop(&mut self) {
                    self.0.has_ended(&self.1);
                }
            }
            let _has_ended = HasEnded(sessions, id);
            if let Err(error) = crate::server::serve_session(connection, posted).await {
                event!(debug, %error, "a session did not begin");
            }
            let finish = async move {
                // One that did not begin may have said why.
                post.finish().await;
                flush.finish().await;
            };
            // On the heap: each session would hold its room to the end.
            Box::pin(finish).await;
        });
    }

    /// Answers a request of a session.
    async fn of_session(
        &self,
        session: Arc<Session>,
        asking: Asking<'_>,
    ) -> Result<Response, Refused> {
        let Asking { request, body } = asking;
        let id = request.id.clone();
        let in_use = session.enter();
        room(&session).await.map_err(|it| it.to(&id))?;
        let asked = session.post.request(request, body);
        let (reader, _) = asked.ok_or_else(|| in_flight(&id))?;
        self.answer_in_session(in_use, &id, reader).await
    }

    /// Answers a request of a session with what comes of it.
    pub(super) async fn answer_in_session(
        &self,
        in_use: InUse,
        id: &RequestId,
        mut reader: EventReader,
    ) -> Result<Response, Refused> {
        // Most answers come at once, and leave with the head.
        let first = timeout(PATIENCE_WITH_THE_HEAD, reader.first()).await;
        if first == Ok(First::Over) && self.sessions.is_ending() {
            return Err(ends().to(id));
        }
        if first == Ok(First::Over) && in_use.0.ending.has_begun() {
            return Err(Refused::not_found("the session has ended; start a new one").to(id));
        }
        Ok(self.events(reader, in_use))
    }

    /// The events of a stream of a session.
    fn events(&self, reader: EventReader, in_use: InUse) -> Response {
        let Options { keep_alive, poll_after, retry, .. } = self.options;
        let (number, primes) = (reader.number(), in_use.0.primes);
        // Most answers have room in it.
        let mut opening = Vec::with_capacity(512);
        if primes {
            write_opening(&mut opening, number, reader.after(), retry);
        }
        // Only who was told how can come back.
        let poll_after = poll_after.filter(|_| primes && number != OF_SESSION);
        response(reader, Manner { opening, keep_alive, poll_after }, in_use)
    }

    /// Takes what is answered with nothing.
    fn tell(
        &self,
        parts: &Parts,
        message: ClientJsonRpcMessage,
        principal: Option<&Arc<str>>,
    ) -> Result<Response, Refused> {
        if let Some(id) = text(&parts.headers, &SESSION) {
            headers::check_version(&parts.headers)?;
            let session = self.session(id, Layout::Session, principal)?;
            let _in_use = session.enter();
            let _by = session.post.tell(message);
        } else if !headers::is_modern_by_header(&parts.headers) {
            return Err(no_session());
        }
        Ok(StatusCode::ACCEPTED.into_response())
    }

    /// Reads the stream of a session, or goes on with another that it lost.
    fn get(&self, parts: &Parts) -> Result<Response, Refused> {
        let session = self.session_of(parts)?;
        headers::check_accept(&parts.headers)?;
        let last = text(&parts.headers, &headers::LAST_EVENT);
        let (number, after) = match last {
            None => (OF_SESSION, None),
            Some(last) => {
                let event = last.split_once('-').and_then(|(stream, number)| {
                    Some((stream.parse().ok()?, Some(number.parse().ok()?)))
                });
                event.ok_or_else(|| {
                    let last = shown(last);
                    Refused::bad_request(format!("`Last-Event-ID` names no event: `{last}`"))
                })?
            }
        };
        let in_use = session.enter();
        let reader = session.post.outbox().read_stream(number, after).ok_or_else(|| {
            Refused::bad_request(format!(
                "the stream {number} was read to its end, or is kept no longer"
            ))
        })?;
        Ok(self.events(reader, in_use))
    }

    fn delete(&self, parts: &Parts) -> Result<Response, Refused> {
        let session = self.session_of(parts)?;
        self.sessions.end(&session.id);
        Ok(StatusCode::NO_CONTENT.into_response())
    }

    /// The session that a request without a body is about.
    fn session_of(&self, parts: &Parts) -> Result<Arc<Session>, Refused> {
        if headers::is_modern_by_header(&parts.headers) {
            return Err(Refused::method("POST"));
        }
        headers::check_version(&parts.headers)?;
        let principal = self.principal(parts);
        let id = text(&parts.headers, &SESSION).ok_or_else(no_session)?;
        self.session(id, Layout::Session, principal.as_ref())
    }
}

/// Writes how a stream begins: with where to come back to, and when.
fn write_opening(out: &mut Vec<u8>, number: u64, after: u64, retry: Duration) {
    let retry = retry.as_millis();
    let _to_a_vector = write!(out, "id: {number}-{after}\nretry: {retry}\ndata:\n\n");
}

/// Waits until a client has read enough of its answers for another request to be taken.
pub(super) async fn room(session: &Session) -> Result<(), Refused> {
    let room = session.post.outbox().answer_room_available();
    timeout(PATIENCE_WITH_READERS, room).await.map_err(|_| {
        let problem = "the answers to earlier requests of this session are not read";
        Refused::unavailable(problem, RETRY)
    })
}

/// Hands a request over with what it came with, as rmcp's own server does, so a handler that moves finds it.
pub(super) fn attach(
    request: &mut JsonRpcRequest<ClientRequest>,
    parts: Parts,
    principal: Option<&Arc<str>>,
) {
    let extensions = request.request.extensions_mut();
    if let Some(principal) = principal {
        extensions.insert(Principal(Arc::clone(principal)));
    }
    extensions.insert(parts);
}

/// The response to a request that is answered with an error and nothing else.
pub(super) fn refused(reader: &mut EventReader, status: StatusCode) -> Result<Response, Refused> {
    let mut json = Vec::new();
    reader.take_json(&mut json);
    if json.is_empty() {
        return Err(ends());
    }
    let mut response = Response::new(Body::from(json));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Ok(response)
}

/// The server takes nothing new.
pub(super) fn ends() -> Refused {
    Refused::unavailable("the server ends", RETRY).and_closes()
}

fn no_session() -> Refused {
    Refused::bad_request("the header `Mcp-Session-Id` is missing: `initialize` begins a session")
}

pub(super) fn in_flight(id: &RequestId) -> Refused {
    let shown_id = id.to_string();
    let problem = format!("a request with the id {} is still unanswered", shown(&shown_id));
    Refused::bad_request(problem).to(id)
}

/// The status of what is answered with nothing but an error; `None` if it is answered otherwise.
pub(super) fn status_of(first: First) -> Option<StatusCode> {
    match first {
        First::Message(Some(-32601)) => Some(StatusCode::NOT_FOUND),
        First::Message(Some(-32602 | -32600 | -32022..=-32020)) => Some(StatusCode::BAD_REQUEST),
        First::Message(_) => None,
        // The server ends.
        First::Over => Some(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// A request, and the body that it was read from, if that is read once more. Of others it is not held: there is room for
/// so many.
pub(super) struct Asking<'a> {
    pub(super) request: JsonRpcRequest<ClientRequest>,
    pub(super) body: &'a [u8],
}

/// What a body says.
enum Taken {
    Begun(Begun),
    Message(Box<ClientJsonRpcMessage>),
    Nothing,
}
