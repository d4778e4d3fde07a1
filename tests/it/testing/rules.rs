use std::time::Duration;

use mcpc::testing::As;
use serde_json::{Value, json};

use super::fake::{connect, reply, text};

/// What a server says to a call.
type Says = fn(&Value) -> Vec<String>;

fn ids(call: &Value) -> (&str, &str) {
    let ids = &call["params"]["arguments"]["_metadata"];
    (
        ids["mcpc_session_id"].as_str().expect("a session"),
        ids["mcpc_task_id"].as_str().expect("a task"),
    )
}

fn message(call: &Value, event: &str) -> String {
    let (session_id, task_id) = ids(call);
    let tool = &call["params"]["name"];
    json!({
        "type": "task", "event": event, "session_id": session_id, "task_id": task_id,
        "tool_name": tool, "result": null, "protocol": "mcpc",
    })
    .to_string()
}

fn created(call: &Value) -> String {
    reply(call, text(&message(call, "created")))
}

fn callback_of(text: &str) -> String {
    let mut result = super::fake::text(text);
    result["isError"] = json!(false);
    json!({"jsonrpc": "2.0", "id": "MCPC_CALLBACK", "result": result}).to_string()
}

fn callback(call: &Value, event: &str) -> String {
    callback_of(&message(call, event))
}

fn progress(token: &Value, number: Value) -> String {
    let params = json!({"progressToken": token, "progress": number});
    json!({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}).to_string()
}

fn task(call: &Value) -> String {
    let task =
        json!({"resultType": "task", "taskId": "t", "status": "working", "pollIntervalMs": 1000});
    reply(call, task)
}

/// What breaks each rule, for which client, and what is said of it.
const BROKEN: [(&str, As, Says); 29] = [
    ("a line is not JSON", As::Plain, |call| vec!["nonsense".into(), reply(call, text("ok"))]),
    ("a line is not a message of JSON-RPC 2.0", As::Plain, |call| {
        vec![json!({"id": 99, "result": {}}).to_string(), reply(call, text("ok"))]
    }),
    ("a method is not a string", As::Plain, |call| {
        vec![json!({"jsonrpc": "2.0", "method": 5}).to_string(), reply(call, text("ok"))]
    }),
    ("a reply to a request that the client did not make", As::Plain, |call| {
        let other = json!({"jsonrpc": "2.0", "id": 99, "result": {}}).to_string();
        vec![other, reply(call, text("ok"))]
    }),
    ("a second reply to a request", As::Plain, |call| {
        vec![reply(call, text("ok")), reply(call, text("ok"))]
    }),
    ("has no reply", As::Plain, |_| vec![]),
    ("a reply has either a result or an error", As::Plain, |call| {
        let mut both: Value = serde_json::from_str(&reply(call, text("ok"))).expect("JSON");
        both["error"] = json!({"code": 1, "message": "no"});
        vec![both.to_string()]
    }),
    ("an error has a number as its code, and a message", As::Plain, |call| {
        let error = json!({"jsonrpc": "2.0", "id": call["id"], "error": {"code": "x"}});
        vec![error.to_string()]
    }),
    ("a result has a list of content", As::Plain, |call| vec![reply(call, json!({}))]),
    ("a result has a list of content", As::Plain, |call| {
        vec![reply(call, json!({"content": [{"type": "text"}]}))]
    }),
    ("`isError` is true or false", As::Plain, |call| {
        vec![reply(call, json!({"content": [], "isError": "no"}))]
    }),
    ("structured content is an object", As::Plain, |call| {
        vec![reply(call, json!({"content": [], "structuredContent": 42}))]
    }),
    (
        "a client that does not declare `io.modelcontextprotocol/tasks` gets a task",
        As::Plain,
        |call| vec![task(call)],
    ),
    ("a client that does not speak MCPC gets a callback", As::Progress, |call| {
        vec![reply(call, text("ok")), callback_of("{}")]
    }),
    ("a client that does not speak MCPC is answered with a message of it", As::Plain, |call| {
        let message = r#"{"type":"task","event":"created","session_id":"s","task_id":"t","tool_name":"x","result":null,"protocol":"mcpc"}"#;
        vec![reply(call, text(message))]
    }),
    ("progress for a token that the client did not give", As::Plain, |call| {
        vec![progress(&call["id"], json!(1)), reply(call, text("ok"))]
    }),
    ("progress that does not increase", As::Progress, |call| {
        let token = &call["params"]["_meta"]["progressToken"];
        vec![progress(token, json!(1)), progress(token, json!(1)), reply(call, text("ok"))]
    }),
    ("progress without a number", As::Progress, |call| {
        let token = &call["params"]["_meta"]["progressToken"];
        vec![progress(token, json!("half")), reply(call, text("ok"))]
    }),
    ("a total that is not a number", As::Progress, |call| {
        let token = &call["params"]["_meta"]["progressToken"];
        let half =
            progress(token, json!(1)).replace("\"progress\":1", "\"progress\":1,\"total\":\"2\"");
        vec![half, reply(call, text("ok"))]
    }),
    ("progress after the reply to its call", As::Codex, |call| {
        let token = &call["params"]["_meta"]["progressToken"];
        vec![reply(call, text("ok")), progress(token, json!(1))]
    }),
    ("a callback is a message of MCPC, with all of its keys", As::Mcpc, |call| {
        vec![created(call), callback_of("half"), callback(call, "complete")]
    }),
    ("a callback after the end of its task", As::Mcpc, |call| {
        vec![created(call), callback(call, "complete"), callback(call, "update")]
    }),
    ("`created` is a reply, not a callback", As::Mcpc, |call| {
        vec![created(call), callback(call, "created"), callback(call, "complete")]
    }),
    ("a callback of a task that the client did not start", As::Mcpc, |call| {
        let other = callback(call, "complete").replace(ids(call).1, "other");
        vec![created(call), other, callback(call, "complete")]
    }),
    ("an event that a task of MCPC does not have", As::Mcpc, |call| {
        vec![created(call), callback(call, "paused"), callback(call, "complete")]
    }),
    ("another task was created than the call names", As::Mcpc, |call| {
        let other = created(call).replace(ids(call).1, "other");
        vec![other, callback(call, "complete")]
    }),
    ("the reply of a task of MCPC is `created`", As::Mcpc, |call| {
        vec![reply(call, text(&message(call, "complete")))]
    }),
    ("has no end", As::Mcpc, |call| vec![created(call)]),
    ("a client that does not listen for tasks hears of one", As::Tasks, |call| {
        let params = json!({"taskId": "t", "status": "working"});
        let hears = json!({"jsonrpc": "2.0", "method": "notifications/tasks", "params": params});
        vec![hears.to_string(), reply(call, text("ok"))]
    }),
];

