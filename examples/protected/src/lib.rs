//! A server over HTTP that answers those alone who bring a token of its issuer, as MCP's authorization has it: a resource
//! server of OAuth 2.1, which says where to get a token (RFC 9728), and whose tasks belong to who started them.

mod guard;
mod issuer;
mod server;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::routing::get;

pub use guard::{Caller, Guard, SCOPE};
pub use issuer::{ISSUER, Issuer};

/// The path of MCP's endpoint.
pub const PATH: &str = "/mcp";

/// Where clients look for what is said about the server, before the path of its endpoint or alone (RFC 9728).
pub const METADATA: &str = "/.well-known/oauth-protected-resource";

/// The server with a guard before it, and what clients are told who are not let through; and a future that ends it in
/// order, for `with_graceful_shutdown` of axum, once something has happened.
///
/// # Errors
///
/// When the server cannot be built.
pub fn router_and_end<U: Future<Output = ()> + Send + 'static>(
    guard: &Arc<Guard>,
    until: U,
) -> mcpc::Result<(Router, impl Future<Output = ()> + Send + use<U>)> {
    let caller = |request: &axum::http::request::Parts| {
        request.extensions.get::<Caller>().map(|caller| caller.0.clone())
    };
    let mcp = server::server().build()?.http().path(PATH).principal(caller).until(until);
    let (mcp, end) = mcp.into_router_and_end()?;
    let mcp = mcp.route_layer(from_fn_with_state(Arc::clone(guard), guard::check));
    let metadata = |State(guard): State<Arc<Guard>>| async move {
        ([(CONTENT_TYPE, "application/json")], guard.metadata())
    };
    let told = Router::new()
        .route(METADATA, get(metadata))
        .route(&format!("{METADATA}{PATH}"), get(metadata))
        .with_state(Arc::clone(guard));
    Ok((told.merge(mcp), end))
}
