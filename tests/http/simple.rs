//! Requests that are read in short: nobody sees a difference.

use std::pin::pin;
use std::time::Duration;

use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use mcpc::{Server, Service, tools};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};

use crate::support::{Answer, Http, MODERN, call, mcpc};
use crate::{add, count, wait, work};

/// Fails.
#[mcpc::tool]
async fn fails() -> Result<u8, String> {
    Err("it is broken".to_owned())
}

/// Panics.
#[mcpc::tool]
async fn panics() -> u8 {
    panic!("it is broken")
}

/// Takes an argument that a header says, too.
#[mcpc::tool]
async fn route(#[arg(header = "Region")] region: String) -> String {
    region
}

fn service() -> Service {
    let tools = tools![add, count, wait, work, fails, panics, route];
    Server::new("http").tools(tools).build().expect("it can be built")
}

/// All of a response.
async fn whole(answer: Answer) -> (StatusCode, HeaderMap, String) {
    let Answer { status, headers, events } = answer;
    (status, headers, events.rest().await)
}

/// Asserts that a request is answered in both clients with the same, although one is sent it with a parameter that nobody
/// knows, by which it is not read in short. Returns the body.
async fn same(clients: &[Http; 2], headers: &[(&str, &str)], request: &Value) -> String {
    let mut unusual = request.clone();
    unusual["params"]["nobody-knows-this"] = json!(1);
    let [short, usual] = clients;
    let (short, usual) = (short.post(headers, request).await, usual.post(headers, unusual).await);
    let (short, usual) = (whole(short).await, whole(usual).await);
    assert_eq!(short, usual, "{request}");
    short.2
}

