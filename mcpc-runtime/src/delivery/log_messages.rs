//! Server events to a client that knows no MCPC: MCP's logging notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

#[expect(deprecated, reason = "as below")]
use rmcp::model::{LoggingLevel, SetLevelRequest};

use crate::message::Json;
use crate::outbox::{Claim, Gate, JsonNotification, Outbox, Permit};

/// Where one task's server events go.
#[derive(Debug)]
pub(crate) struct LogMessages {
    outbox: Outbox,
    tool_name: Arc<str>,
    level: LogLevel,
    /// The gate of the call, if they are part of what it is answered with.
    gate: Option<Gate>,
}

/// Whether a client takes messages of the level `info`; it may change its mind.
#[derive(Clone, Debug)]
pub(crate) struct LogLevel(Arc<AtomicBool>);

#[expect(deprecated, reason = "MCP has nothing else to tell such a client with")]
impl LogLevel {
    pub(crate) fn new(level: bool) -> Self {
        Self(Arc::new(AtomicBool::new(level)))
    }

    /// What a client wants from now on.
    pub(crate) fn set_level(&self, request: &SetLevelRequest) {
        self.0.store(includes_info(request.params.level), Ordering::Relaxed);
    }
}

#[expect(deprecated, reason = "as above")]
fn includes_info(level: LoggingLevel) -> bool {
    matches!(level, LoggingLevel::Debug | LoggingLevel::Info)
}

impl LogMessages {
    /// For a client that says once what it wants, and hears it whenever it happens.
    pub(crate) fn of_session(outbox: Outbox, tool_name: Arc<str>, level: LogLevel) -> Self {
        Self { outbox, tool_name, level, gate: None }
    }

    /// For a call that says what it wants, until its reply.
    #[expect(deprecated, reason = "as above")]
    pub(crate) fn of_call(gate: Gate, tool_name: Arc<str>, level: Option<LoggingLevel>) -> Self {
        let level = LogLevel::new(level.is_some_and(includes_info));
        Self { outbox: gate.outbox().clone(), tool_name, level, gate: Some(gate) }
    }

    /// The notification of an event, if the client wants it.
    pub(super) fn log_message(&self, event: &str, data: &Json) -> Option<JsonNotification> {
        if !self.level.0.load(Ordering::Relaxed) {
            return None;
        }
        let (logger, event) = (Json::text(&self.tool_name), Json::text(event));
        let (logger, event) = (logger.as_str(), event.as_str());
        // What a client could not read as JSON is still a text that holds it.
        let text = data.is_too_deep().then(|| Json::text(data.as_str()));
        let data = text.as_ref().unwrap_or(data).as_str();
        Some(JsonNotification(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"info","logger":{logger},"data":{{"event":{event},"data":{data}}}}}}}"#
        )))
    }

    pub(super) fn claim(&self, log_message: &JsonNotification) -> Claim<'_> {
        self.outbox.claim(log_message.0.len())
    }

    pub(super) fn push(&self, log_message: &JsonNotification, permit: Permit<'_>) {
        match &self.gate {
            Some(gate) => gate.push_while_closed(log_message, permit),
            None => self.outbox.push(log_message, permit),
        }
    }
}
