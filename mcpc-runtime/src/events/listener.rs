//! One connection, as far as it hears what a server tells.

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use rmcp::model::{ErrorData, RequestId, ServerCapabilities, SubscriptionFilter};
use serde_json::json;
use tokio::runtime::Handle;

use super::sessions::Sessions;
use super::waiting::{Heard, Waiting};
use super::{Change, Listeners};
use crate::delivery::{LeastLevel, LogMessages};
use crate::logging::{event, mention};
use crate::message::{Json, server_event};
use crate::names::DEFAULT_SESSION;
use crate::outbox::{Claim, Gate, JsonNotification, Outbox, Permit, TextCallback};

/// What the client of one connection hears, by what it has shown.
pub(crate) struct Listener {
    all: Arc<Listeners>,
    server: Arc<str>,
    log_level: LeastLevel,
    /// Set once it is connected.
    way: OnceLock<Way>,
    state: Mutex<State>,
}

/// How things leave.
struct Way {
    /// By what it is known among all.
    number: u64,
    outbox: Outbox,
    log_messages: LogMessages,
    runtime: Handle,
}

#[derive(Default)]
struct State {
    /// The gate of the call that showed that the client speaks MCPC: nothing comes before the reply to that.
    mcpc: Option<Gate>,
    sessions: Sessions,
    /// What a session of MCP may hear of, once it has begun.
    session: Option<May>,
    /// The same before it has.
    declared: Option<May>,
    /// Whether the client said that it has, which a hasty one says before it was declared anything.
    has_begun: bool,
    /// The resources it subscribed to, and how many bytes their URIs have.
    resources: HashSet<String>,
    resource_bytes: usize,
    /// The subscriptions of a client without a session.
    subscriptions: HashMap<RequestId, SubscriptionFilter>,
    waiting: Waiting,
}

/// What the server declared to a session that it may tell.
#[derive(Clone, Copy)]
struct May {
    log: bool,
    change_resources: bool,
    change_prompts: bool,
}

/// How many bytes the URIs may have that one session subscribed to.
const SUBSCRIBED_BYTES: usize = 1 << 20;

impl fmt::Debug for Listener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(way) = self.way.get() {
            self.all.remove(way.number);
        }
    }
}

// What the client shows.
impl Listener {
    pub(crate) fn new(all: Arc<Listeners>, server: Arc<str>, log_level: LeastLevel) -> Arc<Self> {
        let (way, state) = (OnceLock::new(), Mutex::default());
        Arc::new(Self { all, server, log_level, way, state })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Its connection is there. Must be called inside of a tokio runtime.
    pub(crate) fn connect(self: &Arc<Self>, outbox: &Outbox) {
        let (server, log_level) = (Arc::clone(&self.server), self.log_level.clone());
        self.way.get_or_init(|| Way {
            number: self.all.add(Arc::downgrade(self)),
            outbox: outbox.clone(),
            log_messages: LogMessages::of_session(outbox.clone(), server, log_level),
            runtime: Handle::current(),
        });
    }

    /// The queue of its connection, once that is there.
    pub(crate) fn outbox(&self) -> Option<&Outbox> {
        self.way.get().map(|way| &way.outbox)
    }

    /// A call shows that the client speaks MCPC, and may name a session.
    pub(crate) fn shows_mcpc(&self, gate: &Gate, session_id: Option<&str>) {
        let mut state = self.state();
        if state.mcpc.as_ref().is_none_or(Gate::is_cancelled) {
            state.mcpc = Some(gate.clone());
        }
        if let Some(session_id) = session_id {
            state.sessions.name(session_id);
        }
    }

    /// Whether the client showed that it speaks MCPC.
    pub(crate) fn speaks_mcpc(&self) -> bool {
        self.state().mcpc.is_some()
    }

    /// The server declares these to a session of MCP.
    pub(crate) fn declare(&self, capabilities: &ServerCapabilities) {
        let resources = capabilities.resources.as_ref().and_then(|it| it.list_changed);
        let prompts = capabilities.prompts.as_ref().and_then(|it| it.list_changed);
        let may = May {
            log: capabilities.logging.is_some(),
            change_resources: resources == Some(true),
            change_prompts: prompts == Some(true),
        };
        let mut state = self.state();
        state.declared = Some(may);
        if state.has_begun {
            state.session = state.declared;
        }
    }

    /// That session has begun.
    pub(crate) fn begin_session(&self) {
        let mut state = self.state();
        state.session = state.declared;
        state.has_begun = true;
    }

    /// Makes room for one more subscription of a session, which the handler is yet to agree to.
    ///
    /// # Errors
    ///
    /// If there are as many as may be, those included that are being asked for.
    pub(crate) fn begin_to_subscribe(&self, uri: &str) -> Result<Subscribing<'_>, ErrorData> {
        let mut state = self.state();
        let bytes = state.resource_bytes.saturating_add(uri.len());
        if bytes > SUBSCRIBED_BYTES {
            return Err(ErrorData::invalid_request(
                "this connection has too many subscriptions to resources; end some first",
                None,
            ));
        }
        state.resource_bytes = bytes;
        Ok(Subscribing { listener: self, uri: uri.to_owned() })
    }

