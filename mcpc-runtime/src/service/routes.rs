//! Requests that are ours are answered by rmcp's rules, and so with the bytes with which rmcp would answer them.

use std::borrow::Cow;
use std::sync::Arc;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
    ErrorCode, ErrorData, GetTaskParams, GetTaskResult, InitializeRequestParams, InitializeResult,
    ProtocolVersion, ServerCapabilities, ServerConfig, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::{RoleServer, ServerHandler, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};

use super::Connection;
use super::tests::{create, shared};
use crate::names::kept;
use crate::output::{Returns, Success};
use crate::task::Created;
use crate::tool::{About, Definition, Hints, Kind, ToolTimes};

/// A connection that rmcp asks for each answer, and adds its rules to it.
struct ByRmcp(Connection);

impl ServerHandler for ByRmcp {
    fn get_info(&self) -> ServerConfig {
        ServerHandler::get_info(&self.0.tools)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(&self.0.tools)
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        self.0.tools.initialize(request, context).await
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.0.tools.call_tool(Box::new(call), Box::new(self.0.tools.context(context))).await
    }

    async fn get_task(
        &self,
        get: GetTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.0.tools.get_task(&get.task_id, &self.0.tools.context(context)).await
    }

    async fn update_task(
        &self,
        update: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.tools.update_task(update).await
    }

    async fn cancel_task(
        &self,
        cancel: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.0.tools.cancel_task(&cancel.task_id, &self.0.tools.context(context)).await
    }
}

/// A tool that answers with what it is made with.
pub(super) fn tool(
    name: &str,
    answer: impl Fn() -> Result<CallToolResult, ErrorData> + Send + Sync + 'static,
) -> Definition {
    let hints = Hints { read_only: None, destructive: None, idempotent: None, open_world: None };
    let times = ToolTimes { patience: None, timeout: None, retention: None };
    // A server has tasks if it has such a tool.
    let kind = if name == "background" { Kind::Background } else { Kind::Plain };
    let name = kept(name);
    let (name, description, location) = (name.into(), "".into(), "".into());
    let about = About { kind, name, title: None, description, hints, times, location };
    let answer = Arc::new(answer);
    Definition::new(
        about,
        Box::new([]),
        Returns::reply(),
        Box::new(move |_| {
            let answer = Arc::clone(&answer);
            Some(Box::pin(async move { answer().map(Success::of).map_err(Into::into) }))
        }),
    )
}

pub(super) fn tools() -> Vec<Definition> {
    let structured = |value: Value| {
        let mut reply = CallToolResult::success(vec![ContentBlock::text("some text")]);
        reply.structured_content = Some(value);
        reply
    };
    vec![
        tool("background", || Ok(CallToolResult::success(Vec::new()))),
        tool("object", move || Ok(structured(json!({"a": 1})))),
        tool("list", move || Ok(structured(json!([1, 2])))),
        tool("said_list", || {
            let mut reply = CallToolResult::success(vec![ContentBlock::text("[1,2]")]);
            reply.structured_content = Some(json!([1, 2]));
            Ok(reply)
        }),
        tool("bare_list", || {
            let mut reply = CallToolResult::success(Vec::new());
            reply.structured_content = Some(json!([1, 2]));
            Ok(reply)
        }),
        tool("not_found", || Err(ErrorData::new(ErrorCode::RESOURCE_NOT_FOUND, "not there", None))),
    ]
}

