//! A server that logs, whether or not anybody reads its log.

use mcpc::{Sender, Server, tools};
use tracing::Level;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    tracing::info!(a, b, "adding");
    a + b
}

/// Adds numbers one by one.
#[mcpc::background]
async fn sum(numbers: Vec<i64>, updates: Sender) -> i64 {
    let mut sum = 0;
    for number in numbers {
        sum += number;
        tracing::info!(sum, "so far");
        updates.send(sum).await;
    }
    sum
}

/// Prints more than a pipe holds.
#[mcpc::tool]
async fn print_much() {
    eprintln!("{}", "x".repeat(1 << 20));
}

#[tokio::main]
async fn main() -> mcpc::Result {
    // One that panics once nobody reads the log: it reports that on stderr, where it has just failed to write.
    let fragile = || tracing_subscriber::fmt().with_writer(std::io::stderr);
    match std::env::args().nth(1).as_deref() {
        Some("fragile") => fragile().init(),
        Some("fragile-to-the-last") => fragile().with_max_level(Level::TRACE).init(),
        // One that writes whenever a span of the server's is made, entered, left or closed.
        Some("fragile-in-spans") => {
            let spans = tracing_subscriber::fmt::layer().with_span_events(FmtSpan::FULL);
            let spans = spans.with_writer(std::io::stderr).log_internal_errors(true);
            let servers = Targets::new().with_target("mcpc", Level::INFO);
            tracing_subscriber::registry().with(spans).with(servers).init();
        }
        _ => {
            tracing_subscriber::fmt()
                .with_writer(std::io::stderr)
                .log_internal_errors(false)
                .init();
        }
    }
    Server::new("logs").tools(tools![add, sum, print_much]).serve_stdio().await
}
