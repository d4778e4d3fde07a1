use mcpc::Server;
use serde_json::{Value, json};

use super::{Plain, built_on};
use crate::support::messages;
use crate::support::wire::Wire;

/// A client of tasks as MCP 2025-11-25 has them (SEP-1686): it has a session, asks for a task with its call, asks about
/// it, and fetches the result.
pub(crate) struct WithTasksOf2025 {
    pub(crate) plain: Plain,
    /// What came between the replies that were waited for.
    pub(crate) heard: Vec<Value>,
}

built_on!(WithTasksOf2025, plain: Plain);

/// What a client of this revision says of itself that shows what is in `capabilities`.
pub(crate) fn of_2025(capabilities: Value) -> Value {
    json!({
        "protocolVersion": "2025-11-25",
        "capabilities": capabilities,
        "clientInfo": {"name": "raw", "version": "1"},
    })
}

impl WithTasksOf2025 {
    pub(crate) async fn connect(server: Server) -> Self {
        Self::begin(Wire::open(server), json!({})).await.0
    }

    /// Begins a session of a client that shows forms.
    pub(crate) async fn connect_with_forms(server: Server) -> Self {
        Self::begin(Wire::open(server), json!({"elicitation": {"form": {}}})).await.0
    }

    /// Begins a session, and returns what the server says of itself.
    pub(crate) async fn begin(wire: Wire, capabilities: Value) -> (Self, Value) {
        let (plain, about) = Plain::begin_with(wire, of_2025(capabilities)).await;
        (Self { plain, heard: Vec::new() }, about)
    }

    /// Sends a request, and does not wait for the reply.
    pub(crate) async fn send_request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        self.send(&messages::request(id, method, params)).await;
    }

    /// The reply to a request that was sent; what else comes until then is heard.
    pub(crate) async fn reply_to(&mut self, id: impl Into<Value>) -> Value {
        let id = id.into();
        let answers = |message: &Value| message["id"] == id && message["method"].is_null();
        if let Some(at) = self.heard.iter().position(answers) {
            return self.heard.remove(at);
        }
        loop {
            let message = self.value().await;
            if answers(&message) {
                return message;
            }
            self.heard.push(message);
        }
    }

    /// The reply to a request.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        self.send_request(method, method, params).await;
        self.reply_to(method).await
    }

    /// Calls a tool as a task; the reply.
    pub(crate) async fn call_task(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments, "task": {"ttl": 60_000}});
        self.request("tools/call", params).await
    }

    /// Starts a task and returns its id.
    pub(crate) async fn start(&mut self, tool: &str, arguments: Value) -> String {
        self.start_with(tool, arguments, json!({})).await
    }

    /// The same with a `_meta`.
    pub(crate) async fn start_with(&mut self, tool: &str, arguments: Value, meta: Value) -> String {
        let params = json!({"name": tool, "arguments": arguments, "task": {}, "_meta": meta});
        let created = self.request("tools/call", params).await;
        assert_eq!(created["result"]["task"]["status"], "working", "{created}");
        created["result"]["task"]["taskId"].as_str().expect("an id").to_owned()
    }

    /// How a task is doing.
    pub(crate) async fn get(&mut self, task_id: &str) -> Value {
        self.request("tasks/get", json!({"taskId": task_id})).await["result"].take()
    }

    /// Waits for what comes of a task; the reply.
    pub(crate) async fn fetch(&mut self, task_id: &str) -> Value {
        self.request("tasks/result", json!({"taskId": task_id})).await
    }

    /// Cancels a task; the reply.
    pub(crate) async fn cancel_task(&mut self, task_id: &str) -> Value {
        self.request("tasks/cancel", json!({"taskId": task_id})).await
    }

    /// What was heard of a method, until now.
    pub(crate) fn heard_of(&self, method: &str) -> Vec<&Value> {
        let heard = self.heard.iter().filter(|message| message["method"] == method);
        heard.map(|message| &message["params"]).collect()
    }

    /// The next thing that the server asks.
    pub(crate) async fn asked(&mut self) -> Value {
        loop {
            if let Some(at) = self.heard.iter().position(|it| it["method"] == "elicitation/create")
            {
                return self.heard.remove(at);
            }
            let message = self.value().await;
            self.heard.push(message);
        }
    }

    /// Answers what the server asked.
    pub(crate) async fn answer(&mut self, asked: &Value, result: Value) {
        self.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "result": result}).to_string())
            .await;
    }

    /// Ends the input and reads what is left.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.plain.finish().await
    }
}
