//! What the hosts that people use show their models of a reply, and how long they wait for one.
//!
//! Each is a client of `mcpc::testing`, which has what was measured, so that a change of ours that hides something from a
//! model fails.

use std::time::Duration;

use mcpc::content::{ContentBlock, ErrorData};
use mcpc::testing::{self, As, Client};
use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::WithTasks;

const SECOND: Duration = Duration::from_secs(1);

const HOSTS: [As; 8] = [
    As::ClaudeCode,
    As::Codex,
    As::Copilot,
    As::OpenCode,
    As::Gemini,
    As::Qwen,
    As::Cline,
    As::Continue,
];

/// In texts that are shown as JSON, line breaks are escaped.
fn unescaped(seen: &str) -> String {
    seen.replace("\\n", "\n").replace("\\\"", "\"")
}

/// What a model gets to see of the reply with the result of a call.
async fn seen(client: &Client, tool: &str, arguments: Value) -> String {
    let outcome = client.call(tool, arguments).await;
    let seen = outcome.seen().unwrap_or_else(|error| {
        panic!("{} fails on `{tool}`: {error}", client.persona());
    });
    unescaped(seen)
}

/// What a model gets to see of the first reply to a call, whatever that is.
async fn first_seen(client: &Client, tool: &str, arguments: Value) -> String {
    let reply = client.request("tools/call", json!({"name": tool, "arguments": arguments})).await;
    match client.model_sees(&reply["result"]).expect("it is shown") {
        // Which its model reads.
        seen if seen == "[in a file]" => shown(&reply["result"]),
        seen => unescaped(&seen),
    }
}

#[derive(Serialize, JsonSchema)]
struct Report {
    answer: u8,
}

#[mcpc::tool]
async fn number() -> u8 {
    42
}

#[mcpc::tool]
async fn flag() -> bool {
    true
}

#[mcpc::tool]
async fn list() -> Vec<u8> {
    vec![1, 2]
}

#[mcpc::tool]
async fn maybe() -> Option<u8> {
    None
}

#[mcpc::tool]
async fn digits() -> String {
    "0042".to_owned()
}

#[mcpc::tool]
async fn json_in_a_text() -> &'static str {
    " [\"not\", \"a\", \"list\"]"
}

#[mcpc::tool]
async fn written() -> ContentBlock {
    ContentBlock::text("17")
}

#[mcpc::tool]
async fn wide() -> u128 {
    u128::MAX
}

#[mcpc::tool]
async fn error_code() -> Result<(), String> {
    Err("404".to_owned())
}

#[mcpc::tool]
async fn refused() -> Result<(), ErrorData> {
    Err(ErrorData::invalid_params("the branch does not exist", None))
}

#[mcpc::background]
async fn number_later() -> u8 {
    42
}

#[mcpc::background]
async fn report(updates: Sender) -> Report {
    updates.send(json!({"found": 4})).await;
    updates.output("a line of its output").await;
    sleep(SECOND).await;
    updates.send(json!({"found": 8})).await;
    Report { answer: 42 }
}

#[mcpc::background]
async fn quiet() -> Report {
    Report { answer: 42 }
}

#[mcpc::background]
async fn chatty(updates: Sender) -> &'static str {
    for update in 1..=300 {
        updates
            .send(format!("update {update} of 300, which says what it found in some words"))
            .await;
    }
    "CHATTY-RESULT"
}

#[mcpc::background]
async fn fails(updates: Sender) -> Result<Report, String> {
    updates.send("about to fail").await;
    updates.output("LAST-LINE").await;
    Err("the disk is full".to_owned())
}

/// Works for so many seconds, and says how far it is all the time.
#[mcpc::background]
async fn long(seconds: u32, updates: Sender) -> Report {
    for second in 1..=seconds {
        sleep(SECOND).await;
        updates.progress(second, seconds, "working");
    }
    Report { answer: 42 }
}

#[mcpc::background]
async fn large(bytes: usize) -> String {
    format!("LARGE-BEGIN{}LARGE-END", "x".repeat(bytes))
}

/// The same, after two seconds.
#[mcpc::background]
async fn large_later(bytes: usize) -> String {
    sleep(2 * SECOND).await;
    format!("LARGE-BEGIN{}LARGE-END", "x".repeat(bytes))
}

fn server() -> Server {
    Server::new("hosts").tools(tools![
        number,
        flag,
        list,
        maybe,
        digits,
        json_in_a_text,
        written,
        wide,
        error_code,
        refused,
        number_later,
        report,
        quiet,
        chatty,
        fails,
        long,
        large,
        large_later,
    ])
}

