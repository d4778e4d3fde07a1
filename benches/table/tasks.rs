//! Tasks that run and say nothing: how fast they start, what they hold, how fast they are asked about.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Process, call, request, tasks_extension};
use crate::report::{Goal, ROUNDS, Report, Unit, median, thousands};
use crate::servers::Servers;
use crate::updates::{greeted, ids};

/// How a client takes tasks.
#[derive(Clone, Copy)]
pub(crate) enum Protocol {
    Mcpc,
    Extension,
}

/// A server with tasks that wait.
pub(crate) struct Crowd {
    pub(crate) process: Process,
    /// Tasks per second when they were created.
    created: f64,
    /// How many bytes the server holds for each.
    bytes: f64,
    /// By which a client of the Tasks extension asks about them.
    task_ids: Vec<String>,
}

impl Crowd {
    pub(crate) fn of_mcpc(servers: &Servers, tasks: usize) -> Self {
        Self::gather(servers.with_mcpc(), Protocol::Mcpc, tasks)
    }

    fn gather(mut server: Command, way: Protocol, tasks: usize) -> Self {
        let mut process = match way {
            Protocol::Mcpc => greeted(&mut server),
            Protocol::Extension => {
                let mut process = Process::start(&mut server);
                process.initialized();
                process
            }
        };
        let before = process.resting_memory();
        let (took, replies) = start(&mut process, &server, way, tasks);
        let task_ids = match way {
            Protocol::Mcpc => Vec::new(),
            Protocol::Extension => task_ids(&replies),
        };
        let bytes = process.resting_memory().saturating_sub(before) as f64 * 1024.0 / tasks as f64;
        Self { process, created: tasks as f64 / took.as_secs_f64(), bytes, task_ids }
    }

    /// How often a second it can be asked about its tasks, one after the other.
    fn polls(&mut self) -> f64 {
        const POLLS: usize = 50_000;
        let polls = polls_of(&self.task_ids, POLLS);
        POLLS as f64 / self.process.converse(&polls, 64).as_secs_f64()
    }
}

/// Starts tasks that wait, and returns what is replied.
pub(crate) fn start(
    process: &mut Process,
    server: &Command,
    way: Protocol,
    tasks: usize,
) -> (Duration, String) {
    let start = |task| {
        let (arguments, meta) = match way {
            Protocol::Mcpc => (ids(server, task), json!({})),
            Protocol::Extension => (json!({}), tasks_extension()),
        };
        format!("{}\n", call(json!(task), "watch", arguments, meta))
    };
    let starts: Vec<String> = (0..tasks).map(start).collect();
    process.converse_and_keep(&starts, 64)
}

/// So many questions about tasks, as if at random, yet about each as often as about any other.
pub(crate) fn polls_of(task_ids: &[String], polls: usize) -> Vec<String> {
    let poll = |i: usize| {
        let task_id = &task_ids[i * 7919 % task_ids.len()];
        let params = json!({"taskId": task_id, "_meta": tasks_extension()});
        format!("{}\n", request(json!(format!("p{i}")), "tasks/get", params))
    };
    (0..polls).map(poll).collect()
}

/// The ids of the tasks that replies tell of.
pub(crate) fn task_ids(replies: &str) -> Vec<String> {
    let task_id = |line| {
        let reply: Value = serde_json::from_str(line).expect("JSON");
        reply["result"]["taskId"].as_str().expect("a task was started").to_owned()
    };
    replies.lines().map(task_id).collect()
}

pub(crate) fn run(servers: &Servers, report: &Report) {
    const TASKS: usize = 10_000;
    let mut all: [[Vec<f64>; 3]; 2] = Default::default();
    let gather = |way, of_rmcp| {
        let server = if of_rmcp { servers.on_rmcp() } else { servers.with_mcpc() };
        Crowd::gather(server, way, TASKS)
    };
    for _ in 0..ROUNDS {
        for (i, (way, of_rmcp)) in
            [(Protocol::Mcpc, false), (Protocol::Extension, false), (Protocol::Extension, true)]
                .into_iter()
                .enumerate()
        {
            let crowd = gather(way, of_rmcp);
            all[0][i].push(crowd.created);
            all[1][i].push(crowd.bytes);
        }
    }
    let manager = "rmcp's `TaskManager`";
    for (what, unit, [mcpc, tasks, rmcp]) in [
        ("tasks created until 10,000 run", Unit::PerSecond, &all[0]),
        ("memory of one of 10,000 idle tasks", Unit::Bytes, &all[1]),
    ] {
        for (ours, mine) in [("MCPC", mcpc), ("Tasks extension", tasks)] {
            report.compare(what, unit, [(ours, mine), (manager, rmcp)], Goal::None);
        }
    }
    let body = size_of_body(servers);
    let over = median(&all[1][0]) - body;
    let what = format!("the same over the task's own future, which has {body} B");
    report.figure(&what, Unit::Bytes, over, Goal::AtMost(2048.0));
    references(servers, report);
}

