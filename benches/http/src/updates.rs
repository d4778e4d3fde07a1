//! What a task says: callbacks from ours, progress notifications from the others.

use std::time::Instant;

use anyhow::{Context as _, Result, ensure};
use load::{Connection, Era, Process, TEXT, now, of_mcpc};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::report::percentile;
use crate::servers::Kind;

/// A session, and where its updates arrive.
struct Client {
    session: Era,
    calls: Connection,
    /// That of its session, of ours.
    stream: Option<Connection>,
    started: u64,
}

impl Client {
    async fn begin(kind: Kind, server: &Process) -> Result<Self> {
        let mut calls = Connection::open(&server.address).await?;
        let session = calls.begin().await?;
        let mut stream = None;
        if kind == Kind::Mcpc {
            let mut opened = Connection::open(&server.address).await?;
            opened.listen(&session, None).await?;
            stream = Some(opened);
        }
        Ok(Self { session, calls, stream, started: 0 })
    }

    /// Starts a task; returns where its updates arrive.
    async fn start(&mut self, tool: &str, arguments: Value) -> Result<&mut Connection> {
        self.started += 1;
        let id = self.started;
        if let Some(stream) = &mut self.stream {
            let call = self.session.call(id, tool, of_mcpc(&format!("t{id}"), arguments));
            let (status, body) = self.calls.exchange(&call).await?;
            ensure!(status == 200 && body.contains("created"), "{status}: {body}");
            return Ok(stream);
        }
        let params = json!({"name": tool, "arguments": arguments, "_meta": {"progressToken": id}});
        self.calls.write(&self.session.request(id, "tools/call", params)).await?;
        let head = self.calls.head().await?;
        ensure!(head.status == 200, "{}", head.text);
        Ok(&mut self.calls)
    }

    /// Reads what comes after the updates.
    async fn finish(&mut self) -> Result<()> {
        match &mut self.stream {
            Some(stream) => stream.skip(1, b"complete").await,
            None => self.calls.body().await.map(drop),
        }
    }

    /// Has a task say so many updates, and reads them.
    async fn hear(&mut self, updates: usize) -> Result<()> {
        let stream = self.start("chatter", json!({"count": updates})).await?;
        stream.skip(updates, TEXT.as_bytes()).await?;
        self.finish().await
    }
}

/// How many updates there are in a round.
fn count(kind: Kind) -> usize {
    match kind {
        Kind::Mcpc => 200_000,
        Kind::Rmcp => 20_000,
        Kind::FastMcp => 2_000,
    }
}

/// Updates a second.
pub(crate) async fn run(kind: Kind, server: &Process, sessions: usize) -> Result<f64> {
    let mut clients = Vec::new();
    for _ in 0..sessions {
        let mut client = Client::begin(kind, server).await?;
        client.hear(10).await?;
        clients.push(client);
    }
    let each = count(kind) / sessions;
    let started = Instant::now();
    let mut listeners = JoinSet::new();
    for mut client in clients {
        listeners.spawn(async move { client.hear(each).await });
    }
    for heard in listeners.join_all().await {
        heard?;
    }
    Ok(count(kind) as f64 / started.elapsed().as_secs_f64())
}

/// Microseconds that the server computes for an update.
pub(crate) async fn processor_time(kind: Kind, server: &Process) -> Result<f64> {
    let mut client = Client::begin(kind, server).await?;
    client.hear(count(kind) / 10).await?;
    let before = server.processor_time()?;
    client.hear(count(kind)).await?;
    let spent = server.processor_time()? - before;
    Ok(spent.as_secs_f64() * 1e6 / count(kind) as f64)
}

/// Microseconds from a call to its first update.
pub(crate) async fn first(kind: Kind, server: &Process) -> Result<f64> {
    let mut client = Client::begin(kind, server).await?;
    let mut took = Vec::new();
    for _ in 0..100 {
        let started = Instant::now();
        let stream = client.start("chatter", json!({"count": 1})).await?;
        stream.skip(1, TEXT.as_bytes()).await?;
        took.push(started.elapsed().as_secs_f64() * 1e6);
        client.finish().await?;
    }
    Ok(percentile(&took, 0.5))
}

/// After how many microseconds such a part of updates is there that come one at a time.
pub(crate) async fn paced(kind: Kind, server: &Process, sessions: usize, part: f64) -> Result<f64> {
    let mut listeners = JoinSet::new();
    for _ in 0..sessions {
        let mut client = Client::begin(kind, server).await?;
        listeners.spawn(async move {
            let mut took = Vec::new();
            let stream =
                client.start("clock", json!({"count": 400, "microseconds": 5_000})).await?;
            while took.len() < 400 {
                let event = stream.event().await?.context("the stream ends")?;
                let arrived = now();
                if let Some(sent) = time_in(&event.data) {
                    took.push(arrived.saturating_sub(sent) as f64 / 1e3);
                }
            }
            Ok(took)
        });
    }
    let took: Result<Vec<Vec<f64>>> = listeners.join_all().await.into_iter().collect();
    // The first are those before everything is warm.
    let took: Vec<f64> = took?.into_iter().flat_map(|took| took.into_iter().skip(20)).collect();
    Ok(percentile(&took, part))
}

/// The time that a message tells, in nanoseconds: the one number that is so long.
fn time_in(message: &str) -> Option<u64> {
    let mut numbers = message.split(|c: char| !c.is_ascii_digit());
    numbers.find(|number| number.len() == 19)?.parse().ok()
}
