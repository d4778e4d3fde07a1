//! The server by hand of `benches/servers`, over rmcp's transport for HTTP.

#[path = "../../../servers/src/on_rmcp.rs"]
mod on_rmcp;
#[path = "../../../servers/src/time.rs"]
mod time;

use std::sync::Arc;

use axum::Router;
use axum::serve::ListenerExt as _;
use rmcp::task_manager::TaskManager;
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio::net::TcpListener;

use on_rmcp::OnRmcp;
use time::now;

/// As the other server says it.
const TEXT: &str = "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // It ends once whoever started it is gone.
    std::thread::spawn(|| {
        let _at_its_end = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(3);
    });
    let tasks = TaskManager::default();
    let service = StreamableHttpService::new(
        move || Ok(OnRmcp::sharing(tasks.clone())),
        Arc::new(LocalSessionManager::default()),
        StreamableHttpServerConfig::default(),
    );
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    // Otherwise each answer waits for the one before to be acknowledged.
    let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
    axum::serve(listener, Router::new().nest_service("/mcp", service)).await?;
    Ok(())
}