/// Calls of which most are right, and what their answers contain.
fn calls() -> Vec<(&'static str, Value, &'static str)> {
    vec![
        ("add", json!({"a": 1, "b": 2}), r#""text":"3""#),
        ("add", json!({"a": 1}), "`b`"),
        ("add", json!({"a": 1, "b": "two"}), "`b`"),
        ("add", json!({"a": 1, "b": 2, "c": 3}), "`c`"),
        ("add", json!({"a": 1, "b": 9_223_372_036_854_775_807_u64}), "isError\":true"),
        ("fails", json!({}), "it is broken"),
        ("panics", json!({}), "panics"),
        ("addd", json!({}), "did you mean `add`?"),
        ("count", json!({"to": 2, "every_ms": 0}), "counted"),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_request_of_a_session_that_is_read_in_short_is_answered_as_any_other() {
    let clients = [Http::to(&service()), Http::to(&service())];
    let sessions = [clients[0].begin().await, clients[1].begin().await];
    for (id, (tool, arguments, expected)) in (1..).zip(calls()) {
        let said = same(&sessions, &[], &call(id, tool, arguments)).await;
        assert!(said.contains(expected), "{said}");
    }
    let add = call(50, "add", json!({"a": 1, "b": 2}));
    for (header, expected) in [
        ("mcp-session-id", "there is no session"),
        ("mcp-protocol-version", "does not speak"),
        ("host", "not allowed"),
        ("accept", "`Accept` must list"),
        ("content-type", "`Content-Type` must be"),
    ] {
        let said = same(&sessions, &[(header, "other")], &add).await;
        assert!(said.contains(expected), "{said}");
    }
    let said = same(&clients, &[], &add).await;
    assert!(said.contains("`Mcp-Session-Id` is missing"), "{said}");
    let waits = call(51, "wait", json!({"seconds": 1}));
    let [first, second] =
        [sessions[0].post(&[], &waits).await, sessions[1].post(&[], &waits).await];
    let said = same(&sessions, &[], &waits).await;
    assert!(said.contains("still unanswered"), "{said}");
    assert_eq!(whole(first).await, whole(second).await);
}

/// A request that stands alone, and its headers.
fn alone<'a>(method: &'a str, name: &'a str, params: &Value) -> (Vec<(&'a str, &'a str)>, Value) {
    let mut params = params.clone();
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": MODERN,
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    });
    let headers = [("mcp-protocol-version", MODERN), ("mcp-method", method), ("mcp-name", name)];
    (headers.into(), json!({"jsonrpc": "2.0", "id": "a", "method": method, "params": params}))
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stands_alone_and_is_read_in_short_is_answered_as_any_other() {
    let one = Http::to(&service());
    let clients = [one.clone(), one];
    for (tool, arguments, expected) in calls().into_iter().filter(|(tool, ..)| *tool != "count") {
        let params = json!({"name": tool, "arguments": arguments});
        let (headers, request) = alone("tools/call", tool, &params);
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains(expected), "{said}");
    }
    let route = json!({"name": "route", "arguments": {"region": "north"}});
    for (region, expected) in
        [("north", "\"text\":\"north\""), ("south", "`south`"), ("", "missing")]
    {
        let (mut headers, request) = alone("tools/call", "route", &route);
        headers.push(("mcp-param-region", region));
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains(expected), "{said}");
    }
    let add = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    for (header, value) in
        [("mcp-name", "count"), ("mcp-method", "ping"), ("mcp-protocol-version", "2025-11-25")]
    {
        let (mut headers, request) = alone("tools/call", "add", &add);
        headers.retain(|(name, _)| *name != header);
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains("missing"), "{said}");
        headers.push((header, value));
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains(value) && said.contains("-32020"), "{said}");
    }
    for (key, value) in [("protocolVersion", json!("2099-01-01")), ("clientCapabilities", json!(7))]
    {
        let (mut headers, mut request) = alone("tools/call", "add", &add);
        request["params"]["_meta"][format!("io.modelcontextprotocol/{key}")] = value.clone();
        if let Some(version) = value.as_str() {
            headers[0].1 = Box::leak(version.to_owned().into_boxed_str());
        }
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains("error"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_task_that_is_read_in_short_is_answered_as_any_other() {
    let client = Http::to(&service());
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let params = json!({"name": "work", "arguments": {}});
    let created = client.alone_as(&tasks, 1, "tools/call", params).await.events.last().await;
    let task_id = created["result"]["taskId"].as_str().expect("an id");
    let clients = [client.clone(), client];
    for (asked, named, expected) in [
        (task_id, task_id, "\"status\":\"working\""),
        ("never", "never", "-32602"),
        (task_id, "never", "-32020"),
        (task_id, "", "\"status\":\"working\""),
    ] {
        let (headers, request) = alone("tasks/get", named, &json!({"taskId": asked}));
        let said = same(&clients, &headers, &request).await;
        assert!(said.contains(expected), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_came_before_what_is_read_in_short_is_answered_as_any_other() {
    let clients = [Http::to(&service()), Http::to(&service())];
    let sessions = [clients[0].begin().await, clients[1].begin().await];
    let add = |id| call(id, "add", json!({"a": 1, "b": 2}));
    // Where there is no loop any more, and where a client said that it speaks MCPC.
    sleep(Duration::from_secs(5)).await;
    same(&sessions, &[], &add(1)).await;
    same(&sessions, &[], &call(2, "is_mcpc_enabled", json!({}))).await;
    same(&sessions, &[], &add(3)).await;
    let cancelled =
        json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 4}});
    let waits = call(4, "wait", json!({"seconds": 9}));
    for session in &sessions {
        let left = session.post(&[], &waits).await;
        session.post(&[], &cancelled).await;
        assert!(!left.events.rest().await.contains("result"));
    }
    let said = same(&sessions, &[], &add(4)).await;
    assert!(said.contains("was cancelled"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_principals_for_what_is_read_in_short_too() {
    let server = || {
        let user = |parts: &Parts| Some(parts.headers.get("x-user")?.to_str().ok()?.to_owned());
        Http::through(service().http().principal(user).into_router().expect("it can be served"))
    };
    let [short, usual] = [server(), server()].map(|client| client.with("x-user", "ann"));
    let sessions = [short.begin().await, usual.begin().await];
    let add = call(1, "add", json!({"a": 1, "b": 2}));
    let same_session = [sessions[0].clone(), sessions[0].clone()];
    let said = same(&same_session, &[("x-user", "bob")], &add).await;
    assert!(said.contains("there is no session"), "{said}");
    let said = same(&sessions, &[], &add).await;
    assert!(said.contains(r#""text":"3""#), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_not_read_waits_for_who_comes_back_for_it() {
    let session = Http::to(&service()).begin().await;
    drop(session.start(1, "add", json!({"a": 1, "b": 2})).await);
    let answer = session.listen(Some("2-0")).await.events.last().await;
    assert_eq!(answer["result"]["structuredContent"]["result"], 3);
}

#[tokio::test(start_paused = true)]
async fn what_waits_in_a_session_is_still_there_when_a_response_was_dropped_unread() {
    let session = Http::to(&service()).begin().await;
    session.call(1, "count", mcpc("t", json!({"to": 2, "every_ms": 0}))).await;
    sleep(Duration::from_secs(1)).await;
    drop(session.listen(None).await);
    let mut stream = session.listen(None).await;
    for event in ["created", "update", "update", "complete"] {
        let callback = timeout(Duration::from_secs(60), stream.events.callback()).await;
        assert_eq!(callback.expect("it waits there")["event"], event);
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_has_not_ended_before_an_answer_is_handed_over_that_stands_alone() {
    let (router, end) = service().http().into_router_and_end().expect("it can be served");
    let client = Http::through(router);
    let params = json!({"name": "add", "arguments": {"a": 1, "b": 2}});
    let answer = client.alone(1, "tools/call", params).await;
    let mut end = pin!(end);
    assert!(timeout(Duration::from_secs(1), &mut end).await.is_err(), "it was not read");
    assert_eq!(answer.events.last().await["result"]["structuredContent"]["result"], 3);
    timeout(Duration::from_millis(1), end).await.expect("it was read");
}
