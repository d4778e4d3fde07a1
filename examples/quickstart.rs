//! A server with a plain tool and one that takes its time.
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

fn server() -> Server {
    Server::new("my-processor").tools(tools![add, process_data])
}

#[tokio::main]
async fn main() -> mcpc::Result {
    server().serve_stdio().await
}
