//! One service and many connections: what they share, what each has for itself, and what is left of those that ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::{Sender, Server, Service, State, tools};
use serde_json::json;

use crate::support::{Mcpc, Plain, Wire};

/// How often tools were called, by everybody.
#[derive(Clone, Default)]
struct Calls(Arc<AtomicUsize>);

/// Counts.
#[mcpc::tool]
async fn count(calls: State<Calls>) -> usize {
    calls.0.fetch_add(1, Ordering::SeqCst) + 1
}

/// Works until it is asked to stop.
#[mcpc::background]
async fn work(sender: Sender) -> &'static str {
    sender.stopped().await;
    "stopped in time"
}

fn server() -> Server {
    let server = Server::new("shared").state(Calls::default()).tools(tools![count, work]);
    server.patience(Duration::ZERO).grace(Duration::from_secs(2))
}

fn service() -> Service {
    server().build().expect("it can be built")
}

async fn plain(service: &Service) -> Plain {
    Plain::begin(Wire::to(service)).await
}

#[tokio::test(start_paused = true)]
async fn connections_share_tools_and_their_states() {
    let service = service();
    let (mut one, mut other) = (plain(&service).await, plain(&service.clone()).await);
    assert_eq!(one.ask("count", json!({})).await.0, "1");
    assert_eq!(other.ask("count", json!({})).await.0, "2");
    assert_eq!(one.ask("count", json!({})).await.0, "3");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_nobody_elses() {
    let service = service();
    let (mut owner, mut other) = (plain(&service).await, plain(&service).await);
    let (_, task_id) = owner.ticket("work", json!({})).await;
    let unknown =
        format!("unknown task `{task_id}` (results are kept for a limited time after a task ends)");
    assert_eq!(other.check(&task_id, 0).await, (unknown.clone(), true));
    assert_eq!(other.stop(&task_id).await, (unknown, true));
    let (listed, _) = other.ask("check_task", json!({})).await;
    assert_eq!(listed, "There is no task: none is running, and none that ended is still known.");
    let (text, is_error) = owner.check(&task_id, 0).await;
    assert!(!is_error && text.contains("is running"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn two_connections_may_use_one_id() {
    let service = service();
    let (mut one, mut other) =
        (Mcpc::begin(Wire::to(&service)).await, Mcpc::begin(Wire::to(&service)).await);
    one.begin_task("t", "work", json!({})).await;
    other.begin_task("t", "work", json!({})).await;
    one.finish().await;
    let (_, stopped) = other.reply_and_before("stop_task", json!({"task_id": "t"})).await;
    assert_eq!(stopped["result"]["isError"], false, "the end of one was not that of the other");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_leaves_every_other_alone() {
    let service = service();
    let (mut leaves, mut stays) = (plain(&service).await, plain(&service).await);
    leaves.ticket("work", json!({})).await;
    let (_, task_id) = stays.ticket("work", json!({})).await;
    leaves.finish().await;
    let (text, _) = stays.check(&task_id, 0).await;
    assert!(text.contains("is running") && !text.contains("asked to stop"), "{text}");
    // A new one begins where the others are.
    assert_eq!(plain(&service).await.ask("count", json!({})).await.0, "1");
}

/// A limit of the server counts for all, and what one connection had is free once that has ended.
#[tokio::test(start_paused = true)]
async fn the_limit_of_tasks_is_of_all_connections() {
    let service = server().max_tasks(2).build().expect("it can be built");
    let (mut one, mut other) = (plain(&service).await, plain(&service).await);
    one.ticket("work", json!({})).await;
    one.ticket("work", json!({})).await;
    let (refused, is_error) = other.ask("work", json!({})).await;
    assert!(is_error && refused.contains("try again later"), "{refused}");
    one.finish().await;
    other.ticket("work", json!({})).await;
}

#[test]
fn a_server_is_checked_without_being_served() {
    server().check().expect("it can be built");
    let error = server().max_tasks(0).check().expect_err("nobody could use it");
    assert_eq!(error.to_string(), "`Server::max_tasks` is 0; expected at least 1");
    let error = server().tools(tools![count]).build().expect_err("two have one name");
    assert!(error.to_string().starts_with("two tools are called `count`"), "{error}");
}

/// What is left of a connection would be found by the next; `tests/connections.rs` counts what is allocated.
#[tokio::test(start_paused = true)]
async fn connections_come_and_go() {
    let service = service();
    for _ in 0..300 {
        let mut client = plain(&service).await;
        client.ticket("work", json!({})).await;
        client.finish().await;
    }
    let (listed, _) = plain(&service).await.ask("check_task", json!({})).await;
    assert!(listed.starts_with("There is no task"), "{listed}");
}
