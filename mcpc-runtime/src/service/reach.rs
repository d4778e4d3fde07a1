//! How the client of a connection is reached, and what it said when its session began.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::RoleServer;
use rmcp::model::InitializeRequestParams;
use rmcp::service::Peer;

use crate::context::Client;
use crate::delivery::PeerHandle;
#[cfg(feature = "http")]
use crate::transport::Rest;

/// What the loops of rmcp's have said about one connection, of which there is one at most at any time: over HTTP, it
/// ends where nothing needs it, and the connection *rests*.
#[derive(Default)]
pub(super) struct Reach(Mutex<State>);

#[derive(Default)]
struct State {
    /// Whether the connection has begun, and all is known of that.
    is_known: bool,
    /// What the client said then.
    session: Option<Arc<InitializeRequestParams>>,
    /// By which the client is reached, while there is a loop.
    peer: Option<PeerHandle>,
    /// Whether there is no loop, nor is the next one there yet.
    rests: bool,
    /// Whether the session is to begin again. When it has is known to the loop alone.
    begins_again: bool,
}

/// What is known of a connection where no loop is asked.
#[derive(Default)]
pub(super) struct Known {
    pub(super) session: Option<Arc<InitializeRequestParams>>,
    /// Whether there is no loop.
    pub(super) rests: bool,
}

impl State {
    fn session(&self) -> Option<Arc<InitializeRequestParams>> {
        let of_loop = || self.peer.as_ref().and_then(|peer| peer.peer_info());
        self.session.clone().or_else(of_loop)
    }
}

impl Reach {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first loop has a request handled, by which the connection has begun.
    pub(super) fn meet(&self, peer: &Peer<RoleServer>) {
        let mut state = self.state();
        if !state.is_known {
            state.is_known = true;
            state.peer = Some(PeerHandle::new(peer.clone()));
        }
    }

    /// The answer to `initialize` leaves: what the session speaks is settled.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        state.session = state.peer.as_ref().and_then(|peer| peer.peer_info());
    }

    /// The session is to begin again: from here on, all that is asked is left to the loop, for good.
    pub(super) fn begin_again(&self) {
        self.state().begins_again = true;
    }

    /// What is known of the connection; `None` if only a loop knows.
    pub(super) fn known(&self) -> Option<Known> {
        let state = self.state();
        let is_known = state.is_known && !state.begins_again;
        is_known.then(|| Known { session: state.session(), rests: state.rests })
    }

    /// What a request shows of its client where it is read.
    pub(super) fn client(&self) -> Client {
        Client { session: self.state().session(), peer: None }
    }

    /// By which the client is reached, while there is a loop.
    pub(super) fn peer(&self) -> Option<PeerHandle> {
        self.state().peer.clone()
    }
}

// What rests.
#[cfg(feature = "http")]
impl Reach {
    /// Has the connection rest, if nobody reaches its client.
    pub(super) fn rest(&self) -> Rest {
        let mut state = self.state();
        if state.begins_again || state.peer.as_ref().is_some_and(PeerHandle::is_given_away) {
            return Rest::Never;
        }
        let is_left = state.peer.as_ref().is_some_and(PeerHandle::is_the_only_one);
        if !is_left || state.session.is_none() {
            return Rest::NotYet;
        }
        state.peer = None;
        state.rests = true;
        Rest::Rests
    }

    /// What the client said when its session began.
    pub(super) fn session(&self) -> Option<Arc<InitializeRequestParams>> {
        self.state().session()
    }

    /// The next loop is there.
    pub(super) fn wake(&self, peer: &Peer<RoleServer>) {
        let mut state = self.state();
        state.peer = Some(PeerHandle::new(peer.clone()));
        state.rests = false;
    }
}
