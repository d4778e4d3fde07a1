//! Traffic of all kinds: what the server holds stays the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use load::{Connection, Era, of_mcpc, post, text};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Answer, Plan, all};

/// How many clients there are at any time.
const CLIENTS: u64 = 12;

/// How much more the server may hold at the end than when it was warm, in KiB.
const MOST: u64 = 4 << 10;

pub(crate) async fn traffic(plan: &Plan) -> Answer {
    // What has ended is kept for a while, which is then to be over.
    let server = plan.server(&["grace=500", "retention=2000", "idle=2000"]).await?;
    let end = Instant::now() + plan.mixed_for;
    let visits = Arc::new(AtomicU64::new(0));
    let mut clients = JoinSet::new();
    for client in 0..CLIENTS {
        let (address, visits) = (server.address.clone(), Arc::clone(&visits));
        clients.spawn(async move {
            let mut number = client;
            while Instant::now() < end {
                let visit = timeout(Duration::from_secs(30), visit(&address, number)).await;
                let visit = visit.unwrap_or_else(|_| bail!("it is not over after 30 s"));
                visit.with_context(|| format!("visit {number}"))?;
                visits.fetch_add(1, Ordering::Relaxed);
                number += CLIENTS;
            }
            Ok(())
        });
    }
    sleep(plan.mixed_for / 4).await;
    let (mut early, mut late) = (0, 0);
    while Instant::now() < end {
        let half = end - plan.mixed_for / 4;
        let held = server.memory()?;
        match Instant::now() < half {
            true => early = early.max(held),
            false => late = late.max(held),
        }
        sleep(Duration::from_millis(100)).await;
    }
    all(clients).await?;
    ensure!(late <= early + MOST, "it holds {late} KiB at the end, and held {early} KiB before");
    sleep(Duration::from_secs(3)).await;
    let (rest, open) = (server.memory()?, server.descriptors()?);
    ensure!(open < 24, "{open} descriptors are left");
    let visits = visits.load(Ordering::Relaxed);
    Ok(format!("{visits} visits, {early} KiB at most before, {late} KiB then, {rest} KiB at rest"))
}

/// What a client does, by its number.
async fn visit(address: &str, number: u64) -> Result<()> {
    let mut connection = Connection::open(address).await?;
    match number % 8 {
        0 | 1 => {
            for id in 0..20 {
                let call = Era::Alone.call(id, "add", json!({"a": id, "b": 1}));
                ensure!(
                    text(&connection.ask(&call).await?)? == (id + 1).to_string(),
                    "a wrong sum"
                );
            }
            Ok(())
        }
        2 => {
            let call = Era::Alone.call(1, "pause", json!({"milliseconds": 60_000}));
            connection.write(&call).await?;
            sleep(Duration::from_millis(30)).await;
            connection.vanish();
            Ok(())
        }
        3 => {
            let status = connection.tell(&post("", b"{\"jsonrpc\": \"2.0\", \"id\": 1")).await?;
            ensure!(status == 400, "{status}");
            let long = "x".repeat(300_000);
            let reply = connection.ask(&Era::Alone.call(1, "echo", json!({"text": long}))).await?;
            ensure!(text(&reply)?.len() == long.len(), "it is cut");
            Ok(())
        }
        kind => of_a_session(address, connection, kind).await,
    }
}

/// A session with a task; how it ends is another for each kind.
async fn of_a_session(address: &str, mut calls: Connection, kind: u64) -> Result<()> {
    let session = calls.begin().await?;
    let mut stream = Connection::open(address).await?;
    stream.listen(&session, None).await?;
    let tool = if kind == 4 { "watch" } else { "count" };
    let arguments = if kind == 4 { json!({}) } else { json!({"to": 2_000}) };
    calls.ask(&session.call(1, tool, of_mcpc("t", arguments))).await?;
    calls.ask(&session.call(2, "add", json!({"a": 1, "b": 2}))).await?;
    let mut last = stream.event().await?.context("the stream ends")?;
    if kind >= 6 {
        for _ in 0..100 {
            last = stream.event().await?.context("the stream ends")?;
        }
        stream.vanish();
        stream = Connection::open(address).await?;
        stream.listen(&session, Some(&last.id)).await?;
    }
    if kind >= 5 {
        while last.callback().is_none_or(|callback| callback["event"] != "complete") {
            last = stream.event().await?.context("the stream ends")?;
        }
    }
    match kind {
        // It is left to itself.
        7 => stream.vanish(),
        _ => ensure!(calls.tell(&session.delete()).await? == 204, "it cannot be ended"),
    }
    Ok(())
}
