//! What is sent and read: answers, and streams of events that break and are gone on with.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use rmcp::model::{
    ErrorData, GetExtensions as _, JsonRpcMessage, RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::service::InboundStreamOrigin;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use super::error::HttpError;
use super::events::{LONGEST, Parser};
use super::outgoing::Outgoing;
use super::session::{SESSION, Session};
use super::{Shared, lock};
use crate::client::transport::look_at_line;
use crate::logging::event;

/// For how long a server may be away until what it says is lost; ours keeps it for as long.
const AWAY: Duration = Duration::from_secs(120);

/// After how long to come back to a stream that has ended, unless the server says so.
const RETRY: Duration = Duration::from_secs(1);

/// The bounds of the time after which a server that fails is asked again.
const RETRIES: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(5));

/// How long the end of a stream is waited for after the answer, so that its connection can be used again.
const LAST_READ: Duration = Duration::from_millis(50);

/// The version in which requests stand alone.
const ALONE: &str = "2026-07-28";

/// How much of an error's body is shown.
const SHOWN: usize = 300;

/// Where a stream is.
#[derive(Debug, Default)]
struct Place {
    last: Option<String>,
    /// After how long to come back, as the server says.
    retry: Option<Duration>,
    /// Whether it ended in order, and did not break.
    ended_in_order: bool,
    /// How often it broke, or could not be opened, without an event between.
    failed: u32,
    was_open: bool,
}

impl Place {
    /// How long to wait until it is opened once more.
    fn wait(&self) -> Duration {
        let retry = self.retry.unwrap_or(RETRY);
        match (self.failed, self.ended_in_order, self.was_open) {
            (0, true, _) => retry,
            (0, false, _) => Duration::ZERO,
            (failed, ..) => {
                let longer = RETRIES.0.saturating_mul(1 << failed.min(8));
                longer.min(RETRIES.1).max(if self.was_open { retry } else { Duration::ZERO })
            }
        }
    }
}

/// What a request was answered with.
#[derive(Debug)]
pub(super) struct Answered {
    /// What the error says, if it is one.
    pub(super) refusal: Option<String>,
}

impl Shared {
    /// Sends a request, and hands over all that is said until it is answered. A session that the server has forgotten
    /// begins anew, once.
    pub(super) async fn ask(
        self: &Arc<Self>,
        outgoing: &Outgoing,
        is_heard: &watch::Sender<bool>,
    ) -> Result<(), HttpError> {
        let session = self.session_now().await?;
        match self.ask_once(outgoing, &session, is_heard).await {
            Err(HttpError::Forgotten(_)) if !*is_heard.borrow() => {
                self.begin_anew(session.number).await?;
                self.ask_once(outgoing, &self.session(), is_heard).await.map(drop)
            }
            answered => answered.map(drop),
        }
    }

    /// The session, which begins anew if it was lost.
    async fn session_now(self: &Arc<Self>) -> Result<Session, HttpError> {
        let session = self.session();
        if session.is_lost {
            self.begin_anew(session.number).await?;
            return Ok(self.session());
        }
        Ok(session)
    }

    pub(super) async fn ask_once(
        &self,
        outgoing: &Outgoing,
        session: &Session,
        is_heard: &watch::Sender<bool>,
    ) -> Result<Answered, HttpError> {
        let answered = self.exchange(outgoing, session, is_heard);
        if !outgoing.is_quick() {
            return answered.await;
        }
        let limit = self.answer_limit;
        timeout(limit, answered).await.unwrap_or(Err(HttpError::TooLate(limit)))
    }

    /// Sends what is not answered.
    pub(super) async fn tell(self: &Arc<Self>, outgoing: &Outgoing) -> Result<(), HttpError> {
        let limit = self.answer_limit;
        let mut session = self.session();
        if session.version.is_none() {
            // Nothing was agreed on where each request says its own.
            session.version = Some(HeaderValue::from_static(ALONE));
        }
        let sent = timeout(limit, self.post(outgoing, &session)).await;
        let response = sent.unwrap_or(Err(HttpError::TooLate(limit)))?;
        if !response.status().is_success() {
            return Err(refused(response).await);
        }
        if outgoing.method == "notifications/initialized" {
            self.is_ready();
        }
        Ok(())
    }

