//! Simple requests, which most are: each is answered as it was read, and never becomes a message of rmcp's.

use std::sync::Arc;

use axum::http::request::Parts;
use axum::response::Response;
use rmcp::model::RequestId;

use super::alone::Asked;
use super::front::Front;
use super::headers::{self, SESSION, Said, text};
use super::refused::Refused;
use super::sessions::InUse;
use crate::outbox::{EventReader, Layout};
use crate::transport::ShortRequest;

/// A simple request that will be answered, or is already.
pub(super) enum Begun {
    InSession { in_use: InUse, id: RequestId, reader: EventReader },
    Alone(Box<Asked>, EventReader),
}

impl Front {
    /// Has a request answered, if it is a simple one. Nothing is done about one of which anything is unusual, or wrong:
    /// the usual way says what.
    pub(super) fn begin_simple(
        self: &Arc<Self>,
        parts: &Parts,
        read: &mut ShortRequest<'_>,
        principal: Option<&Arc<str>>,
    ) -> Option<Begun> {
        let said = Said::in_short(read)?;
        let shared = self.sessions.shared();
        let may_be_simple = match said.tool() {
            Some(tool) => shared.simple(tool).is_some(),
            None => shared.has_tasks,
        };
        if !may_be_simple || self.sessions.is_ending() {
            return None;
        }
        if said.is_modern() {
            headers::check_mirrored(&parts.headers, said, &shared.registry.now()).ok()?;
            let visiting = self.visit(principal).ok()?;
            let reader = visiting.post.simple(read)?;
            return Some(Begun::Alone(visiting.asked_by_us(read.id()), reader));
        }
        let id = text(&parts.headers, &SESSION)?;
        headers::check_version(&parts.headers).ok()?;
        let session = self.session(id, Layout::Session, principal).ok()?;
        // Whoever does not read its answers waits.
        if session.post.outbox().is_full_of_answers() {
            return None;
        }
        let in_use = session.enter();
        let reader = session.post.simple(read)?;
        Some(Begun::InSession { in_use, id: read.id().clone(), reader })
    }

    /// Answers it with what comes of it.
    pub(super) async fn answer_simple(&self, begun: Begun) -> Result<Response, Refused> {
        match begun {
            Begun::InSession { in_use, id, reader } => {
                self.answer_in_session(in_use, &id, reader).await
            }
            Begun::Alone(asked, reader) => self.answer_alone(asked, reader).await,
        }
    }
}
