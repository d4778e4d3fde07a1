//! How long clients wait for a log that is silent, and that what comes back goes on.

use std::time::Duration;

use mcpc::{Sender, tools};
use serde_json::json;
use tokio::task::yield_now;
use tokio::time::{Instant, sleep, timeout};

use super::file::Operation;
use super::wire::{FULL, Outside, goes_on};
use crate::support::messages::call_with_token;
use crate::support::{Mcpc, WithTasks, call, in_task, texts};

const SECOND: Duration = Duration::from_secs(1);

/// Reports all the time, and says nothing else.
#[mcpc::background]
async fn report(times: u64, pause_ms: u64, updates: Sender) -> u64 {
    for time in 1..=times {
        updates.progress(time, times, "");
        match pause_ms {
            0 => yield_now().await,
            _ => sleep(Duration::from_millis(pause_ms)).await,
        }
    }
    times
}

/// Does not wait for what it sends.
#[mcpc::background]
async fn hurry(updates: Sender) -> bool {
    let is_sent = timeout(Duration::from_millis(1), updates.send(1)).await.is_ok();
    sleep(5 * SECOND).await;
    is_sent
}

async fn connect() -> Outside {
    Outside::over(super::wire::server().tools(tools![report, hurry])).await
}

/// The texts of so many answers, each with its id; callbacks with theirs.
async fn answers(wire: &mut Mcpc, count: usize) -> Vec<(String, String)> {
    let mut answers = Vec::new();
    while answers.len() < count {
        let line = wire.value().await;
        answers.push((line["id"].as_str().expect("an id").to_owned(), texts(&line).join("")));
    }
    answers
}

