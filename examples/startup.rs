//! A server that says things before it serves, which does not disturb the protocol.

#![allow(clippy::print_stdout, reason = "to show that it does no harm")]

use mcpc::{Server, tools};

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn server() -> Server {
    Server::new("startup").tools(tools![add])
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let how = std::env::args().nth(1).unwrap_or_default();
    if how != "untaken" {
        mcpc::take_stdio();
        println!("starting");
        // It writes to stdout, as it is not told otherwise.
        tracing_subscriber::fmt().with_ansi(false).without_time().init();
        tracing::info!("ready");
    }
    // Half a line, which waits in a buffer for its other half.
    print!("half a line, ");
    match how.as_str() {
        "never" => return Ok(()),
        "twice" => mcpc::take_stdio(),
        _ => {}
    }
    server().serve_stdio().await?;
    println!("the end");
    if how == "again" {
        mcpc::take_stdio();
        return server().serve_stdio().await;
    }
    Ok(())
}
