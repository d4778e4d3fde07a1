//! Servers that say what a test wants, line by line.

use std::time::Duration;

use mcpc::client::{Answer, Client, Said, TaskError, Way};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, DuplexStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// A server that answers what it reads with what a function says, and says what is sent to it. It returns the requests.
fn scripted(
    mut answer: impl FnMut(&Value) -> Vec<Value> + Send + 'static,
) -> (DuplexStream, mpsc::UnboundedSender<Value>, JoinHandle<Vec<Value>>) {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (sender, mut unasked) = mpsc::unbounded_channel::<Value>();
    let serving = tokio::spawn(async move {
        let (reader, mut writer) = tokio::io::split(theirs);
        let mut lines = BufReader::new(reader).lines();
        let mut read = Vec::new();
        loop {
            let answers = tokio::select! {
                line = lines.next_line() => {
                    let Ok(Some(line)) = line else { return read };
                    let request: Value = serde_json::from_str(&line).expect("JSON");
                    let answers = answer(&request);
                    read.push(request);
                    answers
                }
                Some(message) = unasked.recv() => vec![message],
            };
            for answer in answers {
                if writer.write_all(format!("{answer}\n").as_bytes()).await.is_err() {
                    return read;
                }
            }
        }
    });
    (ours, sender, serving)
}

fn result(request: &Value, result: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result})
}

fn error(request: &Value, code: i32, message: &str) -> Value {
    json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}})
}

fn reply(request: &Value, text: &str) -> Value {
    result(request, json!({"content": [{"type": "text", "text": text}]}))
}

