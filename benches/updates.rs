//! Updates per second through a pipe: `cargo bench --bench updates`.
//!
//! A server in a process of its own sends lines of about 300 bytes, as fast as it can, from one task or
//! from a hundred at once; this process reads them and does nothing else.
#![expect(clippy::print_stdout, reason = "a benchmark prints its figures")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use mcpc::{Sender, Server, tools};
use serde_json::json;

/// About what a progress message with a path in it has.
const TEXT: &str = "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";

/// Sends updates as fast as the client takes them.
#[mcpc::background]
async fn chatter(updates_to_send: u64, updates: Sender) {
    for i in 0..updates_to_send {
        updates.send(json!({"i": i, "text": TEXT})).await;
    }
}

fn main() {
    if std::env::args().any(|argument| argument == "serve") {
        return serve();
    }
    for (tasks, updates) in [(1, 1_000_000), (100, 10_000)] {
        let mut rates: Vec<u64> = (0..5).map(|_| rate(tasks, updates)).collect();
        rates.sort_unstable();
        println!("{tasks:>4} tasks: {:>9} updates/s (median of {rates:?})", rates[2]);
    }
}

fn serve() {
    let runtime = tokio::runtime::Runtime::new().expect("threads can be started");
    let server = Server::new("chatter").tools(tools![chatter]);
    runtime.block_on(server.serve_stdio()).expect("the client stays");
}

/// Updates per second of some tasks at once.
fn rate(tasks: u64, updates: u64) -> u64 {
    let program = std::env::current_exe().expect("a benchmark has a path");
    let mut server = Command::new(program)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut input = server.stdin.take().expect("it was asked for");
    let mut output = BufReader::new(server.stdout.take().expect("it was asked for"));
    initialize(&mut input, &mut output);
    let started = Instant::now();
    for task in 0..tasks {
        let arguments = json!({
            "updates_to_send": updates,
            "_metadata": {"mcpc_session_id": "s", "mcpc_task_id": format!("task-{task}")},
        });
        let params = json!({"name": "chatter", "arguments": arguments});
        let call = json!({"jsonrpc": "2.0", "id": task, "method": "tools/call", "params": params});
        writeln!(input, "{call}").expect("the server reads");
    }
    // `created` and `complete` are lines, too.
    count_lines(&mut output, tasks * (updates + 2));
    let rate = (tasks * updates) as f64 / started.elapsed().as_secs_f64();
    drop(input);
    server.wait().expect("it ends");
    rate as u64
}

fn initialize(input: &mut ChildStdin, output: &mut BufReader<ChildStdout>) {
    let client = json!({"name": "bench", "version": "1"});
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
    let call = json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": params});
    writeln!(input, "{call}").expect("the server reads");
    output.read_line(&mut String::new()).expect("the server answers");
}

fn count_lines(output: &mut BufReader<ChildStdout>, lines: u64) {
    let mut buffer = vec![0; 1 << 18];
    let mut seen = 0;
    while seen < lines {
        let read = output.read(&mut buffer).expect("the server writes");
        assert!(read > 0, "the server ended after {seen} of {lines} lines");
        seen += buffer[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
    }
}
