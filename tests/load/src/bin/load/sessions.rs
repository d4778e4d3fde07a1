//! Sessions: what one costs, and how many there may be.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use load::{Connection, Era, initialize, text};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Answer, Plan, all, until};

/// How many KiB a session may hold in which nothing happens: it is 7, and a loop of rmcp's would be 27 alone.
const MOST: f64 = 12.0;

/// Sessions in which a call was made, and in which nobody reads.
pub(crate) async fn idle(plan: &Plan) -> Answer {
    let server = plan.server(&[]).await?;
    let mut connection = Connection::open(&server.address).await?;
    begin(&mut connection, 20).await?;
    let before = server.resting_memory().await?;
    let sessions = begin(&mut connection, 1_000).await?;
    let idle = server.resting_memory().await?;
    let each = (idle - before) as f64 / 1_000.0;
    let mut streams = Vec::new();
    for session in &sessions {
        let mut stream = Connection::open(&server.address).await?;
        stream.listen(session, None).await?;
        streams.push(stream);
    }
    let with_stream = (server.resting_memory().await? - before) as f64 / 1_000.0;
    ensure!(each <= MOST, "{each:.1} KiB for each, and not {MOST} at most");
    drop(streams);
    for session in &sessions {
        ensure!(connection.tell(&session.delete()).await? == 204, "it cannot be ended");
    }
    Ok(format!(
        "{each:.1} KiB for each, {with_stream:.1} KiB with a connection that reads its stream"
    ))
}

async fn begin(connection: &mut Connection, count: u64) -> Result<Vec<Era>> {
    let mut sessions = Vec::new();
    for _ in 0..count {
        let session = connection.begin().await?;
        let reply = connection.ask(&session.call(1, "add", json!({"a": 1, "b": 2}))).await?;
        ensure!(text(&reply)? == "3", "{reply}");
        sessions.push(session);
    }
    Ok(sessions)
}

/// One more than there may be is told when to come back, and there is room again once one has ended.
pub(crate) async fn flood(plan: &Plan) -> Answer {
    const MOST: usize = 300;
    let server = plan.server(&[&format!("sessions={MOST}")]).await?;
    let before = server.descriptors()?;
    let mut clients = JoinSet::new();
    for _ in 0..50 {
        let address = server.address.clone();
        clients.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let mut begun = Vec::new();
            for _ in 0..40 {
                begun.extend(ask_for_one(&mut connection).await?);
            }
            Ok(begun)
        });
    }
    let begun = all(clients).await?.concat();
    ensure!(begun.len() == MOST, "{} of 2,000 got a session", begun.len());
    let mut connection = Connection::open(&server.address).await?;
    ensure!(ask_for_one(&mut connection).await?.is_none(), "there is one more");
    ensure!(connection.tell(&begun[0].delete()).await? == 204, "it cannot be ended");
    let mut more = None;
    for _ in 0..100 {
        more = ask_for_one(&mut connection).await?;
        if more.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    more.context("there is no room once a session has ended")?;
    drop(connection);
    until(Duration::from_secs(5), || Ok(server.descriptors()? <= before)).await?;
    Ok(format!("{MOST} of 2,000 got one, the others 503 and when to come back"))
}

/// Asks for a session; `None` if there are too many.
async fn ask_for_one(connection: &mut Connection) -> Result<Option<Era>> {
    connection.write(&initialize()).await?;
    let head = connection.head().await?;
    let body = connection.body().await?;
    match (head.status, head.header("retry-after"), head.header("mcp-session-id")) {
        (200, _, Some(id)) => Ok(Some(Era::Session(id.to_owned()))),
        (503, Some(_), None) => Ok(None),
        _ => anyhow::bail!("{}: {body}", head.text),
    }
}
