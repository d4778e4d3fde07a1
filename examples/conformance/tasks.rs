//! Tools that take their time.

use std::time::Duration;

use mcpc::rmcp::model::ErrorData;
use mcpc::{Sender, Tools, tools};
use tokio::time::sleep;

/// Greets somebody.
#[mcpc::tool]
async fn greet(name: String) -> String {
    format!("Hello, {name}!")
}

/// Computes for some seconds.
#[mcpc::background]
async fn slow_compute(
    /// How long, in seconds
    seconds: u64,
    /// What to call it
    label: Option<String>,
    updates: Sender,
) -> Result<String, &'static str> {
    tokio::select! {
        () = sleep(Duration::from_secs(seconds)) => {}
        () = updates.stopped() => return Err("stopped"),
    }
    Ok(format!("{} computed for {seconds} s", label.unwrap_or_default()))
}

/// Fails after a second. Its client has to take tasks.
#[mcpc::background(required)]
async fn failing_job() -> Result<(), &'static str> {
    sleep(Duration::from_secs(1)).await;
    Err("it was not to be")
}

/// Fails with an error of the protocol.
#[mcpc::background]
async fn protocol_error_job() -> Result<(), ErrorData> {
    sleep(Duration::from_millis(100)).await;
    Err(ErrorData::internal_error("something broke", None))
}

pub(crate) fn tools() -> Tools {
    tools![greet, slow_compute, failing_job, protocol_error_job]
}
