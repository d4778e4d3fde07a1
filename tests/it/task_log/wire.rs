//! What clients hear of tasks whose log is outside: the same as ever, or what is wrong with it.

use std::sync::Arc;
use std::time::Duration;

use mcpc::log::TaskLog;
use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::file::{FileLog, Folder, Operation};
use crate::support::messages::{call_with_token, meta};
use crate::support::{Mcpc, call, in_task, request, texts};

pub(super) const FULL: &str = "the task log is unavailable: the disk is full";

/// Says what it does.
#[mcpc::background]
async fn work(steps: u64, updates: Sender) -> Result<Value, String> {
    for step in 1..=steps {
        tokio::select! {
            () = updates.stopped() => return Err(format!("stopped before step {step}")),
            () = sleep(Duration::from_secs(1)) => {}
        }
        updates.progress(step, steps, format!("step {step}"));
        updates.send(json!({ "step": step })).await;
        updates.output(format!("did {step}")).await;
    }
    Ok(json!({ "steps": steps }))
}

/// Fails if it was asked to.
#[mcpc::background]
async fn fail(updates: Sender) -> Result<(), String> {
    updates.send("before").await;
    Err("in my own words".to_owned())
}

/// Waits for the end.
#[mcpc::background(patience = "2s")]
async fn wait(updates: Sender) -> Result<(), String> {
    updates.stopped().await;
    Err("asked to stop".to_owned())
}

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

pub(super) fn server() -> Server {
    Server::new("logs").tools(tools![work, fail, wait, add])
}

pub(super) struct Outside {
    pub(super) log: FileLog,
    pub(super) wire: Mcpc,
    pub(super) _folder: Folder,
}

impl Outside {
    async fn connect() -> Self {
        Self::over(server()).await
    }

    pub(super) async fn over(server: Server) -> Self {
        let folder = Folder::new();
        let log = FileLog::open(folder.file()).await;
        let wire = Mcpc::connect(server.log(Arc::new(log.clone()) as Arc<dyn TaskLog>)).await;
        Self { log, wire, _folder: folder }
    }
}

/// The server goes on, whatever became of a task.
pub(super) async fn goes_on(wire: &mut Mcpc) {
    assert_eq!(wire.ask("add", json!({"a": 1, "b": 2})).await, ("3".to_owned(), false));
}

/// All that clients of MCPC, with a token and without hear of some tasks.
async fn heard(wire: &mut Mcpc) -> Vec<Value> {
    let mut lines = Vec::new();
    for (task_id, tool, arguments) in
        [("a", "work", json!({"steps": 3})), ("b", "fail", json!({})), ("c", "work", json!({}))]
    {
        wire.start(task_id, tool, arguments).await;
        loop {
            let line = wire.value().await;
            let text = texts(&line).join("");
            let is_last = ["complete", "failed", "argument"].iter().any(|it| text.contains(it));
            lines.push(line);
            if is_last {
                break;
            }
        }
    }
    for (tool, arguments) in [("work", json!({"steps": 2})), ("fail", json!({}))] {
        wire.send(&call_with_token(7, tool, arguments.clone(), 7)).await;
        let mut report = Value::Null;
        loop {
            let line = wire.value().await;
            if line["id"] == 7 {
                lines.push(line);
                break;
            }
            // How many reports there are depends on when the log is looked at; the last is the same.
            assert_eq!(line["method"], "notifications/progress");
            report = line["params"]["message"].clone();
        }
        lines.push(report);
        wire.call("plain", tool, arguments).await;
        lines.push(wire.value().await);
    }
    lines
}

