//! The server of the README, and tests of it with what it depends on.

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

#[tokio::test]
async fn every_client_gets_the_summary() {
    use mcpc::testing::{every_client, json};
    every_client(server, async |client| {
        let outcome = client.call("process_data", json!({"data_id": "d1", "passes": 2})).await;
        assert_eq!(outcome.result(), Ok(r#"{"data_id":"d1","passes":2}"#));
    })
    .await;
}

#[cfg(test)]
mod tests {
    use mcpc::testing::{Client, every_client, json, sender};

    use super::*;

    #[tokio::test]
    async fn each_pass_is_reported() {
        let (updates, sent) = sender();
        process_data("d1".into(), 2, updates).await.unwrap();
        assert_eq!(sent.progress()[1], (Some(2.0), Some(2.0), "pass 2 over d1".into()));
    }

    #[test]
    fn a_closure_of_the_older_kind_does_as_well() {
        let test = every_client(server, |client: Client| async move {
            assert_eq!(client.call("add", json!({"a": 2, "b": 40})).await.value::<i64>(), 42);
        });
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test);
    }
}
