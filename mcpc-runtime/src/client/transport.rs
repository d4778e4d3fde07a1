//! Takes MCPC's messages out of what a server sends.

use std::collections::HashMap;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolResult, ClientJsonRpcMessage, ClientNotification, ClientRequest, JsonRpcMessage,
    RequestId, ServerJsonRpcMessage, ServerResult,
};
use rmcp::transport::Transport;

use super::routes::Routes;
use crate::message::{Message, TaskEvent};
use crate::names::{CALLBACK_ID, MetadataKeys};
use crate::transport::Erased;

/// A client's transport that hands messages to the [`Routes`].
#[derive(Debug)]
pub(super) struct Listening {
    inner: Erased<RoleClient>,
    routes: Routes,
    /// The tasks that unanswered calls are to start.
    starting: HashMap<RequestId, String>,
}

impl Listening {
    pub(super) fn new(inner: Erased<RoleClient>, routes: Routes) -> Self {
        Self { inner, routes, starting: HashMap::new() }
    }

    /// Notes which task a call is to start.
    fn sent(&mut self, message: &ClientJsonRpcMessage) {
        match message {
            JsonRpcMessage::Request(request) => {
                if let ClientRequest::CallToolRequest(call) = &request.request
                    && let Some(arguments) = &call.params.arguments
                    && let Some(task_id) = MetadataKeys::ALL
                        .iter()
                        .find_map(|keys| arguments.get(keys.argument)?.get(keys.task_id)?.as_str())
                {
                    self.starting.insert(request.id.clone(), task_id.to_owned());
                }
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.starting.remove(id);
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
    }

    /// Publishes what is MCPC's in an answer, and returns whether it was a callback, which is nobody's reply.
    ///
    /// Of a reply that is nothing but the `created` of its own call, as all else in it may be anybody's text.
    /// It is published from here, and so always before the updates that follow it.
    fn publish(&mut self, id: &RequestId, result: &ServerResult) -> bool {
        let starting = self.starting.remove(id);
        let ServerResult::CallToolResult(result) = result else { return false };
        if matches!(id, RequestId::String(id) if **id == *CALLBACK_ID) {
            messages(result).for_each(|message| self.routes.publish(message));
            return true;
        }
        let Some(task_id) = starting else { return false };
        let is_its_own = |message: &Message| {
            let event = message.task_event();
            event == Some(TaskEvent::Created) && message.task_id.as_deref() == Some(&*task_id)
        };
        if let Some(created) = messages(result).find(is_its_own) {
            self.routes.publish(created);
        }
        false
    }
}

fn messages(result: &CallToolResult) -> impl Iterator<Item = Message> {
    let texts = result.content.iter().filter_map(|content| content.as_text());
    texts.filter_map(|content| Message::parse(&content.text))
}

impl Transport<RoleClient> for Listening {
    type Error = <Erased<RoleClient> as Transport<RoleClient>>::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.sent(&message);
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let message = self.inner.receive().await;
            match &message {
                None => self.routes.close(),
                Some(JsonRpcMessage::Response(response)) => {
                    if self.publish(&response.id, &response.result) {
                        continue;
                    }
                }
                Some(JsonRpcMessage::Error(error)) => {
                    error.id.as_ref().map(|id| self.starting.remove(id));
                }
                Some(JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_)) => {}
            }
            return message;
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.routes.close();
        self.inner.close().await
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.routes.close();
    }
}