    /// A session ended its subscription to a resource.
    pub(crate) fn unsubscribe(&self, uri: &str) {
        let mut state = self.state();
        if state.resources.remove(uri) {
            state.resource_bytes -= uri.len();
        }
    }

    /// A subscription of a client without a session is acknowledged by what this does. Whoever reads that may have something
    /// change over another connection at once: so that is told, and waits here until this was said.
    pub(crate) fn listens(
        &self,
        id: &RequestId,
        accepted: &SubscriptionFilter,
        acknowledge: impl FnOnce(),
    ) {
        let mut state = self.state();
        state.subscriptions.insert(id.clone(), accepted.clone());
        acknowledge();
    }

    /// Such a subscription has ended.
    pub(crate) fn listens_no_more(&self, id: &RequestId) {
        self.state().subscriptions.remove(id);
    }
}

/// Room for a subscription; dropped, it is free again.
pub(crate) struct Subscribing<'a> {
    listener: &'a Listener,
    uri: String,
}

impl Subscribing<'_> {
    /// The session has subscribed.
    pub(crate) fn done(mut self) {
        let uri = std::mem::take(&mut self.uri);
        let mut state = self.listener.state();
        let bytes = uri.len();
        if !state.resources.insert(uri) {
            // It has the room for that already.
            state.resource_bytes -= bytes;
        }
    }
}

impl Drop for Subscribing<'_> {
    fn drop(&mut self) {
        self.listener.state().resource_bytes -= self.uri.len();
    }
}

// What it hears.
impl Listener {
    /// An event of one session, or of all.
    pub(super) fn hear_event(self: &Arc<Self>, session_id: Option<&str>, event: &str, data: &Json) {
        let Some(way) = self.way.get() else { return };
        let mut state = self.state();
        let server_event =
            |id: &str| Heard::ServerEvent(TextCallback(server_event(id, event, data)));
        let heard: Vec<Heard> = match (&state.mcpc, session_id) {
            (Some(_), Some(id)) if state.sessions.has(id) => vec![server_event(id)],
            (Some(_), None) if state.sessions.is_empty() => vec![server_event(DEFAULT_SESSION)],
            (Some(_), None) => state.sessions.iter().map(server_event).collect(),
            (None, None) if state.session.is_some_and(|may| may.log) => {
                let message = way.log_messages.event_message(event, data);
                message.map(Heard::LogMessage).into_iter().collect()
            }
            (_, _) => Vec::new(),
        };
        let mut has_lost = false;
        for heard in heard {
            has_lost |= self.push(way, &mut state, heard);
        }
        drop(state);
        if has_lost {
            self.tell_loss(way);
        }
    }

