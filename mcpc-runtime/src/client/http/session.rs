//! The session of a connection, and how it begins anew where the server has forgotten it.

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use rmcp::model::{ClientJsonRpcMessage, ClientNotification, InitializedNotification};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::error::HttpError;
use super::outgoing::{MirroredOfTools, Outgoing, VERSION};
use super::{Shared, lock};
use crate::logging::event;

/// Which session a request belongs to.
pub(super) const SESSION: &str = "mcp-session-id";

/// The session of a connection; one that has no id needs none.
#[derive(Clone, Debug, Default)]
pub(super) struct Session {
    /// Counts those that began, one after the other.
    pub(super) number: u64,
    pub(super) id: Option<HeaderValue>,
    /// What was agreed on.
    pub(super) version: Option<HeaderValue>,
    /// Fires when it ends.
    pub(super) streams: CancellationToken,
    /// Whether the server was away for too long: what it said meanwhile is not known.
    pub(super) is_lost: bool,
    /// The request that began it.
    pub(super) beginning: Option<Outgoing>,
}

impl Shared {
    pub(super) fn session(&self) -> Session {
        lock(&self.session).clone()
    }

    /// The headers of every request of a session.
    pub(super) fn headers_of(&self, session: &Session) -> HeaderMap {
        let mut headers = self.headers.clone();
        if let Some(id) = &session.id {
            headers.insert(HeaderName::from_static(SESSION), id.clone());
        }
        if let Some(version) = &session.version {
            headers.insert(HeaderName::from_static(VERSION), version.clone());
        }
        headers
    }

    /// A server has answered the request that begins a session.
    pub(super) fn has_begun(&self, beginning: &Outgoing, id: Option<HeaderValue>) {
        let mut session = lock(&self.session);
        let number = session.number + 1;
        let beginning = Some(beginning.clone());
        *session = Session { number, id, beginning, ..Session::default() };
    }

    /// The client is ready: from now on the server may say something.
    pub(super) fn is_ready(self: &Arc<Self>) {
        let session = self.session();
        if session.id.is_some() {
            tokio::spawn(Arc::clone(self).listen(session));
        }
    }

    /// What the server says besides cannot be heard any more.
    pub(super) fn lose(&self, number: u64) {
        let mut session = lock(&self.session);
        if session.number == number && !self.ended.is_cancelled() {
            session.is_lost = true;
            drop(session);
            self.routes.lose_tasks();
        }
    }

    /// Begins a session anew in place of this one, unless somebody else has.
    pub(super) async fn begin_anew(self: &Arc<Self>, number: u64) -> Result<(), HttpError> {
        let _alone = self.beginning.lock().await;
        let session = self.session();
        if session.number != number {
            return Ok(());
        }
        event!(warn, "the server has forgotten the session; a new one begins");
        session.streams.cancel();
        // They were the session's.
        self.lose(number);
        let Some(beginning) = session.beginning else {
            return Err(HttpError::Forgotten(String::new()));
        };
        let (is_heard, _) = watch::channel(false);
        let answered = Box::pin(self.ask_once(&beginning, &Session::default(), &is_heard)).await?;
        if let Some(refusal) = answered.refusal {
            return Err(HttpError::Forgotten(refusal));
        }
        let initialized =
            ClientNotification::InitializedNotification(InitializedNotification::default());
        let initialized = ClientJsonRpcMessage::notification(initialized);
        Box::pin(self.tell(&Outgoing::new(&initialized, &MirroredOfTools::default()))).await
    }
}
