//! By what a client is reached: the peer that a loop of rmcp's hands out, and who has it.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
#[cfg(feature = "http")]
use std::sync::atomic::fence;
use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::RoleServer;
use rmcp::service::Peer;

/// The peer of a loop of rmcp's. As long as anything has a handle, its loop goes on. A clone is another handle.
#[derive(Clone)]
pub(crate) struct PeerHandle(Arc<Inner>);

struct Inner {
    peer: Peer<RoleServer>,
    /// Whether code of a user's was shown it, which may have kept it.
    is_given_away: AtomicBool,
}

impl fmt::Debug for PeerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PeerHandle")
    }
}

impl PeerHandle {
    pub(crate) fn new(peer: Peer<RoleServer>) -> Self {
        Self(Arc::new(Inner { peer, is_given_away: AtomicBool::new(false) }))
    }

    /// Code of a user's is shown the peer, and may keep it.
    pub(crate) fn give_away(&self) {
        self.0.is_given_away.store(true, Ordering::Release);
    }

    /// Whether code of a user's may have the peer.
    #[cfg(feature = "http")]
    pub(crate) fn is_given_away(&self) -> bool {
        self.0.is_given_away.load(Ordering::Acquire)
    }

    /// Whether nothing else has the peer.
    #[cfg(feature = "http")]
    pub(crate) fn is_the_only_one(&self) -> bool {
        let is_left = Arc::strong_count(&self.0) == 1;
        // What those did that are gone is seen here.
        fence(Ordering::Acquire);
        is_left && !self.is_given_away()
    }
}

impl Deref for PeerHandle {
    type Target = Peer<RoleServer>;

    fn deref(&self) -> &Peer<RoleServer> {
        &self.0.peer
    }
}