/// Calls the tool, and lets everything be said that the server has to say.
async fn broken(persona: As, tool: &str, says: Says) -> Vec<String> {
    let (client, _) = connect(persona, move |message| match message["method"].as_str() {
        Some("tools/call") => says(message),
        Some("tasks/get") => {
            vec![reply(
                message,
                json!({"taskId": "t", "status": "completed", "result": text("ok")}),
            )]
        }
        _ => vec![],
    })
    .await;
    let _ = tokio::time::timeout(Duration::from_secs(10), client.call(tool, json!({}))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let said = std::panic::AssertUnwindSafe(client.leave());
    match futures::FutureExt::catch_unwind(said).await {
        Ok(_) => Vec::new(),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().expect("a text");
            let rules = text.split("\nthe last lines:").next().expect("a first part");
            rules.lines().skip(1).map(str::to_owned).collect()
        }
    }
}

#[tokio::test(start_paused = true)]
async fn each_broken_rule_is_found_and_named() {
    for (rule, persona, says) in BROKEN {
        let found = broken(persona, "work", says).await;
        assert!(found.iter().any(|it| it.contains(rule)), "{rule}: {found:#?}");
        assert_eq!(found.len(), 1, "{rule}: {found:#?}");
    }
}

/// What breaks each rule of a task of MCP, as it is created and as it is asked about.
#[tokio::test(start_paused = true)]
async fn each_broken_rule_of_a_task_of_mcp_is_found_and_named() {
    let created = || json!({"resultType": "task", "taskId": "t", "status": "working"});
    let completed = || json!({"taskId": "t", "status": "completed", "result": text("ok")});
    for (rule, created, statuses) in [
        (
            "a task has an id",
            json!({"resultType": "task", "status": "working"}),
            vec![json!({"status": "completed", "result": text("ok")})],
        ),
        ("a task has a status", created(), vec![json!({"taskId": "t"}), completed()]),
        (
            "the status of another task than the one that was asked about",
            created(),
            vec![json!({"taskId": "other", "status": "working"}), completed()],
        ),
    ] {
        let statuses = std::sync::Mutex::new(statuses.into_iter());
        let (client, _) = connect(As::Tasks, move |message| {
            let status = || statuses.lock().expect("no panic").next().expect("it has ended");
            let is_call = message["method"] == "tools/call";
            vec![reply(message, if is_call { created.clone() } else { status() })]
        })
        .await;
        assert_eq!(client.call("work", json!({})).await.result(), Ok("ok"), "{rule}");
        let found = client.broken_rules();
        assert!(matches!(&*found, [one] if one.starts_with(rule)), "{rule}: {found:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_created_twice_is_found() {
    let (client, _) = connect(As::Mcpc, |message| match message["method"].as_str() {
        Some("tools/call") => vec![created(message)],
        _ => vec![],
    })
    .await;
    let ids = json!({"_metadata": {"mcpc_session_id": "s", "mcpc_task_id": "t"}});
    for _ in 0..2 {
        client.request("tools/call", json!({"name": "work", "arguments": ids})).await;
    }
    let found = client.broken_rules();
    let rule = "a task is created twice";
    assert!(matches!(&*found, [one] if one.starts_with(rule)), "{found:#?}");
}

/// The token of a request of a test's own is any.
#[tokio::test(start_paused = true)]
async fn progress_is_of_the_request_that_gave_its_token() {
    let (client, _) = connect(As::Plain, |call| {
        if call["method"] != "tools/call" {
            return vec![];
        }
        let token = &call["params"]["_meta"]["progressToken"];
        vec![progress(token, json!(1)), reply(call, text("ok")), progress(token, json!(2))]
    })
    .await;
    for token in [json!("mine"), json!(0)] {
        let call = json!({"name": "work", "_meta": {"progressToken": token}});
        client.request("tools/call", call).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let found = client.broken_rules();
    let rule = "progress after the reply to its call";
    assert!(found.len() == 2 && found.iter().all(|it| it.starts_with(rule)), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_of_a_call_is_its_id_however_many_call_at_once() {
    let (client, told) = connect(As::Progress, |_| vec![]).await;
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..500).for_each(|_| drop(client.start("work", json!({})))));
        }
    });
    let is_all = || told.lock().expect("no panic").len() >= 2_003;
    while !is_all() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let told = told.lock().expect("no panic");
    let calls = told.iter().map(|line| crate::support::messages::parse(line));
    let calls: Vec<Value> = calls.filter(|call| call["method"] == "tools/call").collect();
    assert_eq!(calls.len(), 2_000);
    for call in calls {
        assert_eq!(call["params"]["_meta"]["progressToken"], call["id"]);
    }
}

