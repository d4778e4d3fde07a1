//! How a client finds out what a server speaks, the newest first.

use std::time::Duration;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, ClientConfig, ClientJsonRpcMessage, ClientRequest,
    ClientResult, DiscoverRequest, DiscoverRequestParams, JsonRpcMessage, NumberOrString,
    ProtocolVersion, RequestId, RequestMetaObject, ServerJsonRpcMessage, ServerPeerInfo,
    ServerRequest, ServerResult,
};
use rmcp::service::{ClientInitializeError, Peer, ServiceError};
use rmcp::transport::Transport as _;
use serde_json::json;

use super::error::ClientError;
use super::reply::text;
use super::transport::Wrapped;
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::Dialect;

/// The request that asks for MCP 2026-07-28; a text, as rmcp counts its own.
fn discover_id() -> RequestId {
    NumberOrString::String("discover".into())
}

/// Asks a server whether it has MCP 2026-07-28, and what it says of itself; `None` if it has not, or does not answer in time.
///
/// rmcp would do this, too, with a time of its own, after which the answer ends the connection if it comes.
pub(super) async fn discover(
    transport: &mut Wrapped,
    config: &ClientConfig,
    limit: Duration,
) -> Result<Option<ServerPeerInfo>, ClientInitializeError> {
    let version = ProtocolVersion::V_2026_07_28;
    let (info, capabilities) = (config.client_info.clone(), config.capabilities.clone());
    let mut request = DiscoverRequest::new(DiscoverRequestParams {});
    let meta = RequestMetaObject::with_client_context(version.clone(), info, capabilities);
    request.extensions.insert(meta);
    let request = ClientRequest::DiscoverRequest(request);
    let asked = async {
        send(transport, ClientJsonRpcMessage::request(request, discover_id())).await?;
        answer(transport).await
    };
    let Ok(answer) = tokio::time::timeout(limit, asked).await else {
        transport.ignore(discover_id());
        return Ok(None);
    };
    Ok(match answer? {
        Some(ServerResult::DiscoverResult(result))
            if result.supported_versions.contains(&version) =>
        {
            Some(ServerPeerInfo::from_discover_result(version, result))
        }
        _ => None,
    })
}

/// The result that a server gives, or `None` of an error. Cancel safe.
async fn answer(transport: &mut Wrapped) -> Result<Option<ServerResult>, ClientInitializeError> {
    let is_it = |id: &RequestId| *id == discover_id();
    loop {
        let Some(message) = transport.receive().await else {
            let context = "server/discover".to_owned();
            return Err(ClientInitializeError::ConnectionClosed(context));
        };
        match message {
            JsonRpcMessage::Response(response) if is_it(&response.id) => {
                return Ok(Some(response.result));
            }
            // Who cannot read a request may not say which it was.
            JsonRpcMessage::Error(error) if error.id.as_ref().is_none_or(is_it) => return Ok(None),
            ServerJsonRpcMessage::Request(request)
                if matches!(request.request, ServerRequest::PingRequest(_)) =>
            {
                let pong = ClientJsonRpcMessage::response(ClientResult::empty(()), request.id);
                send(transport, pong).await?;
            }
            _ => {}
        }
    }
}

async fn send(
    transport: &mut Wrapped,
    message: ClientJsonRpcMessage,
) -> Result<(), ClientInitializeError> {
    let sent = transport.send(message).await;
    sent.map_err(|error| ClientInitializeError::transport::<Wrapped>(error, "server/discover"))
}

/// The newest first, as that says the most.
const NEWEST_FIRST: [Dialect; 3] = [Dialect::V0_2_6, Dialect::V0_2_3, Dialect::V0_2_1];

/// How long a server may take to answer one.
const LIMIT: Duration = Duration::from_secs(10);

/// Sends the handshakes one after the other until one is answered; `None` if none is. A server that says that MCPC is not
/// enabled speaks it, and cannot in this connection.
pub(super) async fn handshake(
    peer: &Peer<RoleClient>,
    provider: &str,
) -> Result<Option<(Dialect, ProtocolInfo)>, ClientError> {
    // Who has no tools has no handshake, which is a call of one.
    if peer.peer_info().is_some_and(|info| info.capabilities.tools.is_none()) {
        return Ok(None);
    }
    let mut elsewhere = None;
    for dialect in NEWEST_FIRST {
        match tokio::time::timeout(LIMIT, greet(peer, dialect, provider)).await {
            Ok(Ok(Some(info))) if info.mcpc_enabled => return Ok(Some((dialect, info))),
            Ok(Ok(info)) => elsewhere = elsewhere.or(info.map(|info| (dialect, info))),
            // That is how a server says that it knows no such tool.
            Ok(Err(ServiceError::McpError(_) | ServiceError::UnexpectedResponse)) => {}
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => {
                event!(warn, "the server does not answer a call of a tool that it may not have");
                return Ok(elsewhere);
            }
        }
    }
    Ok(elsewhere)
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
    Ok(serde_json::from_str::<ProtocolInfo>(&reply).ok())
}
