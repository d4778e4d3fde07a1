//! The server on `mcpc`: what is asked for is one function each.

use std::time::Duration;

use mcpc::{Sender, Server, State, tools};

use crate::fleet::{Fleet, MACHINES};

/// Deploys a version of a service to all machines, one after the other. Takes some minutes.
#[mcpc::background(destructive)]
async fn deploy(
    /// Which service
    #[arg(example = "billing")]
    service: String,
    /// Which version of it
    #[arg(pattern = "^v[0-9]+$", example = "v2")]
    version: String,
    fleet: State<Fleet>,
    updates: Sender,
) -> Result<String, String> {
    for machine in 1..=MACHINES {
        tokio::select! {
            installed = fleet.install(&service, &version, machine) => installed?,
            () = updates.stopped() => return Err(fleet.roll_back(&service)),
        }
        updates.progress(machine, MACHINES, format!("web-{machine:02} runs {version}"));
    }
    Ok(fleet.version(&service))
}

/// Says which version of a service runs, and on how many machines.
#[mcpc::tool(read_only)]
async fn version(
    /// Which service
    #[arg(example = "billing")]
    service: String,
    fleet: State<Fleet>,
) -> String {
    fleet.version(&service)
}

/// Serves stdin and stdout, so many times as fast as in life.
pub(crate) async fn serve(speed: u32) -> mcpc::Result {
    Server::new("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .instructions("Start `deploy` and go on; its result follows.")
        .state(Fleet::new(speed))
        .tools(tools![deploy, version])
        // In life these are the defaults.
        .patience(Duration::from_secs(50) / speed)
        .task_patience(Duration::from_secs(1) / speed)
        .serve_stdio()
        .await
}
