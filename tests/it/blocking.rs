//! Bodies that block their thread: they may, and neither they nor others wait for what they hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::task::block_in_place;

use crate::support::Mcpc;

const BUDGET: usize = 64 << 10;

/// Sends something small, and something large while its thread is blocked.
#[mcpc::background]
async fn sends_in_place(large: usize, updates: Sender) {
    updates.send("small").await;
    block_in_place(|| updates.blocking_send("x".repeat(large)));
}

/// The same with async code inside of the code that blocks.
#[mcpc::background]
async fn awaits_in_place(large: usize, updates: Sender) {
    updates.send("small").await;
    block_in_place(|| Handle::current().block_on(updates.send("x".repeat(large))));
}

/// The same through another kind of call.
#[mcpc::background]
async fn emits_in_place(large: usize, updates: Sender) {
    updates.send("small").await;
    block_in_place(|| updates.blocking_emit("large", "x".repeat(large)));
}

#[derive(Clone, Default)]
struct Release(Arc<AtomicBool>);

/// Says something, and blocks its thread until it is released.
#[mcpc::background]
async fn blocks(release: State<Release>, updates: Sender) {
    updates.send("small").await;
    block_in_place(|| {
        while !release.0.load(Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

/// Says one thing.
#[mcpc::background]
async fn says(updates: Sender) {
    updates.send("said").await;
}

fn server(release: &Release) -> Server {
    let tools = tools![sends_in_place, awaits_in_place, emits_in_place, blocks, says];
    Server::new("blocking").max_queued_bytes(BUDGET).state(release.clone()).tools(tools)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_a_blocked_thread_sends_never_waits_for_what_it_holds_itself() {
    let mut client = Mcpc::connect(server(&Release::default())).await;
    for tool in ["sends_in_place", "awaits_in_place", "emits_in_place"] {
        for large in [1_000, BUDGET - 1_000, BUDGET, 2 * BUDGET] {
            let task = format!("{tool} {large}");
            client.start(&task, tool, json!({ "large": large })).await;
            let events: Vec<String> =
                client.task().await.into_iter().map(|(event, _)| event).collect();
            assert_eq!(events.len(), 4, "{task}: {events:?}");
            assert_eq!((&*events[0], &*events[3]), ("created", "complete"), "{task}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocked_threads_hold_up_nobody_else() {
    // More than there are parts of the budget to be taken in advance.
    const BLOCKED: usize = 90;
    let release = Release::default();
    let mut client = Mcpc::connect(server(&release)).await;
    for task in 0..BLOCKED {
        client.start(&format!("t{task}"), "blocks", json!({})).await;
    }
    let mut said = 0;
    while said < BLOCKED {
        let message = client.message().await;
        said += usize::from(message["event"] == "update");
    }
    let started = Instant::now();
    client.start("another", "says", json!({})).await;
    let said = client.task().await;
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
    let said: Vec<&Value> = said.iter().map(|(_, result)| result).collect();
    assert_eq!(said, [&json!("Started says"), &json!("said"), &json!(null)]);
    release.0.store(true, Ordering::SeqCst);
    let mut ended = 0;
    while ended < BLOCKED {
        ended += usize::from(client.message().await["event"] == "complete");
    }
}
