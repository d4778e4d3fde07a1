//! Tasks of MCP 2025-11-25 in a session over HTTP.

use std::time::Duration;

use axum::http::StatusCode;
use mcpc::{NoAnswer, Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Http, initialize, text};

/// Counts seconds.
#[mcpc::background]
async fn seconds(to: u64, updates: Sender) -> String {
    for second in 1..=to {
        sleep(Duration::from_secs(1)).await;
        updates.progress(second, to, format!("{second} s"));
    }
    format!("{to} seconds")
}

/// Asks for a name.
#[mcpc::background]
async fn greet(updates: Sender) -> Result<String, NoAnswer> {
    Ok(format!("hello, {}", updates.ask::<String>("Whom?").await?))
}

/// Begins a session of a client that shows forms; what the server says of itself, too.
async fn begin() -> (Http, Value) {
    let service = Server::new("http").tools(tools![seconds, greet]).build().expect("it is fine");
    let client = Http::to(&service);
    let mut request = initialize("2025-11-25");
    request["params"]["capabilities"] = json!({"elicitation": {"form": {}}});
    let answer = client.post(&[], request).await;
    let id = answer.headers["mcp-session-id"].to_str().expect("a text").to_owned();
    let about = answer.events.last().await["result"].take();
    let session = client.with("mcp-session-id", &id).with("mcp-protocol-version", "2025-11-25");
    let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
    assert_eq!(session.post(&[], initialized).await.status, StatusCode::ACCEPTED);
    (session, about)
}

fn request(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

async fn start(session: &Http, tool: &str, arguments: Value) -> String {
    let params = json!({"name": tool, "arguments": arguments, "task": {}});
    let reply = session.post(&[], request(1, "tools/call", params)).await.events.last().await;
    reply["result"]["task"]["taskId"].as_str().unwrap_or_else(|| panic!("{reply}")).to_owned()
}

#[tokio::test(start_paused = true)]
async fn a_task_is_told_of_on_the_stream_of_the_session_and_fetched() {
    let (session, about) = begin().await;
    assert_eq!(about["capabilities"]["tasks"]["requests"], json!({"tools": {"call": {}}}));
    let mut stream = session.listen(None).await;
    let id = start(&session, "seconds", json!({"to": 2})).await;
    let fetch = request(2, "tasks/result", json!({"taskId": id}));
    let reply = session.post(&[], fetch).await.events.last().await;
    assert_eq!(text(&reply), "2 seconds");
    for status in ["working", "completed"] {
        let told = stream.events.message().await;
        assert_eq!(told["method"], "notifications/tasks/status", "{told}");
        assert_eq!(
            (&told["params"]["taskId"], &told["params"]["status"]),
            (&json!(id), &json!(status))
        );
    }
}

/// Nobody reads what is told without being asked, and that holds up nothing.
#[tokio::test(start_paused = true)]
async fn a_client_that_only_asks_has_its_task() {
    let (session, _) = begin().await;
    let id = start(&session, "seconds", json!({"to": 100})).await;
    sleep(Duration::from_secs(101)).await;
    let get = request(2, "tasks/get", json!({"taskId": id}));
    let task = session.post(&[], get).await.events.last().await["result"].take();
    assert_eq!(task["status"], "completed");
}

#[tokio::test(start_paused = true)]
async fn a_question_comes_by_the_request_that_waits_for_the_result() {
    let (session, _) = begin().await;
    let id = start(&session, "greet", json!({})).await;
    let fetch = request(2, "tasks/result", json!({"taskId": id}));
    let mut waiting = session.post(&[], fetch).await.events;
    let asked = waiting.message().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let related = &asked["params"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(*related, json!({"taskId": id}));
    let result = json!({"action": "accept", "content": {"answer": "Ann"}});
    let response = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    assert_eq!(session.post(&[], response).await.status, StatusCode::ACCEPTED);
    assert_eq!(text(&waiting.last().await), "hello, Ann");
}
