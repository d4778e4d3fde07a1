//! What a server holds whose client reads nothing, and how long its end takes.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::process::{Process, call};
use crate::report::{Goal, ROUNDS, Report, Unit, median};
use crate::servers::Servers;

pub(crate) fn run(servers: &Servers, report: &Report) {
    let (early, late) = unread_updates(servers);
    report.figure("100 tasks that send to nobody, after 1 s", Unit::Bytes, early, Goal::None);
    report.figure("100 tasks that send to nobody, after 5 s", Unit::Bytes, late, Goal::None);
    let (early, late) = unread_replies(servers);
    report.figure("calls of 10 kB, replies unread, after 1 s", Unit::Bytes, early, Goal::None);
    report.figure("calls of 10 kB, replies unread, after 5 s", Unit::Bytes, late, Goal::None);
    for (tool, what) in [
        ("watch", "SIGTERM to exit, 100 calls and 100 tasks that stop when asked to"),
        ("insist", "SIGTERM to exit, 100 calls and 100 tasks that do not stop (the grace is 5 s)"),
    ] {
        let times: Vec<f64> = (0..ROUNDS).map(|_| end(servers, tool).as_secs_f64()).collect();
        report.figure(what, Unit::Milliseconds, median(&times) * 1000.0, Goal::None);
    }
}

/// How many bytes more than before a server holds at most, after one second and after five.
fn peaks(process: &Process, before: u64) -> (f64, f64) {
    let peak = |seconds| {
        std::thread::sleep(Duration::from_secs(seconds));
        (process.memory("VmHWM") - before) as f64 * 1024.0
    };
    (peak(1), peak(4))
}

fn unread_updates(servers: &Servers) -> (f64, f64) {
    let mut process = Process::start(&mut servers.under_load());
    let before = process.memory("VmHWM");
    for id in 0..100 {
        process.call(json!(id), "flood", json!({"_metadata": {}}), json!({}));
    }
    peaks(&process, before)
}

fn unread_replies(servers: &Servers) -> (f64, f64) {
    let mut process = Process::start(&mut servers.under_load());
    let before = process.memory("VmHWM");
    let mut input = process.take_input();
    let text = "x".repeat(10_000);
    // The pipe takes calls until the server reads no more.
    std::thread::spawn(move || {
        for id in 0.. {
            let call = call(json!(id), "echo", json!({"text": text}), json!({}));
            if input.write_all(format!("{call}\n").as_bytes()).is_err() {
                return;
            }
        }
    });
    peaks(&process, before)
}

fn end(servers: &Servers, tool: &str) -> Duration {
    let mut process = Process::start(&mut servers.under_load());
    for number in 0..100 {
        let arguments = json!({"_metadata": {"mcpc_task_id": number.to_string()}});
        process.call(json!(format!("task {number}")), tool, arguments, json!({}));
        // A call that waits for a task, as plain calls that sleep have the grace in any case.
        process.call(json!(format!("call {number}")), tool, json!({}), json!({}));
    }
    process.call(json!("last"), "echo", json!({"text": "read"}), json!({}));
    process.read_until("\"last\"");
    let started = Instant::now();
    let killed = Command::new("kill").arg("-TERM").arg(process.id().to_string()).status();
    assert!(killed.expect("kill runs").success());
    // Read at once, as a pipe that is full would be waited for.
    let mut ends = 0;
    while let Some(line) = process.line() {
        ends += usize::from(line.contains("\"call ") || line.contains("MCPC_CALLBACK"));
    }
    assert_eq!(process.wait(), Some(0));
    let elapsed = started.elapsed();
    assert_eq!(ends, 200, "everyone hears of the end");
    elapsed
}
