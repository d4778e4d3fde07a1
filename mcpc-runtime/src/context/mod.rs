//! A request, as its answer needs it: whatever brought it.

mod declared;

use std::fmt;
use std::mem;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    ClientCapabilities, ClientRequest, Extensions, GetExtensions as _, Implementation,
    InitializeRequestParams, ProtocolVersion, RequestId, RequestMetaObject,
};
use rmcp::service::RequestContext;
use tokio_util::sync::CancellationToken;

pub(crate) use declared::{Declared, meta_of, named_version};

use crate::delivery::{LeastLevel, LogMessages, PeerHandle};
use crate::outbox::Gate;

/// Who asks.
#[derive(Clone, Default)]
pub(crate) struct Client {
    /// What the client said when its session began; `None` for one that began without `initialize`, in which each
    /// request says for itself.
    pub(crate) session: Option<Arc<InitializeRequestParams>>,
    /// By which a request may be sent to it.
    pub(crate) peer: Option<PeerHandle>,
}

/// What a request brings besides its parameters.
///
/// rmcp's own context has a peer, which only its loop hands out. Here that is optional, so that a request may be
/// answered without a loop.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) id: RequestId,
    /// What it says of its client.
    declared: Arc<Declared>,
    /// What our transport added to the request.
    pub(crate) extensions: Extensions,
    /// Cancelled when the client cancels the request, and when its handler is done.
    pub(crate) cancelled: CancellationToken,
    client: Client,
    /// Whether the request speaks a protocol that knows tasks as an extension.
    knows_tasks: bool,
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Context {
    /// That of a request which no loop has read.
    pub(crate) fn new(
        id: RequestId,
        request: &mut ClientRequest,
        cancelled: CancellationToken,
        client: Client,
    ) -> Self {
        let mut extensions = mem::take(request.extensions_mut());
        let declared = Declared::take(&mut extensions);
        Self::of_client(id, declared, client, (extensions, cancelled))
    }

    /// That of a request which brings nothing but what it says of its client.
    pub(crate) fn of_simple(
        id: RequestId,
        declared: Arc<Declared>,
        cancelled: CancellationToken,
        client: Client,
    ) -> Self {
        Self::of_client(id, declared, client, (Extensions::new(), cancelled))
    }

    /// That of a request which a loop has read, whose peer this is.
    pub(crate) fn of_loop(context: RequestContext<RoleServer>, peer: PeerHandle) -> Self {
        let RequestContext { ct, id, meta, extensions, .. } = context;
        let client = Client { session: peer.peer_info(), peer: Some(peer) };
        Self::of_client(id, Arc::new(meta.into()), client, (extensions, ct))
    }

    /// What a request shows of its client where it is read, before it has anything else.
    pub(crate) fn of_unread(declared: Arc<Declared>, client: Client) -> Self {
        Self::of_client(RequestId::Number(0), declared, client, Default::default())
    }

    fn of_client(
        id: RequestId,
        declared: Arc<Declared>,
        client: Client,
        (extensions, cancelled): (Extensions, CancellationToken),
    ) -> Self {
        let session = client.session.as_ref();
        let of_session = || session.map(|session| session.protocol_version.as_str());
        let knows_tasks = is_modern(declared.version().or_else(of_session));
        Self { id, declared, extensions, cancelled, client, knows_tasks }
    }

    /// The `_meta` of the request.
    pub(crate) fn meta(&self) -> &RequestMetaObject {
        self.declared.meta()
    }

    /// The version of the protocol that the request names.
    pub(crate) fn named_version(&self) -> Option<&str> {
        self.declared.version()
    }

    /// Whether the request has to bring all that a session would know of its client (MCP 2026-07-28).
    pub(crate) fn stands_alone(&self) -> bool {
        self.client.session.is_none() || is_modern(self.named_version())
    }

    /// Whether it brings that.
    pub(crate) fn brings_all(&self) -> bool {
        self.named_version().is_some() && self.declared.capabilities().is_some()
    }

    /// What the client calls itself.
    pub(crate) fn client_info(&self) -> Option<Implementation> {
        let of_session = || Some(self.client.session.as_ref()?.client_info.clone());
        self.meta().client_info().or_else(of_session)
    }

    /// What the client declared.
    pub(crate) fn client_capabilities(&self) -> Option<&ClientCapabilities> {
        let of_session = || Some(&self.client.session.as_ref()?.capabilities);
        self.declared.capabilities().or_else(of_session)
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
    pub(crate) fn peer(&self) -> Option<&PeerHandle> {
        self.client.peer.as_ref()
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
            true => LogMessages::of_call(gate.clone(), tool_name, self.meta().log_level()),
            false => LogMessages::of_session(gate.outbox().clone(), tool_name, session.clone()),
        })
    }

    /// The same as rmcp has it; `None` where no loop could reach the client.
    pub(crate) fn to_rmcp(&self) -> Option<RequestContext<RoleServer>> {
        let mut context = RequestContext::new(self.id.clone(), (**self.peer()?).clone());
        context.ct = self.cancelled.clone();
        context.meta = self.meta().clone();
        context.extensions = self.extensions.clone();
        Some(context)
    }
}

/// Whether a request that a loop has read speaks a protocol that knows tasks as an extension.
pub(crate) fn knows_tasks(context: &RequestContext<RoleServer>) -> bool {
    is_modern(context.protocol_version().as_ref().map(ProtocolVersion::as_str))
}

/// Whether this is 2026-07-28 or what comes after it. Versions are dates.
pub(crate) fn is_modern(version: Option<&str>) -> bool {
    version.is_some_and(|version| version >= ProtocolVersion::V_2026_07_28.as_str())
}
