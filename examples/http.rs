//! The server of the README over HTTP, at the address that follows `--http`, or else at `127.0.0.1:8080`:
//!
//! ```sh
//! cargo run --example http
//! claude mcp add --transport http my-processor http://127.0.0.1:8080/mcp
//! ```
//!
//! A client that knows nothing newer than MCP 2024-11-05 finds it at `http://127.0.0.1:8080/sse`.
use mcpc::{Sender, Server, tools};

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

/// Processes a data set and streams its progress.
#[mcpc::background]
async fn process_data(
    /// Which data set to process
    data_id: String,
    /// How many passes to make
    #[arg(default = 5, range = 1..=100)]
    passes: u32,
    updates: Sender,
) -> Result<Summary, String> {
    for pass in 1..=passes {
        tokio::time::sleep(std::time::Duration::from_millis(200)).await; // the work
        updates.progress(pass, passes, format!("pass {pass} over {data_id}"));
    }
    Ok(Summary { data_id, passes })
}

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Summary {
    data_id: String,
    passes: u32,
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let address = std::env::args().skip_while(|it| it != "--http").nth(1);
    let address = address.unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    Server::new("my-processor").tools(tools![add, process_data]).serve_http(address).await
}
