//! MCP's logging notifications: what a call logs, and server events to a client that knows no MCPC.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[expect(deprecated, reason = "as below")]
use rmcp::model::{LoggingLevel, SetLevelRequest};

use crate::message::Json;
use crate::outbox::{Claim, Gate, JsonNotification, Outbox, Permit};

/// How severe something is that a call [logs](crate::parameter::Call::log), as MCP has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LogLevel {
    /// What helps to find a mistake.
    Debug,
    /// What happens.
    Info,
    /// What happens, and is worth to be noticed.
    Notice,
    /// What may become a problem.
    Warning,
    /// What went wrong.
    Error,
    /// What went wrong in a part that others depend on.
    Critical,
    /// What somebody has to act on at once.
    Alert,
    /// That nothing works any more.
    Emergency,
}

impl LogLevel {
    /// As MCP writes it.
    fn as_str(self) -> &'static str {
        match self {
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Error => "error",
            Self::Critical => "critical",
            Self::Alert => "alert",
            Self::Emergency => "emergency",
        }
    }

    #[expect(deprecated, reason = "MCP has nothing else to tell such a client with")]
    fn of_rmcp(level: LoggingLevel) -> Self {
        match level {
            LoggingLevel::Debug => Self::Debug,
            LoggingLevel::Info => Self::Info,
            LoggingLevel::Notice => Self::Notice,
            LoggingLevel::Warning => Self::Warning,
            LoggingLevel::Error => Self::Error,
            LoggingLevel::Critical => Self::Critical,
            LoggingLevel::Alert => Self::Alert,
            LoggingLevel::Emergency => Self::Emergency,
        }
    }
}

/// Where logging notifications about one call go.
#[derive(Debug)]
pub(crate) struct LogMessages {
    outbox: Outbox,
    tool_name: Arc<str>,
    least: LeastLevel,
    /// The gate of the call, if they are part of what it is answered with.
    gate: Option<Gate>,
}

/// The least severe level that a client wants to hear of; it may change its mind.
#[derive(Clone, Debug)]
pub(crate) struct LeastLevel(Arc<AtomicU8>);

impl LeastLevel {
    /// Without a level, nothing is wanted.
    pub(crate) fn new(level: Option<LogLevel>) -> Self {
        Self(Arc::new(AtomicU8::new(level.map_or(u8::MAX, |level| level as u8))))
    }

    /// What a client wants from now on.
    #[expect(deprecated, reason = "as above")]
    pub(crate) fn set(&self, request: &SetLevelRequest) {
        let level = LogLevel::of_rmcp(request.params.level);
        self.0.store(level as u8, Ordering::Relaxed);
    }

    fn includes(&self, level: LogLevel) -> bool {
        level as u8 >= self.0.load(Ordering::Relaxed)
    }
}

impl LogMessages {
    /// For a client that says once what it wants, and hears it whenever it happens.
    pub(crate) fn of_session(outbox: Outbox, tool_name: Arc<str>, least: LeastLevel) -> Self {
        Self { outbox, tool_name, least, gate: None }
    }

    /// For a call that says what it wants, until its reply.
    #[expect(deprecated, reason = "as above")]
    pub(crate) fn of_call(gate: Gate, tool_name: Arc<str>, least: Option<LoggingLevel>) -> Self {
        let least = LeastLevel::new(least.map(LogLevel::of_rmcp));
        Self { outbox: gate.outbox().clone(), tool_name, least, gate: Some(gate) }
    }

    /// Sends what a call logs, if the client wants it. Waits while the client is slow.
    pub(crate) async fn log(&self, level: LogLevel, data: &Json) {
        if let Some(message) = self.message(level, || readable(data).into_owned()) {
            let permit = self.claim(&message).reserve().await;
            self.push(&message, permit);
        }
    }

    /// Sends a server event, if the client wants it. Waits while the client is slow.
    pub(crate) async fn emit(&self, event: &str, data: &Json) {
        if let Some(message) = self.event_message(event, data) {
            let permit = self.claim(&message).reserve().await;
            self.push(&message, permit);
        }
    }

    /// The notification of a server event, if the client wants it.
    pub(crate) fn event_message(&self, event: &str, data: &Json) -> Option<JsonNotification> {
        self.message(LogLevel::Info, || {
            format!(r#"{{"event":{},"data":{}}}"#, Json::text(event).as_str(), readable(data))
        })
    }

    /// A notification that holds this JSON, if the client wants what has its level.
    fn message(&self, level: LogLevel, data: impl FnOnce() -> String) -> Option<JsonNotification> {
        if !self.least.includes(level) {
            return None;
        }
        let (level, logger, data) = (level.as_str(), Json::text(&self.tool_name), data());
        let logger = logger.as_str();
        Some(JsonNotification(format!(
            r#"{{"jsonrpc":"2.0","method":"notifications/message","params":{{"level":"{level}","logger":{logger},"data":{data}}}}}"#
        )))
    }

    pub(super) fn claim(&self, log_message: &JsonNotification) -> Claim<'_> {
        self.outbox.claim(log_message.0.len())
    }

    pub(crate) fn push(&self, log_message: &JsonNotification, permit: Permit<'_>) {
        match &self.gate {
            Some(gate) => gate.push_while_closed(log_message, permit),
            None => self.outbox.push(log_message, permit),
        }
    }
}

/// Where logging notifications of a call go that goes on with another request: to whichever is open. A clone is another
/// handle to it.
#[derive(Clone, Debug, Default)]
pub(crate) struct LogOfRequests(Arc<Mutex<Option<Arc<LogMessages>>>>);

impl LogOfRequests {
    /// Of the request that is open from here on.
    pub(crate) fn set(&self, log_messages: Option<LogMessages>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = log_messages.map(Arc::new);
    }

    pub(crate) fn now(&self) -> Option<Arc<LogMessages>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// JSON as a client can read it: what is nested too deep for that is still a text that holds it.
fn readable(data: &Json) -> Cow<'_, str> {
    match data.is_too_deep() {
        true => Json::text(data.as_str()).as_str().to_owned().into(),
        false => data.as_str().into(),
    }
}
