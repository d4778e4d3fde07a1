//! What a server costs that does nothing: its start, its memory, its size on disk.

use std::process::Command;
use std::time::Instant;

use serde_json::json;

use crate::builds::stripped_size;
use crate::process::{Process, request};
use crate::report::{Goal, Report, Unit, in_turns};
use crate::servers::Servers;

/// A process starts in a few milliseconds, so one is started so often.
const STARTS: usize = 20;

pub(crate) fn run(servers: &Servers, report: &Report) {
    let by_hand = "rmcp by hand";
    let what = "from the start to the reply to `initialize`";
    let [mcpc, rmcp, bare] = in_turns([
        &mut || time(servers.with_mcpc(), STARTS),
        &mut || time(servers.on_rmcp(), STARTS),
        &mut || time(servers.bare(&["answer"]), STARTS),
    ]);
    let unit = Unit::Milliseconds;
    report.compare(what, unit, [("", &mcpc), (by_hand, &rmcp)], Goal::AtMost(1.1));
    report.compare(what, unit, [("", &mcpc), ("a bare line server", &bare)], Goal::None);

    let memory_of = "memory of an idle server";
    for (what, part, goal) in [
        (memory_of, "VmRSS", Goal::AtMost(1.1)),
        ("of that, not the program's file", "RssAnon", Goal::None),
    ] {
        let [mcpc, rmcp] = in_turns([&mut || memory(servers.with_mcpc(), part), &mut || {
            memory(servers.on_rmcp(), part)
        }]);
        report.compare(what, Unit::Bytes, [("", &mcpc), (by_hand, &rmcp)], goal);
    }

    for (version, reference) in servers.references() {
        let (start, memory_of) =
            (format!("{what}, reference {version}"), format!("{memory_of}, reference {version}"));
        if let Some(reason) = reference {
            report.skip(&start, reason);
            report.skip(&memory_of, reason);
            continue;
        }
        let theirs = || servers.reference(version);
        let [mcpc, reference] =
            in_turns([&mut || time(servers.with_mcpc(), STARTS), &mut || time(theirs(), 1)]);
        report.compare(&start, unit, [("", &mcpc), ("", &reference)], Goal::None);
        let [mcpc, reference] =
            in_turns([&mut || memory(servers.with_mcpc(), "VmRSS"), &mut || {
                memory(theirs(), "VmRSS")
            }]);
        report.compare(&memory_of, Unit::Bytes, [("", &mcpc), ("", &reference)], Goal::None);
    }

    let stripped = |name| stripped_size(&servers.path(name));
    match (stripped("with-mcpc"), stripped("on-rmcp")) {
        (Some(mcpc), Some(rmcp)) => {
            let what = "the stripped program";
            report.compare(what, Unit::Bytes, [("", &[mcpc]), (by_hand, &[rmcp])], Goal::None);
        }
        _ => report.skip("the stripped program", "there is no `strip`"),
    }
}

/// Milliseconds that a start takes, the mean of some.
fn time(mut server: Command, starts: usize) -> f64 {
    let mut all = 0.0;
    for _ in 0..starts {
        let started = Instant::now();
        let process = Process::start(&mut server);
        all += started.elapsed().as_secs_f64() * 1000.0;
        drop(process);
    }
    all / starts as f64
}

/// Bytes that a server holds that was asked for its tools, as every client asks, and is left alone: those that a
/// line of its status counts.
fn memory(mut server: Command, part: &str) -> f64 {
    let mut process = Process::start(&mut server);
    process.initialized();
    process.write(&request(json!("list"), "tools/list", json!({})));
    process.read_until("\"list\"");
    process.resting_memory();
    process.memory(part) as f64 * 1024.0
}
