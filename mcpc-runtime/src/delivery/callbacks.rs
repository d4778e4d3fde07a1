//! MCPC: everything after the first reply travels as callbacks.

use std::sync::Arc;

use super::Event;
use crate::message::{
    Address, Json, Payload, ProgressUpdate, TaskEvent, TaskLine, server_event, task_message,
};
use crate::metadata::Ids;
use crate::outbox::{Claim, Gate, Outgoing, Permit, TextCallback, callback_message};
use rmcp::model::ServerJsonRpcMessage;

/// One task's callbacks.
#[derive(Debug)]
pub(crate) struct Callbacks {
    gate: Gate,
    line: TaskLine,
    ids: Ids,
    tool_name: Arc<str>,
}

impl Callbacks {
    pub(crate) fn new(gate: Gate, ids: Ids, tool_name: Arc<str>) -> Self {
        let line = TaskLine::new(address(&ids, &tool_name));
        Self { gate, line, ids, tool_name }
    }

    pub(super) fn claim(&self, event: Event<'_>) -> Claim<'_> {
        self.gate.outbox().claim(self.bytes(event))
    }

    /// About how many bytes the callback has.
    fn bytes(&self, event: Event<'_>) -> usize {
        self.line.len(event.on_the_wire().1)
    }

    pub(crate) fn push(&self, event: Event<'_>, permit: Permit<'_>) {
        self.gate.push(&EventCallback { callbacks: self, event }, permit);
    }

    pub(crate) fn server_event(&self, event: &str, data: &Json) -> TextCallback {
        TextCallback(server_event(&self.ids.session_id, event, data))
    }

    pub(super) fn claim_server_event(&self, event: &TextCallback) -> Claim<'_> {
        self.gate.outbox().claim(event.0.len())
    }

    pub(crate) fn push_server_event(&self, event: &TextCallback, permit: Permit<'_>) {
        self.gate.push(event, permit);
    }
}

fn address<'a>(ids: &'a Ids, tool_name: &'a str) -> Address<'a> {
    Address { session_id: &ids.session_id, task_id: &ids.task_id, tool_name }
}

struct EventCallback<'a> {
    callbacks: &'a Callbacks,
    event: Event<'a>,
}

impl<'a> Event<'a> {
    /// The event as MCPC has it, and what it carries.
    fn on_the_wire(self) -> (TaskEvent, Payload<'a>) {
        match self {
            Self::Update(value) => (TaskEvent::Update, Payload::Json(value)),
            Self::Progress(progress) => {
                let update = ProgressUpdate {
                    status: &progress.status,
                    progress: progress.amount.percent(),
                };
                (TaskEvent::Update, Payload::Progress(update))
            }
            Self::End(end) => (end.kind.on_the_wire(), Payload::Json(&end.result)),
        }
    }
}

impl Outgoing for EventCallback<'_> {
    fn push_line(&self, lines: &mut Vec<u8>) {
        let (event, payload) = self.event.on_the_wire();
        self.callbacks.line.push(lines, event, payload);
    }

    fn message(&self) -> ServerJsonRpcMessage {
        let address = address(&self.callbacks.ids, &self.callbacks.tool_name);
        let (event, payload) = self.event.on_the_wire();
        callback_message(task_message(address, event, &payload.to_json()))
    }

    fn is_lasting(&self) -> bool {
        matches!(self.event, Event::End(_))
    }
}
