//! What no decent client does.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use load::{Connection, Era, Process, of_mcpc, post, post_head, text};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::{Answer, Plan, all, until};

/// How many there are of each slow kind.
const SLOW: usize = 200;

/// After how long they are to be gone whose limit is a second.
const GONE: Duration = Duration::from_secs(5);

/// Heads that arrive byte by byte, or not at all.
pub(crate) async fn slow_heads(plan: &Plan) -> Answer {
    let server = plan.server(&["header=1000"]).await?;
    slow(&server, Vec::new(), Era::Alone.call(1, "add", json!({"a": 1, "b": 2})), |mut it| {
        Box::pin(async move {
            ensure!(it.is_closed().await, "it is open");
            Ok(())
        })
    })
    .await
}

/// Bodies that arrive byte by byte are answered.
pub(crate) async fn slow_bodies(plan: &Plan) -> Answer {
    let server = plan.server(&["body=1000"]).await?;
    let head = post_head("", 1_000).into_bytes();
    slow(&server, head, vec![b'x'; 1_000], |mut it| {
        Box::pin(async move {
            let head = it.head().await?;
            ensure!(head.status == 408, "{}", head.text);
            it.body().await?;
            ensure!(it.is_closed().await, "it is open");
            Ok(())
        })
    })
    .await
}

type Ends = fn(Connection) -> std::pin::Pin<Box<dyn Future<Output = Result<()>> + Send>>;

/// Writes something at once and something slowly on many connections; others are answered meanwhile.
async fn slow(server: &Process, at_once: Vec<u8>, slowly: Vec<u8>, ends: Ends) -> Answer {
    let mut good = Connection::open(&server.address).await?;
    // It has accepted the connection once it has answered.
    good.ask(&Era::Alone.call(1, "add", json!({"a": 1, "b": 2}))).await?;
    let before = server.descriptors()?;
    let mut clients = JoinSet::new();
    for number in 0..SLOW {
        let address = server.address.clone();
        let (at_once, slowly) = (at_once.clone(), slowly.clone());
        clients.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            connection.write(&at_once).await?;
            for byte in slowly.chunks(1).take(if number % 4 == 0 { 0 } else { 40 }) {
                sleep(Duration::from_millis(50)).await;
                if connection.write(byte).await.is_err() {
                    break;
                }
                // What was answered meanwhile would be lost to who goes on writing for long.
                if connection.has_answer() {
                    break;
                }
            }
            let closed = timeout(GONE, ends(connection)).await;
            closed.with_context(|| format!("{number} is still open after {GONE:?}"))?
        });
    }
    let (started, mut slowest) = (Instant::now(), Duration::ZERO);
    while !clients.is_empty() && started.elapsed() < GONE + Duration::from_secs(3) {
        let asked = Instant::now();
        good.ask(&Era::Alone.call(1, "add", json!({"a": 1, "b": 2}))).await?;
        slowest = slowest.max(asked.elapsed());
        sleep(Duration::from_millis(5)).await;
        while let Some(client) = clients.try_join_next() {
            client??;
        }
    }
    all(clients).await?;
    until(GONE, || Ok(server.descriptors()? <= before)).await?;
    let (took, slowest) = (started.elapsed().as_secs_f64(), slowest.as_millis());
    Ok(format!("{SLOW} gone after {took:.1} s, others answered within {slowest} ms"))
}

/// Bodies that are no messages: each is refused, and the connection goes on where that makes sense.
pub(crate) async fn malformed(plan: &Plan) -> Answer {
    const BODIES: u64 = 5_000;
    let server = plan.server(&["message=200000"]).await?;
    let mut connection = Connection::open(&server.address).await?;
    let session = connection.begin().await?;
    let before = server.resting_memory().await?;
    let headers = match &session {
        Era::Session(id) => format!("mcp-session-id: {id}\r\n"),
        Era::Alone => String::new(),
    };
    for number in 0..BODIES {
        let body = nonsense(number);
        let headers = if number % 2 == 0 { &*headers } else { "" };
        let shown = String::from_utf8_lossy(&body[..body.len().min(200)]).into_owned();
        let status = connection.tell(&post(headers, &body)).await.context(shown.clone())?;
        ensure!(status == 400, "{status}: {shown}");
    }
    for number in 0..50 {
        let mut other = Connection::open(&server.address).await?;
        let too_long = vec![b' '; 200_001 + number * 10_000];
        let status = other.tell(&post("", &too_long)).await;
        let status = status.with_context(|| format!("{} bytes", too_long.len()))?;
        ensure!(status == 413, "{status} for {} bytes", too_long.len());
    }
    let reply = connection.ask(&session.call(1, "add", json!({"a": 1, "b": 2}))).await?;
    ensure!(text(&reply)? == "3", "{reply}");
    let grown = server.resting_memory().await?.saturating_sub(before);
    ensure!(grown < 4 << 10, "it holds {grown} KiB more");
    Ok(format!("{BODIES} answered 400, 50 that are too long 413 (+{grown} KiB)"))
}

