//! What a client sees of a server over HTTP, without a network: bytes of bodies, statuses and headers.

mod callbacks;
mod calls;
mod changes;
mod connections;
mod ends;
mod owners;
mod raw;
mod refusals;
mod resting;
mod sessions;
mod simple;
mod support;
mod tasks_2025;

use std::time::Duration;

use mcpc::{Sender, Server, Service, tools};

/// Adds.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Waits.
#[mcpc::tool]
async fn wait(seconds: u64) -> &'static str {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    "waited"
}

/// Counts, one number after the other.
#[mcpc::background]
async fn count(to: u64, every_ms: u64, sender: Sender) -> &'static str {
    for number in 1..=to {
        if every_ms > 0 {
            tokio::time::sleep(Duration::from_millis(every_ms)).await;
        }
        sender.send(number).await;
    }
    "counted"
}

/// Works until it is asked to stop.
#[mcpc::background]
async fn work(sender: Sender) -> &'static str {
    sender.send("it works").await;
    sender.stopped().await;
    "stopped"
}

/// Works until it is asked to stop, and has something to do then.
#[mcpc::background]
async fn farewell(sender: Sender) -> &'static str {
    sender.stopped().await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    "farewell"
}

/// Says a lot.
#[mcpc::tool]
async fn say(bytes: usize, seconds: u64) -> String {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    "x".repeat(bytes)
}

fn server() -> Server {
    Server::new("http")
        .tools(tools![add, wait, say, count, work, farewell])
        .patience(Duration::ZERO)
}

fn service() -> Service {
    server().build().expect("it can be built")
}
