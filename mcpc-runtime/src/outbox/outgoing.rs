//! What is said about a task: as a line for a transport of our own, as rmcp's message for any other.

use rmcp::model::{
    CallToolResult, ContentBlock, CustomNotification, JsonRpcMessage, RequestId,
    ServerJsonRpcMessage, ServerNotification, ServerResult,
};
use serde::Deserialize;
use serde_json::Value;

use crate::message::push_callback_line;
use crate::names::CALLBACK_ID;
use crate::reply::Reply;

/// Something about a task that is about to be pushed, in whatever form the connection takes.
pub(crate) trait Outgoing {
    /// Appends its line.
    fn push_line(&self, lines: &mut Vec<u8>);
    /// The same as a message of rmcp.
    fn message(&self) -> ServerJsonRpcMessage;
    /// Whether it is kept for a client that is away, if there is room for anything at all.
    fn is_lasting(&self) -> bool {
        false
    }
}

/// A callback of which only the message's text is known.
#[derive(Debug)]
pub(crate) struct TextCallback(pub(crate) String);

impl Outgoing for TextCallback {
    fn push_line(&self, lines: &mut Vec<u8>) {
        push_callback_line(lines, &self.0);
    }

    fn message(&self) -> ServerJsonRpcMessage {
        callback_message(self.0.clone())
    }
}

/// The callback that announces a task.
#[derive(Debug)]
pub(crate) struct CreatedCallback(pub(crate) TextCallback);

impl Outgoing for CreatedCallback {
    fn push_line(&self, lines: &mut Vec<u8>) {
        self.0.push_line(lines);
    }

    fn message(&self) -> ServerJsonRpcMessage {
        self.0.message()
    }

    fn is_lasting(&self) -> bool {
        true
    }
}

/// A notification of MCP's, as JSON.
#[derive(Debug)]
pub(crate) struct JsonNotification(pub(crate) String);

impl Outgoing for JsonNotification {
    fn push_line(&self, lines: &mut Vec<u8>) {
        lines.extend_from_slice(self.0.as_bytes());
        lines.push(b'\n');
    }

    // As one that rmcp need not know: reading any message it knows would put into every server the code that
    // reads all that servers say, a sixth of the whole program.
    fn message(&self) -> ServerJsonRpcMessage {
        #[derive(Deserialize)]
        struct Read {
            method: String,
            params: Option<Value>,
        }
        let Read { method, params } =
            serde_json::from_str(&self.0).expect("it was written as a notification");
        let notification = CustomNotification::new(method, params);
        JsonRpcMessage::notification(ServerNotification::CustomNotification(notification))
    }
}

/// The message that carries the text of a callback.
pub(crate) fn callback_message(text: String) -> ServerJsonRpcMessage {
    let result = CallToolResult::success(vec![ContentBlock::text(text)]);
    let reply = Reply::new(Ok(ServerResult::CallToolResult(result)), false);
    reply.into_message(RequestId::String(CALLBACK_ID.into()))
}
