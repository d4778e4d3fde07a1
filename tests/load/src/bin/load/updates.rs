//! What tasks say: to their owners, to who comes back, and to who does not read.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use load::{Connection, Era, of_mcpc};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{Answer, Plan, all};

/// Every update arrives once, in its order, at its owner.
pub(crate) async fn of_many_tasks(plan: &Plan) -> Answer {
    const SESSIONS: usize = 100;
    const TASKS: usize = 100;
    const UPDATES: u64 = 5;
    let server = plan.server(&[]).await?;
    let started = Instant::now();
    let mut sessions = JoinSet::new();
    for number in 0..SESSIONS {
        let address = server.address.clone();
        sessions.spawn(async move {
            let mut calls = Connection::open(&address).await?;
            let session = calls.begin().await?;
            let mut stream = Connection::open(&address).await?;
            stream.listen(&session, None).await?;
            let starts = async {
                for task in 0..TASKS {
                    let arguments = of_mcpc(&format!("{number}-{task}"), json!({"to": UPDATES}));
                    let id = task as u64 + 1;
                    let reply = calls.ask(&session.call(id, "count", arguments)).await?;
                    ensure!(reply.to_string().contains("created"), "{reply}");
                }
                Ok(())
            };
            let hears = hear(&mut stream, number, TASKS, UPDATES);
            tokio::try_join!(starts, hears).with_context(|| format!("session {number}"))?;
            Ok(())
        });
    }
    all(sessions).await?;
    let events = (SESSIONS * TASKS) as f64 * (UPDATES + 2) as f64;
    let took = started.elapsed().as_secs_f64();
    Ok(format!("{events:.0} events, each once and in order, {:.0}/s", events / took))
}

/// Reads what the tasks of a session say, until all have ended.
async fn hear(stream: &mut Connection, session: usize, tasks: usize, updates: u64) -> Result<()> {
    let (mut expected, mut ended) = (HashMap::<String, u64>::new(), 0);
    while ended < tasks {
        let event = stream.event().await?.context("the stream ends")?;
        let callback = event.callback().with_context(|| format!("no callback: {}", event.data))?;
        let task = callback["task_id"].as_str().context("no task")?;
        ensure!(task.starts_with(&format!("{session}-")), "`{task}` is another's");
        let next = expected.entry(task.to_owned()).or_default();
        let fits = match callback["event"].as_str() {
            Some("created") => *next == 0,
            Some("update") => *next > 0 && callback["result"] == *next,
            Some("complete") => *next == updates + 1,
            _ => false,
        };
        ensure!(fits, "{next} of `{task}` is {callback}");
        *next += 1;
        ended += usize::from(*next == updates + 2);
    }
    Ok(())
}

/// A stream is lost again and again, with what was on its way.
pub(crate) async fn reconnects(plan: &Plan) -> Answer {
    reconnect(plan, Duration::ZERO).await
}

/// The same for a client that reads more slowly than the server writes, so that buffers are full.
pub(crate) async fn slow_reconnects(plan: &Plan) -> Answer {
    reconnect(plan, Duration::from_millis(1)).await
}

async fn reconnect(plan: &Plan, pause: Duration) -> Answer {
    const UPDATES: u64 = 100_000;
    const STREAMS: u64 = 17;
    let server = plan.server(&[]).await?;
    let mut calls = Connection::open(&server.address).await?;
    let session = calls.begin().await?;
    let started = Instant::now();
    calls.ask(&session.call(1, "count", of_mcpc("t", json!({"to": UPDATES})))).await?;
    let (mut last, mut next) = (None::<String>, 0);
    for number in 1..=STREAMS {
        let mut stream = Connection::open(&server.address).await?;
        stream.listen(&session, last.as_deref()).await?;
        let until = if number == STREAMS { UPDATES + 2 } else { number * UPDATES / STREAMS };
        while next < until {
            let event = stream.event().await?.context("the stream ends")?;
            let callback = event.callback();
            let callback = callback.with_context(|| format!("after {next}: {}", event.data))?;
            let fits = match callback["event"].as_str() {
                Some("created") => next == 0,
                Some("update") => callback["result"] == next,
                Some("complete") => next == UPDATES + 1,
                _ => false,
            };
            ensure!(fits, "on stream {number}, {next} is {callback}");
            (next, last) = (next + 1, Some(event.id));
            if !pause.is_zero() && next % 100 == 0 {
                sleep(pause).await;
            }
        }
        stream.vanish();
    }
    let rate = UPDATES as f64 / started.elapsed().as_secs_f64();
    Ok(format!("none lost, none repeated, {rate:.0}/s"))
}

/// Tasks that say as much as they may, to clients that have a stream and do not read it.
pub(crate) async fn unread(plan: &Plan) -> Answer {
    const STREAMS: usize = 200;
    /// Of each stream, with what hyper and the session hold.
    const MOST_KIB: u64 = 768;
    let server = plan.server(&["queued=65536", "write=2000", "grace=500"]).await?;
    let mut calls = Connection::open(&server.address).await?;
    calls.ask(&Era::Alone.call(1, "add", json!({"a": 1, "b": 2}))).await?;
    let (before, descriptors) = (server.resting_memory().await?, server.descriptors()?);
    let (mut sessions, mut streams) = (Vec::new(), Vec::new());
    for _ in 0..STREAMS {
        let session = calls.begin().await?;
        let mut stream = Connection::open(&server.address).await?;
        stream.write(&session.listen(None)).await?;
        calls.ask(&session.call(1, "flood", of_mcpc("t", json!({})))).await?;
        streams.push(stream);
        sessions.push(session);
    }
    let (mut most, mut slowest) = (0, Duration::ZERO);
    let started = Instant::now();
    while server.descriptors()? > descriptors {
        ensure!(started.elapsed() < Duration::from_secs(20), "a connection is still open");
        let asked = Instant::now();
        let reply = calls.ask(&Era::Alone.call(1, "add", json!({"a": 1, "b": 2}))).await?;
        ensure!(reply["result"] != Value::Null, "{reply}");
        slowest = slowest.max(asked.elapsed());
        most = most.max(server.memory()?.saturating_sub(before));
        sleep(Duration::from_millis(5)).await;
    }
    let took = started.elapsed().as_secs_f64();
    if most > MOST_KIB * STREAMS as u64 {
        bail!("it held {} KiB for each stream, and not {MOST_KIB} at most", most / STREAMS as u64);
    }
    for session in &sessions {
        ensure!(calls.tell(&session.delete()).await? == 204, "it cannot be ended");
    }
    let each = most / STREAMS as u64;
    Ok(format!(
        "{each} KiB for each at most, all closed after {took:.1} s, others answered within {} ms",
        slowest.as_millis()
    ))
}
