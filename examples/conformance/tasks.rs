//! Tools that take their time.

use std::time::Duration;

use mcpc::rmcp::model::ErrorData;
use mcpc::{Call, NoAnswer, Sender, Tools, tools};
use schemars::JsonSchema;
use serde::Deserialize;
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

/// Deletes a file, if the user agrees.
#[mcpc::background]
async fn confirm_delete(filename: String, updates: Sender) -> Result<String, NoAnswer> {
    let Confirmation { confirm } = updates.ask(format!("Delete {filename}?")).await?;
    Ok(format!("{filename} was {}", if confirm { "deleted" } else { "kept" }))
}

/// Asks two things at once.
#[mcpc::background]
async fn multi_input(updates: Sender) -> Result<String, NoAnswer> {
    let (one, other) = tokio::join!(updates.ask("Who was first?"), updates.ask("Who was second?"));
    let (Somebody { name: one }, Somebody { name: other }) = (one?, other?);
    Ok(format!("{one}, then {other}"))
}

/// Greets a user whose name it asks for. Its client has to take tasks.
#[mcpc::background(required)]
async fn test_tool_with_task(call: Call) -> Result<String, NoAnswer> {
    let Somebody { name } = call.ask("What is your name?").await?;
    sleep(Duration::from_secs(1)).await;
    Ok(format!("Hello, {name}!"))
}

#[derive(Deserialize, JsonSchema)]
struct Confirmation {
    confirm: bool,
}

#[derive(Deserialize, JsonSchema)]
struct Somebody {
    name: String,
}

/// Fails after a second, with an error of the protocol.
#[mcpc::background]
async fn protocol_error_job() -> Result<(), ErrorData> {
    sleep(Duration::from_secs(1)).await;
    Err(ErrorData::internal_error("something broke", None))
}

pub(crate) fn tools() -> Tools {
    tools![
        greet,
        slow_compute,
        failing_job,
        confirm_delete,
        multi_input,
        test_tool_with_task,
        protocol_error_job,
    ]
}
