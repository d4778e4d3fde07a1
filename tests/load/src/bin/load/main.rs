//! Puts a server over HTTP under load, and abuses it; each case says in a line what came of it.
//!
//! usage: load SERVER [--quick | --minutes N] [part of a case's name]...
#![expect(clippy::print_stdout, reason = "it says what came of each case")]

mod abuse;
mod bounds;
mod calls;
mod ends;
mod mixed;
mod sessions;
mod updates;

use std::ffi::OsString;
use std::pin::Pin;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use load::Process;
use tokio::process::Command;
use tokio::time::timeout;

/// What is asked for.
struct Plan {
    server: OsString,
    /// For how long there is traffic of all kinds.
    mixed_for: Duration,
    /// Parts of the names of cases, or nothing for all of them.
    wanted: Vec<String>,
}

type Answer = Result<String>;
type Case = fn(&Plan) -> Pin<Box<dyn Future<Output = Answer> + '_>>;

const CASES: [(&str, Case, Duration); 17] = [
    ("a thousand calls at once", |plan| Box::pin(calls::at_once(plan)), A_MINUTE),
    ("10,000 calls on one connection", |plan| Box::pin(calls::kept_alive(plan)), A_MINUTE),
    ("a thousand idle sessions", |plan| Box::pin(sessions::idle(plan)), A_MINUTE),
    ("more sessions than there may be", |plan| Box::pin(sessions::flood(plan)), A_MINUTE),
    ("more connections than there may be", |plan| Box::pin(bounds::connections(plan)), A_MINUTE),
    ("descriptors that run out", |plan| Box::pin(bounds::descriptors(plan)), A_MINUTE),
    ("bodies that take all the room", |plan| Box::pin(bounds::bodies(plan)), A_MINUTE),
    ("10,000 tasks of 100 sessions", |plan| Box::pin(updates::of_many_tasks(plan)), A_MINUTE),
    ("16 reconnects in 100,000 updates", |plan| Box::pin(updates::reconnects(plan)), A_MINUTE),
    ("16 reconnects of a slow reader", |plan| Box::pin(updates::slow_reconnects(plan)), A_MINUTE),
    ("200 streams that nobody reads", |plan| Box::pin(updates::unread(plan)), A_MINUTE),
    ("slow heads", |plan| Box::pin(abuse::slow_heads(plan)), A_MINUTE),
    ("slow bodies", |plan| Box::pin(abuse::slow_bodies(plan)), A_MINUTE),
    ("bodies that make no sense", |plan| Box::pin(abuse::malformed(plan)), A_MINUTE),
    ("clients that vanish", |plan| Box::pin(abuse::vanish(plan)), A_MINUTE),
    ("SIGTERM under load", |plan| Box::pin(ends::sigterm(plan)), A_MINUTE),
    ("traffic of all kinds", |plan| Box::pin(mixed::traffic(plan)), A_DAY),
];

const A_MINUTE: Duration = Duration::from_secs(60);
const A_DAY: Duration = Duration::from_secs(24 * 3600);

impl Plan {
    fn read() -> Result<Self> {
        let mut arguments = std::env::args_os().skip(1);
        let server = arguments.next().context("expected a server")?;
        let mut plan = Self { server, mixed_for: Duration::from_secs(120), wanted: Vec::new() };
        while let Some(argument) = arguments.next() {
            match argument.to_str().context("expected UTF-8")? {
                "--quick" => plan.mixed_for = Duration::from_secs(20),
                "--minutes" => {
                    let minutes = arguments.next().context("expected minutes")?;
                    let minutes: u64 = minutes.to_str().context("expected UTF-8")?.parse()?;
                    plan.mixed_for = Duration::from_secs(minutes * 60);
                    plan.wanted.push("traffic".to_owned());
                }
                option if option.starts_with('-') => bail!("unknown option {option}"),
                part => plan.wanted.push(part.to_owned()),
            }
        }
        Ok(plan)
    }

    /// Starts a server of one's own.
    async fn server(&self, options: &[&str]) -> Result<Process> {
        let mut command = Command::new(&self.server);
        command.args(options);
        let server = Process::start(command).await?;
        // It says where it listens before it has opened all that it holds open.
        let mut open = 0;
        while open != server.descriptors()? {
            open = server.descriptors()?;
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Ok(server)
    }

    fn wants(&self, case: &str) -> bool {
        self.wanted.is_empty() || self.wanted.iter().any(|part| case.contains(part))
    }
}

#[tokio::main]
async fn main() -> Result<ExitCode> {
    let plan = Plan::read()?;
    let mut failed = false;
    for (name, case, limit) in CASES {
        if !plan.wants(name) {
            continue;
        }
        let started = Instant::now();
        let answer = timeout(limit, case(&plan)).await;
        let answer = answer.unwrap_or_else(|_| bail!("it is not over after {limit:?}"));
        let took = started.elapsed().as_secs_f64();
        match answer {
            Ok(figures) => println!("ok      {name}: {figures} ({took:.1} s)"),
            Err(error) => {
                failed = true;
                println!("FAILED  {name}: {error:#} ({took:.1} s)");
            }
        }
    }
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Waits for all of these, of which none may fail.
async fn all<T: 'static>(tasks: tokio::task::JoinSet<Result<T>>) -> Result<Vec<T>> {
    tasks.join_all().await.into_iter().collect()
}

/// Waits until something is so; fails if it is not for this long.
async fn until(limit: Duration, mut is_so: impl FnMut() -> Result<bool>) -> Result<Duration> {
    let started = Instant::now();
    while !is_so()? {
        if started.elapsed() >= limit {
            bail!("it is not so after {limit:?}");
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(started.elapsed())
}
