//! Plain calls.

use std::time::Instant;

use anyhow::{Result, ensure};
use load::{Connection, Era, Process};
use serde_json::json;
use tokio::task::JoinSet;

use crate::awake::Awake;
use crate::servers::Kind;

/// How many calls are made in a round.
fn count(kind: Kind) -> usize {
    if kind == Kind::FastMcp { 640 } else { 6_400 }
}

/// Calls a second.
pub(crate) async fn run(
    kind: Kind,
    server: &Process,
    in_session: bool,
    in_flight: usize,
) -> Result<f64> {
    let took = converse(server, in_session, in_flight, count(kind)).await?;
    Ok(count(kind) as f64 / took)
}

/// Calls a second, one after the other, where no processor has to be woken for one.
pub(crate) async fn run_awake(kind: Kind, server: &Process, in_session: bool) -> Result<f64> {
    let _awake = Awake::keep()?;
    run(kind, server, in_session, 1).await
}

/// Microseconds that the server computes for a call.
pub(crate) async fn processor_time(kind: Kind, server: &Process, in_session: bool) -> Result<f64> {
    converse(server, in_session, 64, 640).await?;
    let before = server.processor_time()?;
    converse(server, in_session, 64, count(kind)).await?;
    let spent = server.processor_time()? - before;
    Ok(spent.as_secs_f64() * 1e6 / count(kind) as f64)
}

/// Makes calls, so many of them unanswered at any time, each on a connection that stays; returns how many seconds that took.
async fn converse(
    server: &Process,
    in_session: bool,
    in_flight: usize,
    calls: usize,
) -> Result<f64> {
    let mut connections = Vec::new();
    let mut era = Era::Alone;
    for number in 0..in_flight {
        let mut connection = Connection::open(&server.address).await?;
        if in_session && number == 0 {
            era = connection.begin().await?;
        }
        add(&mut connection, &era, number as u64, 10).await?;
        connections.push(connection);
    }
    let started = Instant::now();
    let mut callers = JoinSet::new();
    for (number, mut connection) in connections.into_iter().enumerate() {
        let era = era.clone();
        callers.spawn(
            async move { add(&mut connection, &era, number as u64, calls / in_flight).await },
        );
    }
    for answered in callers.join_all().await {
        answered?;
    }
    Ok(started.elapsed().as_secs_f64())
}

/// Makes calls one after the other, whose ids are this caller's.
async fn add(connection: &mut Connection, era: &Era, caller: u64, times: usize) -> Result<()> {
    let call = era.call(caller + 1, "add", json!({"a": 1, "b": 2}));
    for _ in 0..times {
        let (status, body) = connection.exchange(&call).await?;
        ensure!(status == 200 && body.contains("\"text\":\"3\""), "{status}: {body}");
    }
    Ok(())
}
