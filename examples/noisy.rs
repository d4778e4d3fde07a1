//! A server whose tools print and start programs, which does not disturb the protocol.

#![allow(clippy::print_stdout, reason = "to show that it does no harm")]

use std::process::Command;
use std::time::Duration;

use mcpc::{Sender, Server, tools};

/// Prints a text, as any library might.
#[mcpc::tool]
async fn print(text: String) -> usize {
    println!("{text}");
    text.len()
}

/// Runs a shell command, which has this program's stdin and stdout.
#[mcpc::tool]
async fn run(command: String) -> std::io::Result<Option<i32>> {
    let status = Command::new("sh").arg("-c").arg(command).status()?;
    Ok(status.code())
}

/// Works for a while.
#[mcpc::background]
async fn work(seconds: u64, updates: Sender) -> String {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds)) => "done".to_owned(),
        () = updates.stopped() => "stopped in time".to_owned(),
    }
}

/// Sleeps, and does not want to be woken.
#[mcpc::tool]
async fn sleep(seconds: u64) {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let server = Server::new("noisy").grace(Duration::from_millis(500));
    server.tools(tools![print, run, work, sleep]).serve_stdio().await
}
