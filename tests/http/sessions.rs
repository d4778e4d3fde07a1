//! How long sessions and requests last.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use serde_json::json;
use tokio::time::sleep;

use crate::service;
use crate::support::{Http, call, text};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

#[tokio::test(start_paused = true)]
async fn a_session_that_nobody_uses_ends_and_one_that_is_read_or_works_does_not() {
    let client = Http::to(&service());
    let (idle, read, works) = (client.begin().await, client.begin().await, client.begin().await);
    let stream = read.listen(None).await;
    works.call(1, "work", json!({})).await;
    sleep(2 * HALF_AN_HOUR).await;
    let ask = async |session: &Http| {
        session.post(&[], call(2, "add", json!({"a": 1, "b": 2}))).await.status
    };
    assert_eq!(ask(&idle).await, StatusCode::NOT_FOUND);
    assert_eq!(ask(&read).await, StatusCode::OK);
    assert_eq!(ask(&works).await, StatusCode::OK);
    drop(stream);
    sleep(2 * HALF_AN_HOUR).await;
    assert_eq!(ask(&read).await, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_ends_its_tasks_and_streams() {
    let session = Http::to(&service()).begin().await;
    let mut stream = session.listen(None).await;
    session.call(1, "work", crate::support::mcpc("t", json!({}))).await;
    assert_eq!(stream.events.callback().await["event"], "created");
    assert_eq!(stream.events.callback().await["event"], "update");
    assert_eq!(session.send("DELETE", &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    assert_eq!(stream.events.callback().await["result"], "stopped", "its end is still told");
    assert!(stream.events.next().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stands_alone_is_cancelled_by_who_leaves_and_one_of_a_session_is_not() {
    let client = Http::to(&service());
    let task = client.alone(1, "tools/call", json!({"name": "wait", "arguments": {"seconds": 60}}));
    let answer = task.await;
    assert_eq!(answer.status, StatusCode::OK);
    drop(answer);
    let session = client.begin().await;
    drop(session.start(1, "wait", json!({"seconds": 60})).await);
    sleep(Duration::from_secs(61)).await;
    let again = session.listen(Some("2-0")).await;
    assert_eq!(text(&again.events.last().await), "waited");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_of_a_session_is_not_answered_and_its_stream_ends() {
    let session = Http::to(&service()).begin().await;
    let answer = session.start(1, "wait", json!({"seconds": 60})).await;
    let params = json!({"requestId": 1});
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    assert_eq!(session.post(&[], cancel).await.status, StatusCode::ACCEPTED);
    assert_eq!(answer.events.rest().await, "id: 2-0\nretry: 1000\ndata:\n\n");
    assert_eq!(text(&session.call(2, "add", json!({"a": 1, "b": 2})).await), "3");
}

#[tokio::test(start_paused = true)]
async fn clients_before_2025_11_25_are_sent_no_event_without_data() {
    let client = Http::to(&service());
    for (version, primes) in [("2025-06-18", false), ("2025-03-26", false), ("2025-11-25", true)] {
        let answer = client.post(&[], crate::support::initialize(version)).await;
        let text = answer.events.rest().await;
        assert_eq!(text.contains("data:\n"), primes, "{version}: {text}");
        assert!(text.contains(&format!("\"protocolVersion\":\"{version}\"")), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_for_an_hour_and_loses_the_stream_finds_what_was_sent_last() {
    let session = Http::to(&service()).begin().await;
    let mut stream = session.listen(None).await;
    let counts = crate::support::mcpc("t", json!({"to": 360, "every_ms": 10_000}));
    session.call(1, "count", counts).await;
    let mut ids = Vec::new();
    for _ in 0..=300 {
        ids.push(stream.events.callback_and_id().await.1);
    }
    drop(stream);
    // Its client has read ten less than were sent to it.
    let mut again = session.listen(Some(&ids[290])).await;
    assert_eq!(again.events.callback().await["result"], 291);
}

#[tokio::test(start_paused = true)]
async fn requests_that_stand_alone_are_as_many_as_there_may_be() {
    let service = crate::server().max_requests(2).build().expect("it can be built");
    let client = Http::to(&service);
    let wait = json!({"name": "wait", "arguments": {"seconds": 60}});
    let first = client.alone(1, "tools/call", wait.clone()).await;
    let _second = client.alone(1, "tools/call", wait.clone()).await;
    let third = client.alone(1, "tools/call", wait).await;
    assert_eq!(third.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(third.headers["retry-after"], "5");
    let message = third.json().await["error"]["message"].clone();
    assert_eq!(message, "2 requests are unanswered; try again later");
    drop(first);
    assert_eq!(text(&client.call_alone(1, "add", json!({"a": 1, "b": 2})).await), "3");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_was_only_begun_ends_after_a_minute() {
    let client = Http::to(&service());
    let begun = client.post(&[], crate::support::initialize("2025-11-25")).await;
    let id = begun.headers["mcp-session-id"].to_str().expect("a text").to_owned();
    begun.events.rest().await;
    sleep(Duration::from_secs(100)).await;
    let session = client.with("mcp-session-id", &id);
    let answer = session.post(&[], call(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_began_a_task_is_in_use_while_its_principal_has_one_and_no_other_is() {
    let http = service().http().principal(|_| Some("ann".to_owned()));
    let client = Http::through(http.into_router().expect("it can be served"));
    let (works, other) = (client.begin().await, client.begin().await);
    works.call(1, "work", crate::support::mcpc("t", json!({}))).await;
    sleep(2 * HALF_AN_HOUR).await;
    // Its callbacks wait there.
    let mut stream = works.listen(None).await;
    assert_eq!(stream.events.callback().await["event"], "created");
    let gone = other.post(&[], call(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let stopped = works.call(2, "stop_task", json!({"task_id": "t"})).await;
    assert_eq!(stopped["result"]["isError"], false, "{stopped}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_in_use_while_a_call_of_it_goes_on_that_nobody_listens_to() {
    let session = Http::to(&service()).begin().await;
    drop(session.start(1, "wait", json!({"seconds": 7_200})).await);
    sleep(Duration::from_secs(7_201)).await;
    let again = session.listen(Some("2-0")).await;
    assert_eq!(text(&again.events.last().await), "waited");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_long_task_waits_for_who_is_away_as_long_as_a_session_would() {
    let session = Http::to(&service()).begin().await;
    let two_hours = crate::support::mcpc("t", json!({"to": 1, "every_ms": 7_200_000}));
    session.call(1, "count", two_hours).await;
    sleep(4 * HALF_AN_HOUR + HALF_AN_HOUR / 2).await;
    let mut stream = session.listen(None).await;
    for event in ["created", "update", "complete"] {
        assert_eq!(stream.events.callback().await["event"], event);
    }
    drop(stream);
    sleep(HALF_AN_HOUR + Duration::from_secs(60)).await;
    assert_eq!(session.listen(None).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(start_paused = true)]
async fn an_answer_waits_for_who_is_away_as_long_as_a_session_would() {
    let session = Http::to(&service()).begin().await;
    drop(session.start(1, "wait", json!({"seconds": 300})).await);
    drop(session.start(2, "wait", json!({"seconds": 300})).await);
    // Whoever lost only those goes on.
    let _stream = session.listen(None).await;
    sleep(Duration::from_secs(300) + HALF_AN_HOUR / 2).await;
    let answer = session.listen(Some("2-0")).await.events;
    assert_eq!(text(&answer.last().await), "waited", "nobody was there when it came");
    sleep(HALF_AN_HOUR).await;
    let forgotten = session.listen(Some("3-0")).await;
    assert_eq!(forgotten.status, StatusCode::BAD_REQUEST);
    let message = forgotten.json().await["error"]["message"].clone();
    assert_eq!(message, "the stream 3 was read to its end, or is kept no longer");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_kept_of_a_call_that_was_left_and_cancelled() {
    let session = Http::to(&service()).begin().await;
    drop(session.start(1, "wait", json!({"seconds": 60})).await);
    let params = json!({"requestId": 1});
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
    assert_eq!(session.post(&[], cancel).await.status, StatusCode::ACCEPTED);
    assert_eq!(session.listen(Some("2-0")).await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test(start_paused = true)]
async fn answers_that_nobody_reads_hold_up_a_session_for_some_seconds_at_most() {
    let session = Http::to(&service()).begin().await;
    for id in 1..=30 {
        drop(session.start(id, "say", json!({"bytes": 100_000, "seconds": 5})).await);
    }
    sleep(Duration::from_secs(12)).await;
    let asked = tokio::time::Instant::now();
    assert_eq!(text(&session.call(99, "add", json!({"a": 1, "b": 2})).await), "3");
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    let answer = session.listen(Some("31-0")).await.events.last().await;
    assert_eq!(text(&answer).len(), 100_000, "and the latest is kept for who comes back");
}