/// As MCPC's reference says it: a callback may come before `created`, and keys have no order.
#[tokio::test(start_paused = true)]
async fn callbacks_of_another_server_have_no_order_that_mcpc_does_not_ask_for() {
    let says: Says = |call| {
        let end: serde_json::Map<String, Value> =
            serde_json::from_str(&message(call, "complete")).expect("an object");
        let end: serde_json::Map<String, Value> = end.into_iter().rev().collect();
        vec![callback(call, "update"), created(call), callback_of(&Value::Object(end).to_string())]
    };
    assert_eq!(broken(As::Mcpc, "work", says).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn nothing_is_found_where_the_rules_are_kept() {
    let answer: Says =
        |call| vec![reply(call, json!({"content": [], "structuredContent": {"answer": 42}}))];
    let tasks: Says =
        |call| vec![created(call), callback(call, "update"), callback(call, "complete")];
    let heard: Says = |call| {
        let token = &call["params"]["_meta"]["progressToken"];
        let result = json!({"content": [], "structuredContent": {"answer": 42}});
        vec![progress(token, json!(0.5)), progress(token, json!(1)), reply(call, result)]
    };
    for (persona, says) in [
        (As::Plain, answer),
        (As::Mcpc, answer),
        (As::Mcpc, tasks),
        (As::Progress, heard),
        (As::Tasks, answer),
        (As::Tasks, |call| vec![task(call)]),
    ] {
        let none: Vec<String> = Vec::new();
        assert_eq!(broken(persona, "work", says).await, none, "{persona}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_promise_of_structured_content_is_to_be_kept() {
    let kept: Says =
        |call| vec![reply(call, json!({"content": [], "structuredContent": {"answer": 42}}))];
    let other: Says =
        |call| vec![reply(call, json!({"content": [], "structuredContent": {"other": 42}}))];
    let none: Says = |call| vec![reply(call, text("42"))];
    let error: Says = |call| vec![reply(call, json!({"content": [], "isError": true}))];
    for (says, is_broken) in [(kept, false), (other, true), (none, true), (error, false)] {
        let found = broken(As::Plain, "promises", says).await;
        let rule = "a result without the structured content that its tool promises";
        assert_eq!(found.iter().any(|it| it.contains(rule)), is_broken, "{found:#?}");
    }
}

/// Since MCP 2026-07-28 it may be any JSON value.
#[tokio::test(start_paused = true)]
async fn structured_content_of_any_kind_is_for_newer_clients_alone() {
    let number: Says = |call| vec![reply(call, json!({"content": [], "structuredContent": 42}))];
    let none: Says = |call| vec![reply(call, text("42"))];
    let promise = "a result without the structured content that its tool promises";
    for (persona, tool, says, rule) in [
        (As::Tasks, "work", number, None),
        (As::Tasks, "promises_a_number", number, None),
        (As::Tasks, "promises_a_number", none, Some(promise)),
        (As::Tasks, "promises", number, Some(promise)),
        (As::Plain, "promises_a_number", number, Some("structured content is an object")),
    ] {
        let found = broken(persona, tool, says).await;
        let found: Vec<&str> = found.iter().map(|it| it.split(": ").next().expect("one")).collect();
        let rule = rule.map(|rule| format!("- {rule}"));
        assert_eq!(found, rule.iter().collect::<Vec<_>>(), "{persona} {tool}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_keeps_the_promise_of_its_tool() {
    let found = broken(As::Tasks, "promises", |call| vec![task(call)]).await;
    let rule = "a result without the structured content that its tool promises";
    assert!(matches!(&*found, [one] if one.contains(rule)), "{found:#?}");
}

/// As the protocol has it: the server makes an id for a call without one.
#[tokio::test(start_paused = true)]
async fn a_task_that_the_server_names_is_one_that_the_client_started() {
    let server = || mcpc::Server::new("s").tools(mcpc::tools![quick]);
    let client = mcpc::testing::connect(server, As::Mcpc).await;
    let reply = client.request("tools/call", json!({"name": "quick"})).await;
    assert!(reply.to_string().contains("created"), "{reply}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(client.transcript().contains("complete"), "{}", client.transcript());
    client.leave().await;
}

/// Is over at once.
#[mcpc::background]
async fn quick() {}

/// A task of MCP has one end.
#[tokio::test(start_paused = true)]
async fn a_task_that_has_ended_stays_as_it_is() {
    let polls = std::sync::atomic::AtomicU32::new(0);
    let (client, _) = connect(As::Tasks, move |message| match message["method"].as_str() {
        Some("tools/call") => vec![task(message)],
        _ => {
            let polls = polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let status = if polls == 0 { "cancelled" } else { "working" };
            vec![reply(message, json!({"taskId": "t", "status": status}))]
        }
    })
    .await;
    let outcome = client.call("promises", json!({})).await;
    assert_eq!(outcome.result(), Err(""));
    client.request("tasks/get", json!({"taskId": "t"})).await;
    let broken = client.broken_rules();
    assert_eq!(broken.len(), 1, "{broken:?}");
    assert!(broken[0].starts_with("a task that has ended has another status"), "{broken:?}");
}

/// What a server says to a call, or to the question how its task is doing, the first time and later.
type Asks = fn(&Value, usize) -> Vec<String>;

fn elicits(mode: &str) -> String {
    let params = json!({"mode": mode, "message": "Go on?", "url": "https://example.com"});
    json!({"jsonrpc": "2.0", "id": 7, "method": "elicitation/create", "params": params}).to_string()
}

fn asked(text: &str, mode: &str) -> Value {
    let params = json!({"mode": mode, "message": text, "requestedSchema": {"properties": {}}});
    json!({"q1": {"method": "elicitation/create", "params": params}})
}

fn required(call: &Value, requests: Value) -> Vec<String> {
    let state = if requests.is_null() { Value::Null } else { "s".into() };
    let result =
        json!({"resultType": "input_required", "inputRequests": requests, "requestState": state});
    vec![reply(call, result)]
}

fn asking(message: &Value, status: &str, requests: Value) -> Vec<String> {
    vec![reply(message, json!({"taskId": "t", "status": status, "inputRequests": requests}))]
}

fn is_done(message: &Value) -> Vec<String> {
    vec![reply(message, json!({"taskId": "t", "status": "completed", "result": text("ok")}))]
}

/// An update that asks something.
fn asks(call: &Value) -> String {
    let mut update: Value = serde_json::from_str(&message(call, "update")).expect("JSON");
    update["result"] = json!({"question_id": "q1", "question": "Go on?"});
    callback_of(&update.to_string())
}

const SILENT: &str = "an answer is refused without a word";
const NOT_SHOWN: &str = "a client is asked what it does not show";

/// What breaks each rule about questions, for which client, and whether that answers.
const ASKED: [(Option<&str>, As, bool, Asks); 14] = [
    (Some(NOT_SHOWN), As::Plain, true, |call, _| vec![elicits("form"), reply(call, text("ok"))]),
    (Some(NOT_SHOWN), As::Codex, true, |call, _| vec![elicits("url"), reply(call, text("ok"))]),
    (Some("a client without a session is asked by a request"), As::Tasks, true, |call, _| {
        vec![elicits("form"), reply(call, text("ok"))]
    }),
    (Some("the question 7 is open after the end"), As::Forms, false, |call, _| {
        vec![elicits("form"), reply(call, text("ok"))]
    }),
    (None, As::Forms, true, |call, _| vec![elicits("form"), reply(call, text("ok"))]),
    (None, As::Forms, false, |call, _| {
        let params = json!({"requestId": 7});
        let cancelled =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params});
        vec![elicits("form"), cancelled.to_string(), reply(call, text("ok"))]
    }),
    (Some(NOT_SHOWN), As::Copilot, true, |call, count| match count {
        0 => required(call, asked("Go on?", "url")),
        _ => vec![reply(call, text("ok"))],
    }),
    (Some("a call waits for an answer, and asks nothing"), As::Copilot, true, |call, count| {
        match count {
            0 => required(call, Value::Null),
            _ => vec![reply(call, text("ok"))],
        }
    }),
    (Some(SILENT), As::Copilot, true, |call, count| match count {
        0 | 1 => required(call, asked("Go on?", "form")),
        _ => vec![reply(call, text("ok"))],
    }),
    (None, As::Copilot, true, |call, count| match count {
        0 => required(call, asked("Go on?", "form")),
        1 => required(call, asked("The answer was refused: why?\n\nGo on?", "form")),
        _ => vec![reply(call, text("ok"))],
    }),
    (Some("a task waits for an answer, and asks nothing"), As::Tasks, true, |message, count| {
        match count {
            0 => vec![task(message)],
            1 => asking(message, "input_required", Value::Null),
            _ => is_done(message),
        }
    }),
    (Some("two questions of a task have one id"), As::Tasks, false, |message, count| match count {
        0 => vec![task(message)],
        1 => asking(message, "input_required", asked("Go on?", "form")),
        2 => asking(message, "input_required", asked("Where to?", "form")),
        _ => is_done(message),
    }),
    (Some(SILENT), As::Tasks, true, |message, count| match count {
        0 => vec![task(message)],
        1 | 2 => asking(message, "input_required", asked("Go on?", "form")),
        _ => is_done(message),
    }),
    (Some("two questions of a task have one id"), As::Mcpc, false, |call, _| {
        vec![created(call), asks(call), asks(call), callback(call, "complete")]
    }),
];

#[tokio::test(start_paused = true)]
async fn each_broken_rule_about_questions_is_found_and_named() {
    for (rule, persona, is_answered, says) in ASKED {
        let count = std::sync::atomic::AtomicUsize::new(0);
        let (client, _) = connect(persona, move |message| match message["method"].as_str() {
            Some("tools/call" | "tasks/get") => {
                says(message, count.fetch_add(1, std::sync::atomic::Ordering::Relaxed))
            }
            Some("tasks/update") => vec![reply(message, json!({}))],
            _ => vec![],
        })
        .await;
        if is_answered {
            client.answers(|_| true);
        }
        let call = client.call("work", json!({}));
        let _ = tokio::time::timeout(Duration::from_secs(60), call).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        let left = std::panic::AssertUnwindSafe(client.leave());
        let found = match futures::FutureExt::catch_unwind(left).await {
            Ok(_) => String::new(),
            Err(panic) => panic.downcast_ref::<String>().expect("a text").clone(),
        };
        let found = found.split("\nthe last lines:").next().unwrap_or_default();
        let found: Vec<&str> = found.lines().skip(1).collect();
        match rule {
            None => assert_eq!(found, [""; 0], "{persona}"),
            Some(rule) => {
                assert!(found.len() == 1 && found[0].contains(rule), "{rule}: {found:#?}");
            }
        }
    }
}

/// What breaks each rule of a task of MCP 2025-11-25, in what its call, a question about it and one for its result are
/// answered with.
#[tokio::test(start_paused = true)]
async fn each_broken_rule_of_a_task_of_2025_is_found_and_named() {
    let task = |id: &str, status: &str| json!({"taskId": id, "status": status, "ttl": null, "createdAt": "now", "lastUpdatedAt": "now"});
    let related = |id: &str| {
        let mut result = text("ok");
        result["_meta"] = json!({"io.modelcontextprotocol/related-task": {"taskId": id}});
        result
    };
    let told = |task: Value| {
        json!({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": task})
            .to_string()
    };
    let created = || json!({"task": task("t", "working")});
    let completed = || task("t", "completed");
    let mut without_times = task("t", "completed");
    without_times.as_object_mut().expect("an object").remove("ttl");
    let always = vec![];
    for (rule, created, told_before, status, result) in [
        (
            None,
            created(),
            vec![told(task("t", "working")), told(completed())],
            completed(),
            related("t"),
        ),
        (
            Some("a task begins as one that works"),
            json!({"task": completed()}),
            always.clone(),
            completed(),
            related("t"),
        ),
        (
            Some("a task says when it began, when it changed, and how long it is kept"),
            created(),
            always.clone(),
            without_times,
            related("t"),
        ),
        (
            Some("a task has a status"),
            created(),
            vec![told(task("t", "paused"))],
            completed(),
            related("t"),
        ),
        (
            Some("the status of another task than the one that was asked about"),
            created(),
            always.clone(),
            task("other", "completed"),
            related("t"),
        ),
        (
            Some("a task is told of that the client did not ask for"),
            created(),
            vec![told(task("other", "working"))],
            completed(),
            related("t"),
        ),
        (
            Some("a task is told of after its end"),
            created(),
            vec![told(completed()), told(completed())],
            completed(),
            related("t"),
        ),
        (
            Some("a task that has ended has another status"),
            created(),
            vec![told(task("t", "cancelled"))],
            completed(),
            related("t"),
        ),
        (
            Some("a result that does not say of which task it is"),
            created(),
            always.clone(),
            completed(),
            text("ok"),
        ),
    ] {
        let (client, _) =
            connect(As::TasksOf2025, move |message| match message["method"].as_str() {
                Some("tools/call") => vec![reply(message, created.clone())],
                Some("tasks/get") => {
                    told_before.iter().cloned().chain([reply(message, status.clone())]).collect()
                }
                Some("tasks/result") => vec![reply(message, result.clone())],
                _ => vec![],
            })
            .await;
        assert_eq!(client.call("starts_a_task", json!({})).await.result(), Ok("ok"), "{rule:?}");
        let found = client.broken_rules();
        match rule {
            None => assert_eq!(found, Vec::<String>::new()),
            Some(rule) => {
                assert!(matches!(&*found, [one] if one.starts_with(rule)), "{rule}: {found:#?}");
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_a_task_is_to_get_one() {
    let found =
        broken(As::TasksOf2025, "starts_a_task", |call| vec![reply(call, text("ok"))]).await;
    let rule = "a call that asks for a task is answered with something else";
    assert!(matches!(&*found, [one] if one.contains(rule)), "{found:#?}");
    // One that did not ask is not.
    let none: Vec<String> = Vec::new();
    assert_eq!(broken(As::TasksOf2025, "work", |call| vec![reply(call, text("ok"))]).await, none);
}
