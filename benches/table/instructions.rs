//! Instructions of the hot paths, which are about the same on a machine that is busy with something else.
//!
//! Valgrind runs a server twice, once for so many of something and once for three times as many, and the
//! difference is theirs. A goal is what was counted when it was last looked at, and a twentieth more.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::calls;
use crate::process::{Process, call};
use crate::report::{Goal, Report, Unit, in_turns, median};
use crate::servers::Servers;
use crate::tasks::{self, Protocol};
use crate::updates::ids;

pub(crate) fn run(servers: &Servers, report: &Report) {
    let valgrind = Command::new("valgrind").arg("--version").stdout(Stdio::null()).status();
    if !valgrind.is_ok_and(|status| status.success()) {
        report.skip("instructions", "there is no `valgrind`");
        return;
    }
    let (mcpc, rmcp) = (&servers.with_mcpc(), &servers.on_rmcp());
    let metadata = ids(mcpc, 0);
    let by_hand = "rmcp by hand, `stdio_pipes()`";
    let manager = "rmcp's `TaskManager`";

    let calls = |server, in_flight| {
        each(server, 1_000, |process, calls| {
            process.converse(&calls::requests(calls), in_flight);
        })
    };
    let get = |server| each(server, 2_000, |process, polls| get_tasks(server, process, polls));
    let update = || each(mcpc, 20_000, |process, count| chat(process, count, &metadata, 2));
    let notification = || each(rmcp, 2_000, |process, count| chat(process, count, &json!({}), 1));
    let life = || each(mcpc, 1_000, |process, tasks| live(process, mcpc, tasks));
    let rows: [Row<'_>; 4] = [
        ("a plain call, one at a time", by_hand, 22_000.0, &|| calls(mcpc, 1), &|| calls(rmcp, 1)),
        ("a plain call, 64 in flight", by_hand, 19_600.0, &|| calls(mcpc, 64), &|| calls(rmcp, 64)),
        ("an update", "a progress notification", 3_700.0, &update, &notification),
        ("`tasks/get` beside 100 tasks", manager, 17_900.0, &|| get(mcpc), &|| get(rmcp)),
    ];
    for (what, with, most, ours, theirs) in rows {
        let [ours, theirs] = in_turns([&mut || ours(), &mut || theirs()]);
        let what = format!("instructions of {what}");
        let both = [("", &ours[..]), (with, &theirs[..])];
        report.compare(&what, Unit::Count, both, Goal::OursAtMost(most));
    }
    let [lives] = in_turns([&mut || life()]);
    let what = "instructions of a task, from its call to its end";
    report.figure(what, Unit::Count, median(&lives), Goal::OursAtMost(77_600.0));
}

/// What is counted, beside what, how many at most, and both.
type Row<'a> = (&'a str, &'a str, f64, &'a dyn Fn() -> f64, &'a dyn Fn() -> f64);

/// Instructions of one of what a server is asked for so many times.
fn each(server: &Command, times: usize, ask: impl Fn(&mut Process, usize)) -> f64 {
    let [few, many] = [times, 3 * times].map(|times| total(server, |process| ask(process, times)));
    (many - few) / (2 * times) as f64
}

/// Instructions of a server from its start to its end.
fn total(server: &Command, ask: impl FnOnce(&mut Process)) -> f64 {
    let log = std::env::temp_dir().join(format!("mcpc-instructions-{}", std::process::id()));
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(format!("--log-file={}", log.display()))
        .arg(server.get_program())
        .args(server.get_args())
        // Who wakes whom would depend on the moment.
        .env("TOKIO_WORKER_THREADS", "1");
    let mut process = Process::start(&mut valgrind);
    process.initialized();
    ask(&mut process);
    drop(process.take_input());
    process.wait();
    let text = fs::read_to_string(&log).expect("valgrind writes it");
    fs::remove_file(&log).expect("it was read");
    let collected = text.split("Collected : ").nth(1).and_then(|rest| rest.lines().next());
    collected.and_then(|count| count.trim().parse().ok()).unwrap_or_else(|| panic!("{text}"))
}

/// Updates, or progress notifications, and so many other lines.
fn chat(process: &mut Process, count: usize, arguments: &Value, others: usize) {
    let mut arguments = arguments.clone();
    arguments["count"] = json!(count);
    process.call(json!(0), "chatter", arguments, json!({"progressToken": 0}));
    process.skip_lines(count + others);
}

/// Tasks that end at once, some at a time.
fn live(process: &mut Process, server: &Command, tasks: usize) {
    let call = |task| {
        let mut arguments = ids(server, task);
        arguments["count"] = json!(0);
        format!("{}\n", call(json!(task), "chatter", arguments, json!({})))
    };
    let calls: Vec<String> = (0..tasks).map(call).collect();
    for together in calls.chunks(50) {
        process.write_lines(&together.concat());
        // `created` and `complete`.
        process.skip_lines(2 * together.len());
    }
}

fn get_tasks(server: &Command, process: &mut Process, polls: usize) {
    let (_, replies) = tasks::start(process, server, Protocol::Extension, 100);
    process.converse(&tasks::polls_of(&tasks::task_ids(&replies), polls), 64);
}
