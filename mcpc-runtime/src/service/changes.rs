//! Tells clients that the list of tools has changed.

use std::sync::atomic::{AtomicBool, Ordering};

use rmcp::model::{
    Extensions, JsonRpcMessage, ServerNotification, SubscriptionFilter, ToolListChangedNotification,
};
use rmcp::service::SubscriptionContext;
use tokio::sync::watch;

use super::{Connection, ToolService};
use crate::registry::{ChangingRegistry, LiveRegistry};

/// What a connection has heard of changes.
pub(super) struct Changes {
    /// Those since the connection began, if there can be any.
    heard: Option<watch::Receiver<()>>,
    /// Whether its client is told of them.
    are_told: AtomicBool,
}

impl Changes {
    pub(super) fn of(registry: &LiveRegistry) -> Self {
        let heard = registry.changing().map(ChangingRegistry::changes);
        Self { heard, are_told: AtomicBool::new(false) }
    }
}

/// The changes since a request was read, among its extensions: once its client has heard that it is told of changes, it
/// may cause some by other connections.
#[derive(Clone)]
struct FromHere(watch::Receiver<()>);

impl Connection {
    /// Has a subscription hear of each change from here on.
    pub(super) fn hear_changes_from_here(&self, extensions: &mut Extensions) {
        if let Some(registry) = self.tools.shared().registry.changing() {
            extensions.insert(FromHere(registry.changes()));
        }
    }
}

impl ToolService {
    /// Tells a client of each change from here on, whose session has begun. One without a session subscribes instead.
    pub(super) fn tell_changes(&self) {
        let Changes { heard, are_told } = &self.intake.changes;
        let outbox = self.intake.listener.outbox().cloned();
        let Some((mut changes, outbox)) = heard.clone().zip(outbox) else { return };
        if are_told.swap(true, Ordering::Relaxed) {
            return;
        }
        let ending = self.ending.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    changed = changes.changed() => if changed.is_err() { return },
                    () = ending.begun() => return,
                }
                let changed = ToolListChangedNotification::default();
                let changed = ServerNotification::ToolListChangedNotification(changed);
                outbox.push_message(JsonRpcMessage::notification(changed));
                outbox.reply_room_available().await;
            }
        });
    }

    /// What of a subscription is about tools that come and go.
    pub(super) fn accepted(&self, wanted: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let is_wanted = wanted.tools_list_changed == Some(true);
        let is_told = is_wanted && self.shared().registry.changing().is_some();
        is_told.then(|| SubscriptionFilter::builder().tools_list_changed().build())
    }

    /// Tells of each change until the client cancels the subscription, or the connection ends.
    pub(super) async fn tell_subscriber(&self, subscription: SubscriptionContext) {
        let from_here = subscription.request_context().extensions.get::<FromHere>();
        let Some(FromHere(mut changes)) = from_here.cloned() else { return };
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
