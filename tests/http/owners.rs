//! To whom tasks belong.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::service;
use crate::support::{Http, mcpc, text, ticket};

fn with_principals() -> Http {
    let http = service().http().principal(|request| {
        let user = request.headers.get("x-user")?;
        user.to_str().ok().map(str::to_owned)
    });
    Http::through(http.into_router().expect("it can be served"))
}

const TASKS: &str = r#"{"extensions":{"io.modelcontextprotocol/tasks":{}}}"#;

#[tokio::test(start_paused = true)]
async fn a_principals_task_is_found_from_every_session_and_without_one_when_its_session_is_gone() {
    let client = with_principals();
    let (ann, bob) = (client.with("x-user", "ann"), client.with("x-user", "bob"));
    let session = ann.begin().await;
    let task_id = ticket(&session.call(1, "work", json!({})).await);
    assert_eq!(session.send("DELETE", &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    sleep(Duration::from_secs(60)).await;
    let check = json!({"task_id": task_id, "wait_seconds": 1});
    let later = ann.begin().await;
    let checked = later.call(1, "check_task", check.clone()).await;
    assert!(text(&checked).contains("it works"), "{checked}");
    let tasks: Value = serde_json::from_str(TASKS).expect("JSON");
    let get = json!({"taskId": task_id});
    let alone = ann.alone_as(&tasks, 1, "tasks/get", get.clone()).await;
    assert_eq!(alone.events.last().await["result"]["status"], "working");

    let others = bob.begin().await;
    let unknown = others.call(1, "check_task", check.clone()).await;
    assert!(text(&unknown).starts_with("unknown task"), "{unknown}");
    let unknown = bob.alone_as(&tasks, 1, "tasks/get", get).await;
    assert_eq!(unknown.status, StatusCode::BAD_REQUEST);
    let listed = others.call(2, "check_task", json!({})).await;
    assert!(text(&listed).starts_with("There is no task"), "{listed}");

    let stopped = ann.call_alone(2, "stop_task", json!({"task_id": task_id})).await;
    assert_eq!(stopped["result"]["isError"], false);
    let checked = later.call(2, "check_task", check).await;
    assert!(text(&checked).contains("stopped"), "{checked}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_principals_alone() {
    let client = with_principals();
    let session = client.with("x-user", "ann").begin().await;
    for other in [session.with("x-user", "bob"), session.with("x-user", "")] {
        let answer = other.post(&[], crate::support::call(1, "add", json!({"a": 1, "b": 2}))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
        assert_eq!(other.listen(None).await.status, StatusCode::NOT_FOUND);
        assert_eq!(other.send("DELETE", &[], Body::empty()).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(text(&session.call(1, "add", json!({"a": 1, "b": 2})).await), "3");
}

#[tokio::test(start_paused = true)]
async fn without_a_session_or_a_principal_the_id_of_a_task_is_the_secret() {
    let client = Http::to(&service());
    let task_id = ticket(&client.call_alone(1, "work", json!({})).await);
    let checked =
        client.call_alone(2, "check_task", json!({"task_id": task_id, "wait_seconds": 1})).await;
    assert!(text(&checked).contains("it works"), "{checked}");
    let listed = client.call_alone(3, "check_task", json!({})).await;
    assert!(text(&listed).starts_with("There is no task"), "nobody learns of it: {listed}");
    let session = client.begin().await;
    let unknown = session.call(1, "check_task", json!({"task_id": task_id})).await;
    assert!(
        text(&unknown).starts_with("unknown task"),
        "a session has tasks of its own: {unknown}"
    );
    let stopped = client.call_alone(4, "stop_task", json!({"task_id": task_id})).await;
    assert_eq!(stopped["result"]["isError"], false);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_can_follow_a_reply_nobody_speaks_mcpc_and_ids_are_the_servers() {
    let client = Http::to(&service());
    for handshake in ["is_mcpc_enabled", "_is_mcpc_enabled", "_mcpc_init"] {
        let reply = client.call_alone(1, handshake, json!({})).await;
        let info: Value = serde_json::from_str(text(&reply)).expect("JSON");
        assert_eq!(info["mcpc_enabled"], false, "{handshake}");
        assert_ne!(info["mcpc_direct_updates"], true, "{handshake}");
    }
    let reply = client.call_alone(2, "work", mcpc("1", json!({}))).await;
    let task_id = ticket(&reply);
    assert_ne!(task_id, "1", "anybody could guess that: {reply}");
    let unknown = client.call_alone(3, "check_task", json!({"task_id": "1"})).await;
    assert!(text(&unknown).starts_with("unknown task"), "{unknown}");
}
