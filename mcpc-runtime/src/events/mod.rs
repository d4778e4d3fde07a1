//! What a server tells clients without being asked: events of its sessions, and what of its lists has changed.
//!
//! A service has one `Listeners`, a connection one `Listener`, which knows what its client has shown. Whoever tells
//! something never waits: what finds no room in the connection's queue waits beside it (`waiting`).

mod listener;
mod sessions;
mod waiting;

pub(crate) use listener::Listener;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::message::Json;

/// Tells connected clients what happens in a server: what [`Service::events`](crate::server::Service::events) and
/// [`Server::events`](crate::server::Server::events) return.
///
/// A clone is another handle. It may be used from anywhere, also outside of a tokio runtime, before the server is served
/// and after; who is not connected when something is told does not hear of it later.
///
#[doc = include_str!("../../docs/events.md")]
///
/// # A client that reads slowly
///
/// Nothing here waits, and no client holds up another. What a connection has no room for waits beside its queue, up to
/// [`max_queued_bytes`](crate::server::Server::max_queued_bytes) of events once more; beyond that its oldest events are left out,
/// which is logged once for each connection. That a list or a resource has changed is never left out, and waits once however often
/// it changes.
///
/// The [guide](https://docs.rs/mcpc/latest/mcpc/guide/servers/index.html#events) says what each kind of client gets.
#[derive(Clone)]
pub struct Events(Arc<Listeners>);

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Events {
    pub(crate) fn new(listeners: Arc<Listeners>) -> Self {
        listeners.are_used.store(true, Ordering::Relaxed);
        Self(listeners)
    }

    /// Sends an event to every session: `event` is its name, `data` what it carries. Never waits.
    ///
    /// A client of MCPC gets a server event for each session that it named on its connection (the latest 64), or one for
    /// `default` if it named none. Any other with a session (up to MCP 2025-11-25) gets the logging notification that
    /// [`Sender::emit`](crate::task::Sender::emit) sends, if its session wants the level `info`, and began after the first
    /// handle was made: the server declares then that it logs. In MCP 2026-07-28 a logging notification is part of a
    /// call, so such a client hears nothing of these; it hears what its calls emit.
    ///
    /// # Errors
    ///
    /// When `event` is empty, or `data` cannot be written as JSON. That nobody hears it is not an error.
    pub fn emit<T: Serialize>(&self, event: &str, data: T) -> Result {
        let (event, data) = named(event, &data)?;
        self.0.tell(|listener| listener.hear_event(None, &event, &data));
        Ok(())
    }

    /// The same for one session, by the id with which clients of MCPC name it in their calls
    /// ([`Call::session_id`](crate::parameter::Call::session_id)).
    ///
    /// It reaches each connection on which a client named it, and no client that names none. A client chooses the id: one
    /// that others could guess keeps nothing from them.
    #[must_use]
    pub fn to_session(&self, session_id: impl Into<String>) -> SessionEvents {
        SessionEvents { listeners: Arc::clone(&self.0), session_id: session_id.into() }
    }

    /// Tells that a resource has changed (`notifications/resources/updated`), to every client that subscribed to it. Never
    /// waits.
    ///
    /// Resources are those of the server's [handler](crate::server::Server::handler), and which subscriptions
    /// there are it says itself: those of `resources/subscribe` that it answered without an error, and those of
    /// `subscriptions/listen` (MCP 2026-07-28) that it acknowledged.
    pub fn resource_updated(&self, uri: &str) {
        self.0.tell(|listener| listener.hear_change(Change::Resource(uri)));
    }

    /// Tells that the list of resources has changed (`notifications/resources/list_changed`): to every session, if the
    /// handler declares `listChanged` for resources, and to whoever subscribed to it (MCP 2026-07-28). Never waits.
    pub fn resources_changed(&self) {
        self.0.tell(|listener| listener.hear_change(Change::Resources));
    }

    /// The same for prompts (`notifications/prompts/list_changed`). For tools, [`Service::add`](crate::server::Service::add)
    /// and [`Service::remove`](crate::server::Service::remove) tell it.
    pub fn prompts_changed(&self) {
        self.0.tell(|listener| listener.hear_change(Change::Prompts));
    }
}

/// Sends events to one session: what [`Events::to_session`] returns. A clone is another handle.
#[derive(Clone)]
pub struct SessionEvents {
    listeners: Arc<Listeners>,
    session_id: String,
}

impl fmt::Debug for SessionEvents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionEvents")
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}

impl SessionEvents {
    /// Sends an event to the session, as [`Events::emit`] does to all.
    ///
    /// # Errors
    ///
    /// As [`Events::emit`].
    pub fn emit<T: Serialize>(&self, event: &str, data: T) -> Result {
        let (event, data) = named(event, &data)?;
        self.listeners.tell(|listener| listener.hear_event(Some(&self.session_id), &event, &data));
        Ok(())
    }
}

/// A server event's name and data.
///
/// # Errors
///
/// If it has no name, or its data cannot be written as JSON.
pub(crate) fn named<T: Serialize>(event: &str, data: &T) -> Result<(String, Json)> {
    if event.is_empty() {
        return Err(Error::Event { problem: "a server event needs a name".to_owned() });
    }
    match Json::new(data) {
        Ok(data) => Ok((event.to_owned(), data)),
        Err(error) => {
            let problem = format!("the event `{event}` cannot be written as JSON: {error}");
            Err(Error::Event { problem })
        }
    }
}

/// What has changed.
#[derive(Clone, Copy, Debug)]
enum Change<'a> {
    Resource(&'a str),
    Resources,
    Prompts,
}

/// The connections of a service.
#[derive(Debug, Default)]
pub(crate) struct Listeners {
    connected: Mutex<Connected>,
    /// Whether anybody may tell anything.
    are_used: AtomicBool,
}

#[derive(Debug, Default)]
struct Connected {
    listeners: BTreeMap<u64, Weak<Listener>>,
    /// How many there were.
    count: u64,
}

impl Listeners {
    fn connected(&self) -> MutexGuard<'_, Connected> {
        self.connected.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether anybody may tell anything.
    pub(crate) fn are_used(&self) -> bool {
        self.are_used.load(Ordering::Relaxed)
    }

    /// A listener takes part; returns by what it is known.
    fn add(&self, listener: Weak<Listener>) -> u64 {
        let mut connected = self.connected();
        connected.count += 1;
        let number = connected.count;
        connected.listeners.insert(number, listener);
        number
    }

    fn remove(&self, number: u64) {
        self.connected().listeners.remove(&number);
    }

    fn tell(&self, tell: impl Fn(&Arc<Listener>)) {
        // One that ends meanwhile removes itself.
        let listeners: Vec<_> =
            self.connected().listeners.values().filter_map(Weak::upgrade).collect();
        listeners.iter().for_each(tell);
    }
}
