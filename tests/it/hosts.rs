//! What the hosts that people use show their models of a reply, and how long they wait for one.
//!
//! Measured with the real programs on 29 November 2026: Claude Code 2.1.332, Codex CLI 0.171, Copilot CLI 1.0.102,
//! opencode 1.18, Gemini CLI 0.61, Qwen Code 0.24, Cline CLI 3.0.65 and Continue CLI 1.5. Here each is the few lines
//! that say what it makes of a result, so that a change of ours that hides something from a model fails.

use std::time::Duration;

use mcpc::content::{ContentBlock, ErrorData};
use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::messages::{call_with, task_of};
use crate::support::{Plain, WithTasks};

struct Host {
    name: &'static str,
    /// Whether its calls have a progress token.
    token: bool,
    /// How long it waits for a call, whatever it hears meanwhile.
    limit: Option<Duration>,
    /// How many characters of a text its model gets to see, without the middle.
    most: Option<usize>,
    /// How many of a longer text: its beginning, and a file with the rest.
    beginning: Option<(usize, usize)>,
    /// What its model gets to see of a result, or why the call fails.
    shows: fn(&Value) -> Result<String, String>,
}

const SECOND: Duration = Duration::from_secs(1);

const WITH_TOKEN: Host =
    Host { name: "", token: true, limit: None, most: None, beginning: None, shows: texts };

const HOSTS: [Host; 8] = [
    Host { name: "claude", shows: structured_alone, ..WITH_TOKEN },
    Host {
        name: "codex",
        limit: Some(Duration::from_secs(300)),
        most: Some(11_900),
        shows: structured_alone,
        ..WITH_TOKEN
    },
    Host { name: "copilot", beginning: Some((20_000, 500)), shows: glued, ..WITH_TOKEN },
    Host { name: "opencode", beginning: Some((51_200, 51_200)), ..WITH_TOKEN },
    Host {
        name: "gemini",
        limit: Some(Duration::from_secs(600)),
        most: Some(16_000),
        shows: texts_that_are_records,
        ..WITH_TOKEN
    },
    Host {
        name: "qwen",
        limit: Some(Duration::from_secs(600)),
        beginning: Some((25_000, 2_000)),
        ..WITH_TOKEN
    },
    Host {
        name: "cline",
        token: false,
        limit: Some(Duration::from_secs(60)),
        most: Some(8_000),
        shows: |result| Ok(result.to_string()),
        ..WITH_TOKEN
    },
    Host {
        name: "continue",
        token: false,
        shows: |result| Ok(result["content"].to_string()),
        ..WITH_TOKEN
    },
];

fn joined(result: &Value, between: &str) -> String {
    let blocks = result["content"].as_array().expect("content").iter();
    blocks.filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join(between)
}

/// Structured content hides all the rest.
fn structured_alone(result: &Value) -> Result<String, String> {
    match &result["structuredContent"] {
        Value::Null => Ok(joined(result, "\n")),
        structured => Ok(structured.to_string()),
    }
}

fn texts(result: &Value) -> Result<String, String> {
    Ok(joined(result, "\n\n"))
}

fn glued(result: &Value) -> Result<String, String> {
    let structured = &result["structuredContent"];
    let structured = if structured.is_null() { String::new() } else { structured.to_string() };
    Ok(joined(result, "") + &structured)
}

/// Where there is no structured content, a first text that is JSON becomes that, and that has to be a record.
fn texts_that_are_records(result: &Value) -> Result<String, String> {
    let mut structured = result["structuredContent"].clone();
    if structured.is_null()
        && let Some(text) = result["content"][0]["text"].as_str()
        && let Ok(parsed) = serde_json::from_str::<Value>(text)
    {
        structured = parsed;
        if structured.is_null() {
            return Err("expected record, received null".to_owned());
        }
    }
    match structured {
        Value::Null | Value::Object(_) => texts(result),
        other => Err(format!("expected record, received {other}")),
    }
}

