//! The gates of the calls that are yet to be answered.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use rmcp::model::{
    CallToolRequest, ClientJsonRpcMessage, ClientNotification, ClientRequest, ErrorData,
    GetExtensions as _, JsonRpcMessage, RequestId, ServerJsonRpcMessage,
};

use crate::outbox::{Gate, Outbox};

/// One connection's gates, by the id of the call.
#[derive(Debug)]
pub(crate) struct Gates {
    outbox: Outbox,
    closed: HashMap<RequestId, Gate>,
}

impl Gates {
    pub(crate) fn new(outbox: Outbox) -> Self {
        Self { outbox, closed: HashMap::new() }
    }

    /// Looks at a message that was just read: gives a call its gate, and drops the gate of a call that
    /// is cancelled. `None` if the message was answered here.
    pub(crate) fn read(
        &mut self,
        mut message: ClientJsonRpcMessage,
    ) -> Option<ClientJsonRpcMessage> {
        match &mut message {
            JsonRpcMessage::Request(request) => {
                if let ClientRequest::CallToolRequest(call) = &mut request.request
                    && !self.enter(&request.id, call)
                {
                    return None;
                }
            }
            JsonRpcMessage::Notification(notification) => {
                if let ClientNotification::CancelledNotification(cancelled) =
                    &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                    && let Some(gate) = self.closed.remove(id)
                {
                    gate.cancel();
                }
            }
            JsonRpcMessage::Response(_) | JsonRpcMessage::Error(_) => {}
        }
        Some(message)
    }

    /// Gives a call its gate, or refuses a call whose id is still unanswered.
    fn enter(&mut self, id: &RequestId, call: &mut CallToolRequest) -> bool {
        match self.closed.entry(id.clone()) {
            Entry::Vacant(vacant) => {
                let gate = vacant.insert(Gate::new(self.outbox.clone()));
                call.extensions_mut().insert(gate.clone());
                true
            }
            Entry::Occupied(_) => {
                let problem = format!("a request with the id {id} is still unanswered");
                let error = ErrorData::invalid_request(problem, None);
                self.outbox.push_message(JsonRpcMessage::error(error, Some(id.clone())));
                false
            }
        }
    }

    /// Pushes a message of the server's; a reply opens the gate of its call.
    pub(crate) fn send(&mut self, message: ServerJsonRpcMessage) {
        let id = match &message {
            JsonRpcMessage::Response(response) => Some(&response.id),
            JsonRpcMessage::Error(error) => error.id.as_ref(),
            JsonRpcMessage::Request(_) | JsonRpcMessage::Notification(_) => None,
        };
        match id.and_then(|id| self.closed.remove(id)) {
            Some(gate) => gate.open(message),
            None => self.outbox.push_message(message),
        }
    }
}
