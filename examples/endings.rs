//! A server whose tools end when they are asked to, or never, to see how it ends itself (`tests/endings`).
//!
//! `GRACE_MS` is its grace; with `FAILS` it cannot be built. `AFTERWARDS` is what the application does once it has served: `listen` waits
//! for a signal of its own, `idle` waits for nothing.

use std::cell::RefCell;
use std::future::pending;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use tokio::process::Command;

/// Says that the server has read everything before this call.
#[mcpc::tool]
async fn ready() -> &'static str {
    "ready"
}

/// Is never done.
#[mcpc::tool]
async fn wait() {
    pending().await
}

/// Ends as soon as it is asked to.
#[mcpc::background]
async fn obey(updates: Sender) -> &'static str {
    updates.stopped().await;
    "stopped in time"
}

/// Is never done, and does not hear that it is to stop.
#[mcpc::background]
async fn ignore() {
    pending().await
}

/// Runs a program for a minute, which is not to outlive this server.
#[mcpc::background]
async fn hold(obeys: bool, updates: Sender) -> Result<String, std::io::Error> {
    let mut child = Command::new("sleep").arg("60").kill_on_drop(true).spawn()?;
    updates.send(child.id()).await;
    tokio::select! {
        status = child.wait() => Ok(status?.to_string()),
        () = updates.stopped(), if obeys => Ok("stopped in time".to_owned()),
    }
}

/// Whether the time has come to spin.
#[derive(Default)]
struct Spinning(AtomicBool);

impl Drop for Spinning {
    fn drop(&mut self) {
        eprintln!("the state is dropped");
    }
}

/// Waits until it may spin, and then never gives its worker back.
#[mcpc::background]
async fn spin(spinning: State<Spinning>, updates: Sender) {
    // Always ready to run, so that no worker is asleep when the time comes.
    while !spinning.0.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    updates.progress(1, 2, "spins");
    eprintln!("spins");
    loop {
        std::hint::spin_loop();
    }
}

/// Lets them spin, a moment after its answer is written.
#[mcpc::tool]
async fn start_spinning(spinning: State<Spinning>) {
    thread::spawn(move || {
        thread::sleep(Duration::from_millis(200));
        spinning.0.store(true, Ordering::SeqCst);
    });
}

/// Blocks a thread for ever, without ever asking whether it is to stop.
#[mcpc::background]
async fn block(in_place: bool, updates: Sender) {
    fn block(updates: &Sender) {
        updates.blocking_send("blocks");
        loop {
            thread::sleep(Duration::from_secs(1));
        }
    }
    match in_place {
        true => tokio::task::block_in_place(|| block(&updates)),
        false => tokio::task::spawn_blocking(move || block(&updates)).await.expect("it goes on"),
    }
}

/// Has a sender in a thread's own storage, which outlives everything else of the thread.
struct LastWord(Sender);

impl Drop for LastWord {
    fn drop(&mut self) {
        self.0.progress(1, 1, "the thread ends");
    }
}

thread_local! {
    static LAST_WORD: RefCell<Option<LastWord>> = const { RefCell::new(None) };
}

/// Works on a thread that says its last word when it is already over.
#[mcpc::background]
async fn speak_last(updates: Sender) -> bool {
    let thread = thread::spawn(move || {
        LAST_WORD.set(Some(LastWord(updates.clone())));
        updates.progress(0, 1, "the thread works");
    });
    tokio::task::spawn_blocking(|| thread.join().is_ok()).await.unwrap_or(false)
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let tools = tools![ready, wait, obey, ignore, hold, spin, start_spinning, block, speak_last,];
    let mut server = Server::new("endings").tools(tools).state(Spinning::default());
    server = server.max_tasks(1_000_000).max_requests(1_000_000);
    if let Some(grace) = std::env::var("GRACE_MS").ok().and_then(|grace| grace.parse().ok()) {
        server = server.grace(Duration::from_millis(grace));
    }
    if std::env::var_os("FAILS").is_some() {
        tokio::task::spawn_blocking(|| thread::sleep(Duration::from_secs(1)));
        server = server.state(Spinning::default());
    }
    server.serve_stdio().await?;
    match std::env::var("AFTERWARDS").as_deref() {
        Ok("listen") => listen().await,
        Ok(_) => {
            eprintln!("idles");
            pending().await
        }
        Err(_) => {}
    }
    Ok(())
}

/// Waits for a signal as an application does that knows nothing of the server.
async fn listen() {
    #[cfg(unix)]
    let terminated = async {
        use tokio::signal::unix::{SignalKind, signal};
        signal(SignalKind::terminate()).expect("signals can be listened to").recv().await
    };
    #[cfg(not(unix))]
    let terminated = pending::<Option<()>>();
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => interrupted.expect("signals can be listened to"),
        _ = terminated => {}
        // Polled last: by then, the others listen.
        () = async { eprintln!("listens"); pending().await } => {}
    }
    eprintln!("cleaned up");
}
