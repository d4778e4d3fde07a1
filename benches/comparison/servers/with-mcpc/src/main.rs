//! The server of the comparison, with mcpc.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use mcpc::{Sender, Server, tools};
use tokio::time::sleep;

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Deploys a service.
// long work:
#[mcpc::background]
async fn deploy(service: String, seconds: u32, updates: Sender) -> Result<String, String> {
    // end
    for step in 1..=seconds {
        let this = format!("{service}: step {step}");
        // long work:
        tokio::select! {
            () = work(&this, Duration::from_secs(1)) => {}
            () = updates.stopped() => {
                roll_back(&service).await;
                return Err(format!("`{service}` is rolled back"));
            }
        }
        updates.progress(step, seconds, this);
        // end
    }
    note(&format!("{service}: deployed"));
    Ok(format!("`{service}` is deployed"))
}

/// Looks for a service that does not exist.
#[mcpc::background] // long work
async fn fail(service: String) -> Result<String, String> {
    work(&service, Duration::from_millis(200)).await;
    Err(format!("there is no service `{service}`"))
}

/// Has a bug.
#[mcpc::background] // long work
async fn crash(service: String) -> String {
    work(&service, Duration::from_millis(200)).await;
    let regions: Vec<String> = Vec::new();
    regions[service.len()].clone()
}

async fn work(what: &str, time: Duration) {
    sleep(time).await;
    note(what);
}

async fn roll_back(service: &str) {
    sleep(Duration::from_millis(200)).await;
    note(&format!("{service}: rolled back"));
}

/// Leaves a line in the journal, which tells what the server does, whatever its client hears.
fn note(line: &str) {
    let Ok(journal) = std::env::var("COMPARISON_JOURNAL") else { return };
    let opened = OpenOptions::new().append(true).create(true).open(journal);
    opened.and_then(|mut journal| writeln!(journal, "{line}")).expect("the journal can be written");
}

#[tokio::main]
async fn main() -> mcpc::Result {
    Server::new("with-mcpc").tools(tools![add, deploy, fail, crash]).serve_stdio().await
}
