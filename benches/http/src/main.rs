//! Measures servers over HTTP beside one another.
//!
//! usage: bench-http WITH_MCPC ON_RMCP PYTHON HERE FASTMCP [part of a row's name]...
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

mod awake;
mod calls;
mod memory;
mod report;
mod servers;
mod updates;

use anyhow::{Context as _, Result};

use crate::report::{Goal, Report, Row, Unit};
use crate::servers::Servers;

const ROWS: [Row; 19] = [
    Row::new(
        "a call, one after the other, in a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run(kind, server, true, 1)),
    ),
    Row::new(
        "a call, one after the other, without a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run(kind, server, false, 1)),
    ),
    Row::new(
        "the same on processors that are kept awake, in a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run_awake(kind, server, true)),
    ),
    Row::new(
        "the same on processors that are kept awake, without a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run_awake(kind, server, false)),
    ),
    Row::new(
        "64 calls in flight, in a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run(kind, server, true, 64)),
    ),
    Row::new(
        "64 calls in flight, without a session",
        Unit::PerSecond,
        Goal::AtLeast(1.5),
        |kind, server| Box::pin(calls::run(kind, server, false, 64)),
    ),
    Row::new(
        "a call, 64 in flight, processor time of the server",
        Unit::Microseconds,
        Goal::None,
        |kind, server| Box::pin(calls::processor_time(kind, server, true)),
    ),
    Row::new("the same without a session", Unit::Microseconds, Goal::None, |kind, server| {
        Box::pin(calls::processor_time(kind, server, false))
    }),
    Row::new("from a call to its first update", Unit::Microseconds, Goal::None, |kind, server| {
        Box::pin(updates::first(kind, server))
    }),
    Row::new("updates to one session", Unit::PerSecond, Goal::AtLeast(5.0), |kind, server| {
        Box::pin(updates::run(kind, server, 1))
    }),
    Row::new("updates to 100 sessions", Unit::PerSecond, Goal::AtLeast(5.0), |kind, server| {
        Box::pin(updates::run(kind, server, 100))
    }),
    Row::new(
        "an update, processor time of the server",
        Unit::Microseconds,
        Goal::None,
        |kind, server| Box::pin(updates::processor_time(kind, server)),
    ),
    Row::new(
        "an update every 5 ms, half are there after",
        Unit::Microseconds,
        Goal::None,
        |kind, server| Box::pin(updates::paced(kind, server, 1, 0.5)),
    ),
    Row::new(
        "an update every 5 ms, 99 of 100 are there after",
        Unit::Microseconds,
        Goal::OursAtMost(2_000.0),
        |kind, server| Box::pin(updates::paced(kind, server, 1, 0.99)),
    ),
    Row::new(
        "an update every 5 ms of 20 sessions, half after",
        Unit::Microseconds,
        Goal::None,
        |kind, server| Box::pin(updates::paced(kind, server, 20, 0.5)),
    ),
    Row::new(
        "an update every 5 ms of 20 sessions, 99 of 100 after",
        Unit::Microseconds,
        Goal::None,
        |kind, server| Box::pin(updates::paced(kind, server, 20, 0.99)),
    ),
    Row::new(
        "memory at rest, before anybody has come",
        Unit::Kibibytes,
        Goal::None,
        |_, server| Box::pin(memory::at_rest(server)),
    ),
    Row::new(
        "memory of an idle session",
        Unit::Kibibytes,
        Goal::OursAtMost(16.0),
        |kind, server| Box::pin(memory::of_a_session(kind, server)),
    ),
    Row::new(
        "memory of a running task (Tasks of 2026-07-28)",
        Unit::Kibibytes,
        Goal::None,
        |kind, server| Box::pin(memory::of_a_task(kind, server)),
    ),
];

#[tokio::main]
async fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let mut next = || arguments.next().context("see the usage");
    let servers = Servers {
        with_mcpc: next()?.into(),
        on_rmcp: next()?.into(),
        python: next()?.into(),
        here: next()?.into(),
    };
    let (results, fastmcp) = (servers.here.join("RESULTS.md"), next()?);
    let wanted: Vec<String> = arguments.collect();
    let mut report = Report::new(fastmcp);
    for row in ROWS {
        if wanted.is_empty() || wanted.iter().any(|part| row.what.contains(part.as_str())) {
            report.measure(&row, &servers).await?;
        }
    }
    println!("\n{}", report.table());
    if wanted.is_empty() {
        report.write(&results)?;
    }
    Ok(())
}
