use mcpc::Server;
use serde_json::{Value, json};

use super::built_on;
use crate::support::messages::{self, INITIALIZE, INITIALIZED, task_of, texts};
use crate::support::wire::Wire;

/// A client with a session, which knows neither MCPC nor tasks: it calls tools, and waits for what they return.
pub(crate) struct Plain {
    pub(crate) wire: Wire,
}

built_on!(Plain, wire: Wire);

impl Plain {
    /// Connects and begins a session.
    pub(crate) async fn connect(server: Server) -> Self {
        Self::begin(Wire::open(server)).await
    }

    /// Begins a session.
    pub(crate) async fn begin(wire: Wire) -> Self {
        Self::begin_by(wire, INITIALIZE).await.0
    }

    /// Begins a session, and returns what the server says of itself.
    pub(crate) async fn begin_and_see(wire: Wire) -> (Self, Value) {
        Self::begin_by(wire, INITIALIZE).await
    }

    /// Begins a session with what it says of itself, and returns what the server says of itself.
    pub(crate) async fn begin_with(wire: Wire, about: Value) -> (Self, Value) {
        Self::begin_by(wire, &messages::request("init", "initialize", about)).await
    }

    async fn begin_by(mut wire: Wire, initialize: &str) -> (Self, Value) {
        wire.send(initialize).await;
        let mut reply = wire.value().await;
        assert_eq!(reply["id"], "init", "{reply}");
        wire.send(INITIALIZED).await;
        (Self { wire }, reply["result"].take())
    }

    /// Calls a tool, and does not wait for the reply.
    pub(crate) async fn call(&mut self, id: impl Into<Value>, tool: &str, arguments: Value) {
        self.send(&messages::call(id, tool, arguments)).await;
    }

    pub(crate) async fn cancel(&mut self, id: impl Into<Value>) {
        self.send(&messages::cancel(id)).await;
    }

    /// The reply to a request, which has to be the next line.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        self.send(&messages::request(method, method, params)).await;
        let reply = self.value().await;
        assert_eq!(reply["id"], method, "{reply}");
        reply
    }

    /// Calls a tool and returns its reply.
    pub(crate) async fn reply(&mut self, tool: &str, arguments: Value) -> Value {
        let (before, reply) = self.reply_and_before(tool, arguments).await;
        assert!(before.is_empty(), "{before:?}");
        reply
    }

    /// The same with what came before the reply.
    pub(crate) async fn reply_and_before(
        &mut self,
        tool: &str,
        arguments: Value,
    ) -> (Vec<Value>, Value) {
        self.call("ask", tool, arguments).await;
        self.until_reply_to("ask").await
    }

    /// The reply to a request that was sent, and what comes before.
    pub(crate) async fn until_reply_to(&mut self, id: &str) -> (Vec<Value>, Value) {
        let mut before = Vec::new();
        loop {
            let message = self.value().await;
            if message["id"] == id {
                return (before, message);
            }
            before.push(message);
        }
    }

    /// Calls a tool and returns what it is answered with, which is no error of the protocol.
    pub(crate) async fn result(&mut self, tool: &str, arguments: Value) -> Value {
        let mut reply = self.reply(tool, arguments).await;
        assert!(reply["result"].is_object(), "{reply}");
        reply["result"].take()
    }

    /// Calls a tool and returns the texts of its reply, one below the other, and whether it is an error.
    pub(crate) async fn ask(&mut self, tool: &str, arguments: Value) -> (String, bool) {
        let reply = self.reply(tool, arguments).await;
        (texts(&reply).join("\n"), reply["result"]["isError"] == true)
    }

    /// Asks for log messages of this level and above; the reply.
    pub(crate) async fn set_log_level(&mut self, level: &str) -> Value {
        self.request("logging/setLevel", json!({"level": level})).await
    }

    /// The tools as `tools/list` shows them.
    pub(crate) async fn list(&mut self) -> Vec<Value> {
        let reply = self.request("tools/list", Value::Null).await;
        reply["result"]["tools"].as_array().expect("a list").clone()
    }

    /// The names of these tools.
    pub(crate) async fn names(&mut self) -> Vec<String> {
        let tools = self.list().await;
        tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    }

    /// One of these tools.
    pub(crate) async fn listed(&mut self, tool: &str) -> Value {
        let mut tools = self.list().await.into_iter();
        tools.find(|listed| listed["name"] == tool).expect("the tool")
    }

    /// Calls a tool that does not end in time: the text of the ticket, and the id of the task.
    pub(crate) async fn ticket(&mut self, tool: &str, arguments: Value) -> (String, String) {
        let (text, is_error) = self.ask(tool, arguments).await;
        assert!(!is_error, "{text}");
        let id = task_of(&text);
        assert_eq!(id.len(), 36, "{text}");
        (text, id)
    }

    /// Looks after a task, as its ticket says.
    pub(crate) async fn check(&mut self, task_id: &str, wait_seconds: u64) -> (String, bool) {
        self.ask("check_task", json!({"task_id": task_id, "wait_seconds": wait_seconds})).await
    }

    /// Stops a task, as its ticket says.
    pub(crate) async fn stop(&mut self, task_id: &str) -> (String, bool) {
        self.ask("stop_task", json!({"task_id": task_id})).await
    }

    /// Ends the input and reads what is left.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.wire.finish().await
    }
}
