//! A client of the tasks of MCP 2025-11-25 (SEP-1686): it asks for a task with its call, asks about it, and fetches the
//! result.

mod asking;
mod hearing;

use std::time::Duration;

use mcpc::rmcp::model::ErrorData;
use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::clients::{WithTasksOf2025, of_2025, status};
use crate::support::messages::{self, in_task, meta};
use crate::support::{Plain, Wire, WithTasks, parse, text};

const RELATED: &str = "io.modelcontextprotocol/related-task";

/// Counts seconds, and says so.
#[mcpc::background]
async fn count(seconds: u64, updates: Sender) -> Result<Value, String> {
    for second in 1..=seconds {
        tokio::select! {
            () = updates.stopped() => return Err(format!("stopped after {} s", second - 1)),
            () = sleep(Duration::from_secs(1)) => {}
        }
        updates.progress(second, seconds, format!("{second} s"));
    }
    match seconds {
        13 => Err("thirteen is bad luck".to_owned()),
        _ => Ok(json!({ "seconds": seconds })),
    }
}

#[mcpc::background]
async fn explode() -> String {
    panic!("the fuse is gone")
}

/// Does not know how to stop.
#[mcpc::background(timeout = "60s")]
async fn sleep_forever() {
    std::future::pending::<()>().await;
}

/// Ends well even if it is asked to stop.
#[mcpc::background]
async fn finish_anyway(updates: Sender) -> &'static str {
    updates.stopped().await;
    sleep(Duration::from_secs(1)).await;
    "half of it is done"
}

/// Fails with an error of the protocol.
#[mcpc::background]
async fn refuse() -> Result<String, ErrorData> {
    Err(ErrorData::invalid_params("no such table", Some(json!({"table": 7}))))
}

/// Is only run as a task.
#[mcpc::background(required)]
async fn only_as_a_task() -> &'static str {
    "done"
}

/// Is joined by equal calls.
#[mcpc::background(join)]
async fn build(target: String, updates: Sender) -> String {
    for percent in [50, 100] {
        sleep(Duration::from_secs(1)).await;
        updates.progress(percent, 100, format!("{percent} %"));
    }
    format!("{target} is built")
}

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn server() -> Server {
    Server::new("tasks")
        .tools(tools![
            count,
            explode,
            sleep_forever,
            finish_anyway,
            refuse,
            only_as_a_task,
            build,
            add
        ])
        .retention(Duration::from_secs(600))
}

fn unknown(task_id: &str) -> Value {
    let message =
        format!("unknown task `{task_id}` (results are kept for a limited time after a task ends)");
    json!({"code": -32602, "message": message})
}

