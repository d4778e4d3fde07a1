//! More than a server takes at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use load::{Connection, Era, Process, post_head, text};
use serde_json::json;
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{Answer, Plan, all};

fn add() -> Vec<u8> {
    Era::Alone.call(1, "add", json!({"a": 1, "b": 2}))
}

/// Those beyond the last wait for their turn, and take no descriptor meanwhile.
pub(crate) async fn connections(plan: &Plan) -> Answer {
    const MOST: usize = 100;
    const CLIENTS: usize = 1_000;
    let server = plan.server(&[&format!("connections={MOST}")]).await?;
    let mut first = Connection::open(&server.address).await?;
    first.ask(&add()).await?;
    let before = server.descriptors()?;
    let started = Instant::now();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let address = server.address.clone();
        clients.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let reply = connection.ask(&add()).await?;
            ensure!(text(&reply)? == "3", "{reply}");
            sleep(Duration::from_millis(50)).await;
            Ok(())
        });
    }
    let mut most = 0;
    while let Some(client) = clients.join_next().await {
        client??;
        most = most.max(server.descriptors()?.saturating_sub(before) + 1);
    }
    ensure!(most <= MOST, "there were {most}");
    let took = started.elapsed().as_secs_f64();
    Ok(format!("{CLIENTS} clients answered over {most} at once, the last after {took:.1} s"))
}

/// The server neither ends nor spins where it gets no descriptor for a connection, and goes on when it does.
pub(crate) async fn descriptors(plan: &Plan) -> Answer {
    const CLIENTS: usize = 200;
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64; exec \"$0\""]).arg(&plan.server);
    let server = Process::start(command).await?;
    let (leave, _) = watch::channel(false);
    let answered = Arc::new(AtomicUsize::new(0));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, answered) = (server.address.clone(), Arc::clone(&answered));
        let mut leaves = leave.subscribe();
        clients.spawn(async move {
            let mut connection = Connection::open(&address).await?;
            let reply = connection.ask(&add()).await?;
            ensure!(text(&reply)? == "3", "{reply}");
            answered.fetch_add(1, Ordering::SeqCst);
            leaves.wait_for(|leave| *leave).await?;
            Ok(())
        });
    }
    sleep(Duration::from_secs(1)).await;
    let (before, had) = (answered.load(Ordering::SeqCst), server.processor_time()?);
    sleep(Duration::from_secs(1)).await;
    let spent = server.processor_time()?.saturating_sub(had);
    ensure!(before > 20 && before < 64, "{before} were answered");
    ensure!(spent < Duration::from_millis(200), "it spends {spent:?} of a second on nothing");
    leave.send(true)?;
    all(clients).await?;
    Ok(format!("{before} of {CLIENTS} served, {spent:?} of a second spent, then the others"))
}

/// Bodies that are nearly there have so much memory together; what has no room is told when to come back.
pub(crate) async fn bodies(plan: &Plan) -> Answer {
    const LENGTH: usize = 1 << 20;
    const ROOM: usize = 8;
    const CLIENTS: usize = 100;
    let buffered = format!("buffered={}", ROOM * LENGTH);
    let server = plan.server(&[&format!("message={LENGTH}"), &buffered]).await?;
    let mut good = Connection::open(&server.address).await?;
    good.ask(&add()).await?;
    let before = server.resting_memory().await?;
    let (finish, _) = watch::channel(false);
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let (address, finishes) = (server.address.clone(), finish.subscribe());
        clients.spawn(all_but_the_last(address, LENGTH, finishes));
    }
    let (mut slowest, started) = (Duration::ZERO, Instant::now());
    while started.elapsed() < Duration::from_secs(3) {
        let asked = Instant::now();
        good.ask(&add()).await?;
        slowest = slowest.max(asked.elapsed());
        sleep(Duration::from_millis(5)).await;
    }
    let grown = server.memory()?.saturating_sub(before);
    finish.send(true)?;
    let taken = all(clients).await?.into_iter().filter(|taken| *taken).count();
    ensure!(taken > 0 && taken <= ROOM, "{taken} were taken");
    // What a body grows out of is not given back at once, and a connection has a buffer.
    let most = (4 * ROOM * LENGTH + CLIENTS * (128 << 10)) as u64 >> 10;
    ensure!(grown < most, "it holds {grown} KiB more");
    let slowest = slowest.as_millis();
    let refused = CLIENTS - taken;
    Ok(format!(
        "{taken} held and answered, {refused} told when to come back (+{grown} KiB), others answered within {slowest} ms"
    ))
}

/// Sends a call but for its last byte, and that in the end; returns whether it was taken.
async fn all_but_the_last(
    address: String,
    length: usize,
    mut finishes: watch::Receiver<bool>,
) -> Result<bool> {
    let call = add();
    let body = call.windows(4).position(|end| end == b"\r\n\r\n").context("no body")? + 4;
    let (head, body) = call.split_at(body);
    let head = std::str::from_utf8(head)?;
    let of_era: String = head
        .lines()
        .filter(|line| line.starts_with("mcp-"))
        .map(|line| format!("{line}\r\n"))
        .collect();
    let mut connection = Connection::open(&address).await?;
    connection.write(post_head(&of_era, length).as_bytes()).await?;
    connection.write(&vec![b' '; length - body.len()]).await?;
    connection.write(&body[..body.len() - 1]).await?;
    let refused = tokio::select! {
        head = connection.head() => Some(head?),
        finished = finishes.wait_for(|finish| *finish) => {
            finished?;
            None
        }
    };
    if let Some(head) = refused {
        ensure!(head.status == 503 && head.header("retry-after") == Some("5"), "{}", head.text);
        return Ok(false);
    }
    let reply = connection.ask(&body[body.len() - 1..]).await?;
    ensure!(text(&reply)? == "3", "{reply}");
    Ok(true)
}
