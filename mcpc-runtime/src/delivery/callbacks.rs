//! MCPC: everything after the first reply travels as callbacks.

use crate::log::Event;
use crate::message::{Address, Json, TaskLine, server_event, task_message};
use crate::metadata::Ids;
use crate::outbox::{Claim, Gate, Outgoing, Permit, TextCallback, callback_message};
use rmcp::model::ServerJsonRpcMessage;

/// One task's callbacks.
#[derive(Debug)]
pub(crate) struct Callbacks {
    gate: Gate,
    line: TaskLine,
    ids: Ids,
    tool_name: &'static str,
}

impl Callbacks {
    pub(crate) fn new(gate: Gate, ids: Ids, tool_name: &'static str) -> Self {
        let line = TaskLine::new(address(&ids, tool_name));
        Self { gate, line, ids, tool_name }
    }

    pub(super) fn claim(&self, event: &Event) -> Claim<'_> {
        self.gate.outbox().claim(self.line.len(&event.result))
    }

    pub(crate) fn push(&self, event: &Event, permit: Permit<'_>) {
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
    event: &'a Event,
}

impl Outgoing for EventCallback<'_> {
    fn push_line(&self, lines: &mut Vec<u8>) {
        self.callbacks.line.push(lines, self.event.kind.on_the_wire(), &self.event.result);
    }

    fn message(&self) -> ServerJsonRpcMessage {
        let address = address(&self.callbacks.ids, self.callbacks.tool_name);
        callback_message(task_message(address, self.event.kind.on_the_wire(), &self.event.result))
    }
}
