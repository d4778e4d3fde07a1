//! Tells clients that the list of tools has changed.

use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::RoleServer;
use rmcp::model::SubscriptionFilter;
use rmcp::service::{Peer, SubscriptionContext};
use tokio::sync::watch;

use super::{Connection, ToolService};
use crate::registry::LiveRegistry;

/// What a connection has heard of changes.
pub(super) struct Changes {
    /// Those since the connection began.
    heard: watch::Receiver<()>,
    /// Whether its client is told of them.
    are_told: AtomicBool,
}

impl Changes {
    pub(super) fn of(registry: &LiveRegistry) -> Self {
        Self { heard: registry.changes(), are_told: AtomicBool::new(false) }
    }
}

impl Connection {
    /// Tells a client of each change from here on, whose session has begun. One without a session subscribes instead.
    pub(super) fn tell_changes(&self, peer: Peer<RoleServer>) {
        if !self.tools.shared().is_dynamic
            || peer.peer_info().is_none()
            || self.changes.are_told.swap(true, Ordering::Relaxed)
        {
            return;
        }
        let (mut changes, ending) = (self.changes.heard.clone(), self.tools.ending.clone());
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = ending.begun() => return,
                }
                if peer.notify_tool_list_changed().await.is_err() {
                    return;
                }
            }
        });
    }
}

impl ToolService {
    /// What of a subscription is about tools that come and go.
    pub(super) fn accepted(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let is_wanted = self.shared().is_dynamic && wanted.tools_list_changed == Some(true);
        is_wanted.then(|| SubscriptionFilter::builder().tools_list_changed().build())
    }

    /// Tells of each change until the client cancels the subscription, or the connection ends.
    pub(super) async fn tell_subscriber(&self, subscription: SubscriptionContext) {
        let mut changes = self.shared().registry.changes();
        loop {
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                () = subscription.cancelled() => return,
                () = self.ending.begun() => return,
            }
            if subscription.sink().notify_tool_list_changed().await.is_err() {
                return;
            }
        }
    }
}