/// Something that is not a message, another one for each number.
fn nonsense(number: u64) -> Vec<u8> {
    let whole = json!({"jsonrpc": "2.0", "id": number, "method": "tools/call",
        "params": {"name": "echo", "arguments": {"text": "what is said"}}})
    .to_string();
    let cut = 1 + number as usize * 7 % (whole.len() - 1);
    let deep = 200 + number as usize * 37 % 50_000;
    match number % 10 {
        0 => whole.as_bytes()[..cut].to_vec(),
        1 => whole.as_bytes()[cut..].to_vec(),
        2 => (0..cut as u64).map(|at| (at * 131 + number * 71 + 128) as u8 | 0x80).collect(),
        3 => whole.replace("what", "\u{0}").into_bytes(),
        4 => [&whole.as_bytes()[..60], &[0xff, 0xfe], &whole.as_bytes()[60..]].concat(),
        5 => format!("{}{}", "[".repeat(deep), "]".repeat(deep)).into_bytes(),
        6 => whole
            .replace("\"what is said\"", &format!("{}1{}", "[".repeat(deep), "]".repeat(deep)))
            .into_bytes(),
        7 => whole.replace("\"2.0\"", &number.to_string()).into_bytes(),
        8 => whole.replace("\"tools/call\"", "{}").into_bytes(),
        _ => number.to_string().into_bytes(),
    }
}

/// Clients that are gone in the middle of what they send, of what they wait for, and of what they read.
pub(crate) async fn vanish(plan: &Plan) -> Answer {
    const CLIENTS: u64 = 300;
    let server = plan.server(&["grace=500"]).await?;
    let mut good = Connection::open(&server.address).await?;
    in_the_middle(&server, 20).await?;
    leave(&mut good).await?;
    let (before, memory) = (server.descriptors()?, server.resting_memory().await?);
    in_the_middle(&server, CLIENTS).await?;
    let waited = leave(&mut good).await?;
    until(GONE, || Ok(server.descriptors()? <= before)).await.context("descriptors are left")?;
    let grown = server.resting_memory().await?.saturating_sub(memory);
    Ok(format!(
        "{} left nothing open, their calls were over {} ms later (+{grown} KiB)",
        3 * CLIENTS,
        waited.as_millis()
    ))
}

/// Waits until no call waits any more.
async fn leave(good: &mut Connection) -> Result<Duration> {
    let started = Instant::now();
    loop {
        let reply = good.ask(&Era::Alone.call(1, "waiting", json!({}))).await?;
        if text(&reply)? == "0" {
            return Ok(started.elapsed());
        }
        ensure!(started.elapsed() < GONE, "{} calls wait for nobody", text(&reply)?);
        sleep(Duration::from_millis(20)).await;
    }
}

async fn in_the_middle(server: &Process, clients: u64) -> Result<()> {
    let mut all_of_them = JoinSet::new();
    for number in 0..clients {
        let address = server.address.clone();
        all_of_them.spawn(async move {
            let mut of_a_body = Connection::open(&address).await?;
            let call = Era::Alone.call(1, "add", json!({"a": 1, "b": 2}));
            of_a_body.write(&call[..call.len() - 9]).await?;
            let mut of_a_call = Connection::open(&address).await?;
            of_a_call.write(&Era::Alone.call(1, "pause", json!({"milliseconds": 60_000}))).await?;
            let mut calls = Connection::open(&address).await?;
            let session = calls.begin().await?;
            let mut of_a_stream = Connection::open(&address).await?;
            of_a_stream.listen(&session, None).await?;
            calls.ask(&session.call(1, "flood", of_mcpc("t", json!({})))).await?;
            of_a_stream.event().await?.context("it ends")?;
            sleep(Duration::from_millis(50)).await;
            for connection in [of_a_body, of_a_call, of_a_stream] {
                match number % 2 {
                    0 => connection.vanish(),
                    _ => drop(connection),
                }
            }
            ensure!(calls.tell(&session.delete()).await? == 204, "it cannot be ended");
            Ok(())
        });
        // Tasks that say as much as they can are not what this is about.
        if number % 20 == 0 {
            sleep(Duration::from_millis(50)).await;
        }
    }
    all(all_of_them).await.map(drop)
}
