//! A server that deploys: it runs a program, shows its output as it comes, and stops it when it is asked to.

use std::collections::HashSet;
use std::process::{ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;

/// Deploys a version of a service. Takes some minutes; only one deployment of a service runs at once.
#[mcpc::background(destructive, timeout = "30m")]
async fn deploy(
    /// Which service
    #[arg(pattern = "^[a-z][a-z0-9-]*$", length = 1..=40, example = "billing")]
    service: String,
    /// Which version, as it is tagged
    #[arg(pattern = "^v[0-9]", example = "v1.4.2")]
    version: String,
    /// Where to
    #[arg(default = Environment::Staging)]
    environment: Environment,
    deployments: State<Deployments>,
    updates: Sender,
) -> Result<Deployment, DeployError> {
    let _turn = deployments.turn(&service)?;
    let mut child = Command::new(&deployments.program)
        .args([&service, &version, environment.name()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let stdout = child.stdout.take().expect("it was just asked for");
    let mut output = BufReader::new(stdout).lines();
    let mut lines = 0;
    loop {
        tokio::select! {
            line = output.next_line() => match line? {
                Some(line) => updates.output(line).await,
                None => break,
            },
            // By `stop_task`, by the timeout, or because the client leaves.
            () = updates.stopped() => {
                child.kill().await?;
                return Err(DeployError::Stopped { lines });
            }
        }
        lines += 1;
        updates.progress(lines, None, format!("deploying {service} {version}"));
    }
    match child.wait().await? {
        status if status.success() => Ok(Deployment { service, version, environment, lines }),
        status => Err(DeployError::Failed(status)),
    }
}

/// Lists the services that are being deployed.
#[mcpc::tool(read_only)]
async fn deployments(deployments: State<Deployments>) -> Vec<String> {
    let running = deployments.running.lock().unwrap_or_else(PoisonError::into_inner);
    running.iter().cloned().collect()
}

#[tokio::main]
async fn main() -> mcpc::Result {
    let program = std::env::var("DEPLOY_PROGRAM").unwrap_or_else(|_| "./deploy.sh".to_owned());
    Server::new("deployer")
        .version(env!("CARGO_PKG_VERSION"))
        .instructions("Start `deploy` and go on; its result follows.")
        .state(Deployments { program, running: Mutex::default() })
        .tools(tools![deploy, deployments])
        .grace(Duration::from_secs(10))
        .serve_stdio()
        .await
}

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Environment {
    Staging,
    Production,
}

impl Environment {
    fn name(self) -> &'static str {
        match self {
            Self::Staging => "staging",
            Self::Production => "production",
        }
    }
}

/// What all calls share.
struct Deployments {
    program: String,
    running: Mutex<HashSet<String>>,
}

impl Deployments {
    /// The turn of this service, which ends when it is dropped: also if the task is dropped.
    fn turn(&self, service: &str) -> Result<Turn<'_>, DeployError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        match running.insert(service.to_owned()) {
            true => Ok(Turn { deployments: self, service: service.to_owned() }),
            false => Err(DeployError::Running(service.to_owned())),
        }
    }
}

struct Turn<'a> {
    deployments: &'a Deployments,
    service: String,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let running = &self.deployments.running;
        running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.service);
    }
}

#[derive(Serialize, JsonSchema)]
struct Deployment {
    service: String,
    version: String,
    environment: Environment,
    lines: u64,
}

#[derive(Debug, thiserror::Error)]
enum DeployError {
    #[error("`{0}` is being deployed already; wait for that, or stop it")]
    Running(String),
    #[error("stopped after {lines} lines of output")]
    Stopped { lines: u64 },
    #[error("the deployment failed with {0}")]
    Failed(ExitStatus),
    #[error("the deployment cannot be run")]
    Run(#[from] std::io::Error),
}
