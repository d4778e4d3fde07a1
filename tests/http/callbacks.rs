//! What tasks of a client of MCPC say, by the stream of their session.

use std::time::Duration;

use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::service;
use crate::support::{Http, mcpc, text};

#[tokio::test(start_paused = true)]
async fn created_comes_first_on_the_stream_of_the_session_and_the_end_last() {
    let session = Http::to(&service()).begin().await;
    let mut stream = session.listen(None).await;
    let reply = session.call(1, "count", mcpc("t", json!({"to": 3, "every_ms": 10}))).await;
    let created: serde_json::Value = serde_json::from_str(text(&reply)).expect("JSON");
    assert_eq!(created["event"], "created");
    let mut said = Vec::new();
    for _ in 0..5 {
        let callback = stream.events.callback().await;
        assert_eq!(callback["task_id"], "t");
        said.push((callback["event"].clone(), callback["result"].clone()));
    }
    let number = |number: u64| (json!("update"), json!(number));
    assert_eq!(said[0].0, "created");
    assert_eq!(said[1..4], [number(1), number(2), number(3)]);
    assert_eq!(said[4], (json!("complete"), json!("counted")));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_loses_its_stream_sixteen_times_reads_every_update_once() {
    const UPDATES: u64 = 500;
    let session = Http::to(&service()).begin().await;
    session.call(1, "count", mcpc("t", json!({"to": UPDATES, "every_ms": 5}))).await;
    let (mut last, mut said, mut streams) = (None::<String>, Vec::new(), 0);
    while said.last() != Some(&json!("counted")) {
        streams += 1;
        let mut stream = session.listen(last.as_deref()).await;
        for _ in 0..31 {
            let (callback, id) = stream.events.callback_and_id().await;
            said.push(callback["result"].clone());
            last = Some(id);
            if said.last() == Some(&json!("counted")) {
                break;
            }
        }
        drop(stream);
        sleep(Duration::from_millis(20)).await;
    }
    let numbers: Vec<_> = said.iter().filter_map(|said| said.as_u64()).collect();
    assert_eq!(numbers, (1..=UPDATES).collect::<Vec<_>>());
    assert!(streams > 16, "{streams}");
}

#[tokio::test(start_paused = true)]
async fn what_was_on_its_way_when_a_connection_was_lost_is_sent_again() {
    // In the buffers of a connection there is room for more than may wait for who reads.
    const UPDATES: u64 = 10_000;
    let session = Http::to(&service()).begin().await;
    session.call(1, "count", mcpc("t", json!({"to": UPDATES, "every_ms": 0}))).await;
    let mut lost = session.listen(None).await;
    let (created, read) = lost.events.callback_and_id().await;
    assert_eq!(created["event"], "created");
    while lost.events.callback().await["event"] != "complete" {}
    let mut stream = session.listen(Some(&read)).await;
    for number in 1..=UPDATES {
        assert_eq!(stream.events.callback().await["result"], number);
    }
    assert_eq!(stream.events.callback().await["event"], "complete");
}

#[tokio::test(start_paused = true)]
async fn the_newest_reader_takes_the_stream_over_and_the_other_one_ends() {
    let session = Http::to(&service()).begin().await;
    let mut old = session.listen(None).await;
    session.call(1, "count", mcpc("t", json!({"to": 9, "every_ms": 1_000}))).await;
    assert_eq!(old.events.callback().await["event"], "created");
    let mut new = session.listen(None).await;
    assert!(old.events.next().await.is_none(), "somebody else reads");
    for number in 1..=9 {
        assert_eq!(new.events.callback().await["result"], number);
    }
    assert_eq!(new.events.callback().await["event"], "complete");
}

#[tokio::test(start_paused = true)]
async fn who_comes_late_finds_what_was_said_before() {
    let session = Http::to(&service()).begin().await;
    session.call(1, "count", mcpc("t", json!({"to": 3, "every_ms": 10}))).await;
    sleep(Duration::from_secs(60)).await;
    let mut stream = session.listen(None).await;
    let mut events = Vec::new();
    for _ in 0..5 {
        events.push(stream.events.callback().await["event"].clone());
    }
    assert_eq!(events, ["created", "update", "update", "update", "complete"]);
}

#[tokio::test(start_paused = true)]
async fn who_stays_away_holds_up_no_task_and_is_told_what_had_no_room() {
    const UPDATES: u64 = 10_000;
    let service = crate::server().max_queued_bytes(10_000).build().expect("it can be built");
    let session = Http::to(&service).begin().await;
    session.call(1, "count", mcpc("t", json!({"to": UPDATES, "every_ms": 0}))).await;
    sleep(Duration::from_secs(20)).await;
    let checked = session.call(2, "check_task", json!({"task_id": "t"})).await;
    assert!(text(&checked).contains("counted"), "it has ended: {checked}");
    let mut stream = session.listen(None).await;
    assert_eq!(stream.events.callback().await["event"], "created", "it is never left out");
    let loss = stream.events.message().await;
    assert_eq!(loss["method"], "notifications/message");
    let (mut dropped, data) = (0, loss["params"]["data"].as_str().expect("a text"));
    let count = data.strip_suffix(" messages were dropped while nobody read this stream");
    dropped += count.expect(data).parse::<u64>().expect("a number");
    let mut last = dropped;
    loop {
        let callback = stream.events.callback().await;
        if callback["event"] == "complete" {
            break;
        }
        assert_eq!(callback["result"], last + 1, "nothing else is missing");
        last += 1;
    }
    assert_eq!(last, UPDATES);
    assert!(dropped > 0 && dropped < UPDATES, "{dropped}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_holds_up_no_call() {
    let session = Http::to(&service()).begin().await;
    let stream = session.listen(None).await;
    session.call(1, "count", mcpc("t", json!({"to": 200_000, "every_ms": 0}))).await;
    for id in 2..100 {
        let reply = session.call(id, "add", json!({"a": id, "b": 1}));
        let reply = timeout(Duration::from_secs(1), reply).await.expect("it is answered");
        assert_eq!(text(&reply), (id + 1).to_string());
    }
    let check = json!({"task_id": "t"});
    let checked = session.call(100, "check_task", check).await;
    assert!(text(&checked).contains("is running"), "it waits for its reader: {checked}");
    drop(stream);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_one_session_reaches_another() {
    let client = Http::to(&service());
    let (one, other) = (client.begin().await, client.begin().await);
    let mut streams = [one.listen(None).await, other.listen(None).await];
    one.call(1, "count", mcpc("of_one", json!({"to": 20, "every_ms": 10}))).await;
    other.call(1, "count", mcpc("of_other", json!({"to": 20, "every_ms": 10}))).await;
    for (stream, task_id) in streams.iter_mut().zip(["of_one", "of_other"]) {
        loop {
            let callback = stream.events.callback().await;
            assert_eq!(callback["task_id"], task_id);
            if callback["event"] == "complete" {
                break;
            }
        }
    }
    let [one_stream, _] = streams;
    let nothing = timeout(Duration::from_secs(5), one_stream.events.rest()).await;
    assert!(nothing.is_err(), "there is nothing more, and it stays open");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_stays_open_hears_how_far_it_is_by_its_own_stream() {
    let service =
        crate::server().patience(Duration::from_secs(60)).build().expect("it can be built");
    let session = Http::to(&service).begin().await;
    let mut body = crate::support::call(1, "count", json!({"to": 3, "every_ms": 1_000}));
    body["params"]["_meta"] = json!({"progressToken": "p"});
    let mut answer = session.post(&[], body).await;
    let first = answer.events.message().await;
    assert_eq!(first["method"], "notifications/progress", "{first}");
    assert_eq!(first["params"]["progressToken"], "p");
    assert!(text(&answer.events.last().await).starts_with("counted"));
}

#[tokio::test(start_paused = true)]
async fn a_call_whose_stream_was_lost_is_answered_to_who_comes_back() {
    let session = Http::to(&service()).begin().await;
    let answer = session.start(1, "wait", json!({"seconds": 60})).await;
    drop(answer);
    sleep(Duration::from_secs(90)).await;
    let again = session.listen(Some("2-0")).await;
    assert_eq!(text(&again.events.last().await), "waited", "the stream ends with it");
}

#[tokio::test(start_paused = true)]
async fn the_stream_of_a_long_call_may_end_for_its_client_to_come_back() {
    let router = service().http().poll_after(Duration::from_secs(5)).into_router();
    let session = Http::through(router.expect("it can be served")).begin().await;
    let answer = session.start(1, "wait", json!({"seconds": 60})).await;
    let opening = answer.events.rest().await;
    assert_eq!(opening, "id: 2-0\nretry: 1000\ndata:\n\n", "it ends without an answer");
    let mut polls = 0;
    loop {
        polls += 1;
        let rest = session.listen(Some("2-0")).await.events.rest().await;
        if rest.contains("waited") {
            break;
        }
        sleep(Duration::from_secs(1)).await;
    }
    assert!(polls > 5, "{polls}");
}

#[tokio::test(start_paused = true)]
async fn a_silent_stream_says_that_it_is_there() {
    let session = Http::to(&service()).begin().await;
    let answer = session.start(1, "wait", json!({"seconds": 50})).await;
    let said = answer.events.rest().await;
    assert_eq!(said.split("\n\n").filter(|event| *event == ":").count(), 3, "{said}");
}

#[tokio::test(start_paused = true)]
async fn of_a_call_that_is_refused_nothing_comes_by_the_stream() {
    let session = Http::to(&service()).begin().await;
    let mut stream = session.listen(None).await;
    let refused =
        session.call(1, "count", mcpc("refused", json!({"to": "x", "every_ms": 1}))).await;
    assert_eq!(refused["result"]["isError"], true);
    session.call(2, "count", mcpc("t", json!({"to": 1, "every_ms": 1}))).await;
    assert_eq!(stream.events.callback().await["task_id"], "t", "no `created` of the other");
}

#[tokio::test(start_paused = true)]
async fn of_two_calls_with_one_token_the_first_that_ends_does_not_take_it_from_the_other() {
    let service = crate::server().patience(Duration::from_secs(60)).build();
    let session = Http::to(&service.expect("it can be built")).begin().await;
    let start = async |id: u64, to: u64| {
        let arguments = json!({"to": to, "every_ms": 1_000});
        let mut body = crate::support::call(id, "count", arguments);
        body["params"]["_meta"] = json!({"progressToken": "p"});
        session.post(&[], body).await
    };
    let (first, mut second) = (start(1, 1).await, start(2, 5).await);
    assert!(text(&first.events.last().await).starts_with("counted"));
    let mut reports = 0;
    loop {
        let message = second.events.message().await;
        if message["method"] != "notifications/progress" {
            assert!(text(&message).starts_with("counted"), "{message}");
            break;
        }
        reports += 1;
    }
    assert!(reports >= 4, "{reports}");
}

/// What tells of tasks has no permit where it must not wait, and that is no answer which somebody leaves unread.
#[tokio::test(start_paused = true)]
async fn tasks_that_begin_and_end_unread_hold_up_no_call() {
    let session = Http::to(&service()).begin().await;
    let unread = session.listen(None).await;
    let long = "x".repeat(2_000);
    for id in 1..=1_000 {
        let started = mcpc(&format!("{id}{long}"), json!({"to": 0, "every_ms": 0}));
        let started = timeout(Duration::from_secs(1), session.call(id, "count", started)).await;
        assert!(text(&started.expect("it is answered")).contains("created"));
    }
    drop(unread);
}
