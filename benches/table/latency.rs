//! How long an update takes from `send` to the client's read.

use self::time::now;
use serde_json::{Value, json};

use crate::process::Process;
use crate::report::{Goal, ROUNDS, Report, Unit, percentile};
use crate::servers::Servers;
use crate::tasks::Crowd;
use crate::updates::{greeted, ids};

#[path = "../servers/src/time.rs"]
#[expect(unreachable_pub, reason = "it is public where it is at home")]
mod time;

const UPDATES: usize = 2_000;

pub(crate) fn run(servers: &Servers, report: &Report) {
    let mut waits: [Vec<f64>; 3] = Default::default();
    let mcpc = ids(&servers.with_mcpc(), 1_000_000);
    for _ in 0..ROUNDS {
        let mut alone = greeted(&mut servers.with_mcpc());
        measure(&mut alone, mcpc.clone(), json!({}), &mut waits[0]);
        let mut crowd = Crowd::of_mcpc(servers, 10_000);
        measure(&mut crowd.process, mcpc.clone(), json!({}), &mut waits[1]);
        let mut rmcp = Process::start(&mut servers.on_rmcp());
        rmcp.initialized();
        measure(&mut rmcp, json!({}), json!({"progressToken": 1}), &mut waits[2]);
    }
    for (part, name) in [(0.5, "p50"), (0.99, "p99"), (0.999, "p99.9")] {
        let [alone, crowd, rmcp] = waits.each_ref().map(|waits| [percentile(waits, part)]);
        let goal = if part == 0.99 { Goal::AtMost(1_000.0) } else { Goal::None };
        report.figure(&format!("`send` to read, {name}"), Unit::Microseconds, alone[0], goal);
        for (what, ours, with, other) in [
            ("beside 10,000 idle tasks", &crowd, "alone", &alone),
            ("alone", &alone, "a progress notification on rmcp, `stdio_pipes()`", &rmcp),
        ] {
            let what = format!("`send` to read, {name}, {what}");
            report.compare(&what, Unit::Microseconds, [("", ours), (with, other)], Goal::None);
        }
    }
}

/// Reads the times that a server sends, one a millisecond, and adds how long ago each was.
fn measure(process: &mut Process, mut arguments: Value, meta: Value, waits: &mut Vec<f64>) {
    arguments["count"] = json!(UPDATES);
    arguments["microseconds"] = json!(1_000);
    process.call(json!("clock"), "clock", arguments, meta);
    for _ in 0..UPDATES {
        let (line, sent) = loop {
            let line = process.line().expect("the server goes on");
            let read = now();
            if let Some(sent) = time(&line) {
                break (read, sent);
            }
        };
        waits.push(line.saturating_sub(sent) as f64 / 1000.0);
    }
}

/// The time in a line: the only number of so many digits.
fn time(line: &str) -> Option<u64> {
    line.split(|char: char| !char.is_ascii_digit()).find(|it| it.len() == 19)?.parse().ok()
}
