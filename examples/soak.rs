//! A server whose tools do all that a body can do, at once and for a long time (`tests/soak`).

use std::alloc::System;
use std::future::pending;
use std::time::Duration;

use cap::Cap;
use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::{block_in_place, spawn_blocking};
use tokio::time::sleep;

/// Counts what is on the heap.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// How a body works, or ends.
#[derive(Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum How {
    Await,
    SpawnBlocking,
    BlockInPlace,
    Fail,
    Panic,
    /// Goes on until it is asked to stop.
    Obey,
    /// Goes on until it is dropped.
    Ignore,
}

const AS_ASKED: &str = "as it was asked to";

/// Tells how many bytes are on the heap.
#[mcpc::tool]
async fn held() -> usize {
    HEAP.allocated()
}

/// Returns what it is given.
#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

/// Rests for a while.
#[mcpc::tool]
async fn rest(how: How, millis: u64) -> Result<u64, &'static str> {
    let time = Duration::from_millis(millis);
    match how {
        How::SpawnBlocking => {
            spawn_blocking(move || std::thread::sleep(time)).await.expect("it does not panic");
        }
        How::BlockInPlace => block_in_place(|| std::thread::sleep(time)),
        How::Await | How::Obey => sleep(time).await,
        How::Fail => return Err(AS_ASKED),
        How::Panic => panic!("{AS_ASKED}"),
        How::Ignore => pending().await,
    }
    Ok(millis)
}

/// Sends updates, reports progress and emits events.
#[mcpc::background]
async fn work(
    how: How,
    updates: u32,
    bytes: usize,
    millis: u64,
    sender: Sender,
) -> Result<String, &'static str> {
    let text = "x".repeat(bytes);
    for number in 0..updates {
        sender.progress(number, updates, &text);
        match how {
            How::SpawnBlocking => {
                let (sender, text) = (sender.clone(), text.clone());
                spawn_blocking(move || say(&sender, &text)).await.expect("it does not panic");
            }
            How::BlockInPlace => block_in_place(|| say(&sender, &text)),
            How::Await | How::Fail | How::Panic | How::Obey | How::Ignore => {
                sender.send(&text).await;
                sender.emit("said", number).await;
            }
        }
        if millis > 0 {
            sleep(Duration::from_millis(millis)).await;
        }
    }
    match how {
        How::Await | How::SpawnBlocking | How::BlockInPlace => {}
        How::Fail => return Err(AS_ASKED),
        How::Panic => panic!("{AS_ASKED}"),
        How::Obey => sender.stopped().await,
        How::Ignore => pending().await,
    }
    Ok(text)
}

fn say(sender: &Sender, text: &str) {
    sender.blocking_send(text);
    sender.blocking_emit("said", text.len());
}

/// Has no time to end by itself.
#[mcpc::background(timeout = "100ms")]
async fn hurry(obeys: bool, sender: Sender) {
    match obeys {
        true => sender.stopped().await,
        false => pending().await,
    }
}

async fn serve() -> mcpc::Result {
    Server::new("soak")
        .tools(tools![held, echo, rest, work, hurry])
        .grace(Duration::from_millis(200))
        .patience(Duration::from_secs(1))
        // So that some of what clients with tasks call is over by then, and some is not.
        .task_patience(Duration::from_millis(200))
        .retention(Duration::from_secs(2))
        .heartbeat(Duration::from_millis(500))
        .max_message_bytes(64 << 10)
        .max_queued_bytes(64 << 10)
        .serve_stdio()
        .await
}

fn main() -> mcpc::Result {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if panic.payload().downcast_ref::<String>().is_none_or(|message| message != AS_ASKED) {
            hook(panic);
        }
    }));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        // Threads that have nothing to do are soon gone, so that those that stay can be told from them.
        .thread_keep_alive(Duration::from_millis(100))
        .enable_all()
        .build();
    runtime.expect("there are threads").block_on(serve())
}