    /// That something has changed.
    pub(super) fn hear_change(self: &Arc<Self>, change: Change<'_>) {
        let Some(way) = self.way.get() else { return };
        let mut state = self.state();
        let of_session = state.hears(change).then(|| change.notification(None));
        let subscribed = state.subscriptions.iter().filter(|(_, accepted)| change.is_in(accepted));
        let of_subscriptions = subscribed.map(|(id, _)| change.notification(Some(id)));
        let heard: Vec<_> = of_session.into_iter().chain(of_subscriptions).collect();
        for notification in heard {
            self.push(way, &mut state, Heard::Change(notification));
        }
    }

    /// Has something leave, or wait; returns whether it is the first for which something had to be left out.
    fn push(self: &Arc<Self>, way: &Way, state: &mut State, heard: Heard) -> bool {
        if !state.waiting.is_moved
            && let Some(permit) = way.claim(&heard).try_reserve()
        {
            state.leave(way, &heard, permit);
            return false;
        }
        let has_lost = state.waiting.add(heard, way.outbox.budget());
        if !state.waiting.is_moved {
            state.waiting.is_moved = true;
            way.runtime.spawn(Arc::clone(self).move_waiting());
        }
        has_lost
    }

    /// Moves what waits to the queue, as room comes, until nothing waits. Without a client everything has room.
    async fn move_waiting(self: Arc<Self>) {
        let Some(way) = self.way.get() else { return };
        while let Some(heard) = self.next_waiting() {
            let permit = way.claim(&heard).reserve().await;
            self.state().leave(way, &heard, permit);
        }
    }

    fn next_waiting(&self) -> Option<Heard> {
        let mut state = self.state();
        let next = state.waiting.next();
        state.waiting.is_moved = next.is_some();
        next
    }

    /// Tells that the client does not read, where nobody waits for that.
    fn tell_loss(&self, way: &Way) {
        let _inside = way.runtime.enter();
        let server = Arc::clone(&self.server);
        drop(mention(move || {
            event!(warn, %server, "a client does not read its events: the oldest are left out");
        }));
    }
}

impl Way {
    fn claim(&self, heard: &Heard) -> Claim<'_> {
        self.outbox.claim(heard.len())
    }
}

impl State {
    fn leave(&self, way: &Way, heard: &Heard, permit: Permit<'_>) {
        match heard {
            Heard::ServerEvent(callback) => {
                if let Some(gate) = &self.mcpc {
                    gate.push(callback, permit);
                }
            }
            Heard::LogMessage(message) => way.log_messages.push(message, permit),
            Heard::Change(notification) => way.outbox.push(notification, permit),
        }
    }

    /// Whether its session hears of a change.
    fn hears(&self, change: Change<'_>) -> bool {
        let may = |may: fn(&May) -> bool| self.session.as_ref().is_some_and(may);
        match change {
            Change::Resource(uri) => self.resources.contains(uri),
            Change::Resources => may(|it| it.change_resources),
            Change::Prompts => may(|it| it.change_prompts),
        }
    }
}

impl Change<'_> {
    /// Whether a subscription is about it.
    fn is_in(self, accepted: &SubscriptionFilter) -> bool {
        match self {
            Self::Resource(uri) => {
                let uris = accepted.resource_subscriptions.as_ref();
                uris.is_some_and(|uris| uris.iter().any(|it| it == uri))
            }
            Self::Resources => accepted.resources_list_changed == Some(true),
            Self::Prompts => accepted.prompts_list_changed == Some(true),
        }
    }

    /// What a session hears of it, or one of a client's subscriptions.
    fn notification(self, subscription: Option<&RequestId>) -> JsonNotification {
        let method = match self {
            Self::Resource(_) => "notifications/resources/updated",
            Self::Resources => "notifications/resources/list_changed",
            Self::Prompts => "notifications/prompts/list_changed",
        };
        let mut notification = json!({"jsonrpc": "2.0", "method": method});
        if let Self::Resource(uri) = self {
            notification["params"]["uri"] = uri.into();
        }
        if let Some(id) = subscription {
            let meta = json!({"io.modelcontextprotocol/subscriptionId": id});
            notification["params"]["_meta"] = meta;
        }
        JsonNotification(notification.to_string())
    }
}
