use std::time::Duration;

use mcpc::Server;
use serde_json::Value;
use tokio::time::Instant;

use super::{Plain, built_on};
use crate::support::messages::call_with_token;
use crate::support::wire::Wire;

/// What a call was told of its progress, and when, counted from the call.
pub(crate) type Heard = (Value, Duration);

/// A client that gives a progress token: its calls stay open, and it hears how far they are.
pub(crate) struct WithProgress {
    plain: Plain,
}

built_on!(WithProgress, plain: Plain);

impl WithProgress {
    /// Connects and begins a session.
    pub(crate) async fn connect(server: Server) -> Self {
        Self::begin(Wire::open(server)).await
    }

    /// Begins a session.
    pub(crate) async fn begin(wire: Wire) -> Self {
        Self { plain: Plain::begin(wire).await }
    }

    /// Calls a tool with a token, and does not wait for the reply.
    pub(crate) async fn call_with(
        &mut self,
        token: impl Into<Value>,
        id: impl Into<Value>,
        tool: &str,
        arguments: Value,
    ) {
        self.send(&call_with_token(id, tool, arguments, token)).await;
    }

    /// What a call hears, each with the time it was heard at, and its reply.
    pub(crate) async fn hear(&mut self, tool: &str, arguments: Value) -> (Vec<Heard>, Value) {
        let started = Instant::now();
        self.call_with("token", "call", tool, arguments).await;
        let mut heard = Vec::new();
        loop {
            let mut message = self.value().await;
            if message["id"] == "call" {
                return (heard, message);
            }
            assert_eq!(message["method"], "notifications/progress", "{message}");
            assert_eq!(message["params"]["progressToken"], "token", "{message}");
            heard.push((message["params"].take(), started.elapsed()));
        }
    }

    /// Ends the input and reads what is left.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.plain.finish().await
    }
}
