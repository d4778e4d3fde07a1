//! What a server names of rmcp and of the protocol, without a dependency on either.

use mcpc::protocol::{Dialect, ProtocolInfo};
use mcpc::rmcp::model::{Implementation, RequestId};
use mcpc::rmcp::service::RequestContext;
use mcpc::rmcp::{RoleServer, ServerHandler};
use mcpc::{Call, Server, tools};

struct Prompts;

impl ServerHandler for Prompts {}

fn id(context: &RequestContext<RoleServer>) -> RequestId {
    context.id.clone()
}

/// Says which request this is.
#[mcpc::tool]
async fn request(call: Call) -> String {
    let client: Option<Implementation> = call.client();
    format!("{} of {client:?}", id(call.context()))
}

pub fn main() {
    drop(Server::new("names").tools(tools![request]).handler(Prompts));
    let info = ProtocolInfo::new(Dialect::V0_2_6, "names");
    assert_eq!(info.mcpc_version, "0.2.6");
}
