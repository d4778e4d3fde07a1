//! What a server holds.

use anyhow::{Result, bail, ensure};
use load::{Connection, Era, Process};
use serde_json::json;

use crate::servers::Kind;

/// KiB before anybody has come but one.
pub(crate) async fn at_rest(server: &Process) -> Result<f64> {
    Connection::open(&server.address).await?.begin().await?;
    Ok(server.resting_memory().await? as f64)
}

/// KiB for a session in which a call was made, and nothing happens any more.
pub(crate) async fn of_a_session(kind: Kind, server: &Process) -> Result<f64> {
    let count = if kind == Kind::FastMcp { 200 } else { 1_000 };
    let mut connection = Connection::open(&server.address).await?;
    begin(&mut connection, 50).await?;
    let before = server.resting_memory().await?;
    begin(&mut connection, count).await?;
    let after = server.resting_memory().await?;
    Ok(after.saturating_sub(before) as f64 / count as f64)
}

async fn begin(connection: &mut Connection, sessions: usize) -> Result<()> {
    for _ in 0..sessions {
        let session = connection.begin().await?;
        let (status, body) =
            connection.exchange(&session.call(1, "add", json!({"a": 1, "b": 2}))).await?;
        ensure!(status == 200, "{status}: {body}");
    }
    Ok(())
}

/// KiB for a task that waits, of a client that has the Tasks extension.
pub(crate) async fn of_a_task(kind: Kind, server: &Process) -> Result<f64> {
    const TASKS: usize = 5_000;
    if kind == Kind::FastMcp {
        bail!("its tasks wait for a worker, of which there are ten");
    }
    let mut connection = Connection::open(&server.address).await?;
    start(&mut connection, 100).await?;
    let before = server.resting_memory().await?;
    start(&mut connection, TASKS).await?;
    let after = server.resting_memory().await?;
    Ok(after.saturating_sub(before) as f64 / TASKS as f64)
}

async fn start(connection: &mut Connection, tasks: usize) -> Result<()> {
    let capabilities = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let meta = json!({"io.modelcontextprotocol/clientCapabilities": capabilities});
    let params = json!({"name": "watch", "arguments": {}, "_meta": meta});
    let call = Era::Alone.request(1, "tools/call", params);
    for _ in 0..tasks {
        let (status, body) = connection.exchange(&call).await?;
        ensure!(status == 200 && body.contains("taskId"), "{status}: {body}");
    }
    Ok(())
}
