//! The server as users of mcpc write it.

use std::time::Duration;

use bench_servers::{TEXT, now};
use mcpc::{Sender, Server, tools};

/// An update.
#[derive(serde::Serialize)]
struct Said {
    i: u64,
    text: &'static str,
}

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Sends updates as fast as the client takes them.
#[mcpc::background]
async fn chatter(count: u64, updates: Sender) {
    for i in 0..count {
        updates.send(Said { i, text: TEXT }).await;
    }
}

/// Sends the time now and then.
#[mcpc::background]
async fn clock(count: u64, microseconds: u64, updates: Sender) {
    for _ in 0..count {
        tokio::time::sleep(Duration::from_micros(microseconds)).await;
        updates.send(now()).await;
    }
}

/// Waits to be stopped.
#[mcpc::background]
async fn watch(updates: Sender) -> &'static str {
    updates.stopped().await;
    "stopped"
}

#[tokio::main]
async fn main() -> mcpc::Result {
    Server::new("with-mcpc")
        .tools(tools![add, chatter, clock, watch])
        .max_tasks(200_000)
        // What is measured is tasks, and all of these take longer.
        .task_patience(Duration::ZERO)
        .serve_stdio()
        .await
}
