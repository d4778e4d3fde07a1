//! The server itself, which knows nothing of tokens, but whose its tasks are.

use mcpc::{Call, NoAnswer, Sender, Server, tools};

/// Says who asks.
#[mcpc::tool(read_only, open_world = false)]
async fn whoami(call: Call) -> String {
    call.principal().unwrap_or("nobody").to_owned()
}

/// Deploys a version, if somebody agrees.
#[mcpc::background]
async fn deploy(
    /// Which version
    version: String,
    updates: Sender,
) -> Result<String, NoAnswer> {
    updates.send(format!("{version} is built")).await;
    match updates.ask(format!("Deploy {version}?")).await? {
        true => Ok(format!("{version} is deployed")),
        false => Ok(format!("{version} is not deployed")),
    }
}

pub(crate) fn server() -> Server {
    Server::new("protected").tools(tools![whoami, deploy])
}