#[tokio::test(start_paused = true)]
async fn a_task_that_runs_here_is_asked_to_stop_whatever_its_log_says() {
    for (what, is_lost, hangs) in [("unknown", true, false), ("silent", false, true)] {
        let Outside { log, mut wire, _folder } = connect().await;
        wire.begin_task("t", "wait", json!({})).await;
        if is_lost {
            log.lose_all().await;
        }
        if hangs {
            log.hang(&[Operation::Stop]);
        }
        let begun = Instant::now();
        wire.call("stop", "stop_task", json!({"task_id": "t"})).await;
        let mut answers = Vec::new();
        for _ in 0..2 {
            let line = wire.value().await;
            answers.push((texts(&line).join(""), begun.elapsed()));
        }
        let of = |part: &str| answers.iter().find(|(text, _)| text.contains(part));
        let end = of(r#""result":"asked to stop""#);
        assert!(end.is_some_and(|(_, took)| *took < SECOND), "{what}: {answers:?}");
        assert!(of("Task `t` was asked to stop.").is_some(), "{what}: {answers:?}");
        assert!(wire.finish().await.is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_is_taken_as_long_as_its_task_runs_here_whatever_the_log_says() {
    let Outside { log, mut wire, _folder } = connect().await;
    wire.begin_task("t", "wait", json!({})).await;
    log.lose_all().await;
    wire.start("t", "wait", json!({})).await;
    let answer = texts(&wire.value().await).join("");
    assert_eq!(answer, "the task id `t` belongs to a task that is still running");
    wire.call("stop", "stop_task", json!({"task_id": "t"})).await;
    let answers = answers(&mut wire, 2).await;
    assert!(answers.iter().any(|(_, text)| text.contains("asked to stop\"")), "{answers:?}");
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_others_waits_for_a_silent_log_no_longer_than_they_do() {
    let Outside { log, mut wire, _folder } = connect().await;
    log.hang(&[Operation::Create]);
    let begun = Instant::now();
    let start = |id: &str| call(id, "wait", in_task(id, json!({})));
    let check = call("check", "check_task", json!({"task_id": "a"}));
    let stop = call("stop", "stop_task", json!({"task_id": "a"}));
    wire.send(&[start("a"), start("b"), start("c"), stop, check].join("\n")).await;
    let answers = answers(&mut wire, 5).await;
    let took = begun.elapsed();
    assert!(took < 11 * SECOND, "{took:?} {answers:?}");
    log.recover();
    goes_on(&mut wire).await;
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_stays_open_no_longer_for_a_log_that_fails_or_is_silent() {
    for is_silent in [false, true] {
        let Outside { log, mut wire, _folder } = connect().await;
        let begun = Instant::now();
        wire.call("wait", "wait", json!({})).await;
        sleep(SECOND / 2).await;
        match is_silent {
            true => log.hang(&[Operation::Read]),
            false => log.fail(&[Operation::Read]),
        }
        let (text, took) = (texts(&wire.value().await).join(""), begun.elapsed());
        assert!(text.contains("still running"), "{text}");
        assert!(took < 2 * SECOND + 3 * SECOND / 2, "silent: {is_silent}, {took:?}");
        log.recover();
        wire.finish().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_only_reports_fails_when_its_log_does() {
    let Outside { log, mut wire, _folder } = connect().await;
    log.fail(&[Operation::Append]);
    wire.start("t", "report", json!({"times": 9, "pause_ms": 1_000})).await;
    let end = wire.task().await.pop();
    assert_eq!(end, Some(("failed".to_owned(), json!(FULL))));
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn progress_does_not_pile_up_before_a_slow_log() {
    let Outside { log, mut wire, _folder: folder } = connect().await;
    log.delay(SECOND / 3);
    wire.start("t", "report", json!({"times": 1_000, "pause_ms": 0})).await;
    let end = wire.task().await.pop();
    assert_eq!(end, Some(("complete".to_owned(), json!(1_000))));
    let (text, _) = wire.ask("check_task", json!({"task_id": "t"})).await;
    assert!(text.contains("is complete"), "{text}");
    let file = std::fs::read_to_string(folder.file()).expect("UTF-8");
    let stored = file.matches("Progress").count();
    assert!((1..=9).contains(&stored), "{stored}");
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn an_update_that_nobody_waits_for_and_that_cannot_be_stored_ends_its_task() {
    let Outside { log, mut wire, _folder } = connect().await;
    log.delay(SECOND / 3);
    log.fail(&[Operation::Append]);
    wire.start("t", "hurry", json!({})).await;
    let end = wire.task().await.pop();
    assert_eq!(end, Some(("failed".to_owned(), json!(FULL))));
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_call_hears_of_progress_again_when_its_log_can_be_read_again() {
    let Outside { log, mut wire, _folder } = connect().await;
    wire.send(&call_with_token(7, "work", json!({"steps": 5}), 7)).await;
    sleep(3 * SECOND / 2).await;
    log.fail(&[Operation::Read]);
    sleep(SECOND).await;
    log.recover();
    let mut reports = Vec::new();
    let reply = loop {
        let line = wire.value().await;
        if line["id"] == 7 {
            break line;
        }
        reports.push(line["params"]["message"].as_str().unwrap_or_default().to_owned());
    };
    assert!(reports.iter().any(|it| it.ends_with('4')), "{reports:?}");
    let text = texts(&reply).join("");
    assert!(text.starts_with("{\"steps\":5}\n\nUpdates"), "{text}");
    assert!(wire.finish().await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_subscription_goes_on_when_the_log_can_be_read_again() {
    let Outside { log, wire, _folder } = connect().await;
    let mut client = WithTasks::over(wire.into_wire());
    let task_id = client.start("work", json!({"steps": 5})).await;
    client.listen(json!([task_id])).await;
    log.fail(&[Operation::Read]);
    sleep(2 * SECOND).await;
    log.recover();
    let end = async {
        loop {
            let heard = client.heard().await;
            if heard["status"] == "completed" {
                return;
            }
        }
    };
    timeout(9 * SECOND, end).await.expect("it hears of the end");
    assert!(client.finish().await.len() <= 1, "the end of the subscription");
}

/// It is known when it is looked for, and no more when it is looked at.
#[tokio::test(start_paused = true)]
async fn a_task_that_was_forgotten_meanwhile_is_unknown() {
    let server = super::wire::server().retention(SECOND);
    let Outside { log, mut wire, _folder } = Outside::over(server).await;
    wire.start("t", "fail", json!({})).await;
    wire.task().await;
    log.delay(3 * SECOND / 5);
    let (text, is_error) = wire.ask("check_task", json!({"task_id": "t"})).await;
    assert!(text.starts_with("unknown task `t`") && is_error, "{text}");
    log.recover();
    wire.start("t", "fail", json!({})).await;
    wire.task().await;
    log.delay(3 * SECOND / 5);
    let mut client = WithTasks::over(wire.into_wire());
    let error = client.request("tasks/get", json!({"taskId": "t"})).await["error"].take();
    assert_eq!(error["code"], -32602, "{error}");
    let message = error["message"].as_str().map(str::to_owned).unwrap_or_default();
    assert!(message.starts_with("unknown task `t`"), "{message}");
    assert!(client.finish().await.is_empty());
}