#[tokio::test]
async fn every_model_sees_the_result_and_what_was_sent_before() {
    for host in HOSTS {
        let client = testing::connect(server, host).await;
        for (tool, parts) in [
            ("number", &["42"][..]),
            ("flag", &["true"]),
            ("list", &["[1,2]"]),
            ("digits", &["0042"]),
            ("json_in_a_text", &["\"not\", \"a\", \"list\""]),
            ("written", &["17"]),
            ("maybe", &[]),
            ("wide", &["340282366920938463463374607431768211455"]),
            ("error_code", &["404"]),
            ("refused", &["the branch does not exist"]),
            ("number_later", &["42"]),
            ("report", &["{\"answer\":42}", "{\"found\":4}\n{\"found\":8}"]),
            ("quiet", &["{\"answer\":42}"]),
            ("chatty", &["CHATTY-RESULT", "older updates are left out)", "update 300 of 300"]),
            ("fails", &["the disk is full", "about to fail", "LAST-LINE"]),
        ] {
            let seen = seen(&client, tool, json!({})).await;
            for part in parts {
                assert!(seen.contains(part), "{host} shows of `{tool}`: {seen}");
            }
        }
        let seen = seen(&client, "report", json!({})).await;
        assert!(!seen.contains("a line of its output"), "{host}: {seen}");
        let at = |part| seen.find(part).expect("it is seen");
        assert!(at("answer") < at("found"), "{host}: what comes last may be cut: {seen}");
        client.leave().await;
    }
}

#[tokio::test]
async fn no_host_gives_up_on_a_task_and_every_model_gets_its_result() {
    for host in HOSTS {
        let client = testing::connect(server, host).await;
        let seen = seen(&client, "long", json!({"seconds": 1000})).await;
        assert!(seen.contains("{\"answer\":42}"), "{host}: {seen}");
        let transcript = client.transcript();
        let patience = match host {
            // It has a task in place of a ticket.
            As::ClaudeCode => None,
            As::Cline | As::Continue => Some("50."),
            _ => Some("240."),
        };
        let ticket = transcript.lines().find(|line| line.contains(" goes on as task `"));
        let ticket = ticket.map(str::trim_start).filter(|_| patience.is_some());
        assert!(
            patience.is_none_or(|it| ticket.is_some_and(|line| line.starts_with(it))),
            "{ticket:?}"
        );
        let checks = transcript.matches("\"params\":{\"name\":\"check_task\"").count();
        assert!(checks <= 20, "{host} keeps its model busy: {checks} checks");
    }
}

/// However much of a large result a host shows, its model learns how to read the rest, in parts that it shows.
#[tokio::test]
async fn what_is_left_out_of_a_large_result_can_be_read_on_every_host() {
    for host in HOSTS {
        let client = testing::connect(server, host).await;
        let seen = first_seen(&client, "large", json!({ "bytes": 200_000 })).await;
        for part in
            ["LARGE-BEGIN", "beginning and the end of 200020 bytes. Call `check_task` with {"]
        {
            assert!(seen.contains(part), "{host}: {part}");
        }
        let id = seen.split('"').find(|part| part.len() == 36).expect("an id").to_owned();
        let arguments = json!({"task_id": id, "offset": 195_000});
        let seen = first_seen(&client, "check_task", arguments).await;
        assert!(seen.contains("LARGE-END") && !seen.contains("[cut]"), "{host}");
    }
}

/// Structured content hides all the rest.
fn shown(result: &Value) -> String {
    match &result["structuredContent"] {
        Value::Null => result["content"][0]["text"].as_str().expect("a text").to_owned(),
        structured => structured.to_string(),
    }
}

/// As Claude Code calls in its terminal: with a task, of which its model gets the note at once, and then the result,
/// cut at so many characters.
#[tokio::test(start_paused = true)]
async fn the_model_of_a_host_with_tasks_sees_the_note_and_then_the_result() {
    const MOST: usize = 100_000;
    let mut client = WithTasks::open(server()).called("claude-code", "2.1.332");
    for (tool, arguments, parts) in [
        ("report", json!({}), &["{\"answer\":42}", "{\"found\":4}\n{\"found\":8}"][..]),
        ("long", json!({"seconds": 400}), &["{\"answer\":42}"]),
        ("large_later", json!({"bytes": 200_000}), &["LARGE-BEGIN"]),
    ] {
        let created = client.call(tool, arguments).await;
        assert_eq!(created["resultType"], "task", "{tool}: {created}");
        let id = created["taskId"].as_str().expect("an id").to_owned();
        let note = &created["_meta"]["com.anthropic/agent-task"]["modelImmediateResponse"];
        let note = note.as_str().expect("a note");
        assert!(note.contains(&id) && note.len() < 2_000, "{note}");
        let (result, polls) = client.poll(&id).await;
        assert!(polls < 200, "{tool}: {polls} polls");
        let seen = shown(&result);
        let seen = &seen[..seen.len().min(MOST)];
        for part in parts {
            assert!(seen.contains(part), "{tool}: {seen}");
        }
        let checked = client.call("check_task", json!({"task_id": id, "offset": 150_000})).await;
        let checked = shown(&checked);
        assert!(
            tool != "large_later" || checked.starts_with("[bytes 150000 to 157000"),
            "{checked}"
        );
    }
}