impl Host {
    /// What its model gets to see of a call, and how long that took.
    async fn call(&self, client: &mut Plain, tool: &str, arguments: Value) -> (String, Duration) {
        let meta = if self.token { json!({"progressToken": "token"}) } else { json!({}) };
        let started = Instant::now();
        client.send(&call_with(meta, "call", tool, arguments)).await;
        let (_, reply) = client.until_reply_to("call").await;
        let took = started.elapsed();
        assert!(self.limit.is_none_or(|limit| took < limit), "{} gives up on `{tool}`", self.name);
        let shown = match reply["error"]["message"].as_str() {
            Some(message) => message.to_owned(),
            None => (self.shows)(&reply["result"])
                .unwrap_or_else(|error| panic!("{} fails on `{tool}`: {error}", self.name)),
        };
        // In texts that are shown as JSON, line breaks are escaped.
        (self.cut(shown).replace("\\n", "\n").replace("\\\"", "\""), took)
    }

    /// The middle of a long text is lost, or all but its beginning.
    fn cut(&self, text: String) -> String {
        if let Some((_, shown)) = self.beginning.filter(|(most, _)| text.len() > *most) {
            return format!("{}[cut]", &text[..shown]);
        }
        match self.most.filter(|most| text.len() > *most) {
            Some(most) => {
                let end = text.len() - most / 2;
                format!("{}[cut]{}", &text[..most / 2], &text[end..])
            }
            None => text,
        }
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

#[tokio::test(start_paused = true)]
async fn every_model_sees_the_result_and_what_was_sent_before() {
    for host in HOSTS {
        let mut client = Plain::connect(server()).await;
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
            let (seen, _) = host.call(&mut client, tool, json!({})).await;
            for part in parts {
                assert!(seen.contains(part), "{} shows of `{tool}`: {seen}", host.name);
            }
        }
        let (seen, _) = host.call(&mut client, "report", json!({})).await;
        assert!(!seen.contains("a line of its output"), "{}: {seen}", host.name);
        let at = |part| seen.find(part).expect("it is seen");
        assert!(at("answer") < at("found"), "{}: what comes last may be cut: {seen}", host.name);
    }
}

#[tokio::test(start_paused = true)]
async fn no_host_gives_up_on_a_task_and_every_model_gets_its_result() {
    for host in HOSTS {
        let mut client = Plain::connect(server()).await;
        let (mut seen, took) = host.call(&mut client, "long", json!({"seconds": 1000})).await;
        let patience = if host.token { 240 } else { 50 };
        assert_eq!(took.as_secs(), patience, "{}", host.name);
        let id = task_of(&seen);
        let mut checks = 0;
        while !seen.contains("{\"answer\":42}") {
            let arguments = json!({"task_id": id, "wait_seconds": 50});
            seen = host.call(&mut client, "check_task", arguments).await.0;
            checks += 1;
        }
        assert!(checks <= 20, "{} keeps its model busy: {checks} checks", host.name);
    }
}

/// However much of a large result a host shows, its model learns how to read the rest, in parts that it shows.
#[tokio::test(start_paused = true)]
async fn what_is_left_out_of_a_large_result_can_be_read_on_every_host() {
    for host in HOSTS {
        let mut client = Plain::connect(server()).await;
        let (seen, _) = host.call(&mut client, "large", json!({ "bytes": 200_000 })).await;
        for part in
            ["LARGE-BEGIN", "beginning and the end of 200020 bytes. Call `check_task` with {"]
        {
            assert!(seen.contains(part), "{}: {part}", host.name);
        }
        let id = seen.split('"').find(|part| part.len() == 36).expect("an id").to_owned();
        let arguments = json!({"task_id": id, "offset": 195_000});
        let (seen, _) = host.call(&mut client, "check_task", arguments).await;
        assert!(seen.contains("LARGE-END") && !seen.contains("[cut]"), "{}", host.name);
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
        let seen = structured_alone(&result).expect("it is shown");
        let seen = &seen[..seen.len().min(MOST)];
        for part in parts {
            assert!(seen.contains(part), "{tool}: {seen}");
        }
        let checked = client.call("check_task", json!({"task_id": id, "offset": 150_000})).await;
        let checked = structured_alone(&checked).expect("it is shown");
        assert!(
            tool != "large_later" || checked.starts_with("[bytes 150000 to 157000"),
            "{checked}"
        );
    }
}
