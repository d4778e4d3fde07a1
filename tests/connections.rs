//! What a service holds of connections that have ended: nothing, however many there were.
//!
//! A program of its own, as it counts what the whole process has allocated. `CONNECTIONS=100000` tries more of them.

use std::alloc::System;

use cap::Cap;
use mcpc::{Sender, Server, Service, tools};
use serde_json::json;

mod support;

use support::{Mcpc, Plain, Wire, WithTasks};

/// How many clients come at once.
const CLIENTS: usize = 6;

#[global_allocator]
static ALLOCATED: Cap<System> = Cap::new(System, usize::MAX);

/// Works until it is asked to stop.
#[mcpc::background]
async fn work(sender: Sender) -> &'static str {
    sender.send("working").await;
    sender.stopped().await;
    "stopped in time"
}

/// Answers.
#[mcpc::tool]
async fn answer() -> u8 {
    42
}

/// Never answers.
#[mcpc::tool]
async fn rest() {
    std::future::pending().await
}

/// Clients of every kind come, leave a task or a call that runs, and go in every way.
async fn come_and_go(service: &Service) {
    let mut plain = Plain::begin(Wire::to(service)).await;
    assert_eq!(plain.ask("answer", json!({})).await, ("42".to_owned(), false));
    plain.ticket("work", json!({})).await;
    plain.finish().await;

    let mut mcpc = Mcpc::begin(Wire::to(service)).await;
    mcpc.begin_task("t", "work", json!({})).await;
    mcpc.finish().await;

    let mut with_tasks = WithTasks::over(Wire::to(service));
    with_tasks.start("work", json!({})).await;
    with_tasks.finish().await;

    // One that leaves without a word, one that is dropped with a task that runs, and one with a call open.
    Wire::to(service).finish().await;
    let mut dropped = Mcpc::begin(Wire::to(service)).await;
    dropped.begin_task("t", "work", json!({})).await;
    end_abruptly(dropped.into_wire()).await;
    let mut waits = Plain::begin(Wire::to(service)).await;
    waits.call("open", "rest", json!({})).await;
    end_abruptly(waits.wire).await;
}

/// Drops what serves a connection.
async fn end_abruptly(wire: Wire) {
    wire.server.abort();
    assert!(wire.server.await.is_err_and(|error| error.is_cancelled()));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_left_of_connections() {
    let connections = std::env::var("CONNECTIONS").ok().and_then(|it| it.parse().ok());
    let rounds = connections.unwrap_or(3_000_usize).div_ceil(CLIENTS);
    let server = Server::new("visited").tools(tools![work, answer, rest]);
    let server =
        server.patience(std::time::Duration::ZERO).task_patience(std::time::Duration::ZERO);
    let service = server.build().expect("it can be built");
    // Tables and buffers have their sizes by then.
    for _ in 0..rounds.min(300) {
        come_and_go(&service).await;
    }
    let before = ALLOCATED.allocated();
    for _ in 0..rounds {
        come_and_go(&service).await;
    }
    let more = ALLOCATED.allocated().saturating_sub(before);
    assert!(more < 16 << 10, "{more} bytes more after {} connections", CLIENTS * rounds);
}
