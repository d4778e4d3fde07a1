//! `created` first, updates in order and complete, one terminal event last; whatever else goes on.

use std::collections::HashMap;

use mcpc::{Call, Sender, Server, tools};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::messages::in_task_of;
use crate::support::{CALLBACK, Mcpc, Plain, Wire, call, cancel, in_task, parse, text};

#[mcpc::background]
async fn count(to: u64, updates: Sender) -> u64 {
    for i in 0..to {
        updates.send(i).await;
        if i % 64 == 0 {
            tokio::task::yield_now().await;
        }
    }
    to
}

/// The same, answered by rmcp's loop, as a `Call` needs that; so a cancellation may be read before the reply.
#[mcpc::background]
async fn count_later(to: u64, call: Call, updates: Sender) -> u64 {
    let _ = call;
    count(to, updates).await
}

/// Counts on three threads at once, which is no reason to lose anything.
#[mcpc::background]
async fn count_on_threads(to: u64, updates: Sender) -> u64 {
    let threads = (0..3).map(|thread| {
        let updates = updates.clone();
        tokio::task::spawn_blocking(move || {
            for i in 0..to {
                updates.blocking_send(json!([thread, i]));
            }
        })
    });
    for thread in threads.collect::<Vec<_>>() {
        thread.await.expect("no panic");
    }
    to
}

#[mcpc::tool]
async fn double(n: u64) -> u64 {
    n * 2
}

/// Sends what has no room yet and what has, at once.
#[mcpc::background]
async fn joined(large: usize, updates: Sender) {
    let text = "x".repeat(large);
    updates.send("0").await;
    tokio::join!(
        updates.send(json!(["1", text])),
        updates.send(json!(["2", text])),
        updates.send("3"),
        updates.emit("4", "an event"),
        updates.send("5"),
    );
}

/// Returns at once.
#[mcpc::background]
async fn done() {}

/// Waits until it is asked to stop.
#[mcpc::background]
async fn waits(updates: Sender) -> &'static str {
    updates.stopped().await;
    "stopped"
}

fn server() -> Server {
    Server::new("order").tools(tools![
        count,
        count_later,
        count_on_threads,
        double,
        joined,
        done,
        waits
    ])
}

fn start(task: u64, tool: &str, to: u64) -> String {
    let (session_id, task_id) = (format!("s{task}"), format!("t{task}"));
    let arguments = in_task_of(&session_id, &task_id, json!({ "to": to }));
    call(task_id, tool, arguments)
}

/// What a strict reader saw of each task.
#[derive(Default)]
struct Tasks(HashMap<String, Vec<(String, Value)>>);

impl Tasks {
    /// Takes a message, checking that it belongs to the task and the call it says it does.
    fn add(&mut self, message: &Value, reply_to: &Value) {
        let task_id = message["task_id"].as_str().expect("a task id");
        assert_eq!(message["session_id"].as_str(), Some(task_id.replace('t', "s").as_str()));
        let event = message["event"].as_str().expect("an event").to_owned();
        assert_eq!(event == "created", reply_to != CALLBACK, "`created` is the reply: {message}");
        assert!(reply_to == CALLBACK || reply_to == task_id, "{reply_to} {message}");
        let events = self.0.entry(task_id.to_owned()).or_default();
        assert_eq!(event == "created", events.is_empty(), "`created` comes first: {message}");
        let is_last = |(event, _): &(String, Value)| event == "complete" || event == "failed";
        assert!(!events.last().is_some_and(is_last), "nothing follows the end: {message}");
        events.push((event, message["result"].clone()));
    }

    fn ended(&self) -> usize {
        let ended = |events: &&Vec<(String, Value)>| {
            events.last().is_some_and(|(event, _)| event == "complete")
        };
        self.0.values().filter(ended).count()
    }
}