fn initialized(request: &Value, capabilities: Value) -> Value {
    let info = json!({"name": "old", "version": "1"});
    let version = &request["params"]["protocolVersion"];
    result(
        request,
        json!({"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}),
    )
}

fn message(ids: &Value, event: &str, result: Value) -> String {
    let message = json!({
        "type": "task", "event": event, "session_id": ids["mcpc_session_id"],
        "task_id": ids["mcpc_task_id"], "tool_name": "old", "result": result, "protocol": "mcpc",
    });
    message.to_string()
}

fn callback(text: &str) -> Value {
    let content = json!({"type": "text", "text": text, "annotations": null});
    json!({"jsonrpc": "2.0", "id": "MCPC_CALLBACK", "result": {"content": [content], "isError": false}})
}

/// A server of MCPC 0.2.1, which answers a call with these lines, made of its ids.
fn of_0_2_1(request: &Value, call: impl Fn(&Value, &Value) -> Vec<Value>) -> Vec<Value> {
    match (request["method"].as_str(), request["params"]["name"].as_str()) {
        (Some("server/discover"), _) => vec![error(request, -32601, "unknown")],
        (Some("initialize"), _) => vec![initialized(request, json!({"tools": {}}))],
        (Some("tools/call"), Some("is_mcpc_enabled")) => {
            let info = json!({
                "mcpc_enabled": true, "mcpc_version": "0.2.1", "mcpc_provider": "old",
                "mcpc_direct_updates": true,
            });
            vec![reply(request, &info.to_string())]
        }
        (Some("tools/call"), Some(name)) if name.contains("mcpc") => {
            let content = json!([{"type": "text", "text": format!("Unknown tool: {name}")}]);
            vec![result(request, json!({"content": content, "isError": true}))]
        }
        (Some("tools/call"), _) => call(request, &request["params"]["arguments"]["_metadata"]),
        (Some("tools/list"), _) => vec![result(request, json!({"tools": []}))],
        _ => Vec::new(),
    }
}

#[tokio::test]
async fn handshakes_go_from_the_newest_to_the_one_that_is_answered() {
    let (ours, _unasked, serving) = scripted(|request| of_0_2_1(request, |_, _| Vec::new()));
    let client = Client::connect(ours).await.expect("the server answers");
    assert_eq!(client.mcpc().expect("it speaks MCPC").mcpc_version, "0.2.1");
    client.close().await;
    let read = serving.await.expect("no panic");
    let sent: Vec<_> = read
        .iter()
        .map(|line| line["params"]["name"].as_str().or(line["method"].as_str()).expect("a request"))
        .collect();
    let expected = [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "_mcpc_init",
        "_is_mcpc_enabled",
        "is_mcpc_enabled",
    ];
    assert_eq!(sent, expected);
}

/// As the reference does it: `complete` may come before `created`.
#[tokio::test]
async fn an_order_that_is_wrong_does_not_matter() {
    let (ours, _unasked, _serving) = scripted(|request| {
        of_0_2_1(request, |request, ids| {
            vec![
                callback(&message(ids, "update", json!({"i": 0}))),
                callback(&message(ids, "complete", json!([1, 2]))),
                reply(request, &message(ids, "created", json!("Started old"))),
            ]
        })
    });
    let client = Client::connect(ours).await.expect("the server answers");
    let mut task = client.start("old", json!({})).await.expect("started");
    assert!(matches!(task.next().await, Some(Said::Update(value)) if value == json!({"i": 0})));
    assert!(task.next().await.is_none());
    assert_eq!(task.result::<Vec<u8>>().await.expect("a result"), [1, 2]);
}

/// The server answers every call twice.
#[tokio::test]
async fn only_the_first_answer_to_a_call_counts() {
    let (ours, _unasked, _serving) = scripted(|request| {
        of_0_2_1(request, |request, ids| {
            let created = reply(request, &message(ids, "created", Value::Null));
            vec![created.clone(), created, callback(&message(ids, "complete", json!("done")))]
        })
    });
    let client = Client::connect(ours).await.expect("the server answers");
    let mut events = client.events();
    let mut task = client.start("old", json!({})).await.expect("started");
    assert_eq!(task.result::<String>().await.expect("a result"), "done");
    client.close().await;
    let mut heard = 0;
    while events.next().await.is_some() {
        heard += 1;
    }
    assert_eq!(heard, 2, "created and complete");
}

#[tokio::test]
async fn a_server_without_mcpc_is_never_sent_its_metadata() {
    let (ours, _unasked, serving) = scripted(|request| match request["method"].as_str() {
        Some("server/discover") => vec![error(request, -32601, "unknown")],
        Some("initialize") => vec![initialized(request, json!({"tools": {}}))],
        Some("tools/call") if request["params"]["name"] == "old" => vec![reply(request, "7")],
        Some("tools/call") => vec![error(request, -32602, "unknown tool")],
        _ => Vec::new(),
    });
    let client = Client::connect(ours).await.expect("the server answers");
    assert_eq!(client.mcpc(), None);
    let mut task = client.start("old", json!({"a": 1})).await.expect("started");
    assert_eq!(task.way(), Way::Progress);
    assert_eq!(task.result::<u8>().await.expect("a result"), 7);
    assert_eq!(task.id(), None);
    client.close().await;
    let read = serving.await.expect("no panic");
    let call = read.last().expect("a call");
    assert_eq!(call["params"]["arguments"], json!({"a": 1}));
    assert!(call["params"]["_meta"]["progressToken"].is_number(), "{call}");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_answers_no_unknown_tool_speaks_no_mcpc() {
    let (ours, _unasked, _serving) = scripted(|request| match request["method"].as_str() {
        Some("initialize") => vec![initialized(request, json!({"tools": {}}))],
        Some("tools/call") if request["params"]["name"] == "old" => vec![reply(request, "7")],
        _ => Vec::new(),
    });
    let client = Client::connect(ours).await.expect("the server answers");
    assert_eq!(client.mcpc(), None);
    let reply = client.call("old", Value::Null).await.expect("answered");
    assert_eq!(mcpc::client::text(&reply), "7");
}

const TASK: &str = "t1";
const CANCELLED: u32 = u32::MAX;

/// A server of MCP 2025-11-25 whose task ends when it is asked so often, or cancelled.
fn of_2025(request: &Value, polls: &mut u32, result_id: &mut Value) -> Vec<Value> {
    let task = |status: &str, message: &str| {
        json!({
            "taskId": TASK, "status": status, "statusMessage": message, "ttl": null,
            "createdAt": "2025-11-25T00:00:00Z", "lastUpdatedAt": "2025-11-25T00:00:00Z",
            "pollInterval": 500,
        })
    };
    match request["method"].as_str() {
        Some("server/discover") => vec![error(request, -32601, "unknown")],
        Some("initialize") => {
            let tasks = json!({"cancel": {}, "list": {}, "requests": {"tools": {"call": {}}}});
            vec![initialized(request, json!({"tools": {}, "tasks": tasks}))]
        }
        Some("tools/list") => {
            let tool = |name: &str, support: &str| json!({"name": name, "inputSchema": {"type": "object"}, "execution": {"taskSupport": support}});
            vec![result(
                request,
                json!({"tools": [tool("slow", "optional"), tool("quick", "forbidden")]}),
            )]
        }
        Some("tools/call") if request["params"]["task"].is_object() => {
            assert_eq!(request["params"]["name"], "slow");
            vec![result(request, json!({"task": task("working", "begun")}))]
        }
        Some("tools/call") if request["params"]["name"] == "quick" => vec![reply(request, "7")],
        Some("tools/call") => vec![error(request, -32602, "unknown tool")],
        Some("tasks/get") if *polls == CANCELLED => {
            vec![result(request, task("cancelled", "as asked"))]
        }
        Some("tasks/get") => {
            *polls += 1;
            match polls {
                1..=3 => vec![result(request, task("working", &format!("poll {polls}")))],
                4 => {
                    let token = json!({"progressToken": 0, "progress": 1, "message": "nobody's"});
                    let progress = json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": token});
                    vec![progress, result(request, task("input_required", "asks"))]
                }
                _ => {
                    let content = json!([{"type": "text", "text": "done"}]);
                    let meta = json!({"io.modelcontextprotocol/related-task": {"taskId": TASK}});
                    let reply = json!({"jsonrpc": "2.0", "id": *result_id, "result": {"content": content, "_meta": meta}});
                    vec![result(request, task("completed", "over")), reply]
                }
            }
        }
        Some("tasks/result") => {
            *result_id = request["id"].clone();
            let meta = json!({"io.modelcontextprotocol/related-task": {"taskId": TASK}});
            let schema = json!({"type": "object", "properties": {"ok": {"type": "boolean"}}});
            let params = json!({"mode": "form", "message": "go on?", "requestedSchema": schema, "_meta": meta});
            vec![
                json!({"jsonrpc": "2.0", "id": 99, "method": "elicitation/create", "params": params}),
            ]
        }
        Some("tasks/cancel") => {
            *polls = CANCELLED;
            vec![
                result(request, task("cancelled", "as asked")),
                json!({"jsonrpc": "2.0", "id": *result_id, "error": {"code": -32603, "message": "cancelled"}}),
            ]
        }
        _ => Vec::new(),
    }
}

async fn connect_2025() -> (Client, JoinHandle<Vec<Value>>) {
    let (mut polls, mut result_id) = (0, Value::Null);
    let (ours, _, serving) = scripted(move |request| of_2025(request, &mut polls, &mut result_id));
    let (reader, writer) = tokio::io::split(ours);
    let client = Client::builder().connect_io(reader, writer).await.expect("the server answers");
    (client, serving)
}

#[tokio::test(start_paused = true)]
async fn a_task_of_2025_is_asked_about_at_its_interval_until_its_result() {
    let (client, serving) = connect_2025().await;
    let began = tokio::time::Instant::now();
    let mut task = client.start("slow", json!({})).await.expect("started");
    assert_eq!(task.way(), Way::TasksOf2025);
    let mut said = Vec::new();
    while let Some(news) = task.next().await {
        match news {
            Said::Status(text) => said.push(text),
            Said::Question(question) => {
                said.push(question.message().to_owned());
                assert_eq!(question.task_id(), Some(TASK));
                assert!(question.answer(Answer::accept(json!({"ok": true}))));
                assert!(!question.answer(Answer::Decline), "the first answer counts");
            }
            other => panic!("{other:?}"),
        }
    }
    said.sort();
    assert_eq!(said, ["asks", "begun", "go on?", "over", "poll 1", "poll 2", "poll 3"]);
    assert_eq!(task.result::<String>().await.expect("a result"), "done");
    assert_eq!(task.id().as_deref(), Some(TASK));
    assert_eq!(began.elapsed().as_millis() / 100, 25, "five polls, half a second apart");
    let mut quick = client.start("quick", json!({})).await.expect("started");
    assert_eq!(quick.way(), Way::Progress, "the tool forbids tasks");
    assert_eq!(quick.result::<u8>().await.expect("a result"), 7);
    client.close().await;
    let read = serving.await.expect("no panic");
    let answer = read.iter().find(|line| line["id"] == 99).expect("an answer");
    assert_eq!(answer["result"], json!({"action": "accept", "content": {"ok": true}}));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_2025_is_cancelled() {
    let (client, _serving) = connect_2025().await;
    let mut task = client.start("slow", json!({})).await.expect("started");
    tokio::time::sleep(Duration::from_millis(700)).await;
    task.stop().await.expect("it can be stopped");
    let error = task.result::<String>().await.expect_err("it was stopped");
    assert!(matches!(error, TaskError::Stopped(_)), "{error:?}");
    assert_eq!(error.to_string(), "the task was stopped: as asked");
}

/// The answer was on its way when the call was taken back, and it says that there is a task.
#[tokio::test(start_paused = true)]
async fn a_task_that_began_when_it_was_stopped_is_stopped() {
    let mut call = Value::Null;
    let (ours, _unasked, serving) = scripted(move |request| {
        let tool = json!({"name": "my_stop_task", "inputSchema": {"type": "object"}});
        match request["method"].as_str() {
            Some("tools/call") if request["params"]["name"] == "old" => {
                call = request.clone();
                Vec::new()
            }
            Some("notifications/cancelled") => {
                assert_eq!(request["params"]["requestId"], call["id"]);
                let ids = &call["params"]["arguments"]["_metadata"];
                vec![reply(&call, &message(ids, "created", Value::Null))]
            }
            Some("tools/list") => vec![result(request, json!({"tools": [tool]}))],
            _ => of_0_2_1(request, |request, _| vec![reply(request, "stopped")]),
        }
    });
    let client = Client::connect(ours).await.expect("the server answers");
    let mut task = client.start("old", json!({})).await.expect("started");
    let id = task.id();
    task.stop().await.expect("it is taken back");
    let error = task.result::<Value>().await.expect_err("it was stopped");
    assert_eq!(error.to_string(), "the task was stopped");
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.close().await;
    let read = serving.await.expect("no panic");
    let stop = read.last().expect("a call");
    assert_eq!(stop["params"]["name"], "my_stop_task", "whatever prefix it has");
    assert_eq!(stop["params"]["arguments"]["task_id"].as_str(), id.as_deref());
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_the_newest_handshake_that_comes_late_disturbs_nobody() {
    let mut discover = Value::Null;
    let (ours, _unasked, _serving) = scripted(move |request| match request["method"].as_str() {
        Some("server/discover") => {
            discover = request.clone();
            Vec::new()
        }
        Some("initialize") => {
            let late = error(&discover, -32601, "unknown");
            vec![late, initialized(request, json!({"tools": {}}))]
        }
        Some("tools/call") if request["params"]["name"] == "old" => vec![reply(request, "7")],
        Some("tools/call") => vec![error(request, -32602, "unknown tool")],
        _ => Vec::new(),
    });
    let client = Client::connect(ours).await.expect("the server answers");
    let reply = client.call("old", Value::Null).await.expect("answered");
    assert_eq!(mcpc::client::text(&reply), "7");
}
