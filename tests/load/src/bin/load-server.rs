//! The server that is put under load. It says where it listens on its first line, and which calls it took on its last.
//!
//! usage: load-server [NAME=NUMBER]..., the names are those in `options`; times are milliseconds.
#![expect(clippy::print_stdout, reason = "what starts it reads these two lines")]

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use load::{TEXT, end_with_input, now};
use mcpc::{Sender, Server, tools};
use tokio::net::TcpListener;
use tokio::sync::Barrier;

/// Counts what is on the heap.
#[cfg(feature = "counted")]
#[global_allocator]
static HEAP: cap::Cap<std::alloc::System> = cap::Cap::new(std::alloc::System, usize::MAX);

/// An update.
#[derive(serde::Serialize)]
struct Said {
    i: u64,
    text: &'static str,
}

/// The calls of [`take`] that were taken, and so are to be answered.
static TAKEN: Mutex<Vec<u64>> = Mutex::new(Vec::new());

/// How many calls wait that nobody may wait for any more.
static WAITING: AtomicU64 = AtomicU64::new(0);

/// Counts a call, as long as it waits.
struct Waiting;

impl Waiting {
    fn begin() -> Self {
        WAITING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        WAITING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Answers what it is told.
#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

/// Waits until a thousand calls wait here.
#[mcpc::tool]
async fn meet() -> &'static str {
    static ALL: LazyLock<Barrier> = LazyLock::new(|| Barrier::new(1_000));
    ALL.wait().await;
    "met"
}

/// Takes its time.
#[mcpc::tool]
async fn pause(milliseconds: u64) -> u64 {
    let _waiting = Waiting::begin();
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    milliseconds
}

/// Takes its time, and is told of at the end.
#[mcpc::tool]
async fn take(number: u64, milliseconds: u64) -> u64 {
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(number);
    tokio::time::sleep(Duration::from_millis(milliseconds)).await;
    number
}

/// How many calls wait.
#[mcpc::tool]
async fn waiting() -> u64 {
    WAITING.load(Ordering::SeqCst)
}

/// How many bytes are on the heap.
#[cfg(feature = "counted")]
#[mcpc::tool]
async fn held() -> usize {
    HEAP.allocated()
}

/// Counts, as fast as the client takes it.
#[mcpc::background]
async fn count(to: u64, updates: Sender) -> u64 {
    for number in 1..=to {
        updates.send(number).await;
    }
    to
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

/// Sends updates until it is stopped.
#[mcpc::background]
async fn flood(updates: Sender) {
    while !updates.is_stopped() {
        updates.send(TEXT).await;
    }
}

/// Waits to be stopped.
#[mcpc::background]
async fn watch(updates: Sender) -> &'static str {
    updates.stopped().await;
    "stopped"
}

/// What is asked for on the command line.
fn options() -> HashMap<String, u64> {
    let arguments = std::env::args().skip(1);
    let named = arguments.map(|argument| {
        let option = argument
            .split_once('=')
            .and_then(|(name, value)| Some((name.to_owned(), value.parse().ok()?)));
        option.unwrap_or_else(|| panic!("expected NAME=NUMBER, and not `{argument}`"))
    });
    named.collect()
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    end_with_input();
    let mut options = options();
    let mut option = |name: &str, default: u64| options.remove(name).unwrap_or(default);
    let milliseconds = Duration::from_millis;
    let service = Server::new("load")
        .tools(tools![
            add,
            echo,
            meet,
            pause,
            take,
            waiting,
            #[cfg(feature = "counted")]
            held,
            count,
            chatter,
            clock,
            flood,
            watch,
        ])
        .max_tasks(200_000)
        .patience(milliseconds(option("patience", 0)))
        // What is measured is tasks, and all of these take longer.
        .task_patience(Duration::ZERO)
        .retention(milliseconds(option("retention", 600_000)))
        .grace(milliseconds(option("grace", 5_000)))
        .max_queued_bytes(usize::try_from(option("queued", 1 << 20))?)
        .max_message_bytes(usize::try_from(option("message", 1 << 20))?)
        .build()?;
    let server = service
        .http()
        .max_sessions(usize::try_from(option("sessions", 10_000))?)
        .max_connections(usize::try_from(option("connections", 20_000))?)
        .max_buffered_bytes(usize::try_from(option("buffered", 256 << 20))?)
        .session_idle(milliseconds(option("idle", 1_800_000)))
        .header_timeout(milliseconds(option("header", 60_000)))
        .body_timeout(milliseconds(option("body", 30_000)))
        .write_timeout(milliseconds(option("write", 60_000)));
    assert!(options.is_empty(), "there is no option {options:?}");
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    server.serve_on(listener).await?;
    let taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
    println!("{}", serde_json::to_string(&*taken)?);
    Ok(())
}
