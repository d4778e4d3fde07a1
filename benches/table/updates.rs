//! Updates per second, and how that grows with the number of tasks.

use std::process::Command;
use std::time::Instant;

use serde_json::{Value, json};

use crate::process::{Process, call};
use crate::report::{Goal, Report, Unit, in_turns};
use crate::servers::Servers;

/// How many updates are sent in all.
const UPDATES: usize = 1_000_000;

pub(crate) fn run(servers: &Servers, report: &Report) {
    is_the_same_line(servers);
    for (tasks, what, goal) in
        [(1, "updates of one task", Goal::None), (100, "updates of 100 tasks", Goal::AtLeast(0.4))]
    {
        let each = UPDATES / tasks;
        let loops = |what: &str, lines: usize| {
            servers.bare(&[what, &tasks.to_string(), &(lines / tasks).to_string()])
        };
        let [mcpc, serialize, copy, progress] = in_turns([
            &mut || rate(servers.with_mcpc(), tasks, each),
            &mut || bare_rate(loops("serialize", 2 * UPDATES), 2 * UPDATES),
            &mut || bare_rate(loops("copy", 5 * UPDATES), 5 * UPDATES),
            &mut || progress_rate(servers.on_rmcp(), tasks, each / 10),
        ]);
        let compare = |with, other: &[f64], goal| {
            report.compare(what, Unit::PerSecond, [("", &mcpc), (with, other)], goal);
        };
        compare("a loop that serializes and writes the same lines", &serialize, goal);
        compare("a loop that writes the same bytes", &copy, Goal::None);
        compare("progress notifications on rmcp, `stdio_pipes()`", &progress, Goal::None);
        for (version, reference) in servers.references() {
            let what = format!("{what}, reference {version}");
            match reference {
                Some(reason) => report.skip(&what, reason),
                None => {
                    let [mcpc, reference] =
                        in_turns([&mut || rate(servers.with_mcpc(), tasks, each), &mut || {
                            rate(servers.reference(version), tasks, each / 20)
                        }]);
                    let goal = Goal::AtLeast(20.0);
                    report.compare(&what, Unit::PerSecond, [("", &mcpc), ("", &reference)], goal);
                }
            }
        }
    }
}

/// How the rate changes with the number of tasks that send.
pub(crate) fn growth(servers: &Servers, report: &Report) {
    // Enough for each of ten thousand to fill what is kept of it, which is memory that is touched first.
    const UPDATES: usize = 4_000_000;
    let of = |tasks| move || chorus_rate(servers.under_load(), tasks, UPDATES / tasks);
    let rates = in_turns([&mut of(1), &mut of(10), &mut of(100), &mut of(1_000), &mut of(10_000)]);
    for (tasks, rate, goal) in [
        ("1 task", &rates[0], Goal::None),
        ("10 tasks", &rates[1], Goal::None),
        ("1,000 tasks", &rates[3], Goal::None),
        ("10,000 tasks", &rates[4], Goal::AtLeast(0.8)),
    ] {
        let what = format!("updates of {tasks} that all run, beside those of 100");
        report.compare(&what, Unit::PerSecond, [("", rate), ("", &rates[2])], goal);
    }
}

/// The ids of a call in both dialects, of which a server of the reference needs its own.
pub(crate) fn ids(command: &Command, task: usize) -> Value {
    let task_id = format!("task-{task}");
    let mut ids = json!({"_metadata": {"mcpc_session_id": "s", "mcpc_task_id": task_id}});
    if command.get_program().to_string_lossy().contains("python") {
        ids["mcpc_params"] = json!({"session_id": "s", "task_id": task_id});
    }
    ids
}

/// A server that knows that its client speaks MCPC.
pub(crate) fn greeted(server: &mut Command) -> Process {
    let mut process = Process::start(server);
    process.initialized();
    let client = json!({"mcpc_version": "0.2.6", "mcpc_provider": "bench", "mcpc_enabled": true});
    process.call(json!("m"), "_mcpc_init", json!({"mcpc_info": client}), json!({}));
    process.read_until("\"m\"");
    process
}

/// What the servers say, so that the loops write what they would.
fn is_the_same_line(servers: &Servers) {
    let mut server = servers.with_mcpc();
    let mut process = greeted(&mut server);
    let mut arguments = ids(&server, 0);
    arguments["count"] = json!(1);
    process.call(json!(0), "chatter", arguments, json!({}));
    let line = process.read_until("MCPC_CALLBACK");
    let mut bare = Process::spawn(&mut servers.bare(&["serialize", "1", "1"]));
    bare.write_lines("\n");
    assert_eq!(bare.line(), Some(line));
}

/// Updates per second of some tasks at once, from the first call on.
fn rate(mut server: Command, tasks: usize, each: usize) -> f64 {
    let mut process = greeted(&mut server);
    let calls: String = (0..tasks)
        .map(|task| {
            let mut arguments = ids(&server, task);
            arguments["count"] = json!(each);
            format!("{}\n", call(json!(task), "chatter", arguments, json!({})))
        })
        .collect();
    let started = Instant::now();
    process.write_lines(&calls);
    // `created` and `complete` are lines, too.
    process.skip_lines(tasks * (each + 2));
    (tasks * each) as f64 / started.elapsed().as_secs_f64()
}

/// The same from when all of them run.
fn chorus_rate(mut server: Command, tasks: usize, each: usize) -> f64 {
    let mut process = greeted(&mut server);
    let calls: Vec<String> = (0..tasks)
        .map(|task| {
            let mut arguments = ids(&server, task);
            arguments["count"] = json!(each);
            format!("{}\n", call(json!(task), "chorus", arguments, json!({})))
        })
        .collect();
    process.converse(&calls, 64);
    let started = Instant::now();
    process.call(json!("go"), "conduct", json!({}), json!({}));
    process.skip_lines(tasks * (each + 1) + 1);
    (tasks * each) as f64 / started.elapsed().as_secs_f64()
}

fn bare_rate(mut server: Command, lines: usize) -> f64 {
    let mut process = Process::spawn(&mut server);
    let started = Instant::now();
    process.write_lines("\n");
    process.skip_lines(lines);
    lines as f64 / started.elapsed().as_secs_f64()
}

/// Progress notifications per second of some calls at once.
fn progress_rate(mut server: Command, calls: usize, each: usize) -> f64 {
    let mut process = Process::start(&mut server);
    process.initialized();
    let calls_to_send: String = (0..calls)
        .map(|id| {
            let meta = json!({"progressToken": id});
            format!("{}\n", call(json!(id), "chatter", json!({"count": each}), meta))
        })
        .collect();
    let started = Instant::now();
    process.write_lines(&calls_to_send);
    process.skip_lines(calls * (each + 1));
    (calls * each) as f64 / started.elapsed().as_secs_f64()
}
