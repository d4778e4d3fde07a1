//! Tools that nothing stands beside: what they show is how a server with mcpc behaves under load.

use std::time::Duration;

use bench_servers::TEXT;
use mcpc::{Sender, Server, tools};
use tokio::sync::Notify;

/// An update.
#[derive(serde::Serialize)]
struct Said {
    i: u64,
    text: &'static str,
}

/// What the members of a chorus wait for.
static CONDUCTOR: Notify = Notify::const_new();

/// Sends updates as fast as the client takes them, once it is told to.
#[mcpc::background]
async fn chorus(count: u64, updates: Sender) {
    CONDUCTOR.notified().await;
    for i in 0..count {
        updates.send(Said { i, text: TEXT }).await;
    }
}

/// Tells the chorus to begin.
#[mcpc::tool]
async fn conduct() {
    CONDUCTOR.notify_waiters();
}

/// Waits to be stopped.
#[mcpc::background]
async fn watch(updates: Sender) -> &'static str {
    updates.stopped().await;
    "stopped"
}

/// Waits, whoever asks it to stop.
#[mcpc::background]
async fn insist() {
    std::future::pending::<()>().await;
}

/// Sends updates until it is stopped.
#[mcpc::background]
async fn flood(updates: Sender) {
    while !updates.is_stopped() {
        updates.send(TEXT).await;
    }
}

/// How many bytes the function `watch` takes while it waits, without anything of mcpc's.
#[mcpc::tool]
async fn size_of_watch() -> usize {
    fn returned<F>(_: impl FnOnce(Sender) -> F) -> usize {
        size_of::<F>()
    }
    returned(watch)
}

/// Answers what it is told.
#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

#[tokio::main]
async fn main() -> mcpc::Result {
    Server::new("under-load")
        .tools(tools![chorus, conduct, watch, size_of_watch, insist, flood, echo])
        .patience(Duration::from_secs(3600))
        .max_tasks(200_000)
        .serve_stdio()
        .await
}