/// What `count` sends.
fn counted(to: u64) -> Vec<(String, Value)> {
    let created = ("created".to_owned(), json!("Started count"));
    let updates = (0..to).map(|i| ("update".to_owned(), json!(i)));
    let complete = ("complete".to_owned(), json!(to));
    [created].into_iter().chain(updates).chain([complete]).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_tasks_beside_a_thousand_plain_calls() {
    const TASKS: u64 = 100;
    const UPDATES: u64 = 1_000;
    const CALLS: u64 = 1_000;
    let client = Plain::connect(server()).await;
    let Wire { mut lines, mut input, server: _server } = client.wire;
    let writer = tokio::spawn(async move {
        for n in 0..CALLS {
            if n < TASKS {
                let line = start(n, "count", UPDATES) + "\n";
                input.write_all(line.as_bytes()).await.expect("the server reads");
            }
            let line = call(n, "double", json!({"n": n})) + "\n";
            input.write_all(line.as_bytes()).await.expect("the server reads");
        }
        input
    });
    let (mut tasks, mut calls) = (Tasks::default(), 0);
    while tasks.ended() < TASKS as usize || calls < CALLS {
        let line = lines.next_line().await.expect("UTF-8").expect("a line");
        let reply = parse(&line);
        if let Some(n) = reply["id"].as_u64() {
            assert_eq!(text(&reply), (2 * n).to_string());
            calls += 1;
        } else {
            tasks.add(&parse(&text(&reply)), &reply["id"]);
        }
    }
    writer.await.expect("no panic").shutdown().await.expect("the server reads");
    assert_eq!(lines.next_line().await.expect("UTF-8"), None, "nothing is left over");
    for (id, events) in tasks.0 {
        assert!(events == counted(UPDATES), "{id}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn threads_of_one_task() {
    const UPDATES: u64 = 2_000;
    let mut client = Mcpc::connect(server()).await;
    client.send(&start(0, "count_on_threads", UPDATES)).await;
    let events = client.task().await;
    assert_eq!(events.len() as u64, 3 * UPDATES + 2);
    for thread in 0..3 {
        let of_thread = events.iter().filter(|(_, result)| result[0] == thread);
        let numbers: Vec<_> = of_thread.map(|(_, result)| result[1].as_u64()).collect();
        assert_eq!(numbers, (0..UPDATES).map(Some).collect::<Vec<_>>());
    }
}

/// A pseudo-random sequence, the same in every run.
fn random(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// Every call is cancelled, right behind it or a little later. Either the client gets the reply and
/// everything after it, or not one word.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancelled_calls() {
    const TASKS: u64 = 2_000;
    let Wire { lines: mut heard, mut input, server } = Plain::connect(server()).await.wire;
    let mut seed = 1;
    let mut cancel = Vec::new();
    let mut lines = Vec::new();
    for task in 0..TASKS {
        let tool = if task.is_multiple_of(2) { "count" } else { "count_later" };
        lines.push(start(task, tool, random(&mut seed) % 20));
        cancel.push(task);
        if !random(&mut seed).is_multiple_of(3) {
            for task in cancel.drain(..) {
                lines.push(self::cancel(format!("t{task}")));
            }
        }
    }
    lines.push(call("last", "double", json!({"n": 1})));
    let writer = tokio::spawn(async move {
        input.write_all((lines.join("\n") + "\n").as_bytes()).await.expect("the server reads");
        input.shutdown().await.expect("the server reads");
        input
    });
    let (mut tasks, mut answered) = (Tasks::default(), false);
    while let Some(line) = heard.next_line().await.expect("UTF-8") {
        let reply = parse(&line);
        match reply["id"] == "last" {
            true => answered = true,
            false => tasks.add(&parse(&text(&reply)), &reply["id"]),
        }
    }
    let _input = writer.await.expect("no panic");
    server.await.expect("no panic").expect("no error");
    assert!(answered, "the server goes on");
    for events in tasks.0.values() {
        let to = events.last().and_then(|(_, result)| result.as_u64()).expect("it completed");
        assert_eq!(events[1..], counted(to)[1..], "after `created`");
    }
    assert!(tasks.0.len() < TASKS as usize, "some calls were cancelled before their reply");
}

#[tokio::test]
async fn what_is_sent_at_once_leaves_in_the_order_of_the_calls() {
    const BUDGET: usize = 64 << 10;
    for large in [10, BUDGET / 2, 2 * BUDGET] {
        let mut client = Mcpc::connect(server().max_queued_bytes(BUDGET)).await;
        client.start("t", "joined", json!({ "large": large })).await;
        let mut order = Vec::new();
        loop {
            let message = client.message().await;
            match message["event"].as_str() {
                Some("created") => {}
                Some("complete") => break,
                Some("update") => {
                    let result = &message["result"];
                    order.push(result.as_str().or(result[0].as_str()).expect("ours").to_owned());
                }
                Some(event) => order.push(event.to_owned()),
                None => panic!("{message}"),
            }
        }
        assert_eq!(order, ["0", "1", "2", "3", "4", "5"], "{large} bytes");
    }
}

/// A client that takes an id again and again, also while the end of the task before is on its way.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_id_is_free_when_the_end_of_its_task_was_delivered_and_not_before() {
    const ROUNDS: usize = 20_000;
    const AT_ONCE: usize = 16;
    let mut client = Plain::connect(server()).await;
    let call = |round: usize| call(round as u64, "done", in_task("t", json!({}))) + "\n";
    for round in 0..AT_ONCE {
        client.input.write_all(call(round).as_bytes()).await.expect("it reads");
    }
    let (mut answered, mut runs) = (0, false);
    while answered < ROUNDS {
        let line = client.value().await;
        let text = text(&line);
        if line["id"].is_u64() {
            answered += 1;
            client.input.write_all(call(answered + AT_ONCE).as_bytes()).await.expect("it reads");
        }
        if text.contains("still running") {
            continue;
        }
        match parse(&text)["event"].as_str() {
            Some("created") => assert!(!std::mem::replace(&mut runs, true), "before the end"),
            Some("complete") => assert!(std::mem::replace(&mut runs, false), "an end of nothing"),
            other => panic!("{other:?}"),
        }
    }
}

/// The calls of a client that does not wait for replies are handled in any order, but not these.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_asked_about_a_task_right_after_the_call_finds_it() {
    let mut client = Plain::connect(server()).await;
    for round in 0..500 {
        let task = format!("t{round}");
        let lines = [
            call("start", "waits", in_task(&task, json!({}))),
            call("check", "check_task", json!({"task_id": task})),
            call("stop", "stop_task", json!({"task_id": task})),
        ];
        client.input.write_all((lines.join("\n") + "\n").as_bytes()).await.expect("it reads");
        let mut seen = HashMap::new();
        while seen.len() < 4 {
            let line = client.value().await;
            seen.insert(line["id"].as_str().expect("a text").to_owned(), text(&line));
        }
        assert!(seen["start"].contains("created"), "{seen:?}");
        assert!(seen["check"].starts_with(&format!("Task `{task}`")), "{seen:?}");
        assert!(seen["stop"].contains("was asked to stop"), "{seen:?}");
        assert!(seen[CALLBACK].contains("complete"), "{seen:?}");
    }
}
