//! Calls that are answered.

use std::time::Instant;

use anyhow::{Result, ensure};
use load::{Connection, Era, Process, text};
use serde_json::json;
use tokio::task::JoinSet;

use crate::{Answer, Plan, all};

/// Each call waits until all of them wait, in no session and in one.
pub(crate) async fn at_once(plan: &Plan) -> Answer {
    let server = plan.server(&[]).await?;
    let alone = meet(&server, Era::Alone).await?;
    let session = Connection::open(&server.address).await?.begin().await?;
    let in_session = meet(&server, session).await?;
    Ok(format!("1,000 met in {alone:.2} s without a session, in {in_session:.2} s in one"))
}

async fn meet(server: &Process, era: Era) -> Result<f64> {
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for id in 1..=1_000 {
        let (address, call) = (server.address.clone(), era.call(id, "meet", json!({})));
        calls.spawn(async move {
            let reply = Connection::open(&address).await?.ask(&call).await?;
            ensure!(reply["id"] == id && text(&reply)? == "met", "{id}: {reply}");
            Ok(())
        });
    }
    all(calls).await?;
    Ok(started.elapsed().as_secs_f64())
}

/// One call after the other, and nothing is left of them.
pub(crate) async fn kept_alive(plan: &Plan) -> Answer {
    let server = plan.server(&[]).await?;
    let mut connection = Connection::open(&server.address).await?;
    let session = connection.begin().await?;
    let mut figures = Vec::new();
    for (name, era) in [("in a session", session), ("without", Era::Alone)] {
        add(&mut connection, &era, 1_000).await?;
        let before = server.resting_memory().await?;
        let started = Instant::now();
        add(&mut connection, &era, 10_000).await?;
        let rate = 10_000.0 / started.elapsed().as_secs_f64();
        let grown = server.resting_memory().await?.saturating_sub(before);
        // A session keeps four MiB of what it was sent.
        ensure!(grown <= 5 << 10, "{name}: it holds {grown} KiB more after 10,000 calls");
        figures.push(format!("{rate:.0}/s {name} (+{grown} KiB)"));
    }
    Ok(figures.join(", "))
}

async fn add(connection: &mut Connection, era: &Era, times: u64) -> Result<()> {
    for id in 1..=times {
        let call = era.call(id, "add", json!({"a": id, "b": 1}));
        let reply = connection.ask(&call).await?;
        ensure!(reply["id"] == id && text(&reply)? == (id + 1).to_string(), "{id}: {reply}");
    }
    Ok(())
}