/// Every line that a server writes to a client that writes these.
async fn answers<S: Service<RoleServer>>(service: S, lines: &[String]) -> Vec<String> {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let serves = async {
        if let Ok(running) = rmcp::serve_server(service, tokio::io::split(theirs)).await {
            running.waiting().await.expect("no panic");
        }
    };
    let asks = async {
        let (reader, mut writer) = tokio::io::split(ours);
        let (mut reader, mut answers) = (BufReader::new(reader).lines(), Vec::new());
        for line in lines {
            writer.write_all(line.as_bytes()).await.expect("the server reads");
            if line.contains(r#""id""#)
                && let Some(answer) = reader.next_line().await.expect("UTF-8")
            {
                answers.push(answer);
            }
        }
        writer.shutdown().await.expect("the server reads");
        answers
    };
    let ((), answers) = tokio::join!(serves, asks);
    answers
}

/// Every request that is ours, as a client with this `_meta` writes it.
pub(super) fn requests(meta: &Value) -> Vec<String> {
    let mut id = 0;
    let mut request = |method: &str, mut params: Value| {
        id += 1;
        if !meta.is_null() {
            params["_meta"] = meta.clone();
        }
        let request = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        format!("{request}\n")
    };
    let calls =
        ["object", "list", "said_list", "bare_list", "not_found", "unknown", "is_mcpc_enabled"];
    let mut requests: Vec<String> =
        calls.iter().map(|name| request("tools/call", json!({"name": name}))).collect();
    // A protocol that knows no tasks has no such methods, and they are not ours.
    let version = meta["io.modelcontextprotocol/protocolVersion"].as_str().unwrap_or_default();
    let task_ids: &[&str] = if version < "2026-07-28" { &[] } else { &["t", "unknown"] };
    for task_id in task_ids {
        requests.push(request("tasks/get", json!({"taskId": task_id})));
        requests.push(request("tasks/update", json!({"taskId": task_id, "inputResponses": {}})));
        requests.push(request("tasks/cancel", json!({"taskId": task_id})));
    }
    requests
}

pub(super) fn initialize(version: &str) -> String {
    let client = json!({"name": "c", "version": "1"});
    let params = json!({"protocolVersion": version, "capabilities": {}, "clientInfo": client});
    let request = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    format!("{request}\n{initialized}\n")
}

/// The `_meta` of a request as of 2026-07-28.
pub(super) fn meta(version: &str, capabilities: &Value) -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": version,
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": capabilities,
    })
}

/// A connection that has a task, which runs as long as what goes with it is held.
async fn connection() -> (Connection, Created) {
    let mut config = ServerConfig::new(ServerCapabilities::builder().enable_tools().build());
    super::add_tasks(&mut config.capabilities);
    let connection = Connection::new(shared(tools(), config));
    let created = create(&connection).await;
    (connection, created)
}

#[tokio::test]
async fn both_routes_give_the_same_bytes() {
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let sessions = [
        ("2024-11-05", None),
        ("2025-06-18", None),
        ("2025-11-25", None),
        ("", Some(meta("2026-07-28", &json!({})))),
        ("", Some(meta("2026-07-28", &tasks))),
        ("", Some(meta("2099-01-01", &tasks))),
        ("", Some(json!({"io.modelcontextprotocol/protocolVersion": "2026-07-28"}))),
        ("2025-11-25", Some(meta("2026-07-28", &tasks))),
        ("2025-11-25", Some(json!({"progressToken": 1}))),
    ];
    let mut compared = 0;
    for (version, meta) in sessions {
        let mut lines = Vec::new();
        if !version.is_empty() {
            lines.push(initialize(version));
        }
        lines.extend(requests(&meta.clone().unwrap_or_default()));
        let (connection_of_ours, _runs) = connection().await;
        let ours = answers(connection_of_ours, &lines).await;
        let (connection_of_theirs, _runs) = connection().await;
        let theirs = answers(ByRmcp(connection_of_theirs), &lines).await;
        let session = format!("{version} {meta:?}");
        assert_eq!(ours.len(), theirs.len(), "{session}");
        for (ours, theirs) in ours.iter().zip(&theirs) {
            assert_eq!(without_times(ours), without_times(theirs), "{session}");
            compared += 1;
        }
    }
    assert!(compared > 50, "{compared} answers are too few to mean anything");
}

/// A line without the times of a task, which are those of two.
pub(super) fn without_times(line: &str) -> String {
    let mut line: Value = serde_json::from_str(line).expect("JSON");
    if let Some(result) = line.get_mut("result").and_then(Value::as_object_mut) {
        result.retain(|key, _| key != "createdAt" && key != "lastUpdatedAt");
    }
    line.to_string()
}
