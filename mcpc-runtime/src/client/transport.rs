//! Takes MCPC's messages out of what a server sends.

use rmcp::RoleClient;
use rmcp::model::{
    CallToolResult, ClientJsonRpcMessage, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
    ServerResult,
};
use rmcp::transport::Transport;

use super::routes::Routes;
use crate::message::Message;
use crate::names::CALLBACK_ID;
use crate::transport::Erased;

/// A client's transport that hands messages to the [`Routes`].
#[derive(Debug)]
pub(super) struct Listening {
    inner: Erased<RoleClient>,
    routes: Routes,
}

impl Listening {
    pub(super) fn new(inner: Erased<RoleClient>, routes: Routes) -> Self {
        Self { inner, routes }
    }

    /// Publishes what a reply holds, and whether it was a callback, which is nobody's reply.
    ///
    /// `created` is published from here, too, and so always before the updates that follow it.
    fn publish(&self, id: &RequestId, result: &CallToolResult) -> bool {
        let texts = result.content.iter().filter_map(|content| content.as_text());
        for message in texts.filter_map(|content| Message::parse(&content.text)) {
            self.routes.publish(message);
        }
        matches!(id, RequestId::String(id) if **id == *CALLBACK_ID)
    }
}

impl Transport<RoleClient> for Listening {
    type Error = <Erased<RoleClient> as Transport<RoleClient>>::Error;

    fn send(
        &mut self,
        message: ClientJsonRpcMessage,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(message)
    }

    async fn receive(&mut self) -> Option<ServerJsonRpcMessage> {
        loop {
            let message = self.inner.receive().await;
            match &message {
                None => self.routes.close(),
                Some(JsonRpcMessage::Response(response)) => {
                    if let ServerResult::CallToolResult(result) = &response.result
                        && self.publish(&response.id, result)
                    {
                        continue;
                    }
                }
                Some(
                    JsonRpcMessage::Request(_)
                    | JsonRpcMessage::Notification(_)
                    | JsonRpcMessage::Error(_),
                ) => {}
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
