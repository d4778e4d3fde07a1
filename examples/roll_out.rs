//! A server that rolls a version out, machine by machine: it asks where to and whether to go on, and can be told to skip the
//! machine it is at.
//!
//! To a model: "Roll out v2.", then "to staging", "yes", and while it runs: "skip this one". In a
//! terminal, by its client:
//!
//! ```sh
//! cargo build --examples
//! target/debug/examples/roll_out_client v2
//! ```

use std::time::Duration;

use mcpc::{NoAnswer, Question, Receiver, Sender, Server, tools};
use schemars::JsonSchema;
use serde::Deserialize;

/// Rolls a version out to all machines of an environment, one after the other. It asks for the environment.
#[mcpc::background(destructive)]
async fn roll_out(
    /// Which version, as it is tagged
    #[arg(pattern = "^v[0-9]", example = "v1.4.2")]
    version: String,
    updates: Sender,
    mut told: Receiver<Instruction>,
) -> Result<String, NoAnswer> {
    let machines = updates.ask::<Environment>("Where to?").await?.machines();
    let text = format!("Roll {version} out to {} machines?", machines.len());
    let sure = Question::new(text).timeout(Duration::from_secs(600));
    if !updates.ask::<bool>(sure).await? {
        return Ok("nothing was rolled out".to_owned());
    }
    let mut done = 0;
    for (at, machine) in machines.iter().enumerate() {
        updates.progress(at, machines.len(), format!("{machine} gets {version}"));
        tokio::select! {
            () = install() => {
                updates.send(format!("{machine} runs {version}")).await;
                done += 1;
            }
            // Dropped where it waits, the installation of this machine ends.
            Some(Instruction::SkipThis) = told.recv() => {
                updates.send(format!("{machine} was skipped")).await;
            }
            () = updates.stopped() => break,
        }
    }
    Ok(format!("{version} runs on {done} of {} machines", machines.len()))
}

/// What may be said while it runs.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Instruction {
    /// Goes on with the next machine.
    SkipThis,
}

#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Environment {
    Staging,
    Production,
}

impl Environment {
    fn machines(&self) -> &'static [&'static str] {
        match self {
            Self::Staging => &["staging-1", "staging-2"],
            Self::Production => &["eu-1", "eu-2", "us-1"],
        }
    }
}

/// Stands for what takes its time.
async fn install() {
    tokio::time::sleep(Duration::from_secs(1)).await;
}

#[tokio::main]
async fn main() -> mcpc::Result {
    Server::new("roll-out").tools(tools![roll_out]).serve_stdio().await
}