/// The reference gets fewer tasks, as one version needs a thread for each.
fn references(servers: &Servers, report: &Report) {
    const TASKS: usize = 1_000;
    for (version, reference) in servers.references() {
        let (created, memory) = (
            format!("tasks created until 1,000 run, reference {version}"),
            format!("memory of one of 1,000 idle tasks, reference {version}"),
        );
        if let Some(reason) = reference {
            report.skip(&created, reason);
            report.skip(&memory, reason);
            continue;
        }
        let mut all: [[Vec<f64>; 2]; 2] = Default::default();
        for _ in 0..ROUNDS {
            let theirs = servers.reference(version);
            for (i, server) in [servers.with_mcpc(), theirs].into_iter().enumerate() {
                let crowd = Crowd::gather(server, Protocol::Mcpc, TASKS);
                all[0][i].push(crowd.created);
                all[1][i].push(crowd.bytes);
            }
        }
        for (what, unit, [ours, theirs]) in
            [(&created, Unit::PerSecond, &all[0]), (&memory, Unit::Bytes, &all[1])]
        {
            report.compare(what, unit, [("", ours), ("", theirs)], Goal::None);
        }
    }
}

/// How fast tasks are asked about.
pub(crate) fn polls(servers: &Servers, report: &Report) {
    let gather = |server, tasks| Crowd::gather(server, Protocol::Extension, tasks);
    let mut crowds = [
        gather(servers.with_mcpc(), 100),
        gather(servers.with_mcpc(), 10_000),
        gather(servers.on_rmcp(), 100),
        gather(servers.on_rmcp(), 10_000),
    ];
    let mut rates: [Vec<f64>; 4] = Default::default();
    for _ in 0..ROUNDS {
        for (crowd, rates) in crowds.iter_mut().zip(&mut rates) {
            rates.push(crowd.polls());
        }
    }
    let [few, many, rmcp_few, rmcp_many] = &rates;
    let compare = |what, ours: &[f64], with, other: &[f64], goal| {
        report.compare(what, Unit::PerSecond, [("", ours), (with, other)], goal);
    };
    let manager = "rmcp's `TaskManager`";
    compare("`tasks/get` beside 100 tasks", few, manager, rmcp_few, Goal::None);
    compare("`tasks/get` beside 10,000 tasks", many, manager, rmcp_many, Goal::None);
    let goal = Goal::AtLeast(0.9);
    compare("`tasks/get` beside 10,000 tasks", many, "beside 100", few, goal);
}

/// What a server holds for so many idle tasks, and for each one more.
pub(crate) fn growth(servers: &Servers, report: &Report) {
    let mut totals = Vec::new();
    for (tasks, goal) in
        [(1_000, Goal::None), (10_000, Goal::None), (100_000, Goal::AtMost(400.0 * 1048576.0))]
    {
        let totals_of_rounds: Vec<f64> =
            (0..ROUNDS).map(|_| Crowd::of_mcpc(servers, tasks).bytes * tasks as f64).collect();
        let total = median(&totals_of_rounds);
        let what = format!("memory of {} idle tasks", thousands(tasks as f64));
        report.figure(&what, Unit::Bytes, total, goal);
        totals.push(total);
    }
    let slope = (totals[2] - totals[1]) / 90_000.0;
    report.figure("memory of each task beyond 10,000", Unit::Bytes, slope, Goal::None);
}

/// The size of the future that a user wrote.
fn size_of_body(servers: &Servers) -> f64 {
    let mut process = Process::start(&mut servers.under_load());
    process.call(json!("size"), "size_of_watch", json!({}), json!({}));
    let reply: Value = serde_json::from_str(&process.read_until("\"size\"")).expect("JSON");
    let text = reply["result"]["content"][0]["text"].as_str().expect("a text");
    text.parse().expect("a number")
}