#[tokio::test(start_paused = true)]
async fn clients_hear_the_same_as_of_the_log_in_memory() {
    let mut inside = Mcpc::connect(server()).await;
    let mut outside = Outside::connect().await;
    let expected = heard(&mut inside).await;
    assert!(expected.len() > 15, "{expected:?}");
    assert_eq!(heard(&mut outside.wire).await, expected);
    assert!(inside.finish().await.is_empty() && outside.wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_slow_log_keeps_the_order() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    log.delay(Duration::from_millis(300));
    wire.start("t", "work", json!({"steps": 3})).await;
    let events = wire.task().await;
    let names: Vec<&str> = events.iter().map(|(event, _)| event.as_str()).collect();
    assert_eq!(names.first(), Some(&"created"));
    assert_eq!(names.last(), Some(&"complete"));
    let steps: Vec<u64> = events.iter().filter_map(|(_, it)| it["step"].as_u64()).collect();
    assert_eq!(steps, [1, 2, 3]);
    let (text, _) = wire.ask("check_task", json!({"task_id": "t"})).await;
    assert!(text.contains("is complete. The result:\n{\"steps\":3}"), "{text}");
    assert!(wire.finish().await.is_empty());
}

/// All of them are read at once, and the log takes its time for each.
#[tokio::test(start_paused = true)]
async fn what_is_read_right_after_a_call_finds_its_task_in_a_slow_log() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    log.delay(Duration::from_millis(300));
    let start = |id: &str| call(id, "wait", in_task(id, json!({})));
    let stop = call("stop", "stop_task", json!({"task_id": "`a`"}));
    let check = call("check", "check_task", json!({"task_id": "b"}));
    let lines = [start("a"), stop, start("b"), check];
    wire.send(&lines.join("\n")).await;
    let mut heard = Vec::new();
    while heard.len() < 5 {
        let line = wire.value().await;
        heard.push((line["id"].as_str().expect("an id").to_owned(), texts(&line).join("")));
    }
    let of = |id: &str| &heard.iter().find(|(it, _)| it == id).expect("an answer").1;
    assert!(of("stop").contains("Task ``a`` was asked to stop."), "{heard:?}");
    assert!(of("check").contains("Task `b` (`wait`) is running"), "{heard:?}");
    assert!(of("MCPC_CALLBACK").contains("asked to stop"), "{heard:?}");
    drop(wire.finish().await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_gets_no_task_says_what_is_wrong_with_the_log() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    log.fail(&[Operation::Create]);
    assert_eq!(wire.ask("work", json!({"steps": 1})).await, (FULL.to_owned(), true));
    goes_on(&mut wire).await;
    log.recover();
    log.hang(&[Operation::Create]);
    let begun = Instant::now();
    let silent = "the task log is unavailable: no answer within 10s";
    assert_eq!(wire.ask("work", json!({"steps": 1})).await, (silent.to_owned(), true));
    assert!(begun.elapsed() < Duration::from_secs(11));
    log.recover();
    assert!(!wire.ask("work", json!({"steps": 1})).await.1);
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_that_cannot_be_logged() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    log.fail(&[Operation::Append]);
    wire.start("t", "work", json!({"steps": 9})).await;
    let end = wire.task().await.pop();
    assert_eq!(end, Some(("failed".to_owned(), json!(FULL))));
    goes_on(&mut wire).await;
    // One that waits for the reply hears of it as well, though the log has no end to tell of.
    assert_eq!(wire.ask("work", json!({"steps": 9})).await, (FULL.to_owned(), true));
    log.recover();
    log.hang(&[Operation::Append]);
    wire.start("u", "work", json!({"steps": 9})).await;
    let end = wire.task().await.pop();
    let silent = "the task log is unavailable: no answer within 10s";
    assert_eq!(end, Some(("failed".to_owned(), json!(silent))));
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_stored_reaches_the_client() {
    for is_silent in [false, true] {
        let Outside { log, mut wire, _folder } = Outside::connect().await;
        match is_silent {
            true => log.hang(&[Operation::Finish]),
            false => log.fail(&[Operation::Finish]),
        }
        wire.start("t", "work", json!({"steps": 1})).await;
        let end = wire.task().await.pop();
        assert_eq!(end, Some(("complete".to_owned(), json!({"steps": 1}))));
        assert_eq!(wire.ask("fail", json!({})).await, ("in my own words".to_owned(), true));
        goes_on(&mut wire).await;
        assert!(wire.finish().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_about_a_task_hears_that_the_log_is_unavailable() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    log.fail(&[Operation::Read, Operation::Stop]);
    let full = (FULL.to_owned(), true);
    for arguments in
        [json!({}), json!({"task_id": "t"}), json!({"task_id": "t", "wait_seconds": 9})]
    {
        assert_eq!(wire.ask("check_task", arguments).await, full);
    }
    assert_eq!(wire.ask("stop_task", json!({"task_id": "t"})).await, full);
    for method in ["tasks/get", "tasks/cancel"] {
        wire.send(&request("ask", method, json!({"taskId": "t", "_meta": meta()}))).await;
        let error = wire.value().await["error"].clone();
        assert_eq!(error, json!({"code": -32603, "message": FULL}), "{method}");
    }
    goes_on(&mut wire).await;
    assert!(wire.finish().await.is_empty());
}

/// What is known in this process needs no log.
#[tokio::test(start_paused = true)]
async fn a_call_whose_log_cannot_be_read_has_its_result_and_can_be_stopped() {
    let Outside { log, mut wire, _folder } = Outside::connect().await;
    wire.call(1, "work", json!({"steps": 3})).await;
    sleep(Duration::from_millis(1_500)).await;
    log.fail(&[Operation::Read, Operation::Stop]);
    assert_eq!(texts(&wire.value().await), ["{\"steps\":3}"]);
    log.recover();
    wire.start("t", "wait", json!({})).await;
    assert_eq!(wire.message().await["event"], "created");
    log.fail(&[Operation::Read, Operation::Stop]);
    wire.call("stop", "stop_task", json!({"task_id": "t"})).await;
    // In any order.
    let mut heard = [wire.value().await, wire.value().await].map(|line| texts(&line).join(""));
    heard.sort();
    assert!(heard[0].starts_with("Task `t` was asked to stop."), "{heard:?}");
    assert!(heard[1].contains(r#""event":"failed""#), "{heard:?}");
    assert!(heard[1].contains(r#""result":"asked to stop""#), "{heard:?}");
    assert!(wire.finish().await.is_empty());
}
