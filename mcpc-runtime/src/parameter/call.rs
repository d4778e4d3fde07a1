//! What a call shows of itself and of its client.

use std::fmt;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::Implementation;
use rmcp::service::RequestContext;
use serde::Serialize;

use crate::context::Context;
use crate::delivery::{LeastLevel, LogLevel, LogMessages};
use crate::message::Json;
use crate::outbox::Gate;
use crate::task::Tasks;

/// The call that a tool answers: its ids, its client, and rmcp's view of the request.
///
/// A tool takes it as a parameter. A clone is another handle to the same call.
///
#[doc = include_str!("../../docs/call.md")]
///
/// It says what the client says of itself, which proves nothing.
#[derive(Clone)]
pub struct Call(Arc<Parts>);

struct Parts {
    session_id: Box<str>,
    task_id: Option<Box<str>>,
    context: RequestContext<RoleServer>,
    log_messages: Option<LogMessages>,
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("session_id", &self.0.session_id)
            .field("task_id", &self.0.task_id)
            .finish_non_exhaustive()
    }
}

impl Call {
    /// The session the call belongs to, as an MCPC client named it; `default` where it named none.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.0.session_id
    }

    /// In a background tool, the id of the task that the call started. In a plain tool, the id that an
    /// MCPC client gave the call, if it did.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.0.task_id.as_deref()
    }

    /// What the client calls itself, if it said so: when it connected, or in the request's own
    /// metadata (MCP 2026-07-28).
    #[must_use]
    pub fn client(&self) -> Option<Implementation> {
        self.0.context.client_info()
    }

    /// Logs something to the client, as a logging notification of the tool. Waits while the client is slow.
    ///
    /// Up to MCP 2025-11-25 a client hears of what its session wants, which is everything from [`LogLevel::Info`] on until it
    /// says otherwise; later, of what the call asked for, and until its reply. `data` is usually a text. It is written
    /// before this returns; what cannot be written as JSON is told of in its place.
    ///
    /// Of eight hosts that were measured, none shows such a notification. What a person is to see goes through
    /// [`Sender::progress`](crate::task::Sender::progress) and its like; what an operator is to see, through `tracing`.
    ///
    /// # Cancel safety
    ///
    /// It is logged when the future completes, and not at all if it is dropped before.
    pub fn log<T: Serialize>(
        &self,
        level: LogLevel,
        data: T,
    ) -> impl Future<Output = ()> + Send + use<'_, T> {
        self.logging(level, json(&data))
    }

    async fn logging(&self, level: LogLevel, data: Json) {
        // A tool that only ever logs must let others have their turn.
        tokio::task::coop::consume_budget().await;
        if let Some(log_messages) = &self.0.log_messages {
            log_messages.log(level, &data).await;
        }
    }

    /// The context of the request, as rmcp has it: its id, its `_meta`, the client's capabilities, the peer to send
    /// requests and notifications to, and what a transport added (`extensions`).
    ///
    /// Its token `ct` is cancelled when the client cancels the call, and also when the call is answered:
    /// a background tool, which outlives its call, waits for [`Sender::stopped`](crate::task::Sender::stopped)
    /// instead.
    #[must_use]
    pub fn context(&self) -> &RequestContext<RoleServer> {
        &self.0.context
    }
}

fn json<T: Serialize>(data: &T) -> Json {
    Json::new(data).unwrap_or_else(|error| {
        Json::text(&format!("what was to be logged cannot be written as JSON: {error}"))
    })
}

/// What a [`Call`] is made of, for tools that ask for one.
#[derive(Clone, Copy)]
pub(crate) struct CallParts<'a> {
    pub(crate) tool_name: &'a Arc<str>,
    pub(crate) session_id: &'a str,
    pub(crate) task_id: Option<&'a str>,
    pub(crate) tasks: &'a Tasks,
    pub(crate) context: &'a Context,
    /// What the client's session wants to hear of.
    pub(crate) log_level: &'a LeastLevel,
}

impl fmt::Debug for CallParts<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallParts").field("task_id", &self.task_id).finish_non_exhaustive()
    }
}

impl CallParts<'_> {
    pub(crate) fn to_call(self) -> Call {
        let context = self.context.to_rmcp();
        let mut context = context.expect("a tool that takes a `Call` is called by a loop");
        // A way to the connection's queue is nothing to hand out, or to keep.
        context.extensions.remove::<Gate>();
        Call(Arc::new(Parts {
            session_id: self.session_id.into(),
            task_id: self.task_id.map(Into::into),
            context,
            log_messages: self.context.log_messages(self.tool_name, self.log_level),
        }))
    }
}
