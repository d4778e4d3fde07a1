//! A client of the Tasks extension (SEP-2663, MCP 2026-07-28): it gets a task, and asks about it.

use std::time::Duration;

use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::clients::{rest_of_task, status};
use crate::support::messages::TASKS;
use crate::support::{Plain, Wire, WithTasks, in_task, notification, parse, texts};

/// Counts seconds, and says so.
#[mcpc::background]
async fn count(seconds: u64, updates: Sender) -> Result<Value, String> {
    for second in 1..=seconds {
        tokio::select! {
            () = updates.stopped() => return Err(format!("stopped after {} s", second - 1)),
            () = sleep(Duration::from_secs(1)) => {}
        }
        if second % 2 == 0 {
            updates.progress(second, seconds, format!("{second} s"));
        } else {
            updates.send(format!("second {second}")).await;
        }
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
    "half of it is done"
}

/// Says something a hundred times a second, for two.
#[mcpc::background]
async fn flood(updates: Sender) {
    for number in 0..200 {
        sleep(Duration::from_millis(10)).await;
        updates.send(number).await;
    }
}

#[mcpc::background]
async fn announce(updates: Sender) {
    updates.emit("news", json!({"of": "today"})).await;
}

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn server() -> Server {
    Server::new("tasks")
        .tools(tools![count, explode, sleep_forever, finish_anyway, flood, announce, add])
        .retention(Duration::from_secs(600))
        .task_patience(Duration::ZERO)
}

#[tokio::test(start_paused = true)]
async fn a_call_starts_a_task_and_the_client_asks_about_it() {
    let mut client = WithTasks::open(server());
    let created = client.call("count", json!({"seconds": 4})).await;
    let id = created["taskId"].as_str().expect("an id").to_owned();
    let created_at = &created["createdAt"];
    assert_eq!(
        created,
        json!({
            "resultType": "task", "taskId": id, "status": "working", "createdAt": created_at,
            "lastUpdatedAt": created_at, "ttlMs": null, "pollIntervalMs": 1000,
            "_meta": {"com.anthropic/agent-task": {"modelImmediateResponse": format!(
                "`count` goes on as task `{id}`, and its result comes by itself: there is no need to wait for \
                 it. Call `check_task` with {{\"task_id\": \"{id}\"}} to see how far it is, or `stop_task` to \
                 stop it."
            )}},
        })
    );
    assert_eq!(id.len(), 36);
    assert_eq!(created_at.as_str().map(str::len), Some("2026-07-28T12:00:00.000Z".len()));
    for (millis, message) in [(500, ""), (1000, "second 1"), (1000, "50 %: 2 s")] {
        sleep(Duration::from_millis(millis)).await;
        let task = client.get(&id).await;
        assert_eq!(status(&task), ("working", message));
        assert_eq!((&task["resultType"], &task["ttlMs"]), (&json!("complete"), &Value::Null));
    }
    sleep(Duration::from_millis(2000)).await;
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("completed", "100 %: 4 s"));
    // From its creation to the end of its retention.
    assert_eq!(task["ttlMs"], 604_000);
    assert_eq!(
        task["result"],
        json!({
            "resultType": "complete",
            "content": [{
                "type": "text",
                "text": "{\"seconds\":4}\n\nUpdates while it ran:\nsecond 1\nsecond 3",
            }],
            "isError": false,
        })
    );
    assert_eq!(client.get(&id).await, task, "and it can be asked about again");
    sleep(Duration::from_secs(601)).await;
    let reply = client.request("tasks/get", json!({"taskId": id})).await;
    assert_eq!(reply["error"]["code"], -32602, "{reply}");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_tools_own_is_a_result() {
    let mut client = WithTasks::open(server());
    for (tool, seconds, message) in [
        ("count", 13, "thirteen is bad luck"),
        ("explode", 0, "tool `explode` panicked: the fuse is gone"),
        ("sleep_forever", 0, "timed out after 60s"),
    ] {
        let arguments = if tool == "count" { json!({"seconds": seconds}) } else { json!({}) };
        let id = client.start(tool, arguments).await;
        sleep(Duration::from_secs(66)).await;
        let task = client.get(&id).await;
        assert_eq!(status(&task), ("completed", message), "{task}");
        assert_eq!(task["result"]["isError"], true, "{task}");
        assert_eq!(texts(&task)[0].lines().next(), Some(message));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_can_be_cancelled() {
    let mut client = WithTasks::open(server());
    let id = client.start("count", json!({"seconds": 3600})).await;
    sleep(Duration::from_millis(2500)).await;
    let reply = client.cancel(&id).await;
    assert_eq!(reply["result"], json!({"resultType": "complete"}), "{reply}");
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("cancelled", "stopped after 2 s"));
    assert!(task.get("result").is_none() && task.get("error").is_none(), "{task}");
    // Once more changes nothing.
    assert_eq!(client.cancel(&id).await["result"], json!({"resultType": "complete"}));
    assert_eq!(client.get(&id).await, task);
    // One that does not listen has the grace, one that finishes has its result.
    let stubborn = client.start("sleep_forever", json!({})).await;
    let finishing = client.start("finish_anyway", json!({})).await;
    client.cancel(&stubborn).await;
    client.cancel(&finishing).await;
    assert_eq!(status(&client.get(&stubborn).await), ("working", ""));
    sleep(Duration::from_secs(5)).await;
    assert_eq!(status(&client.get(&stubborn).await), ("cancelled", "stopped"));
    let task = client.get(&finishing).await;
    assert_eq!((status(&task).0, &task["result"]["isError"]), ("completed", &json!(false)));
    assert_eq!(texts(&task), ["half of it is done"]);
}

/// The token of such a call is nobody's: the client would close the connection on it.
#[tokio::test(start_paused = true)]
async fn a_task_sends_no_progress() {
    let mut client = WithTasks::open(server());
    client.meta["progressToken"] = json!("token");
    client.start("count", json!({"seconds": 100})).await;
    sleep(Duration::from_secs(200)).await;
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn inputs_that_no_task_asked_for_are_acknowledged() {
    let mut client = WithTasks::open(server());
    let id = client.start("count", json!({"seconds": 10})).await;
    let params = json!({"taskId": id, "inputResponses": {"q": {"action": "accept"}}});
    let reply = client.request("tasks/update", params).await;
    assert_eq!(reply["result"], json!({"resultType": "complete"}), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn what_is_answered_with_an_error() {
    let mut client = WithTasks::open(server());
    let mut other = WithTasks::open(server());
    let id = other.start("count", json!({"seconds": 3600})).await;
    for method in ["tasks/get", "tasks/cancel", "tasks/update"] {
        for id in [id.as_str(), "never"] {
            let params = json!({"taskId": id, "inputResponses": {}});
            let reply = client.request(method, params).await;
            let message = format!(
                "unknown task `{id}` (results are kept for a limited time after a task ends)"
            );
            assert_eq!(reply["error"], json!({"code": -32602, "message": message}), "{method}");
        }
        let reply = client.request(method, json!({})).await;
        assert_eq!(reply["error"]["code"], -32602, "{method} without an id: {reply}");
    }
    // Bad arguments start nothing.
    let reply = client.call("count", json!({"secs": 1})).await;
    assert_eq!((&reply["resultType"], &reply["isError"]), (&json!("complete"), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn too_many_tasks_are_refused() {
    let mut client = WithTasks::open(server().max_tasks(1));
    client.start("count", json!({"seconds": 9})).await;
    let reply = client.call("count", json!({"seconds": 9})).await;
    assert_eq!(reply["isError"], true);
    let text = "this server already runs its maximum of 1 tasks; try again later";
    assert_eq!(reply["content"][0]["text"], text);
    sleep(Duration::from_secs(9)).await;
    client.start("count", json!({"seconds": 1})).await;
}

#[tokio::test]
async fn a_plain_tool_is_answered_at_once() {
    let mut client = WithTasks::open(server());
    let reply = client.call("add", json!({"a": 2, "b": 40})).await;
    assert_eq!(
        (&reply["resultType"], texts(&json!({"result": reply}))[0].as_str()),
        (&json!("complete"), "42")
    );
}

#[tokio::test]
async fn the_server_declares_the_extension_and_lists_the_control_tools_for_everyone() {
    let mut client = WithTasks::open(server());
    let reply = client.request("server/discover", json!({})).await;
    assert_eq!(
        reply["result"]["capabilities"],
        json!({"extensions": {TASKS: {}}, "logging": {}, "tools": {}})
    );
    let names = |reply: &Value| -> Vec<String> {
        let tools = reply["result"]["tools"].as_array().expect("a list").iter();
        tools.map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
    };
    let listed = names(&client.request("tools/list", json!({})).await);
    assert_eq!(listed[6..], ["add", "check_task", "stop_task", "message_task"]);
    client.forget_tasks();
    assert_eq!(names(&client.request("tools/list", json!({})).await), listed);
}

#[tokio::test]
async fn a_server_without_tasks_knows_nothing_of_them() {
    let mut client = WithTasks::open(Server::new("plain").tools(tools![add]));
    let reply = client.request("server/discover", json!({})).await;
    assert_eq!(reply["result"]["capabilities"], json!({"tools": {}}));
    let reply = client.request("tasks/get", json!({"taskId": "t"})).await;
    assert_eq!(reply["error"]["code"], -32601);
}

/// A client that declares the extension and then speaks a protocol that does not know it.
#[tokio::test(start_paused = true)]
async fn a_session_of_an_older_protocol_has_no_tasks() {
    let about = json!({
        "protocolVersion": "2025-06-18", "clientInfo": {"name": "raw", "version": "1"},
        "capabilities": {"extensions": {TASKS: {}}},
    });
    let (mut client, began) = Plain::begin_with(Wire::open(server()), about).await;
    assert_eq!(began["capabilities"], json!({"logging": {}, "tools": {}}));
    let (text, is_error) = client.ask("count", json!({"seconds": 2})).await;
    assert_eq!((text.lines().next(), is_error), (Some(r#"{"seconds":2}"#), false));
    assert_eq!(client.list().await.len(), 10, "and its control tools");
    let reply = client.request("tasks/get", json!({"taskId": "t"})).await;
    assert_eq!(reply["error"]["code"], -32601);
}

/// A client that did not declare the extension speaks the newest protocol, and is served as any other.
#[tokio::test(start_paused = true)]
async fn a_call_that_did_not_declare_it_gets_no_task() {
    let mut client = WithTasks::open(server());
    client.forget_tasks();
    let params = json!({"name": "count", "arguments": {"seconds": 1}});
    let reply = client.request("tools/call", params).await;
    let text = "{\"seconds\":1}\n\nUpdates while it ran:\nsecond 1";
    assert_eq!(texts(&reply), [text], "{reply}");
    let reply = client.request("tasks/get", json!({"taskId": "t"})).await;
    assert_eq!(reply["error"]["code"], -32021, "{reply}");
}

/// A call that brings MCPC's metadata is MCPC, whatever else the client can do; and the task is one task.
#[tokio::test(start_paused = true)]
async fn mcpc_comes_first() {
    let mut client = WithTasks::open(server());
    let reply = client.call("count", in_task("t", json!({"seconds": 2}))).await;
    let created = parse(&texts(&json!({"result": reply}))[0]);
    assert_eq!(created["event"], "created");
    let events = rest_of_task(&mut client).await;
    assert_eq!(events[2], ("complete".to_owned(), json!({"seconds": 2})));
    let task = client.get("t").await;
    assert_eq!(status(&task), ("completed", "100 %: 2 s"));
}

/// A cancellation that is read before the reply: the client will never know the task's id.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_at_once_leaves_no_task_behind() {
    // A call that is answered at once cannot be cancelled any more.
    let patience = Duration::from_millis(500);
    let mut client = WithTasks::open(server().max_tasks(1).task_patience(patience));
    client.request("server/discover", json!({})).await;
    for id in 0..100 {
        let params = json!({"name": "count", "arguments": {"seconds": 3600}});
        let call = client.line_of(id, "tools/call", params);
        let params = json!({"requestId": id, "_meta": client.meta});
        let cancel = notification("notifications/cancelled", params);
        client.send(&format!("{call}\n{cancel}")).await;
    }
    sleep(Duration::from_secs(1)).await;
    client.send_call("last", "count", json!({"seconds": 1})).await;
    loop {
        let reply = client.value().await;
        if reply["id"] == "last" {
            break assert_eq!(reply["result"]["resultType"], "task", "{reply}");
        }
        // Read before the one whose task it found had ended: this was answered at once.
        assert_eq!(reply["result"]["isError"], true, "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_listens_is_told() {
    let mut client = WithTasks::open(server());
    let mut other = WithTasks::open(server());
    let foreign = other.start("count", json!({"seconds": 3600})).await;
    let counting = client.start("count", json!({"seconds": 3})).await;
    let stubborn = client.start("sleep_forever", json!({})).await;
    let ids = json!([counting, "never", foreign, counting, stubborn]);
    let params = json!({
        "_meta": {"io.modelcontextprotocol/subscriptionId": "listen"},
        "notifications": {"taskIds": [counting, stubborn]},
    });
    let acknowledged = client.listen(ids).await;
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    assert_eq!(acknowledged["params"], params);
    for message in ["second 1", "66.67 %: 2 s"] {
        assert_eq!(status(&client.heard().await), ("working", message));
    }
    let told = client.heard().await;
    let mut asked = client.get(&counting).await;
    asked.as_object_mut().expect("an object").remove("resultType");
    assert_eq!(told, asked, "the same as tasks/get tells");
    // One that is stopped, by the end of the input at last.
    let rest = client.finish().await;
    let [told, reply] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(status(&parse(told)["params"]), ("cancelled", "stopped"));
    assert_eq!(parse(reply)["id"], "listen");
}

#[tokio::test(start_paused = true)]
async fn a_listener_hears_ten_times_a_second_at_most() {
    let mut client = WithTasks::open(server());
    let id = client.start("flood", json!({})).await;
    client.listen(json!([id])).await;
    let mut times = 0;
    while status(&client.heard().await).0 == "working" {
        times += 1;
    }
    assert!((15..=21).contains(&times), "{times} times in two seconds");
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_cancelled_hears_nothing() {
    let mut client = WithTasks::open(server());
    let id = client.start("count", json!({"seconds": 3600})).await;
    client.listen(json!([id])).await;
    assert_eq!(status(&client.heard().await), ("working", "second 1"));
    client.cancel_request("listen").await;
    sleep(Duration::from_secs(60)).await;
    client.cancel(&id).await;
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test]
async fn whoever_listens_without_the_extension_is_told_what_is_missing() {
    let mut client = WithTasks::open(server());
    client.forget_tasks();
    let reply = client.listen(json!(["t"])).await;
    let required = json!({"extensions": {TASKS: {}}});
    assert_eq!(reply["error"]["code"], -32021);
    assert_eq!(reply["error"]["data"], json!({"requiredCapabilities": required}));
}

/// What the event of a session becomes where there are no callbacks: if, and only if, it is asked for.
#[tokio::test(start_paused = true)]
async fn a_server_event_is_a_log_message_to_whom_wants_it() {
    let mut client = WithTasks::open(server());
    for (level, heard) in [(None, false), (Some("info"), true), (Some("warning"), false)] {
        client.forget_tasks();
        if let Some(level) = level {
            client.meta["io.modelcontextprotocol/logLevel"] = json!(level);
        }
        client.send_call(1, "announce", json!({})).await;
        if heard {
            let data = json!({"event": "news", "data": {"of": "today"}});
            let params = json!({"level": "info", "logger": "announce", "data": data});
            let notification = parse(&notification("notifications/message", params));
            assert_eq!(client.value().await, notification);
        }
        assert_eq!(client.value().await["id"], 1, "{level:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_a_session_the_level_is_set_once() {
    let mut client = Plain::connect(server()).await;
    for (level, heard) in [(None, true), (Some("notice"), false), (Some("debug"), true)] {
        if let Some(level) = level {
            assert_eq!(client.set_log_level(level).await["result"], json!({}));
        }
        client.call(1, "announce", json!({})).await;
        if heard {
            assert_eq!(client.value().await["method"], "notifications/message", "{level:?}");
        }
        assert_eq!(client.value().await["id"], 1, "{level:?}");
    }
}

/// Works for a while, and says nothing about it.
#[mcpc::background]
async fn work(millis: u64, updates: Sender) -> Result<Value, &'static str> {
    tokio::select! {
        () = sleep(Duration::from_millis(millis)) => Ok(json!({ "worked": millis })),
        () = updates.stopped() => Err("stopped"),
    }
}

/// The same, and its author wants a task at once.
#[mcpc::background(patience = "0s")]
async fn work_at_once(millis: u64) -> u64 {
    sleep(Duration::from_millis(millis)).await;
    millis
}

/// The same, and its author would have others wait for long.
#[mcpc::background(patience = "10m")]
async fn work_patiently(millis: u64) -> u64 {
    sleep(Duration::from_millis(millis)).await;
    millis
}

fn working() -> Server {
    Server::new("working").tools(tools![work, work_at_once, work_patiently])
}

#[tokio::test(start_paused = true)]
async fn what_is_over_within_a_second_is_a_result_and_no_task() {
    let mut client = WithTasks::open(working());
    let started = tokio::time::Instant::now();
    let reply = client.call("work", json!({"millis": 999})).await;
    assert_eq!(
        reply,
        json!({
            "resultType": "complete", "isError": false, "structuredContent": {"worked": 999},
            "content": [{"type": "text", "text": "{\"worked\":999}"}],
        })
    );
    assert_eq!(started.elapsed().as_millis(), 999);
    client.start("work", json!({"millis": 5000})).await;
    assert_eq!(started.elapsed().as_millis(), 1999);
    client.start("work_at_once", json!({"millis": 1})).await;
    assert_eq!(started.elapsed().as_millis(), 1999);
    client.start("work_patiently", json!({"millis": 5000})).await;
    assert_eq!(started.elapsed().as_millis(), 2999, "patience is for those who have no tasks");
    let mut client = WithTasks::open(working().task_patience(Duration::from_secs(9)));
    let reply = client.call("work", json!({"millis": 8000})).await;
    assert_eq!(reply["structuredContent"], json!({"worked": 8000}));
}

/// A client that takes tasks waits for none that it will not hear of.
#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_within_its_first_second_stops_what_it_started() {
    let mut client = WithTasks::open(working().max_tasks(1));
    client.request("server/discover", json!({})).await;
    client.send_call(1, "work", json!({"millis": 9000})).await;
    sleep(Duration::from_millis(500)).await;
    client.cancel_request(1).await;
    sleep(Duration::from_millis(10)).await;
    client.start("work_at_once", json!({"millis": 1})).await;
}

/// What a person sees is no JSON.
#[mcpc::background]
async fn builds(updates: Sender) {
    updates.send(json!({"step": "link", "files": [1, 2], "took": {"s": 3}})).await;
    sleep(Duration::from_secs(1)).await;
    updates.output("warning: unused").await;
    sleep(Duration::from_secs(1)).await;
    updates.status("testing");
    sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn a_status_reads_well_to_a_person() {
    let server = Server::new("builds").tools(tools![builds]).task_patience(Duration::ZERO);
    let mut client = WithTasks::open(server);
    let id = client.start("builds", json!({})).await;
    for message in ["step: link, files: (1, 2), took: (s: 3)", "warning: unused", "testing"] {
        sleep(Duration::from_millis(900)).await;
        assert_eq!(status(&client.get(&id).await), ("working", message));
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_looks_after_a_task_with_the_tools_for_that() {
    let mut client = WithTasks::open(working().control_prefix("w_"));
    let created = client.call("work", json!({"millis": 90_000})).await;
    let id = created["taskId"].as_str().expect("an id").to_owned();
    let note = &created["_meta"]["com.anthropic/agent-task"]["modelImmediateResponse"];
    assert!(note.as_str().is_some_and(|note| note.contains("`w_check_task`")), "{note}");
    let twin = client.call("work", json!({"millis": 90_000})).await;
    let note = &twin["_meta"]["com.anthropic/agent-task"]["modelImmediateResponse"];
    let same = format!("Task `{id}` runs `work` with the same arguments since before.");
    assert!(note.as_str().is_some_and(|note| note.ends_with(&same)), "{note}");
    let checked = client.call("w_check_task", json!({"task_id": id})).await;
    let text = checked["content"][0]["text"].as_str().expect("a text");
    assert!(text.starts_with(&format!("Task `{id}` (`work`) is running.")), "{text}");
    client.call("w_stop_task", json!({"task_id": id})).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(status(&client.get(&id).await), ("cancelled", "stopped"));
}
