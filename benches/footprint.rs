//! What tasks cost in memory, and how long a server takes to end: `cargo bench --bench footprint`.
//!
//! A server in a process of its own; what it holds is read from `/proc`, so this is for Linux.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};

const TASKS: u64 = 10_000;

/// About what a progress message with a path in it has.
const TEXT: &str = "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";

/// Says how far it is so many times, and then waits to be stopped.
#[mcpc::background]
async fn watch(reports: u32, updates: Sender) -> &'static str {
    for report in 0..reports {
        updates.progress(report, reports, TEXT);
        tokio::task::yield_now().await;
    }
    updates.stopped().await;
    "stopped"
}

/// Waits, whoever asks it to stop.
#[mcpc::background]
async fn insist() {
    std::future::pending::<()>().await;
}

/// Sends updates as fast as the client takes them.
#[mcpc::background]
async fn chatter(updates: Sender) {
    while !updates.is_stopped() {
        updates.send(TEXT).await;
    }
}

/// Answers when it is too late.
#[mcpc::tool]
async fn sleep() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

fn main() {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    let idle = Process::start().memory("VmRSS");
    println!("an idle server: {idle} KiB");
    memory_of_tasks("MCPC", 0, json!({"_metadata": {}}), json!({}));
    memory_of_tasks("MCPC, each after 1,000 reports", 1000, json!({"_metadata": {}}), json!({}));
    memory_of_tasks("Tasks extension", 0, json!({}), tasks_extension());
    memory_of_tasks("calls with a progress token", 0, json!({}), json!({"progressToken": 1}));
    memory_of_tasks("calls that wait", 0, json!({}), json!({}));
    memory_under_a_stalled_reader();
    time_to_the_end("watch", "that stop when they are asked to");
    time_to_the_end("insist", "that do not stop (the grace is 5 s)");
}

fn serve() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = Server::new("footprint").tools(tools![watch, insist, chatter, sleep, echo]);
    let server = server.patience(Duration::from_secs(3600)).max_tasks(2 * TASKS as usize);
    runtime.block_on(server.serve_stdio()).expect("the client stays");
}

fn tasks_extension() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    })
}

/// How much more a server holds when tasks run that have said something.
fn memory_of_tasks(what: &str, reports: u32, metadata: Value, meta: Value) {
    let mut process = Process::start();
    let before = process.memory("VmRSS");
    for task in 0..TASKS {
        let mut arguments = metadata.clone();
        arguments["reports"] = json!(reports);
        process.call(json!(task), "watch", arguments, meta.clone());
        if task % 100 == 99 {
            process.skip_what_is_there();
        }
    }
    // Every task had its turn when memory rests.
    let mut memory = process.memory("VmRSS");
    loop {
        std::thread::sleep(Duration::from_millis(500));
        process.skip_what_is_there();
        let now = process.memory("VmRSS");
        if now <= memory {
            break;
        }
        memory = now;
    }
    let (total, each) = (memory - before, (memory - before) * 1024 / TASKS);
    println!("{TASKS} tasks, {what}: {total} KiB more, {each} bytes each");
}

/// What a server holds at most whose client reads nothing for a while.
fn memory_under_a_stalled_reader() {
    let mut process = Process::start();
    let before = process.memory("VmHWM");
    for id in 0..100 {
        process.call(json!(id), "chatter", json!({"_metadata": {}}), json!({}));
    }
    let mut sizes = Vec::new();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_secs(1));
        sizes.push(process.memory("VmHWM") - before);
    }
    println!("100 tasks that send to nobody, after 1 to 5 s: {sizes:?} KiB more");

    let mut process = Process::start();
    let before = process.memory("VmHWM");
    let mut input = process.input.take().expect("it is open");
    let text = "x".repeat(10_000);
    // The pipe takes calls until the server reads no more.
    std::thread::spawn(move || {
        for id in 0.. {
            let call = message(json!(id), "echo", json!({"text": text}), json!({}));
            if input.write_all(format!("{call}\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    let mut sizes = Vec::new();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_secs(1));
        sizes.push(process.memory("VmHWM") - before);
    }
    println!("calls of 10 kB whose replies nobody reads, after 1 to 5 s: {sizes:?} KiB more");
}

/// From SIGTERM to the exit with 100 calls and 100 tasks running, the median of five.
fn time_to_the_end(tool: &str, what: &str) {
    let mut times: Vec<u128> = (0..5).map(|_| end(tool).as_millis()).collect();
    times.sort_unstable();
    println!(
        "from SIGTERM to the exit, 100 calls and 100 tasks {what}: {} ms ({times:?})",
        times[2]
    );
}

fn end(tool: &str) -> Duration {
    let mut process = Process::start();
    for number in 0..100 {
        let arguments = json!({"reports": 0, "_metadata": {"mcpc_task_id": number.to_string()}});
        let arguments = if tool == "watch" { arguments } else { json!({"_metadata": {}}) };
        process.call(json!(format!("task {number}")), tool, arguments, json!({}));
        // A call that waits for a task, as plain calls that sleep have the grace in any case.
        let arguments = if tool == "watch" { json!({"reports": 0}) } else { json!({}) };
        process.call(json!(format!("call {number}")), tool, arguments, json!({}));
    }
    process.call(json!("last"), "echo", json!({"text": "read"}), json!({}));
    process.read_until("\"last\"");
    let started = Instant::now();
    let id = process.child.id().to_string();
    let killed = Command::new("kill").arg("-TERM").arg(id).status().expect("kill runs");
    assert!(killed.success());
    let status = process.child.wait().expect("it ends");
    let elapsed = started.elapsed();
    assert_eq!(status.code(), Some(0));
    let mut ends = 0;
    while let Some(line) = process.line() {
        ends += usize::from(line.contains("\"call ") || line.contains("MCPC_CALLBACK"));
    }
    assert_eq!(ends, 200, "everyone hears of the end");
    elapsed
}

struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start() -> Self {
        let program = std::env::current_exe().expect("a benchmark has a path");
        let mut command = Command::new(program);
        command.arg("serve").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().expect("it was asked for"));
        let mut process = Self { child, input, output };
        let client = json!({"name": "bench", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let call = json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": params});
        process.write(&call);
        process.read_until("\"i\"");
        process
    }

    fn write(&mut self, message: &Value) {
        let input = self.input.as_mut().expect("it is open");
        writeln!(input, "{message}").expect("the server reads");
    }

    fn call(&mut self, id: Value, tool: &str, arguments: Value, meta: Value) {
        self.write(&message(id, tool, arguments, meta));
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("UTF-8");
        (read > 0).then_some(line)
    }

    fn read_until(&mut self, part: &str) {
        while !self.line().expect("the server goes on").contains(part) {}
    }

    /// Reads everything that was written, so that nothing of it is memory of the server's.
    fn skip_what_is_there(&mut self) {
        self.call(json!("mark"), "echo", json!({"text": "a mark"}), json!({}));
        self.read_until("\"mark\"");
    }

    /// A line of the process's status, in KiB.
    fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("it runs");
        let line = status.lines().find(|line| line.starts_with(name)).expect("there is one");
        let size = line.split_whitespace().nth(1).and_then(|size| size.parse().ok());
        size.expect("a number")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn message(id: Value, tool: &str, arguments: Value, meta: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments, "_meta": meta});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}
