//! What a tool logs of its call, and who hears of it.

use std::time::Duration;

use mcpc::around::{Next, ToolCall};
use mcpc::{Call, LogLevel, Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Plain, Wire, WithTasks};

/// Logs something of each level.
#[mcpc::tool]
async fn log(call: Call) {
    log_all(&call).await;
}

async fn log_all(call: &Call) {
    for level in [LogLevel::Debug, LogLevel::Info, LogLevel::Warning, LogLevel::Emergency] {
        call.log(level, json!({"of": format!("{level:?}")})).await;
    }
}

/// Logs the same once its client has a ticket, or a task.
#[mcpc::background]
async fn log_late(call: Call, updates: Sender) {
    sleep(Duration::from_secs(70)).await;
    log_all(&call).await;
    updates.stopped().await;
}

#[mcpc::tool]
async fn quiet() {}

/// Logs what cannot be written as JSON, and what nobody could read.
#[mcpc::tool]
async fn log_what_cannot_be_read(call: Call) {
    call.log(LogLevel::Error, std::collections::HashMap::from([((1, 2), 3)])).await;
    let deep = (0..200).fold(json!(1), |inner, _| json!([inner]));
    call.log(LogLevel::Error, deep).await;
}

fn server() -> Server {
    Server::new("logs").tools(tools![log, log_late, log_what_cannot_be_read])
}

/// The levels of what is logged before a reply.
fn levels(before: &[Value]) -> Vec<&str> {
    let method = |message: &Value| message["method"] == "notifications/message";
    assert!(before.iter().all(method), "{before:?}");
    before.iter().map(|it| it["params"]["level"].as_str().expect("a level")).collect()
}

#[tokio::test]
async fn a_call_logs_before_its_reply_what_its_session_wants() {
    for wire in [Wire::open(server()), Wire::open_over_rmcp(server())] {
        let mut client = Plain::begin(wire).await;
        let (before, reply) = client.reply_and_before("log", json!({})).await;
        assert_eq!(levels(&before), ["info", "warning", "emergency"]);
        assert_eq!(
            before[0]["params"],
            json!({"level": "info", "logger": "log", "data": {"of": "Info"}})
        );
        assert_eq!(reply["result"]["isError"], false);
        for (wanted, heard) in [
            ("debug", &["debug", "info", "warning", "emergency"][..]),
            ("notice", &["warning", "emergency"]),
            ("alert", &["emergency"]),
        ] {
            assert_eq!(client.set_log_level(wanted).await["result"], json!({}));
            let (before, _) = client.reply_and_before("log", json!({})).await;
            assert_eq!(levels(&before), heard, "{wanted}");
        }
    }
}

#[tokio::test]
async fn as_of_2026_07_28_a_call_logs_what_its_request_wants() {
    let mut client = WithTasks::open(server());
    for (wanted, heard) in [
        (None, &[][..]),
        (Some("info"), &["info", "warning", "emergency"]),
        (Some("emergency"), &["emergency"]),
    ] {
        if let Some(level) = wanted {
            client.meta["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        client.send_call("call", "log", json!({})).await;
        for level in heard {
            assert_eq!(client.value().await["params"]["level"], *level, "{wanted:?}");
        }
        assert_eq!(client.value().await["id"], "call", "{wanted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn after_its_reply_a_call_logs_to_its_session_alone() {
    let mut session = Plain::connect(server()).await;
    session.ticket("log_late", json!({})).await;
    let heard = [session.value().await, session.value().await, session.value().await];
    assert_eq!(levels(&heard), ["info", "warning", "emergency"]);

    let mut client = WithTasks::open(server());
    client.meta["io.modelcontextprotocol/logLevel"] = json!("debug");
    let id = client.start("log_late", json!({})).await;
    sleep(Duration::from_secs(100)).await;
    // The next line is the reply.
    assert_eq!(client.get(&id).await["status"], "working");
}

#[tokio::test]
async fn what_cannot_be_written_is_told_in_its_place() {
    let mut client = Plain::connect(server()).await;
    let (before, _) = client.reply_and_before("log_what_cannot_be_read", json!({})).await;
    assert_eq!(
        before[0]["params"]["data"],
        "what was to be logged cannot be written as JSON: key must be a string"
    );
    let deep = before[1]["params"]["data"].as_str().expect("a text");
    assert!(deep.starts_with("[[[["), "{deep}");
}

/// A server declares that it logs if any of its code could, and takes a level then.
#[tokio::test]
async fn a_server_that_may_log_says_so() {
    let silent = || Server::new("silent").tools(tools![quiet]);
    let around = async |call: ToolCall, next: Next| next.run(call).await;
    for (server, logs) in [
        (silent(), false),
        (silent().tools(tools![log]), true),
        (silent().tools(tools![log_late]), true),
        (silent().around(around), true),
    ] {
        let (mut client, began) = Plain::begin_and_see(Wire::open(server)).await;
        assert_eq!(began["capabilities"].get("logging").is_some(), logs);
        let reply = client.set_log_level("info").await;
        assert_eq!(reply.get("result").is_some(), logs, "{reply}");
    }
}
