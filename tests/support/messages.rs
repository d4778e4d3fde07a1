//! The lines that clients write, and what stands in those that they read.

use serde_json::{Value, json};

/// The id of what a server says to an MCPC client without being asked.
pub(crate) const CALLBACK: &str = "MCPC_CALLBACK";

/// The key of MCP's Tasks extension.
pub(crate) const TASKS: &str = "io.modelcontextprotocol/tasks";

/// What begins a session.
pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}"#;

/// What a client says once its [`INITIALIZE`] was answered.
pub(crate) const INITIALIZED: &str = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;

/// A request, which has no parameters if these are `null`.
pub(crate) fn request(id: impl Into<Value>, method: &str, params: Value) -> String {
    let mut request = json!({"jsonrpc": "2.0", "id": id.into(), "method": method});
    if !params.is_null() {
        request["params"] = params;
    }
    request.to_string()
}

/// A notification, which has no parameters if these are `null`.
pub(crate) fn notification(method: &str, params: Value) -> String {
    let mut notification = json!({"jsonrpc": "2.0", "method": method});
    if !params.is_null() {
        notification["params"] = params;
    }
    notification.to_string()
}

pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> String {
    request(id, "tools/call", json!({"name": tool, "arguments": arguments}))
}

/// A call whose arguments are written like this.
pub(crate) fn call_written(id: &str, tool: &str, arguments: &str) -> String {
    let params = format!(r#"{{"name":"{tool}","arguments":{arguments}}}"#);
    format!(r#"{{"jsonrpc":"2.0","id":"{id}","method":"tools/call","params":{params}}}"#)
}

/// A call whose client wants to hear how far it is.
pub(crate) fn call_with_token(
    id: impl Into<Value>,
    tool: &str,
    arguments: Value,
    token: impl Into<Value>,
) -> String {
    call_with(json!({"progressToken": token.into()}), id, tool, arguments)
}

/// A call with a `_meta`.
pub(crate) fn call_with(meta: Value, id: impl Into<Value>, tool: &str, arguments: Value) -> String {
    request(id, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": meta}))
}

/// Takes back a request.
pub(crate) fn cancel(id: impl Into<Value>) -> String {
    notification("notifications/cancelled", json!({"requestId": id.into()}))
}

/// The arguments of a call that starts the task `task_id` of session `s`, as MCPC clients say it.
pub(crate) fn in_task(task_id: &str, arguments: Value) -> Value {
    in_task_of("s", task_id, arguments)
}

/// The same of another session.
pub(crate) fn in_task_of(session_id: &str, task_id: &str, mut arguments: Value) -> Value {
    arguments["_metadata"] = json!({"mcpc_session_id": session_id, "mcpc_task_id": task_id});
    arguments
}

/// What every request of MCP 2026-07-28 says about its client, which here knows tasks.
pub(crate) fn meta() -> Value {
    let mut meta = meta_without_tasks();
    meta["io.modelcontextprotocol/clientCapabilities"] = json!({"extensions": {TASKS: {}}});
    meta
}

/// The same of a client that knows nothing of tasks.
pub(crate) fn meta_without_tasks() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "raw", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    })
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The text of a reply or callback.
pub(crate) fn text(reply: &Value) -> String {
    texts(reply).swap_remove(0)
}

/// The texts of a reply, of which there is at least one.
pub(crate) fn texts(reply: &Value) -> Vec<String> {
    let blocks = reply["result"]["content"].as_array().filter(|blocks| !blocks.is_empty());
    let blocks = blocks.unwrap_or_else(|| panic!("no content in {reply}"));
    let text = |block: &Value| block["text"].as_str().map(str::to_owned);
    blocks.iter().map(|block| text(block).unwrap_or_else(|| panic!("no text in {reply}"))).collect()
}

/// The id of the task that a ticket speaks of.
pub(crate) fn task_of(ticket: &str) -> String {
    ticket.split('`').nth(3).expect("an id").to_owned()
}
