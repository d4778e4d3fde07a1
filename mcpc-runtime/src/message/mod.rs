//! The wire model: task messages, server events and protocol information.

mod escape;
mod json;
mod line;
mod payload;

pub use json::Json;
pub(crate) use json::{DEEPEST, Name};
pub(crate) use line::{Address, TaskLine, created, push_callback_line, server_event, task_message};
pub(crate) use payload::{Payload, ProgressUpdate};

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::names::{Dialect, PROTOCOL};

/// What happened to a task, as MCPC names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TaskEvent {
    /// The task was accepted; always the first message of a task.
    Created,
    /// The body sent something.
    Update,
    /// The body returned a result; the last message of its task.
    Complete,
    /// The body failed, panicked or was stopped; the last message of its task.
    Failed,
}

impl TaskEvent {
    /// The event as the wire spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Update => "update",
            Self::Complete => "complete",
            Self::Failed => "failed",
        }
    }

    /// Whether nothing follows this event.
    #[must_use]
    pub const fn is_terminal(self) -> bool {
        match self {
            Self::Created | Self::Update => false,
            Self::Complete | Self::Failed => true,
        }
    }
}

impl fmt::Display for TaskEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The two types of message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum MessageType {
    /// A message about one task.
    Task,
    /// A message about a session, belonging to no task.
    ServerEvent,
}

/// One message of MCPC (the same in 0.2.1 to 0.2.6), as a client reads it.
///
/// Unknown keys are ignored and missing ones are `None`, as the protocol requires of clients. It serializes to the same text, for a log or a proxy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Message {
    /// Whether the message is about a task or about the session.
    #[serde(rename = "type")]
    pub message_type: MessageType,
    /// `created`, `update`, `complete` or `failed` for a task; any name for a server event.
    pub event: String,
    /// The session the message belongs to.
    pub session_id: String,
    /// The task; `None` in a server event.
    #[serde(default)]
    pub task_id: Option<String>,
    /// The tool the task runs; `None` in a server event.
    #[serde(default)]
    pub tool_name: Option<String>,
    /// What the message carries.
    #[serde(default)]
    pub result: Value,
    /// Always `mcpc`: anything else is not a message of this protocol.
    protocol: String,
}

impl Message {
    /// Reads a message from the text of a reply or a callback; `None` if the text is something
    /// else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        serde_json::from_str::<Self>(text).ok().filter(Self::is_valid)
    }

    fn is_valid(&self) -> bool {
        let addressed = match self.message_type {
            MessageType::Task => self.task_id.is_some() && self.tool_name.is_some(),
            MessageType::ServerEvent => true,
        };
        addressed && self.protocol == PROTOCOL
    }

    /// The task event, if this is a message about a task.
    #[must_use]
    pub fn task_event(&self) -> Option<TaskEvent> {
        match self.message_type {
            MessageType::Task => TaskEvent::deserialize(serde::de::value::StrDeserializer::<
                serde::de::value::Error,
            >::new(&self.event))
            .ok(),
            MessageType::ServerEvent => None,
        }
    }
}

/// What a server states about itself in its answer to a handshake of MCPC.
///
/// Serializes byte for byte as the reference's answer: the key `mcpc_direct_updates` exists up to
/// 0.2.4 only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProtocolInfo {
    /// Whether the server speaks MCPC.
    pub mcpc_enabled: bool,
    /// The version of the protocol that the server answers with.
    pub mcpc_version: String,
    /// The server's name.
    pub mcpc_provider: String,
    /// Whether updates come without being asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mcpc_direct_updates: Option<bool>,
}

impl ProtocolInfo {
    /// The answer to the handshake of `dialect` by the server called `provider`.
    #[must_use]
    pub fn new(dialect: Dialect, provider: &str) -> Self {
        Self {
            mcpc_enabled: true,
            mcpc_version: dialect.version().to_owned(),
            mcpc_provider: provider.to_owned(),
            mcpc_direct_updates: match dialect {
                Dialect::V0_2_1 | Dialect::V0_2_3 => Some(true),
                Dialect::V0_2_6 => None,
            },
        }
    }

    /// The same where nothing can follow the reply to a call: MCPC would have nothing to say.
    pub(crate) fn without_callbacks(mut self) -> Self {
        self.mcpc_enabled = false;
        self.mcpc_direct_updates = self.mcpc_direct_updates.map(|_| false);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_written_as_it_was_read() {
        let address = Address { session_id: "s", task_id: "t", tool_name: "tool" };
        for text in [
            task_message(address, TaskEvent::Update, &Json::text("half")),
            server_event("s", "started", &Json::null()),
        ] {
            let message = Message::parse(&text).expect("a message");
            assert_eq!(serde_json::to_string(&message).expect("JSON"), text);
        }
    }

    #[test]
    fn an_event_has_one_name() {
        for event in [TaskEvent::Created, TaskEvent::Update, TaskEvent::Complete, TaskEvent::Failed]
        {
            assert_eq!(serde_json::json!(event), event.to_string());
        }
    }
}
