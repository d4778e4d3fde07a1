use std::time::Duration;

use futures::FutureExt as _;
use mcpc::Sender;
use mcpc::testing::{self, Item};
use serde_json::json;

/// Sends one of everything.
#[mcpc::background]
async fn everything(updates: Sender) -> Result<u8, String> {
    updates.status("starting");
    updates.progress(1, 4, "counting");
    updates.send(json!({"found": 1})).await;
    updates.output("a line").await;
    updates.emit("weather", "fine").await;
    updates.progress(2, None, "without a total");
    Ok(7)
}

#[tokio::test]
async fn what_a_function_sends_is_read_as_plain_values() {
    let (updates, sent) = testing::sender();
    assert_eq!(everything(updates).await, Ok(7));
    assert_eq!(sent.updates(), [json!({"found": 1})]);
    assert_eq!(sent.output(), ["a line"]);
    assert_eq!(sent.events(), [("weather".to_owned(), json!("fine"))]);
    let progress = [
        (None, None, "starting".to_owned()),
        (Some(1.0), Some(4.0), "counting".to_owned()),
        (Some(2.0), None, "without a total".to_owned()),
    ];
    assert_eq!(sent.progress(), progress);
    let items = sent.items();
    assert_eq!(items.len(), 6);
    assert_eq!(items[2..4], [Item::Update(json!({"found": 1})), Item::Output("a line".into())]);
    assert!(matches!(&items[4], Item::Event { event, .. } if event == "weather"), "{items:?}");
}

/// Works until it is asked to stop.
#[mcpc::background]
async fn until_stopped(updates: Sender) -> &'static str {
    updates.send("ready").await;
    assert!(!updates.is_stopped());
    updates.stopped().await;
    assert!(updates.is_stopped());
    "stopped"
}

#[tokio::test]
async fn a_function_is_asked_to_stop() {
    let (updates, mut sent) = testing::sender();
    let running = tokio::spawn(until_stopped(updates));
    assert_eq!(sent.next().await, Some(Item::Update(json!("ready"))));
    assert!(!sent.is_stopped());
    sent.stop();
    assert!(sent.is_stopped());
    assert_eq!(running.await.expect("no panic"), "stopped");
    assert_eq!(sent.next().await, None, "the function has gone, and its sender with it");
}

#[test]
fn no_runtime_is_needed() {
    let (updates, sent) = testing::sender();
    assert_eq!(everything(updates.clone()).now_or_never(), Some(Ok(7)), "nothing waits");
    std::thread::scope(|scope| {
        scope.spawn(|| updates.blocking_send("from a thread"));
    });
    updates.blocking_output("and from here");
    assert_eq!(sent.updates(), [json!({"found": 1}), json!("from a thread")]);
    assert_eq!(sent.output(), ["a line", "and from here"]);
}

#[tokio::test]
async fn however_much_is_sent_nothing_waits() {
    let (updates, sent) = testing::sender();
    let sends = async {
        for _ in 0..300 {
            updates.send("x".repeat(10_000)).await;
            updates.emit("event", "x".repeat(10_000)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), sends).await.expect("there is room");
    assert_eq!((sent.updates().len(), sent.events().len()), (300, 300));
}

/// In a server, that ends the task.
#[tokio::test]
#[should_panic(expected = "an update cannot be written as JSON: key must be a string")]
async fn a_value_that_cannot_be_sent_fails_the_test() {
    let (updates, _sent) = testing::sender();
    updates.send(std::collections::HashMap::from([((1, 2), 3)])).await;
}
