//! Requests that stand alone (MCP 2026-07-28): each is a connection of its own, without a session.

use std::sync::Arc;
use std::time::Duration;

use axum::response::Response;
use rmcp::RoleServer;
use rmcp::model::RequestId;
use rmcp::service::RunningService;
use tokio::time::timeout;

use super::events::{Manner, response};
use super::front::{Asking, Front, RETRY, ends, in_flight, refused, status_of};
use super::refused::Refused;
use super::sessions::Visit;
use crate::outbox::{EventReader, Layout};
use crate::service::Connection;
use crate::transport::{AnyTransport, By, Flush, Post, Posted};

/// For how long what a request is answered with first may decide on the status.
const PATIENCE_WITH_THE_STATUS: Duration = Duration::from_secs(1);

impl Front {
    /// Answers a request that stands alone.
    pub(super) async fn alone(
        self: &Arc<Self>,
        asking: Asking<'_>,
        principal: Option<Arc<str>>,
    ) -> Result<Response, Refused> {
        let Asking { request, body } = asking;
        let id = request.id.clone();
        let visiting = self.visit(principal.as_ref()).map_err(|it| it.to(&id))?;
        let (reader, by) = visiting.post.request(request, body).ok_or_else(|| in_flight(&id))?;
        let asked = match by {
            By::Us => visiting.asked_by_us(&id),
            By::TheLoop => visiting.asked_by_a_loop(&id),
        };
        self.answer_alone(asked, reader).await
    }

    /// A connection for one request, unless there are too many.
    pub(super) fn visit(
        self: &Arc<Self>,
        principal: Option<&Arc<str>>,
    ) -> Result<Visiting, Refused> {
        let connection = Connection::of(&self.sessions.account(principal), true);
        if principal.is_some() {
            self.reap();
        }
        let (posted, post, flush) = self.built.posted(&connection, Layout::Request);
        let visit = self.sessions.visit(&post).ok_or_else(|| {
            if self.sessions.is_ending() {
                return ends();
            }
            let most = self.sessions.shared().max_requests;
            let problem = format!("{most} requests are unanswered; try again later");
            Refused::unavailable(problem, RETRY)
        })?;
        Ok(Visiting { connection, posted, post, flush, visit })
    }

    /// Answers a request that stands alone with what comes of it.
    pub(super) async fn answer_alone(
        &self,
        asked: Box<Asked>,
        mut reader: EventReader,
    ) -> Result<Response, Refused> {
        let first = timeout(PATIENCE_WITH_THE_STATUS, reader.first()).await;
        if let Some(status) = first.ok().and_then(status_of) {
            return refused(&mut reader, status).map_err(|it| it.to(&asked.id));
        }
        let keep_alive = self.options.keep_alive;
        let manner = Manner { opening: Vec::new(), keep_alive, poll_after: None };
        Ok(response(reader, manner, asked))
    }
}

/// The connection of a request that stands alone, before it is asked.
pub(super) struct Visiting {
    connection: Connection,
    posted: Posted,
    pub(super) post: Post,
    flush: Flush,
    visit: Visit,
}

impl Visiting {
    /// Its request, which needs no loop.
    pub(super) fn asked_by_us(self, id: &RequestId) -> Box<Asked> {
        let Self { posted, post, flush, visit, .. } = self;
        let served = Served::ByUs { _posted: posted };
        Box::new(Asked { post, id: id.clone(), _flush: flush, _served: served, _visit: visit })
    }

    /// Its request, which a loop answers.
    fn asked_by_a_loop(self, id: &RequestId) -> Box<Asked> {
        let Self { connection, posted, post, flush, visit } = self;
        let transport = AnyTransport::Posted(posted);
        let running = rmcp::service::serve_directly(connection, transport, None);
        let served = Served::ByTheLoop { _running: running };
        Box::new(Asked { post, id: id.clone(), _flush: flush, _served: served, _visit: visit })
    }
}

/// A request that stands alone; dropped before its answer, it is cancelled.
pub(super) struct Asked {
    post: Post,
    id: RequestId,
    _flush: Flush,
    _served: Served,
    _visit: Visit,
}

/// What answers a request that stands alone, and is there until it has.
enum Served {
    ByUs {
        /// What the loop would read from.
        _posted: Posted,
    },
    ByTheLoop {
        _running: RunningService<RoleServer, Connection>,
    },
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.post.awaits(&self.id) {
            self.post.cancel(&self.id);
        }
    }
}
