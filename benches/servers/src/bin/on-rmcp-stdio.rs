//! The server by hand, over the documented of rmcp's transports for stdio.

use bench_servers::OnRmcp;
use rmcp::ServiceExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    OnRmcp::default().serve(rmcp::transport::stdio()).await?.waiting().await?;
    Ok(())
}
