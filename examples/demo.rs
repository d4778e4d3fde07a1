//! Three tasks at work at once on a real server, with plain calls answered in between.
//!
//! `cargo run --release --example demo [DIRECTORY] [--server PROGRAM]`: the directory is this
//! repository's by default, the program the `indexer` example.
#![expect(clippy::print_stdout, reason = "a demo talks to a person")]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};
use mcpc::client::{Client, Task, text};
use mcpc::protocol::{Message, TaskEvent};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::read(std::env::args().skip(1))?;
    let server = match options.server {
        Some(server) => server,
        None => build_indexer().await?,
    };
    let client = Client::spawn(Command::new(&server)).await?;
    let demo = Demo { start: Instant::now() };
    let info = client.handshake().await?;
    demo.say("", &format!("`{}` speaks MCPC {}", info.mcpc_provider, info.mcpc_version));

    let directory = options.directory;
    let index = client.start("index", json!({ "directory": directory }));
    let rust = client.start("index", json!({ "directory": directory, "language": "Rust" }));
    let hashes = client.start("hash_large", json!({ "directory": directory, "min_bytes": 16_384 }));
    let (index, rust, hashes) = tokio::try_join!(index, rust, hashes)?;
    let mut tasks = JoinSet::new();
    for (label, task) in [("index", index), ("rust", rust), ("hashes", hashes)] {
        tasks.spawn(demo.follow(label, task));
    }
    let plain_calls = demo.call_while_running(&client, &mut tasks).await?;
    demo.say("", &format!("all tasks ended; {plain_calls} plain calls were answered meanwhile"));
    client.close().await;
    Ok(())
}

struct Options {
    directory: PathBuf,
    server: Option<PathBuf>,
}

impl Options {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self> {
        let (mut directory, mut server) = (None, None);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--server" => {
                    server = Some(arguments.next().context("`--server` needs a program")?.into());
                }
                option if option.starts_with('-') => {
                    bail!("unknown option `{option}`; usage: demo [DIRECTORY] [--server PROGRAM]")
                }
                path => directory = Some(PathBuf::from(path)),
            }
        }
        let directory = directory.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Ok(Self {
            directory: directory.canonicalize().with_context(|| format!("{directory:?}"))?,
            server,
        })
    }
}

/// Has cargo build the `indexer` example beside this one.
async fn build_indexer() -> Result<PathBuf> {
    let mut build = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    build.args(["build", "--quiet", "--example", "indexer"]);
    build.current_dir(env!("CARGO_MANIFEST_DIR")).stdout(Stdio::null());
    if !cfg!(debug_assertions) {
        build.arg("--release");
    }
    if !build.status().await?.success() {
        bail!("the `indexer` example does not build");
    }
    let beside = std::env::current_exe()?;
    Ok(beside.with_file_name(format!("indexer{}", std::env::consts::EXE_SUFFIX)))
}

#[derive(Clone, Copy)]
struct Demo {
    start: Instant,
}

impl Demo {
    fn say(self, who: &str, what: &str) {
        println!("{:7.3} s  {who:<7} {what}", self.start.elapsed().as_secs_f64());
    }

    /// Prints a task's messages: of its progress one line per tenth, of its findings the first.
    async fn follow(self, label: &'static str, mut task: Task) {
        let (mut tenth, mut findings) = (0, 0);
        while let Some(message) = task.next().await {
            match message.task_event() {
                Some(TaskEvent::Update) => match progress(&message) {
                    Some((percent, status)) => {
                        if tenths(percent) > tenth {
                            tenth = tenths(percent);
                            self.say(label, &format!("{percent:5.1} %  {status}"));
                        }
                    }
                    None if findings == 0 => {
                        findings += 1;
                        self.say(label, &format!("first find: {}", message.result));
                    }
                    None => findings += 1,
                },
                _ => {
                    self.say(label, &format!("{}: {}", message.event, pretty(&message.result)));
                }
            }
        }
    }

    /// Makes plain calls, one after the other, until every task has ended.
    async fn call_while_running(self, client: &Client, tasks: &mut JoinSet<()>) -> Result<u32> {
        let mut calls = 0;
        while !tasks.is_empty() {
            let file = ["main.rs", "index.html", "setup.py"][calls as usize % 3];
            let asked = Instant::now();
            let answer = client.call("language_of", json!({ "file": file })).await?;
            if calls % 100 == 0 {
                let answer = text(&answer);
                let took = asked.elapsed().as_micros();
                self.say("plain", &format!("language_of({file}) = {answer}, in {took} µs"));
            }
            calls += 1;
            tokio::select! {
                biased;
                ended = tasks.join_next() => ended.expect("one was left")?,
                () = tokio::time::sleep(std::time::Duration::from_millis(2)) => {}
            }
        }
        Ok(calls)
    }
}

fn progress(message: &Message) -> Option<(f64, String)> {
    let percent = message.result.get("progress")?.as_f64()?;
    let file = Path::new(message.result.get("status")?.as_str()?);
    Some((percent, file.file_name()?.display().to_string()))
}

#[expect(clippy::cast_possible_truncation, reason = "a percentage has few tenths")]
fn tenths(percent: f64) -> i64 {
    (percent / 10.0) as i64
}

/// A result over several lines, unless it is short.
fn pretty(result: &Value) -> String {
    let line = result.to_string();
    if line.len() < 80 { line } else { format!("{result:#}") }
}
