//! Tasks of MCP 2025-11-25 in a session over HTTP.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use mcpc::{NoAnswer, Sender, Server, Service, tools};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{Events, Http, initialize, text};

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

fn service() -> Service {
    Server::new("http").tools(tools![seconds, greet]).build().expect("it is fine")
}

/// Begins a session of a client that shows forms; what the server says of itself, too.
async fn begin() -> (Http, Value) {
    begin_with(&Http::to(&service())).await
}

async fn begin_with(client: &Http) -> (Http, Value) {
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

/// A client of a server that tells principals.
fn of_a_principal() -> Http {
    let http = service().http().principal(|request| {
        let user = request.headers.get("x-user")?;
        user.to_str().ok().map(str::to_owned)
    });
    Http::through(http.into_router().expect("it can be served")).with("x-user", "ann")
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

/// Waits for the result of a task.
async fn wait(session: &Http, request_id: u64, task_id: &str) -> Events {
    let fetch = request(request_id, "tasks/result", json!({"taskId": task_id}));
    session.post(&[], fetch).await.events
}

async fn status(session: &Http, task_id: &str) -> Value {
    let get = request(70, "tasks/get", json!({"taskId": task_id}));
    session.post(&[], get).await.events.last().await["result"]["status"].take()
}

/// What a client is asked about a task within a minute, which is all that it is told there.
async fn asked(stream: &mut Events, task_id: &str) -> Value {
    let asked = timeout(Duration::from_secs(60), stream.message()).await.expect("it is asked");
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    let related = &asked["params"]["_meta"]["io.modelcontextprotocol/related-task"];
    assert_eq!(*related, json!({"taskId": task_id}));
    asked
}

async fn answer(session: &Http, asked: &Value, name: &str) {
    let result = json!({"action": "accept", "content": {"answer": name}});
    let response = json!({"jsonrpc": "2.0", "id": asked["id"], "result": result});
    assert_eq!(session.post(&[], response).await.status, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn a_question_comes_by_the_request_that_waits_for_the_result() {
    let (session, _) = begin().await;
    let id = start(&session, "greet", json!({})).await;
    let mut waiting = wait(&session, 2, &id).await;
    let asked = asked(&mut waiting, &id).await;
    answer(&session, &asked, "Ann").await;
    assert_eq!(text(&waiting.last().await), "hello, Ann");
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_anew_in_another_session_of_its_principal() {
    let client = of_a_principal();
    let (first, _) = begin_with(&client).await;
    let id = start(&first, "greet", json!({})).await;
    let mut waiting = wait(&first, 2, &id).await;
    asked(&mut waiting, &id).await;
    // Its client is gone, and another comes.
    drop(waiting);
    let (second, _) = begin_with(&client).await;
    assert_eq!(status(&second, &id).await, "input_required");
    let mut waiting = wait(&second, 2, &id).await;
    let asked_anew = asked(&mut waiting, &id).await;
    let stranger = begin_with(&client.with("x-user", "bob")).await.0;
    let refused = wait(&stranger, 2, &id).await.last().await;
    assert_eq!(refused["error"]["code"], -32602, "{refused}");
    answer(&second, &asked_anew, "Ann").await;
    assert_eq!(text(&waiting.last().await), "hello, Ann");
    assert_eq!(status(&first, &id).await, "completed");
}

/// As VS Code does, which asks for the result of what has ended.
#[tokio::test(start_paused = true)]
async fn a_client_that_only_looks_is_asked_in_another_session_too() {
    let client = of_a_principal();
    let id = start(&begin_with(&client).await.0, "greet", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    let (second, _) = begin_with(&client).await;
    let mut stream = second.listen(None).await.events;
    for _ in 0..2 {
        assert_eq!(status(&second, &id).await, "input_required");
    }
    let asked = asked(&mut stream, &id).await;
    answer(&second, &asked, "Ann").await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&second, &id).await, "completed");
}

#[tokio::test(start_paused = true)]
async fn who_waits_once_more_is_asked_anew_and_may_answer_by_what_was_asked_first() {
    for answers_the_first in [false, true] {
        let (session, _) = begin().await;
        let id = start(&session, "greet", json!({})).await;
        let mut waiting = wait(&session, 2, &id).await;
        let first = asked(&mut waiting, &id).await;
        // The connection is lost.
        drop(waiting);
        let mut waiting = wait(&session, 3, &id).await;
        let second = asked(&mut waiting, &id).await;
        assert_ne!(first["id"], second["id"]);
        answer(&session, if answers_the_first { &first } else { &second }, "Ann").await;
        assert_eq!(text(&waiting.last().await), "hello, Ann");
    }
}

#[tokio::test(start_paused = true)]
async fn who_gave_up_waiting_is_asked_anew_when_it_waits_again() {
    let (session, _) = begin().await;
    let id = start(&session, "greet", json!({})).await;
    let mut waiting = wait(&session, 2, &id).await;
    asked(&mut waiting, &id).await;
    let params = json!({"requestId": 2});
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    assert_eq!(session.post(&[], cancel).await.status, StatusCode::ACCEPTED);
    let mut waiting = wait(&session, 3, &id).await;
    let asked = asked(&mut waiting, &id).await;
    answer(&session, &asked, "Ann").await;
    assert_eq!(text(&waiting.last().await), "hello, Ann");
}

/// A connection that is gone may not be noticed for long, so whoever waits last is asked, too.
#[tokio::test(start_paused = true)]
async fn of_two_that_wait_at_once_each_is_asked_and_the_first_answer_counts() {
    let (session, _) = begin().await;
    let id = start(&session, "greet", json!({})).await;
    let mut first = wait(&session, 2, &id).await;
    asked(&mut first, &id).await;
    let mut second = wait(&session, 3, &id).await;
    let asked = asked(&mut second, &id).await;
    answer(&session, &asked, "Ann").await;
    for waiting in [first, second] {
        assert_eq!(text(&waiting.last().await), "hello, Ann");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_is_no_answer_to_what_its_principals_task_asks() {
    let server = Server::new("http").tools(tools![greet]).control_tools(false);
    let service = server.build().expect("it is fine");
    let http = service.http().principal(|_| Some("ann".to_owned()));
    let client = Http::through(http.into_router().expect("it can be served"));
    let (first, _) = begin_with(&client).await;
    let id = start(&first, "greet", json!({})).await;
    let mut waiting = wait(&first, 2, &id).await;
    asked(&mut waiting, &id).await;
    assert_eq!(first.send("DELETE", &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    drop(waiting);
    sleep(Duration::from_secs(60)).await;
    let (second, _) = begin_with(&client).await;
    let mut waiting = wait(&second, 2, &id).await;
    let asked = asked(&mut waiting, &id).await;
    answer(&second, &asked, "Ann").await;
    assert_eq!(text(&waiting.last().await), "hello, Ann");
}
