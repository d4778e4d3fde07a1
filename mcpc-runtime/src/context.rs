//! A request, as its answer needs it: whatever brought it.

use std::fmt;
use std::mem;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientRequest, Extensions, GetExtensions as _, GetMeta as _,
    Implementation, InitializeRequestParams, ProtocolVersion, RequestId, RequestMetaObject,
};
use rmcp::service::{Peer, RequestContext};
use tokio_util::sync::CancellationToken;

use crate::delivery::{LeastLevel, LogMessages};
use crate::outbox::Gate;

/// What a request brings besides its parameters.
///
/// rmcp's own context has a peer, which only its loop hands out. Here that is optional, so that a request may be
/// answered without a loop.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) id: RequestId,
    pub(crate) meta: RequestMetaObject,
    /// What our transport added to the request.
    pub(crate) extensions: Extensions,
    /// Cancelled when the client cancels the request, and when its handler is done.
    pub(crate) cancelled: CancellationToken,
    peer: Option<Peer<RoleServer>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<RequestContext<RoleServer>> for Context {
    fn from(context: RequestContext<RoleServer>) -> Self {
        let RequestContext { ct, id, meta, extensions, peer, .. } = context;
        Self { id, meta, extensions, cancelled: ct, peer: Some(peer) }
    }
}

impl Context {
    /// That of a request which no loop has read. `peer` is that of its connection, if that has one.
    pub(crate) fn new(
        id: RequestId,
        request: &mut ClientRequest,
        cancelled: CancellationToken,
        peer: Option<Peer<RoleServer>>,
    ) -> Self {
        // The metadata is among the extensions before it is taken out.
        let meta = mem::take(request.get_meta_mut());
        let extensions = mem::take(request.extensions_mut());
        Self { id, meta, extensions, cancelled, peer }
    }

    /// What a request shows of its client where it is read, before it has anything else.
    pub(crate) fn of_client(meta: RequestMetaObject, peer: Option<Peer<RoleServer>>) -> Self {
        let (extensions, cancelled) = (Extensions::new(), CancellationToken::new());
        Self { id: RequestId::Number(0), meta, extensions, cancelled, peer }
    }

    /// What the client said when its session began; `None` for one that began without `initialize`, in which each
    /// request says for itself.
    fn session(&self) -> Option<Arc<InitializeRequestParams>> {
        self.peer.as_ref()?.peer_info()
    }

    /// Whether the request has to bring all that a session would know of its client (MCP 2026-07-28).
    pub(crate) fn stands_alone(&self) -> bool {
        is_modern(self.meta.protocol_version()) || self.session().is_none()
    }

    /// The version of the protocol that the request speaks: its own, or else that of its session.
    pub(crate) fn protocol_version(&self) -> Option<ProtocolVersion> {
        let of_session = || Some(self.session()?.protocol_version.clone());
        self.meta.protocol_version().or_else(of_session)
    }

    /// What the client calls itself.
    pub(crate) fn client_info(&self) -> Option<Implementation> {
        let of_session = || Some(self.session()?.client_info.clone());
        self.meta.client_info().or_else(of_session)
    }

    /// What the client declared.
    pub(crate) fn client_capabilities(&self) -> Option<ClientCapabilities> {
        let of_session = || Some(self.session()?.capabilities.clone());
        self.meta.client_capabilities().or_else(of_session)
    }

    /// Whether the request speaks a protocol that knows tasks as an extension.
    pub(crate) fn knows_tasks(&self) -> bool {
        is_modern(self.protocol_version())
    }

    /// Whether the request may be answered with a task: it speaks a protocol that knows them as an extension, and
    /// the client declared it.
    pub(crate) fn takes_tasks(&self) -> bool {
        self.knows_tasks() && self.client_capabilities().is_some_and(|it| it.supports_tasks())
    }

    /// Who sends requests to the client; `None` where no loop could reach it.
    pub(crate) fn peer(&self) -> Option<&Peer<RoleServer>> {
        self.peer.as_ref()
    }

    /// Where logging notifications about the call of a tool go, if its client has a place for them; `session` is what
    /// the client's session wants to hear of.
    pub(crate) fn log_messages(
        &self,
        tool_name: &Arc<str>,
        session: &LeastLevel,
    ) -> Option<LogMessages> {
        let (gate, tool_name) = (self.extensions.get::<Gate>()?, Arc::clone(tool_name));
        Some(match self.knows_tasks() {
            // From this protocol on each request says for itself what it wants to hear of, until its reply.
            true => LogMessages::of_call(gate.clone(), tool_name, self.meta.log_level()),
            false => LogMessages::of_session(gate.outbox().clone(), tool_name, session.clone()),
        })
    }

    /// The same as rmcp has it; `None` where no loop could reach the client.
    pub(crate) fn to_rmcp(&self) -> Option<RequestContext<RoleServer>> {
        let mut context = RequestContext::new(self.id.clone(), self.peer.clone()?);
        context.ct = self.cancelled.clone();
        context.meta = self.meta.clone();
        context.extensions = self.extensions.clone();
        Some(context)
    }
}

/// Whether this is 2026-07-28 or what comes after it. Versions are dates.
pub(crate) fn is_modern(version: Option<ProtocolVersion>) -> bool {
    let first = ProtocolVersion::V_2026_07_28;
    version.is_some_and(|version| version.as_str() >= first.as_str())
}
