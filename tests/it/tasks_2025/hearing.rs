//! What such a client hears of its task without asking.

use std::time::Duration;

use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::server;
use crate::support::clients::{WithTasksOf2025, status};
use crate::support::text;

const STATUS: &str = "notifications/tasks/status";
const PROGRESS: &str = "notifications/progress";

/// Says something a hundred times a second, for two.
#[mcpc::background]
async fn flood(updates: Sender) -> &'static str {
    for number in 0..200 {
        sleep(Duration::from_millis(10)).await;
        updates.progress(number, 200, format!("number {number}"));
    }
    "dry"
}

/// Says how far it is at its very end.
#[mcpc::background]
async fn last_words(updates: Sender) -> &'static str {
    sleep(Duration::from_secs(1)).await;
    updates.progress(1, 2, "half");
    updates.progress(2, 2, "whole");
    "done"
}

fn flooding() -> Server {
    Server::new("flood").tools(tools![flood, last_words])
}

#[tokio::test(start_paused = true)]
async fn a_change_is_told_with_all_that_there_is_to_say_of_the_task() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("count", json!({"seconds": 2})).await;
    assert_eq!(client.heard, [Value::Null; 0], "the reply comes first, and says the same");
    client.fetch(&id).await;
    let heard = client.heard_of(STATUS);
    let said: Vec<(&str, &str)> = heard.iter().map(|task| status(task)).collect();
    assert_eq!(said, [("working", "50 %: 1 s"), ("completed", "100 %: 2 s")]);
    let mut last = heard[1].clone();
    let now = client.get(&id).await;
    assert_eq!(last["ttl"], 602_000);
    last["pollInterval"] = now["pollInterval"].clone();
    assert_eq!(last, now);
}

#[tokio::test(start_paused = true)]
async fn of_fast_changes_ten_a_second_are_told() {
    let mut client = WithTasksOf2025::connect(flooding()).await;
    let id = client.start_with("flood", json!({}), json!({"progressToken": "p"})).await;
    client.fetch(&id).await;
    for method in [STATUS, PROGRESS] {
        let heard = client.heard_of(method).len();
        assert!((15..=22).contains(&heard), "{heard} of {method}");
    }
}

/// The token is good until the end of the task, and no longer.
#[tokio::test(start_paused = true)]
async fn progress_comes_under_the_token_of_the_call() {
    let mut client = WithTasksOf2025::connect(flooding()).await;
    let id = client.start_with("last_words", json!({}), json!({"progressToken": "p"})).await;
    let result = client.fetch(&id).await;
    assert_eq!(text(&result), "done");
    let progress = client.heard_of(PROGRESS);
    assert_eq!(
        *progress[0],
        json!({"progressToken": "p", "progress": 2.0, "total": 2.0, "message": "whole"})
    );
    assert_eq!(progress.len(), 1);
    let order: Vec<&Value> = client.heard.iter().map(|message| &message["method"]).collect();
    assert_eq!(order.last(), Some(&&json!(STATUS)), "the end comes last: {order:?}");
    sleep(Duration::from_secs(60)).await;
    let rest = client.finish().await;
    assert_eq!(rest, [""; 0]);
}

/// Whoever asks and reads that a task is over hears nothing of it after that.
#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_task_after_its_client_has_read_of_its_end() {
    let mut client = WithTasksOf2025::connect(flooding()).await;
    for poll in [10, 25, 40, 60, 90] {
        client.heard.clear();
        let id = client.start_with("last_words", json!({}), json!({"progressToken": poll})).await;
        let end = loop {
            let task = client.get(&id).await;
            if task["status"] == "completed" {
                break task;
            }
            sleep(Duration::from_millis(poll)).await;
        };
        assert_eq!(status(&end), ("completed", "100 %: whole"));
        assert_eq!(client.heard_of(PROGRESS).len(), 1, "the last report came before");
        client.heard.clear();
        sleep(Duration::from_secs(1)).await;
        client.request("ping", json!({})).await;
        assert_eq!(client.heard, [Value::Null; 0]);
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_of_a_task_after_it_was_cancelled() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let meta = json!({"progressToken": "p"});
    let id = client.start_with("finish_anyway", json!({}), meta).await;
    client.cancel_task(&id).await;
    client.heard.clear();
    sleep(Duration::from_secs(60)).await;
    client.request("ping", json!({})).await;
    assert_eq!(client.heard, [Value::Null; 0]);
}

/// Nothing is written for a client that does not read, and what is told then is what is true then.
#[tokio::test(start_paused = true)]
async fn a_client_that_reads_again_hears_how_the_task_is_then() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("count", json!({"seconds": 5})).await;
    let began = Instant::now();
    client.fetch(&id).await;
    assert_eq!(began.elapsed().as_secs(), 5);
    assert_eq!(client.heard_of(STATUS).len(), 5);
}