    async fn post(&self, outgoing: &Outgoing, session: &Session) -> Result<Response, HttpError> {
        let mut headers = self.headers_of(session);
        headers.extend(outgoing.headers.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        accept(&mut headers, "application/json, text/event-stream");
        let request = self.http.post(self.url.clone()).headers(headers);
        let sent = request.body(outgoing.body.clone()).send().await;
        let response = sent.map_err(HttpError::unreachable)?;
        let has_session = session.id.is_some();
        match response.status().as_u16() {
            404 if has_session => Err(HttpError::Forgotten(String::new())),
            _ => Ok(response),
        }
    }

    async fn exchange(
        &self,
        outgoing: &Outgoing,
        session: &Session,
        is_heard: &watch::Sender<bool>,
    ) -> Result<Answered, HttpError> {
        let mut response = self.post(outgoing, session).await?;
        if outgoing.method == "initialize" && response.status().is_success() {
            self.has_begun(outgoing, response.headers().get(SESSION).cloned());
        }
        if !response.status().is_success() {
            return self.failed(outgoing, response).await;
        }
        is_heard.send_replace(true);
        if is_of(&response, "application/json") {
            let body = read_all(response).await?;
            let answered = self.heard(&body, Some(outgoing)).await;
            return answered.ok_or_else(|| HttpError::Unreadable(shown(&body)));
        }
        check_events(&response)?;
        let mut place = Place { was_open: true, ..Place::default() };
        loop {
            if let Some(answered) = self.read(&mut response, &mut place, Some(outgoing)).await? {
                let _is_over = timeout(LAST_READ, response.chunk()).await;
                return Ok(answered);
            }
            if place.last.is_none() {
                return Err(HttpError::Lost);
            }
            response = self.open(&mut place, session).await.map_err(|error| match error {
                HttpError::Forgotten(_) => error,
                // What is lost is the stream, and with it the answer.
                error => {
                    event!(debug, error = &*error.in_full(), "a stream cannot be gone on with");
                    HttpError::Lost
                }
            })?;
        }
    }

    /// What an error of HTTP says of a request.
    async fn failed(&self, outgoing: &Outgoing, response: Response) -> Result<Answered, HttpError> {
        let status = response.status();
        // Who asks is not for MCP to say.
        let is_about_mcp = !matches!(status.as_u16(), 401 | 403);
        let is_json = is_of(&response, "application/json");
        let challenge = response.headers().get(WWW_AUTHENTICATE).cloned();
        let body = read_all(response).await.unwrap_or_default();
        let error = serde_json::from_slice::<ServerJsonRpcMessage>(&body).ok();
        let error = match error {
            Some(JsonRpcMessage::Error(error)) if is_json && is_about_mcp => Some(error.error),
            // So say servers that know no `server/discover`.
            _ if outgoing.method == "server/discover"
                && status.is_client_error()
                && is_about_mcp =>
            {
                Some(ErrorData::invalid_request(format!("HTTP {status}"), None))
            }
            _ => None,
        };
        let Some(error) = error else {
            let challenge = challenge.and_then(|it| it.to_str().map(str::to_owned).ok());
            let said = challenge.unwrap_or_else(|| shown(&body));
            return Err(HttpError::Status { status: status.as_u16(), said });
        };
        let refusal = Some(error.message.to_string());
        self.hand_over(ServerJsonRpcMessage::error(error, outgoing.id.clone())).await;
        Ok(Answered { refusal })
    }

    /// Hears what a server says of itself in a session, until that ends.
    pub(super) async fn listen(self: Arc<Self>, session: Session) {
        let mut place = Place::default();
        let error = tokio::select! {
            () = self.ended.cancelled() => return,
            () = session.streams.cancelled() => return,
            error = self.listen_on(&mut place, &session) => error,
        };
        match error {
            HttpError::Forgotten(_) => {
                if let Err(error) = self.begin_anew(session.number).await {
                    event!(warn, error = &*error.in_full(), "no new session began");
                }
            }
            error if place.was_open || error.may_pass() => {
                event!(warn, error = &*error.in_full(), "what the server says is lost");
                self.lose(session.number);
            }
            error => {
                event!(debug, error = &*error.in_full(), "the server says nothing of itself");
            }
        }
    }

    async fn listen_on(&self, place: &mut Place, session: &Session) -> HttpError {
        loop {
            let mut response = match self.open(place, session).await {
                Ok(response) => response,
                Err(error) => return error,
            };
            if let Err(error) = self.read(&mut response, place, None).await {
                return error;
            }
        }
    }

    /// Opens a stream, or goes on with one, as often as it takes.
    async fn open(&self, place: &mut Place, session: &Session) -> Result<Response, HttpError> {
        let since = Instant::now();
        loop {
            sleep(place.wait()).await;
            let error = match self.get(place, session).await {
                Ok(response) => {
                    place.was_open = true;
                    return Ok(response);
                }
                Err(error) => error,
            };
            if !error.may_pass() || since.elapsed() >= AWAY {
                return Err(error);
            }
            place.failed += 1;
        }
    }

    async fn get(&self, place: &Place, session: &Session) -> Result<Response, HttpError> {
        let mut headers = self.headers_of(session);
        accept(&mut headers, "text/event-stream");
        if let Some(last) = &place.last
            && let Ok(last) = HeaderValue::from_str(last)
        {
            headers.insert("last-event-id", last);
        }
        let request = self.http.get(self.url.clone()).headers(headers);
        let response = request.send().await.map_err(HttpError::unreachable)?;
        match response.status() {
            status if status.as_u16() == 404 => Err(HttpError::Forgotten(String::new())),
            status if !status.is_success() => Err(refused(response).await),
            _ => check_events(&response).map(|()| response),
        }
    }

    /// Reads a stream until it ends, or until the answer to a request, which is returned.
    async fn read(
        &self,
        response: &mut Response,
        place: &mut Place,
        of: Option<&Outgoing>,
    ) -> Result<Option<Answered>, HttpError> {
        let mut parser = Parser::default();
        place.failed += 1;
        let is_resumed = place.last.is_some();
        let mut is_first = true;
        loop {
            let bytes = match response.chunk().await {
                Ok(Some(bytes)) => bytes,
                end => {
                    place.ended_in_order = end.is_ok();
                    return Ok(None);
                }
            };
            let events = parser.read(&bytes)?;
            place.retry = parser.retry().or(place.retry);
            for event in events {
                place.failed = 0;
                // Some (rmcp 3.11) begin with the event that they were told was the last.
                let is_repeated = is_resumed && is_first && event.id == place.last;
                let answered = match event.data.is_empty() || is_repeated {
                    true => None,
                    false => self.heard(&event.data, of).await,
                };
                is_first = event.data.is_empty() && is_first;
                place.last = event.id.or(place.last.take());
                if answered.is_some() {
                    return Ok(answered);
                }
            }
        }
    }

    /// Hands over what the server said; returns whether it answers the request on whose stream it came.
    async fn heard(&self, data: &[u8], of: Option<&Outgoing>) -> Option<Answered> {
        look_at_line(data, &self.routes);
        let id = of.and_then(|outgoing| outgoing.id.as_ref());
        let mut message = match serde_json::from_slice::<ServerJsonRpcMessage>(data) {
            Ok(message) => message,
            Err(error) => {
                event!(debug, %error, "an event is not a message of MCP");
                return self.answered_badly(data, id).await;
            }
        };
        let answered = match &mut message {
            JsonRpcMessage::Response(response) => {
                self.note(&response.result);
                (id == Some(&response.id)).then_some(Answered { refusal: None })
            }
            JsonRpcMessage::Error(error) => {
                // Who cannot read a request may not say which it was.
                if error.id.is_none() {
                    error.id = id.cloned();
                }
                let refusal = Some(error.error.message.to_string());
                (id.is_some() && id == error.id.as_ref()).then_some(Answered { refusal })
            }
            JsonRpcMessage::Request(request) => {
                let origin = id.cloned().map(InboundStreamOrigin::OutboundRequest);
                let origin = origin.unwrap_or(InboundStreamOrigin::Unassociated);
                request.request.extensions_mut().insert(origin);
                None
            }
            JsonRpcMessage::Notification(_) => None,
        };
        self.hand_over(message).await;
        answered
    }

    /// An answer that cannot be read is one, so that nobody waits for another.
    async fn answered_badly(&self, data: &[u8], id: Option<&RequestId>) -> Option<Answered> {
        let value = serde_json::from_slice::<serde_json::Value>(data).ok()?;
        let id = id.filter(|id| serde_json::to_value(id).is_ok_and(|id| id == value["id"]))?;
        let error = HttpError::Unreadable(shown(data));
        self.hand_over(super::unanswered(id.clone(), &error)).await;
        Some(Answered { refusal: Some(error.to_string()) })
    }

    /// Notes what later requests need of a result.
    fn note(&self, result: &ServerResult) {
        match result {
            ServerResult::InitializeResult(result) => {
                let version = HeaderValue::from_str(result.protocol_version.as_str());
                lock(&self.session).version = version.ok();
            }
            ServerResult::ListToolsResult(listed) => lock(&self.mirrored).note(&listed.tools),
            _ => {}
        }
    }
}

fn accept(headers: &mut HeaderMap, what: &'static str) {
    headers.insert(ACCEPT, HeaderValue::from_static(what));
}

fn content_type(response: &Response) -> &str {
    let value = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().split(';').next().unwrap_or_default().trim()
}

fn is_of(response: &Response, media_type: &str) -> bool {
    content_type(response).eq_ignore_ascii_case(media_type)
}

fn check_events(response: &Response) -> Result<(), HttpError> {
    match is_of(response, "text/event-stream") {
        true => Ok(()),
        false => Err(HttpError::ContentType(content_type(response).to_owned())),
    }
}

/// Reads a body that is not a stream.
async fn read_all(mut response: Response) -> Result<Vec<u8>, HttpError> {
    let mut all = Vec::new();
    while let Some(part) = response.chunk().await.map_err(|_| HttpError::Lost)? {
        all.extend_from_slice(&part);
        if all.len() > LONGEST {
            return Err(HttpError::TooLong { most: LONGEST });
        }
    }
    Ok(all)
}

/// What a request came to that was not taken.
async fn refused(response: Response) -> HttpError {
    let status = response.status().as_u16();
    let body = pin!(read_all(response));
    let body = timeout(RETRIES.1, body).await.ok().and_then(Result::ok).unwrap_or_default();
    HttpError::Status { status, said: shown(&body) }
}

/// The beginning of a body.
fn shown(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(&body[..body.len().min(SHOWN)]);
    text.trim().to_owned()
}