#[tokio::test(start_paused = true)]
async fn a_session_is_told_that_there_are_tasks_and_which_tools_start_them() {
    let (mut client, about) = WithTasksOf2025::begin(Wire::open(server()), json!({})).await;
    assert_eq!(about["protocolVersion"], "2025-11-25");
    let tasks = json!({"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}});
    assert_eq!(about["capabilities"], json!({"logging": {}, "tools": {}, "tasks": tasks}));
    let listed = client.list().await;
    let support: Vec<(&str, &Value)> = listed
        .iter()
        .map(|tool| (tool["name"].as_str().expect("a name"), &tool["execution"]))
        .collect();
    let (optional, required) =
        (json!({"taskSupport": "optional"}), json!({"taskSupport": "required"}));
    assert_eq!(
        support,
        [
            ("count", &optional),
            ("explode", &optional),
            ("sleep_forever", &optional),
            ("finish_anyway", &optional),
            ("refuse", &optional),
            ("only_as_a_task", &required),
            ("build", &optional),
            ("add", &Value::Null),
            ("check_task", &Value::Null),
            ("stop_task", &Value::Null),
            ("message_task", &Value::Null),
        ]
    );
    // All else is as any other client sees it.
    let mut plain = Plain::connect(server()).await;
    let mut without = listed.clone();
    for tool in &mut without {
        tool.as_object_mut().expect("a tool").remove("execution");
    }
    assert_eq!(without, plain.list().await);
}

#[tokio::test(start_paused = true)]
async fn nobody_else_is_told_of_such_tasks() {
    #[mcpc::tool]
    async fn nothing() {}
    let none = Server::new("plain").tools(tools![nothing]);
    let (mut client, about) = WithTasksOf2025::begin(Wire::open(none), json!({})).await;
    assert_eq!(about["capabilities"], json!({"tools": {}}), "a server without tasks");
    let reply = client.request("tasks/list", json!({})).await;
    assert_eq!(reply["error"], json!({"code": -32601, "message": "unknown method `tasks/list`"}));
    for version in ["2024-11-05", "2025-06-18"] {
        let mut about_client = of_2025(json!({}));
        about_client["protocolVersion"] = version.into();
        let (mut plain, about) = Plain::begin_with(Wire::open(server()), about_client).await;
        assert_eq!(about["protocolVersion"], version);
        assert_eq!(about["capabilities"], json!({"logging": {}, "tools": {}}), "{version}");
        assert!(plain.list().await.iter().all(|tool| tool["execution"].is_null()), "{version}");
        for method in ["tasks/get", "tasks/result", "tasks/cancel", "tasks/list"] {
            let reply = plain.request(method, json!({"taskId": "t"})).await;
            assert_eq!(reply["error"]["code"], -32601, "{version} {reply}");
        }
        let params = json!({"name": "count", "arguments": {"seconds": 1}, "task": {}});
        let reply = plain.request("tools/call", params).await;
        assert_eq!(text(&reply), r#"{"seconds":1}"#, "what it does not have is ignored");
    }
    let mut modern = WithTasks::open(server());
    let reply = modern.request("tools/list", json!({})).await;
    assert!(!reply.to_string().contains("taskSupport"), "{reply}");
    let params = json!({"name": "add", "arguments": {"a": 1, "b": 2}, "task": {}});
    assert_eq!(text(&modern.request("tools/call", params).await), "3");
    let reply = modern.request("tasks/result", json!({"taskId": "t"})).await;
    assert_eq!(reply["error"]["code"], -32601, "{reply}");
}

/// Over a transport of rmcp's nobody reads `task`.
#[tokio::test(start_paused = true)]
async fn nothing_is_declared_that_a_transport_does_not_carry() {
    let wire = Wire::open_over_rmcp(server());
    let (mut client, about) = WithTasksOf2025::begin(wire, json!({})).await;
    assert_eq!(about["capabilities"], json!({"logging": {}, "tools": {}}));
    assert!(client.list().await.iter().all(|tool| tool["execution"].is_null()));
    let reply = client.call_task("count", json!({"seconds": 1})).await;
    assert_eq!(text(&reply), r#"{"seconds":1}"#);
    assert_eq!(client.request("tasks/list", json!({})).await["error"]["code"], -32601);
}

#[tokio::test(start_paused = true)]
async fn a_call_starts_a_task_and_the_client_fetches_its_result() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let created = client.call_task("count", json!({"seconds": 4})).await;
    let task = &created["result"]["task"];
    let id = task["taskId"].as_str().expect("an id").to_owned();
    let created_at = task["createdAt"].clone();
    assert_eq!(
        created["result"],
        json!({
            "task": {
                "taskId": id, "status": "working", "createdAt": created_at, "lastUpdatedAt": created_at,
                "ttl": null, "pollInterval": 1000,
            },
            "_meta": {"io.modelcontextprotocol/model-immediate-response": format!(
                "`count` goes on as task `{id}`, and its result comes by itself: there is no need to wait for \
                 it. Call `check_task` with {{\"task_id\": \"{id}\"}} to see how far it is, or `stop_task` to \
                 stop it."
            )},
        })
    );
    assert_eq!(id.len(), 36);
    sleep(Duration::from_millis(2500)).await;
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("working", "50 %: 2 s"));
    assert_eq!((&task["taskId"], &task["ttl"]), (&json!(id), &Value::Null));
    assert!(task.get("resultType").is_none() && task.get("result").is_none(), "{task}");
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let result = client.reply_to("wait").await;
    assert_eq!(
        result["result"],
        json!({
            "content": [{"type": "text", "text": "{\"seconds\":4}"}],
            "structuredContent": {"seconds": 4},
            "isError": false,
            "_meta": {RELATED: {"taskId": id}},
        })
    );
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("completed", "100 %: 4 s"));
    // From its creation to the end of its retention.
    assert_eq!(task["ttl"], 604_000);
    assert_eq!(client.fetch(&id).await["result"], result["result"], "and again");
    sleep(Duration::from_secs(601)).await;
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let reply = client.request(method, json!({"taskId": id})).await;
        assert_eq!(reply["error"], unknown(&id), "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn whatever_is_over_at_once_is_a_task_all_the_same() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("count", json!({"seconds": 0})).await;
    assert_eq!(status(&client.get(&id).await).0, "completed");
    assert_eq!(text(&client.fetch(&id).await), r#"{"seconds":0}"#);
}

/// VS Code asks nothing more of a task that has failed: its model would never read why.
#[tokio::test(start_paused = true)]
async fn an_error_of_the_tools_own_is_a_result() {
    let mut client = WithTasksOf2025::connect(server()).await;
    for (tool, arguments, message) in [
        ("count", json!({"seconds": 13}), "thirteen is bad luck"),
        ("explode", json!({}), "tool `explode` panicked: the fuse is gone"),
        ("sleep_forever", json!({}), "timed out after 60s"),
        ("count", json!({"seconds": "soon"}), "argument `seconds`: expected a whole number"),
        ("count", json!({}), "argument `seconds` is missing"),
    ] {
        let id = client.start(tool, arguments).await;
        sleep(Duration::from_secs(66)).await;
        let result = client.fetch(&id).await;
        let first = text(&result).lines().next().unwrap_or_default().to_owned();
        assert!(first.starts_with(message), "{first}");
        assert_eq!(result["result"]["isError"], true, "{result}");
        assert_eq!(result["result"]["_meta"], json!({RELATED: {"taskId": id}}));
        let task = client.get(&id).await;
        assert_eq!(status(&task).0, "completed", "{task}");
        assert!(status(&task).1.starts_with(message), "{task}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_protocol_is_the_answer_to_the_request_for_the_result() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("refuse", json!({})).await;
    let error = json!({"code": -32602, "message": "no such table", "data": {"table": 7}});
    assert_eq!(client.fetch(&id).await["error"], error);
    assert_eq!(status(&client.get(&id).await), ("failed", "no such table"));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_cancelled_is_so_at_once_and_stays_so() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("count", json!({"seconds": 3600})).await;
    sleep(Duration::from_millis(2500)).await;
    let reply = client.cancel_task(&id).await;
    assert_eq!(
        (&reply["result"]["taskId"], &reply["result"]["status"]),
        (&json!(id), &json!("cancelled"))
    );
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("cancelled", "stopped after 2 s"));
    assert_eq!(text(&client.fetch(&id).await).lines().next(), Some("stopped after 2 s"));
    // One that takes its time, and one that finishes what it does.
    for tool in ["sleep_forever", "finish_anyway"] {
        let id = client.start(tool, json!({})).await;
        assert_eq!(status(&client.cancel_task(&id).await["result"]).0, "cancelled", "{tool}");
        assert_eq!(status(&client.get(&id).await).0, "cancelled", "{tool}");
        for seconds in [0, 6] {
            sleep(Duration::from_secs(seconds)).await;
            let error = client.cancel_task(&id).await["error"].take();
            let message = format!("the task `{id}` has ended already: it is cancelled");
            assert_eq!(error, json!({"code": -32602, "message": message}), "{tool}");
        }
        assert_eq!(status(&client.get(&id).await).0, "cancelled", "{tool}");
        let result = client.fetch(&id).await;
        let is_error = tool == "sleep_forever";
        assert_eq!(result["result"]["isError"], is_error, "{result}");
    }
    // A model that stops a task does the same.
    let id = client.start("sleep_forever", json!({})).await;
    client.request("tools/call", json!({"name": "stop_task", "arguments": {"task_id": id}})).await;
    assert_eq!(status(&client.get(&id).await).0, "cancelled");
    let result = client.fetch(&id).await;
    assert_eq!(text(&result), "stopped");
}

#[tokio::test(start_paused = true)]
async fn what_has_ended_cannot_be_cancelled() {
    let mut client = WithTasksOf2025::connect(server()).await;
    for (tool, status) in [("explode", "completed"), ("refuse", "failed")] {
        let id = client.start(tool, json!({})).await;
        client.fetch(&id).await;
        let message = format!("the task `{id}` has ended already: it is {status}");
        let error = json!({"code": -32602, "message": message});
        assert_eq!(client.cancel_task(&id).await["error"], error);
    }
}

/// A timeout is no cancellation, also while the tool has its grace.
#[tokio::test(start_paused = true)]
async fn a_task_that_takes_too_long_is_not_cancelled() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("sleep_forever", json!({})).await;
    sleep(Duration::from_secs(62)).await;
    assert_eq!(status(&client.get(&id).await).0, "working");
    sleep(Duration::from_secs(5)).await;
    assert_eq!(status(&client.get(&id).await), ("completed", "timed out after 60s"));
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_with_an_error() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let no_task = |tool| format!("`{tool}` is not run as a task: call it without `task`");
    for (tool, arguments) in [("add", json!({"a": 1, "b": 2})), ("check_task", json!({}))] {
        let error = client.call_task(tool, arguments).await["error"].take();
        assert_eq!(error, json!({"code": -32601, "message": no_task(tool)}));
    }
    let error = client.call_task("cuont", json!({})).await["error"].take();
    let message = "unknown tool `cuont`; did you mean `count`?";
    assert_eq!(error, json!({"code": -32602, "message": message}));
    let params = json!({"name": "only_as_a_task", "arguments": {}});
    let error = client.request("tools/call", params).await["error"].take();
    let message = "`only_as_a_task` is only run as a task: call it with `task`";
    assert_eq!(error, json!({"code": -32601, "message": message}));
    let id = client.start("only_as_a_task", json!({})).await;
    assert_eq!(text(&client.fetch(&id).await), "done");
    let message = "`task` must be an object, and its `ttl`, if any, a number of milliseconds";
    for task in [json!(true), json!([]), json!({"ttl": "1m"})] {
        let params = json!({"name": "count", "arguments": {"seconds": 1}, "task": task});
        let error = client.request("tools/call", params).await["error"].take();
        assert_eq!(error, json!({"code": -32602, "message": message}));
    }
    let params = json!({"name": "count", "arguments": {"seconds": 1}, "task": {"ttl": null}});
    assert_eq!(client.request("tools/call", params).await["result"]["task"]["status"], "working");
    for (method, params, problem) in [
        ("tasks/get", json!({}), "missing field `taskId`"),
        ("tasks/result", json!({"taskId": 7}), "invalid type: integer `7`, expected a string"),
        ("tasks/cancel", json!({}), "missing field `taskId`"),
        ("tasks/list", json!({"cursor": 7}), "invalid type: integer `7`, expected a string"),
    ] {
        let error = client.request(method, params).await["error"].take();
        let message = format!("invalid parameters of `{method}`: {problem}");
        assert_eq!(error, json!({"code": -32602, "message": message}));
    }
    let reply = client.request("tasks/update", json!({"taskId": "t", "inputResponses": {}})).await;
    assert_eq!(reply["error"]["code"], -32601, "of another revision: {reply}");
}

#[tokio::test(start_paused = true)]
async fn there_are_no_more_tasks_than_there_may_be() {
    let mut client = WithTasksOf2025::connect(server().max_tasks(1)).await;
    let id = client.start("count", json!({"seconds": 10})).await;
    let error = client.call_task("count", json!({"seconds": 1})).await["error"].take();
    let message = "this server already runs its maximum of 1 tasks; try again later";
    assert_eq!(error, json!({"code": -32603, "message": message}));
    client.fetch(&id).await;
    client.start("count", json!({"seconds": 1})).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_sees_its_own_tasks_alone() {
    let service = server().build().expect("a server");
    let mut client = WithTasksOf2025::begin(Wire::to(&service), json!({})).await.0;
    let mut other = WithTasksOf2025::begin(Wire::to(&service), json!({})).await.0;
    let id = client.start("count", json!({"seconds": 10})).await;
    for method in ["tasks/get", "tasks/result", "tasks/cancel"] {
        let reply = other.request(method, json!({"taskId": id})).await;
        assert_eq!(reply["error"], unknown(&id), "{method}");
    }
    assert_eq!(other.request("tasks/list", json!({})).await["result"], json!({"tasks": []}));
    assert_eq!(status(&client.get(&id).await).0, "working");
}

#[tokio::test(start_paused = true)]
async fn tasks_are_listed_page_by_page() {
    let mut client = WithTasksOf2025::connect(server().max_tasks(500)).await;
    let mut ids = Vec::new();
    for number in 0..250 {
        ids.push(client.start("count", json!({"seconds": 10 + number % 2 * 100})).await);
    }
    // What was called without `task` can be asked about as well.
    client.call("plain", "count", json!({"seconds": 100})).await;
    let (mut listed, mut cursor) = (Vec::new(), json!({}));
    loop {
        let page = client.request("tasks/list", cursor).await["result"].take();
        let tasks = page["tasks"].as_array().expect("a list").clone();
        assert!(tasks.len() <= 100, "{}", tasks.len());
        listed.extend(tasks);
        // Half of them end between two pages.
        sleep(Duration::from_secs(11)).await;
        match page.get("nextCursor") {
            Some(next) => cursor = json!({"cursor": next}),
            None => break,
        }
    }
    let found: Vec<&str> =
        listed.iter().map(|task| task["taskId"].as_str().expect("an id")).collect();
    assert_eq!(found[..250], ids);
    assert_eq!(found.len(), 251);
    assert_eq!(status(&listed[0]).0, "working");
    assert_eq!((status(&listed[100]).0, status(&listed[101]).0), ("completed", "working"));
    for key in ["createdAt", "lastUpdatedAt", "ttl", "pollInterval"] {
        assert!(listed[100].get(key).is_some(), "{}", listed[100]);
    }
    let error = client.request("tasks/list", json!({"cursor": "next"})).await["error"].take();
    let message = "the cursor `next` is not one that this server gave";
    assert_eq!(error, json!({"code": -32602, "message": message}));
}

#[tokio::test(start_paused = true)]
async fn equal_calls_have_one_task() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let first =
        client.start_with("build", json!({"target": "x"}), json!({"progressToken": 1})).await;
    let second =
        client.start_with("build", json!({"target": "x"}), json!({"progressToken": 2})).await;
    assert_eq!(first, second);
    // A call that waits is a part of it, too.
    client.call("waits", "build", json!({"target": "x"})).await;
    assert_eq!(text(&client.reply_to("waits").await), "x is built");
    let result = client.fetch(&first).await;
    assert_eq!(text(&result), "x is built");
    for token in [1, 2] {
        let progress = client.heard_of("notifications/progress");
        let heard = progress.iter().filter(|params| params["progressToken"] == token);
        assert_eq!(heard.count(), 2, "{progress:?}");
    }
    let ended = client.heard_of("notifications/tasks/status");
    let ended = ended.iter().filter(|task| task["status"] == "completed").count();
    assert_eq!(ended, 1, "of one task it is told once");
}

/// The protocol of callbacks is the better way.
#[tokio::test(start_paused = true)]
async fn a_client_of_mcpc_has_its_callbacks() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let arguments = in_task("mine", json!({"seconds": 1}));
    let reply = client.call_task("count", arguments).await;
    assert_eq!(parse(&text(&reply))["event"], "created", "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_before_its_reply_leaves_no_task() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let params = json!({"name": "count", "arguments": {"seconds": 3600}, "task": {}});
    let lines = [
        messages::request("call", "tools/call", params),
        messages::cancel("call"),
        messages::request("list", "tasks/list", json!({})),
    ];
    client.send(&lines.join("\n")).await;
    let tasks = client.reply_to("list").await["result"]["tasks"].take();
    // It may have been answered before that was read: then its client knows of the task.
    let is_answered = client.heard.iter().any(|message| message["id"] == "call");
    let is_gone = |task: &Value| status(task).0 == "cancelled";
    assert!(is_answered || tasks.as_array().expect("a list").iter().all(is_gone), "{tasks}");
}

/// A request for the result is answered also where the client goes away.
#[tokio::test(start_paused = true)]
async fn whoever_waits_for_a_result_hears_of_the_end_of_the_input() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("finish_anyway", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    sleep(Duration::from_secs(1)).await;
    let rest = client.finish().await;
    let reply = rest.iter().map(|line| parse(line)).find(|line| line["id"] == "wait");
    assert_eq!(text(&reply.expect("an answer")), "half of it is done");
}

#[tokio::test(start_paused = true)]
async fn a_request_for_the_result_that_is_cancelled_leaves_the_task() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("count", json!({"seconds": 10})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    client.cancel("wait").await;
    sleep(Duration::from_secs(11)).await;
    assert_eq!(status(&client.get(&id).await).0, "completed");
    assert_eq!(text(&client.fetch(&id).await), r#"{"seconds":10}"#);
    assert!(client.heard.iter().all(|message| message["id"] != "wait"));
}

/// A request may speak a later protocol than its session.
#[tokio::test(start_paused = true)]
async fn a_request_of_a_later_protocol_has_that_ones_tasks() {
    let mut client = WithTasksOf2025::connect(server().task_patience(Duration::ZERO)).await;
    let params =
        json!({"name": "count", "arguments": {"seconds": 10}, "task": {}, "_meta": meta()});
    let reply = client.request("tools/call", params).await;
    assert_eq!(reply["result"]["resultType"], "task", "{reply}");
}
