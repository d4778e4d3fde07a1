//! Traffic of all kinds: what the server holds stays the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use load::{Connection, Era, Process, of_mcpc, post, text};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Answer, Plan, all};

/// How many clients there are at any time.
const CLIENTS: u64 = 12;

/// How much more may be on the server's heap after all of the traffic than after the first of it, in KiB.
const MOST: u64 = 64;

/// How much more memory it may have then, in KiB, where the first of the traffic was long enough for the allocator to have
/// found its size.
const MOST_MEMORY: u64 = 4 << 10;
const LONG_ENOUGH: Duration = Duration::from_secs(300);

pub(crate) async fn traffic(plan: &Plan) -> Answer {
    // What has ended is kept for a while, which is then to be over.
    let server = plan.server(&["grace=500", "retention=2000", "idle=2000"]).await?;
    let first = visits(&server, plan.mixed_for / 4, 0).await?;
    let (early, early_memory) = (held_at_rest(&server).await?, server.memory()?);
    let rest = visits(&server, plan.mixed_for * 3 / 4, first).await?;
    let late = held_at_rest(&server).await?;
    let (memory, open) = (server.memory()?, server.descriptors()?);
    let figures = format!(
        "{early} KiB on the heap at rest after {first} visits, {late} KiB after {rest} more; {early_memory} and {memory} KiB of memory"
    );
    ensure!(late <= early + MOST, "{figures}");
    let has_its_size = plan.mixed_for / 4 >= LONG_ENOUGH;
    ensure!(!has_its_size || memory <= early_memory + MOST_MEMORY, "{figures}");
    ensure!(open < 24, "{open} descriptors are left");
    Ok(figures)
}

/// Has clients come and go for so long; returns how many did. The numbers of their visits begin with this one.
async fn visits(server: &Process, duration: Duration, first: u64) -> Result<u64> {
    let end = Instant::now() + duration;
    let visits = Arc::new(AtomicU64::new(first));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, visits) = (server.address.clone(), Arc::clone(&visits));
        clients.spawn(async move {
            while Instant::now() < end {
                let number = visits.fetch_add(1, Ordering::Relaxed);
                let visit = timeout(Duration::from_secs(30), visit(&address, number)).await;
                let visit = visit.unwrap_or_else(|_| bail!("it is not over after 30 s"));
                visit.with_context(|| format!("visit {number}"))?;
            }
            Ok(())
        });
    }
    all(clients).await?;
    Ok(visits.load(Ordering::Relaxed) - first)
}

/// How many KiB are on the server's heap once nothing is kept any more of what has ended.
async fn held_at_rest(server: &Process) -> Result<u64> {
    sleep(Duration::from_secs(3)).await;
    let call = Era::Alone.call(0, "held", json!({}));
    let held: u64 = text(&Connection::open(&server.address).await?.ask(&call).await?)?.parse()?;
    Ok(held >> 10)
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
