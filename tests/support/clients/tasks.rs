use std::time::Duration;

use mcpc::Server;
use serde_json::{Value, json};

use super::built_on;
use crate::support::messages::{self, meta, meta_without_tasks};
use crate::support::wire::Wire;

/// A client of the Tasks extension (SEP-2663, MCP 2026-07-28): it gets a task, and asks about it. There is no session,
/// so it begins with whatever it likes, and says in each request who it is.
pub(crate) struct WithTasks {
    pub(crate) wire: Wire,
    /// What each of its requests says about it.
    pub(crate) meta: Value,
}

built_on!(WithTasks, wire: Wire);

impl WithTasks {
    pub(crate) fn open(server: Server) -> Self {
        Self::over(Wire::open(server))
    }

    pub(crate) fn over(wire: Wire) -> Self {
        Self { wire, meta: meta() }
    }

    /// The same client under another name.
    pub(crate) fn called(mut self, name: &str, version: &str) -> Self {
        let info = json!({"name": name, "version": version});
        self.meta["io.modelcontextprotocol/clientInfo"] = info;
        self
    }

    /// From here on, it does not declare the extension.
    pub(crate) fn forget_tasks(&mut self) {
        self.meta = meta_without_tasks();
    }

    /// Sends a request, and does not wait for the reply.
    pub(crate) async fn send_request(&mut self, id: impl Into<Value>, method: &str, params: Value) {
        let line = self.line_of(id, method, params);
        self.send(&line).await;
    }

    /// The line of a request.
    pub(crate) fn line_of(&self, id: impl Into<Value>, method: &str, mut params: Value) -> String {
        params["_meta"] = self.meta.clone();
        messages::request(id, method, params)
    }

    /// The reply to a request, which has to be the next line.
    pub(crate) async fn request(&mut self, method: &str, params: Value) -> Value {
        self.send_request(method, method, params).await;
        let reply = self.value().await;
        assert_eq!(reply["id"], method, "{reply}");
        reply
    }

    /// Calls a tool and returns what it is answered with: a result, or a task.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let params = json!({"name": tool, "arguments": arguments});
        self.request("tools/call", params).await["result"].take()
    }

    /// Calls a tool, and does not wait for the reply.
    pub(crate) async fn send_call(&mut self, id: impl Into<Value>, tool: &str, arguments: Value) {
        self.send_request(id, "tools/call", json!({"name": tool, "arguments": arguments})).await;
    }

    /// Starts a task and returns its id.
    pub(crate) async fn start(&mut self, tool: &str, arguments: Value) -> String {
        let created = self.call(tool, arguments).await;
        assert_eq!(
            (&created["resultType"], &created["status"]),
            (&json!("task"), &json!("working"))
        );
        created["taskId"].as_str().expect("an id").to_owned()
    }

    /// How a task is doing.
    pub(crate) async fn get(&mut self, task_id: &str) -> Value {
        self.request("tasks/get", json!({"taskId": task_id})).await["result"].take()
    }

    /// Asks again and again, as often as it is told to, until a task has its result; and how often that was.
    pub(crate) async fn poll(&mut self, task_id: &str) -> (Value, u32) {
        let mut polls = 0;
        loop {
            let mut task = self.get(task_id).await;
            if task["status"] == "completed" {
                return (task["result"].take(), polls);
            }
            let pause = task["pollIntervalMs"].as_u64().expect("a time");
            assert!((1_000..=5_000).contains(&pause), "{pause}");
            tokio::time::sleep(Duration::from_millis(pause)).await;
            polls += 1;
        }
    }

    /// Asks a task to stop; the reply.
    pub(crate) async fn cancel(&mut self, task_id: &str) -> Value {
        self.request("tasks/cancel", json!({"taskId": task_id})).await
    }

    /// Takes back a request.
    pub(crate) async fn cancel_request(&mut self, id: impl Into<Value>) {
        self.send(&messages::cancel(id)).await;
    }

    /// Asks to hear of tasks; what is acknowledged.
    pub(crate) async fn listen(&mut self, task_ids: Value) -> Value {
        let params = json!({"notifications": {"taskIds": task_ids}});
        self.send_request("listen", "subscriptions/listen", params).await;
        self.value().await
    }

    /// The next thing that is heard of a task, without what tells whose subscription it is.
    pub(crate) async fn heard(&mut self) -> Value {
        let mut notification = self.value().await;
        assert_eq!(notification["method"], "notifications/tasks", "{notification}");
        let params = notification["params"].as_object_mut().expect("an object");
        let meta = params.remove("_meta").expect("whose it is");
        assert_eq!(meta, json!({"io.modelcontextprotocol/subscriptionId": "listen"}));
        notification["params"].take()
    }

    /// Ends the input and reads what is left.
    pub(crate) async fn finish(self) -> Vec<String> {
        self.wire.finish().await
    }
}

/// The status of a task, and what is said beside it.
pub(crate) fn status(task: &Value) -> (&str, &str) {
    let text = |key: &str| task[key].as_str().unwrap_or_default();
    (text("status"), text("statusMessage"))
}
