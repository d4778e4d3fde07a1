//! A server that watches directories: it says which files appear in them, until it is stopped.
//!
//! To a model: "Tell me when a file comes into ~/inbox." In a terminal, by its client:
//!
//! ```sh
//! cargo build --examples
//! target/debug/examples/watch_client /home/me/inbox
//! ```

use std::path::PathBuf;

use anyhow::Context as _;
use mcpc::{Events, Sender, Server, State, tools};
use notify::event::{CreateKind, ModifyKind, RenameMode};
use notify::{EventKind, RecursiveMode, Watcher as _};
use serde_json::json;
use tokio::sync::mpsc;

/// Watches a directory, and says which files appear in it, until it is stopped.
#[mcpc::background(read_only)]
async fn watch(
    /// Which directory
    #[arg(example = "/home/me/inbox")]
    directory: PathBuf,
    events: State<Events>,
    updates: Sender,
) -> anyhow::Result<String> {
    // A thread of the watcher fills it, and waits where it is full.
    let (sender, mut changes) = mpsc::channel(100);
    let mut watcher = notify::recommended_watcher(move |change| {
        let _ = sender.blocking_send(change);
    })?;
    let mode = RecursiveMode::NonRecursive;
    let cannot = || format!("`{}` cannot be watched", directory.display());
    watcher.watch(&directory, mode).with_context(cannot)?;
    updates.status(format!("watching `{}`", directory.display()));
    let mut files = 0;
    loop {
        tokio::select! {
            // By `stop_task`, or because the client leaves.
            () = updates.stopped() => return Ok(format!("files that appeared: {files}")),
            Some(change) = changes.recv() => {
                for file in appeared(change?) {
                    files += 1;
                    // Who watches is told here, and everybody else by an event.
                    updates.send(&file).await;
                    events.emit("file_appeared", json!({ "file": file }))?;
                }
            }
        }
    }
}

/// The files that were made, or moved here.
fn appeared(change: notify::Event) -> Vec<PathBuf> {
    match change.kind {
        EventKind::Create(CreateKind::File | CreateKind::Any)
        | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => change.paths,
        _ => Vec::new(),
    }
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let server = Server::new("watcher").version(env!("CARGO_PKG_VERSION"));
    let events = server.events();
    server.state(events).tools(tools![watch]).serve_stdio().await
}
