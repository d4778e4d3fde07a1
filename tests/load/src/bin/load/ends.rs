//! The end of a server that has much to do.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use load::{Connection, Era, of_mcpc};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::{Answer, Plan, all};

/// Every call that was taken is answered, the end of every task is told, and the server ends in time.
pub(crate) async fn sigterm(plan: &Plan) -> Answer {
    const GRACE: Duration = Duration::from_secs(2);
    let mut server = plan.server(&["grace=2000"]).await?;
    let numbers = Arc::new(AtomicU64::new(0));
    let (mut callers, mut listeners) = (JoinSet::new(), JoinSet::new());
    for number in 0..80 {
        let mut connection = Connection::open(&server.address).await?;
        let session = connection.begin().await?;
        let era = if number % 2 == 0 { session.clone() } else { Era::Alone };
        // The last of them are not over by themselves.
        let milliseconds = if number < 70 { 20 } else { 60_000 };
        callers.spawn(call_on(connection, era, Arc::clone(&numbers), milliseconds));
        let mut stream = Connection::open(&server.address).await?;
        stream.listen(&session, None).await?;
        let mut starts = Connection::open(&server.address).await?;
        starts.ask(&session.call(7_000_000, "watch", of_mcpc("t", json!({})))).await?;
        listeners.spawn(hear_the_end(stream));
    }
    sleep(Duration::from_secs(1)).await;
    server.terminate()?;
    let asked = Instant::now();
    let (status, last) = server.wait().await?;
    let took = asked.elapsed();
    ensure!(status.success(), "it ends with {status}");
    ensure!(took < GRACE + Duration::from_millis(2_500), "it ends after {took:?}");
    let taken: Vec<u64> = serde_json::from_str(&last.context("it says nothing")?)?;
    let answered: HashSet<u64> = all(callers).await?.into_iter().flatten().collect();
    let lost = taken.iter().filter(|number| !answered.contains(number)).count();
    ensure!(lost == 0, "{lost} of {} calls that were taken were not answered", taken.len());
    let told = all(listeners).await?.len();
    Ok(format!(
        "{} calls taken and answered, {told} tasks told their end, status 0 after {:.1} s",
        taken.len(),
        took.as_secs_f64()
    ))
}

/// Calls until the server ends; returns the numbers of the calls that were answered.
async fn call_on(
    mut connection: Connection,
    era: Era,
    numbers: Arc<AtomicU64>,
    milliseconds: u64,
) -> Result<Vec<u64>> {
    let mut answered = Vec::new();
    loop {
        let number = numbers.fetch_add(1, Ordering::SeqCst) + 1;
        let arguments = json!({"number": number, "milliseconds": milliseconds});
        if connection.write(&era.call(number, "take", arguments)).await.is_err() {
            return Ok(answered);
        }
        // Before its head, the server may have closed the connection without having read the call.
        let Ok(head) = connection.head().await else { return Ok(answered) };
        let body = connection.body().await.with_context(|| format!("the answer to {number}"))?;
        match head.status {
            200 if body.contains(&format!("\"id\":{number}")) => answered.push(number),
            503 => return Ok(answered),
            _ => bail!("{number}: {}: {body}", head.text),
        }
    }
}

async fn hear_the_end(mut stream: Connection) -> Result<()> {
    let mut last = None;
    while let Some(event) = stream.event().await? {
        last = event.callback();
    }
    let last = last.context("nothing was said")?;
    ensure!(last["event"] == "complete" && last["result"] == "stopped", "the last is {last}");
    Ok(())
}
