//! How a client finds out whether a server speaks MCPC.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{CallToolRequestParams, CallToolResponse};
use rmcp::service::{Peer, ServiceError};
use serde_json::json;

use super::error::ClientError;
use super::reply::text;
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::Dialect;

/// The newest first, as that says the most.
const NEWEST_FIRST: [Dialect; 3] = [Dialect::V0_2_6, Dialect::V0_2_3, Dialect::V0_2_1];

/// How long a server may take to answer one.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends the handshakes one after the other until one is answered; `None` if none is.
pub(super) async fn handshake(
    peer: &Peer<RoleClient>,
    provider: &str,
) -> Result<Option<(Dialect, ProtocolInfo)>, ClientError> {
    // Who has no tools has no handshake, which is a call of one.
    if peer.peer_info().is_some_and(|info| info.capabilities.tools.is_none()) {
        return Ok(None);
    }
    for dialect in NEWEST_FIRST {
        match tokio::time::timeout(LIMIT, greet(peer, dialect, provider)).await {
            Ok(Ok(Some(info))) => return Ok(Some((dialect, info))),
            Ok(Ok(None)) => {}
            // That is how a server says that it knows no such tool.
            Ok(Err(ServiceError::McpError(_) | ServiceError::UnexpectedResponse)) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                event!(warn, "the server does not answer a call of a tool that it may not have");
                return Ok(None);
            }
        }
    }
    Ok(None)
}

async fn greet(
    peer: &Peer<RoleClient>,
    dialect: Dialect,
    provider: &str,
) -> Result<Option<ProtocolInfo>, ServiceError> {
    let arguments = match dialect {
        Dialect::V0_2_1 | Dialect::V0_2_3 => json!({}),
        Dialect::V0_2_6 => json!({ "mcpc_info": ProtocolInfo::new(dialect, provider) }),
    };
    let mut call = CallToolRequestParams::new(dialect.handshake());
    call.arguments = arguments.as_object().cloned();
    let reply = match peer.call_tool_once(call).await? {
        CallToolResponse::Complete(reply) => text(&reply),
        _ => return Ok(None),
    };
    let info = serde_json::from_str::<ProtocolInfo>(&reply).ok();
    Ok(info.filter(|info| info.mcpc_enabled))
}
