//! A request, as its answer needs it: whatever brought it.

use std::fmt;
use std::mem;
use std::sync::{Arc, OnceLock};

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientRequest, Extensions, GetExtensions as _, Implementation,
    InitializeRequestParams, ProtocolVersion, RequestId, RequestMetaObject,
};
use rmcp::service::{Peer, RequestContext};
use serde_json::Value;
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
    peer: Option<Arc<Peer<RoleServer>>>,
    /// What the client said when its session began; `None` for one that began without `initialize`, in which each
    /// request says for itself.
    session: Option<Arc<InitializeRequestParams>>,
    /// Whether the request speaks a protocol that knows tasks as an extension.
    knows_tasks: bool,
    /// What the request itself declares of its client, once that was read, which takes its time.
    capabilities: OnceLock<Option<Box<ClientCapabilities>>>,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).finish_non_exhaustive()
    }
}

impl From<RequestContext<RoleServer>> for Context {
    fn from(context: RequestContext<RoleServer>) -> Self {
        let RequestContext { ct, id, meta, extensions, peer, .. } = context;
        Self { extensions, cancelled: ct, ..Self::of_client(id, meta, Some(Arc::new(peer))) }
    }
}

impl Context {
    /// That of a request which no loop has read. `peer` is that of its connection, if that has one.
    pub(crate) fn new(
        id: RequestId,
        request: &mut ClientRequest,
        cancelled: CancellationToken,
        peer: Option<Arc<Peer<RoleServer>>>,
    ) -> Self {
        let mut extensions = mem::take(request.extensions_mut());
        let meta = extensions.remove::<RequestMetaObject>().unwrap_or_default();
        Self { extensions, cancelled, ..Self::of_client(id, meta, peer) }
    }

    /// What a request shows of its client where it is read, before it has anything else.
    pub(crate) fn of_client(
        id: RequestId,
        meta: RequestMetaObject,
        peer: Option<Arc<Peer<RoleServer>>>,
    ) -> Self {
        let session = peer.as_ref().and_then(|peer| peer.peer_info());
        let of_session = || session.as_ref().map(|session| session.protocol_version.as_str());
        let knows_tasks = is_modern(named_version(&meta).or_else(of_session));
        let (extensions, cancelled) = (Extensions::new(), CancellationToken::new());
        let capabilities = OnceLock::new();
        Self { id, meta, extensions, cancelled, peer, session, knows_tasks, capabilities }
    }

    /// Whether the request has to bring all that a session would know of its client (MCP 2026-07-28).
    pub(crate) fn stands_alone(&self) -> bool {
        self.session.is_none() || is_modern(named_version(&self.meta))
    }

    /// Whether it brings that.
    pub(crate) fn brings_all(&self) -> bool {
        named_version(&self.meta).is_some() && self.declared().is_some()
    }

    /// What the client calls itself.
    pub(crate) fn client_info(&self) -> Option<Implementation> {
        let of_session = || Some(self.session.as_ref()?.client_info.clone());
        self.meta.client_info().or_else(of_session)
    }

    /// What the client declared.
    pub(crate) fn client_capabilities(&self) -> Option<&ClientCapabilities> {
        let of_session = || Some(&self.session.as_ref()?.capabilities);
        self.declared().or_else(of_session)
    }

    /// What the request itself declares.
    fn declared(&self) -> Option<&ClientCapabilities> {
        let read = || self.meta.client_capabilities().map(Box::new);
        self.capabilities.get_or_init(read).as_deref()
    }

    /// Whether the request speaks a protocol that knows tasks as an extension.
    pub(crate) fn knows_tasks(&self) -> bool {
        self.knows_tasks
    }

    /// Whether the request may be answered with a task: it speaks a protocol that knows them as an extension, and
    /// the client declared it.
    pub(crate) fn takes_tasks(&self) -> bool {
        self.knows_tasks() && self.client_capabilities().is_some_and(|it| it.supports_tasks())
    }

    /// Who sends requests to the client; `None` where no loop could reach it.
    pub(crate) fn peer(&self) -> Option<&Peer<RoleServer>> {
        self.peer.as_deref()
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
        let mut context = RequestContext::new(self.id.clone(), self.peer()?.clone());
        context.ct = self.cancelled.clone();
        context.meta = self.meta.clone();
        context.extensions = self.extensions.clone();
        Some(context)
    }
}

/// The version of the protocol that a request names.
pub(crate) fn named_version(meta: &RequestMetaObject) -> Option<&str> {
    meta.get(RequestMetaObject::DRAFT_REQUIRED_KEYS[0]).and_then(Value::as_str)
}

/// Whether a request that a loop has read speaks a protocol that knows tasks as an extension.
pub(crate) fn knows_tasks(context: &RequestContext<RoleServer>) -> bool {
    is_modern(context.protocol_version().as_ref().map(ProtocolVersion::as_str))
}

/// Whether this is 2026-07-28 or what comes after it. Versions are dates.
pub(crate) fn is_modern(version: Option<&str>) -> bool {
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str())
}
