//! `subscriptions/listen` for tasks: what `tasks/get` would tell is told as it changes.
//!
//! rmcp's filter of a subscription does not know tasks, so the transport reads their ids and hands them over
//! with the request.

use std::collections::HashSet;
use std::future::pending;
use std::sync::Arc;

use rmcp::model::{
    ErrorData, JsonRpcMessage, NotificationMetaObject, RequestId, ServerNotification, ServerResult,
    SubscriptionsListenRequestMethod, SubscriptionsListenResult, TaskStatusNotification,
    TaskStatusNotificationParams, ToolListChangedNotification,
};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::ToolService;
use super::answer::{needs_tasks, unavailable};
use crate::context::Context;
use crate::delivery::{NOTIFICATION_INTERVAL, Shows, tasks_extension};
use crate::log::{Cursor, LogError, TaskReader, after, asks_others};
use crate::outbox::{JsonNotification, Outbox, Permit};
use crate::registry::ChangingRegistry;
use crate::transport::{Ending, Subscription};

impl ToolService {
    /// Tells how tasks are doing until the client cancels the request or the connection ends. Ids that nobody
    /// knows are not in the acknowledgement.
    pub(super) async fn listen(
        &self,
        subscription: Subscription,
        context: Context,
    ) -> Result<ServerResult, ErrorData> {
        if !context.knows_tasks() {
            return Err(ErrorData::method_not_found::<SubscriptionsListenRequestMethod>());
        }
        needs_tasks(&context)?;
        let Subscription { task_ids, tools, outbox } = subscription;
        let registry = self.shared().registry.changing().filter(|_| tools);
        let changes = registry.map(ChangingRegistry::changes);
        let mut seen = HashSet::new();
        let mut watched: Vec<(Arc<str>, Box<dyn TaskReader>)> = Vec::new();
        for task_id in task_ids.into_iter().filter(|task_id| seen.insert(task_id.clone())) {
            let task_id = Arc::from(task_id);
            if let Some(reader) = self.intake.tasks.reader(&task_id).await.map_err(unavailable)? {
                watched.push((task_id, reader));
            }
        }
        let accepted: Vec<&str> = watched.iter().map(|(task_id, _)| &**task_id).collect();
        let acknowledgement = acknowledgement(&context.id, &accepted, changes.is_some());
        outbox.push(&acknowledgement, Permit::NONE);
        let shows = Shows::of(context.client_capabilities());
        let mut watches = JoinSet::new();
        for (task_id, reader) in watched {
            watches.spawn(watch(
                task_id,
                reader,
                outbox.clone(),
                context.id.clone(),
                self.ending.clone(),
                shows,
            ));
        }
        tokio::select! {
            // The reply is dropped with the request.
            () = context.cancelled.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
            () = tell_changes(changes, &outbox, &context.id) => {}
            () = self.ending.begun() => {}
        }
        // The tasks are being stopped, and how they end is news, too.
        while watches.join_next().await.is_some() {}
        Ok(ServerResult::SubscriptionsListenResult(SubscriptionsListenResult::complete(context.id)))
    }
}

/// Tells how one task is doing, to its end. A log that fails is asked again as long as the connection goes on;
/// `tasks/get` says what is wrong with it.
async fn watch(
    task_id: Arc<str>,
    reader: Box<dyn TaskReader>,
    outbox: Outbox,
    id: RequestId,
    ending: Ending,
    shows: Shows,
) {
    let mut meta = NotificationMetaObject::new();
    meta.set_subscription_id(id);
    let (mut seen, mut asked) = (Cursor::START, Vec::new());
    loop {
        let news = async {
            let next = tokio::select! {
                biased;
                page = after(&*reader, seen) => match page? {
                    Some(page) => page.next,
                    None => return Ok(None),
                },
                // It says nothing by that, and is not where it was.
                () = asks_others(&*reader, &asked) => seen,
            };
            // Told is what is true when it can be told.
            outbox.reply_room_available().await;
            let questions = reader.status().in_time().await?.questions;
            let task = tasks_extension::detailed(&task_id, &*reader, shows).await?;
            Ok(Some((next, questions, task)))
        };
        let (next, questions, task) = match news.await {
            Ok(Some(news)) => news,
            Ok(None) | Err(LogError::Gone) => return,
            Err(_) if ending.has_begun() => return,
            Err(_) => {
                tokio::time::sleep(NOTIFICATION_INTERVAL).await;
                continue;
            }
        };
        (seen, asked) = (next, questions);
        let has_ended = task.status().is_terminal();
        let params = TaskStatusNotificationParams::new(task).with_meta(meta.clone());
        let notification =
            ServerNotification::TaskStatusNotification(TaskStatusNotification::new(params));
        outbox.push_message(JsonRpcMessage::notification(notification));
        if has_ended {
            return;
        }
        tokio::time::sleep(NOTIFICATION_INTERVAL).await;
    }
}

/// Tells of each change of the list of tools; never ends.
async fn tell_changes(changes: Option<watch::Receiver<()>>, outbox: &Outbox, id: &RequestId) {
    let Some(mut changes) = changes else { return pending().await };
    while changes.changed().await.is_ok() {
        outbox.reply_room_available().await;
        let mut notification = ToolListChangedNotification::default();
        let mut meta = NotificationMetaObject::new();
        meta.set_subscription_id(id.clone());
        notification.extensions.insert(meta);
        let notification = ServerNotification::ToolListChangedNotification(notification);
        outbox.push_message(JsonRpcMessage::notification(notification));
    }
    pending().await
}

fn acknowledgement(id: &RequestId, task_ids: &[&str], tools: bool) -> JsonNotification {
    let mut message = json!({
        "jsonrpc": "2.0",
        "method": "notifications/subscriptions/acknowledged",
        "params": {
            "_meta": {"io.modelcontextprotocol/subscriptionId": id},
            "notifications": {"taskIds": task_ids},
        },
    });
    if tools {
        message["params"]["notifications"]["toolsListChanged"] = true.into();
    }
    JsonNotification(message.to_string())
}
