//! Equal calls of a tool that joins them, and a tool that requires tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::around::{Next, ToolCall};
use mcpc::log::TaskLog;
use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::{Mcpc, Plain, WithProgress, WithTasks, in_task, parse, text, texts};
use crate::task_log::file::{FileLog, Folder};

/// How many bodies were started, and how many were asked to stop.
#[derive(Clone, Default)]
struct Bodies(Arc<[AtomicUsize; 2]>);

impl Bodies {
    fn counts(&self) -> [usize; 2] {
        [self.0[0].load(Ordering::SeqCst), self.0[1].load(Ordering::SeqCst)]
    }
}

fn is_right(name: &str, _: &Option<u64>, _: &Bodies) -> Result<(), String> {
    if name == "wrong" { Err("there is no such name".to_owned()) } else { Ok(()) }
}

/// Takes ten seconds.
#[mcpc::background(join, check = is_right)]
async fn build(
    name: String,
    number: Option<u64>,
    updates: Sender,
    bodies: State<Bodies>,
) -> Result<String, String> {
    let count = bodies.0[0].fetch_add(1, Ordering::SeqCst) + 1;
    for second in 1..=10 {
        tokio::select! {
            () = sleep(Duration::from_secs(1)) => updates.progress(second, 10, "building"),
            () = updates.stopped() => {
                bodies.0[1].fetch_add(1, Ordering::SeqCst);
                return Err("gave up".to_owned());
            }
        }
        if second == 2 {
            updates.send("configured").await;
        }
    }
    let number = number.unwrap_or_default();
    if name == "broken" {
        Err("it is broken".to_owned())
    } else {
        Ok(format!("{name} {count} {number}"))
    }
}

/// Each call has a task of its own.
#[mcpc::background]
async fn alone(name: String, bodies: State<Bodies>) -> String {
    bodies.0[0].fetch_add(1, Ordering::SeqCst);
    sleep(Duration::from_secs(10)).await;
    name
}

#[mcpc::background(required)]
async fn long() -> &'static str {
    sleep(Duration::from_secs(3)).await;
    "done"
}

fn server(bodies: &Bodies) -> Server {
    Server::new("joins").tools(tools![build, alone, long]).state(bodies.clone())
}

/// The replies to some calls, in the order in which they come, each with its id.
async fn replies(client: &mut Plain, count: usize) -> Vec<(String, Value)> {
    let mut replies = Vec::new();
    while replies.len() < count {
        let message = client.value().await;
        if let Some(id) = message["id"].as_str() {
            replies.push((id.to_owned(), message["result"].clone()));
        }
    }
    replies
}

fn text_of(result: &Value) -> &str {
    result["content"][0]["text"].as_str().expect("a text")
}

#[tokio::test(start_paused = true)]
async fn equal_calls_that_wait_have_one_task_and_one_result() {
    let bodies = Bodies::default();
    let mut client = Plain::connect(server(&bodies)).await;
    client.call("a", "build", json!({"name": "x", "number": 1})).await;
    // Not while the task says something.
    sleep(Duration::from_millis(5_500)).await;
    client.call("b", "build", json!({"number": 1, "name": "x"})).await;
    client.call("c", "build", json!({"name": "y"})).await;
    let replies = replies(&mut client, 3).await;
    let texts: Vec<(&str, &str)> =
        replies.iter().map(|(id, result)| (id.as_str(), text_of(result))).collect();
    let sent = "\n\nUpdates while it ran:\nconfigured";
    let [joined, other] = [format!("x 1 1{sent}"), format!("y 2 0{sent}")];
    assert_eq!(texts, [("a", joined.as_str()), ("b", &joined), ("c", &other)]);
    assert_eq!(bodies.counts(), [2, 0]);
    // It has ended: a call is a new one.
    let (text, _) = client.ask("build", json!({"name": "x", "number": 1})).await;
    assert_eq!(text, format!("x 3 1{sent}"));
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_does_not_join_has_a_task_for_each_call() {
    let bodies = Bodies::default();
    let mut client = Plain::connect(server(&bodies)).await;
    client.call("a", "alone", json!({"name": "x"})).await;
    client.call("b", "alone", json!({"name": "x"})).await;
    replies(&mut client, 2).await;
    assert_eq!(bodies.counts(), [2, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_cancelled_leaves_the_task_to_the_others_and_the_last_one_stops_it() {
    for (first, second) in [("a", "b"), ("b", "a")] {
        let bodies = Bodies::default();
        let mut client = Plain::connect(server(&bodies)).await;
        client.call("a", "build", json!({"name": "x"})).await;
        client.call("b", "build", json!({"name": "x"})).await;
        sleep(Duration::from_secs(1)).await;
        client.cancel(first).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(bodies.counts(), [1, 0], "{second} waits");
        client.cancel(second).await;
        sleep(Duration::from_secs(2)).await;
        assert_eq!(bodies.counts(), [1, 1], "nobody waits");
        // It was asked to stop, and nobody joins it.
        let (text, _) = client.ask("build", json!({"name": "x"})).await;
        assert!(text.starts_with("x 2 0"), "{text}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_hears_the_progress_of_the_task_that_it_joins_from_then_on() {
    let bodies = Bodies::default();
    let mut client = WithProgress::connect(server(&bodies)).await;
    client.call_with("one", "a", "build", json!({"name": "x"})).await;
    sleep(Duration::from_millis(5500)).await;
    client.call_with("two", "b", "build", json!({"name": "x"})).await;
    let (mut heard, mut results) = (Vec::new(), Vec::new());
    while results.len() < 2 {
        let message = client.value().await;
        if message["params"]["progressToken"] == "two" {
            heard.push(message["params"]["progress"].as_f64().expect("a number"));
        } else if message["id"].is_string() {
            results
                .push(message["result"]["content"][0]["text"].as_str().expect("a text").to_owned());
        }
    }
    assert_eq!(heard, [5.0, 6.0, 7.0, 8.0, 9.0, 10.0]);
    assert_eq!(
        results,
        ["x 1 0", "x 1 0"].map(|it| format!("{it}\n\nUpdates while it ran:\nconfigured"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_of_tasks_gets_the_same_task() {
    let bodies = Bodies::default();
    let mut client = WithTasks::open(server(&bodies));
    let first = client.start("build", json!({"name": "x"})).await;
    let second = client.start("build", json!({"name": "x"})).await;
    assert_eq!(first, second);
    let other = client.start("build", json!({"name": "y"})).await;
    assert_ne!(first, other);
    let (result, _) = client.poll(&second).await;
    assert_eq!(text_of(&result), "x 1 0\n\nUpdates while it ran:\nconfigured");
    assert_eq!(bodies.counts(), [2, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_ticket_names_the_same_task() {
    let bodies = Bodies::default();
    let mut client = Plain::connect(server(&bodies).patience(Duration::from_secs(1))).await;
    let (_, first) = client.ticket("build", json!({"name": "x"})).await;
    let (text, second) = client.ticket("build", json!({"name": "x"})).await;
    assert_eq!(first, second, "{text}");
    let (list, _) = client.ask("check_task", json!({})).await;
    assert!(list.starts_with("1 task is running"), "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_mcpc_hears_all_of_it_by_its_own_id() {
    let bodies = Bodies::default();
    let mut client = Mcpc::connect(server(&bodies)).await;
    client.begin_task("one", "build", json!({"name": "x"})).await;
    sleep(Duration::from_millis(4500)).await;
    client.call("two", "build", in_task("two", json!({"name": "x"}))).await;
    let mut of_two = Vec::new();
    loop {
        let message = client.message().await;
        if message["task_id"] == "two" {
            of_two.push((message["event"].clone(), message["result"].clone()));
            if message["event"] == "complete" {
                break;
            }
        }
    }
    let events: Vec<&str> =
        of_two.iter().map(|(event, _)| event.as_str().expect("a text")).collect();
    assert_eq!(events[0], "created");
    assert_eq!(of_two.last(), Some(&(json!("complete"), json!("x 1 0"))));
    assert!(of_two.contains(&(json!("update"), json!("configured"))), "{of_two:?}");
    assert_eq!(bodies.counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_mcpc_that_stops_its_task_leaves_the_one_that_runs() {
    let bodies = Bodies::default();
    let mut client = Mcpc::connect(server(&bodies)).await;
    client.begin_task("one", "build", json!({"name": "x"})).await;
    client.begin_task("two", "build", json!({"name": "x"})).await;
    client.call("stop", "stop_task", json!({"task_id": "two"})).await;
    let mut ends = Vec::new();
    while ends.len() < 2 {
        let line = client.value().await;
        if line["id"] == "stop" {
            continue;
        }
        let message = parse(&text(&line));
        if message["event"] == "complete" || message["event"] == "failed" {
            ends.push((message["task_id"].clone(), message["result"].clone()));
        }
    }
    assert_eq!(ends, [(json!("two"), json!("stopped")), (json!("one"), json!("x 1 0"))]);
    assert_eq!(bodies.counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn failures_and_refusals_are_those_of_all() {
    let bodies = Bodies::default();
    let mut client = Plain::connect(server(&bodies)).await;
    for (name, expected) in [("broken", "it is broken"), ("wrong", "there is no such name")] {
        client.call("a", "build", json!({"name": name})).await;
        client.call("b", "build", json!({"name": name})).await;
        for (id, result) in replies(&mut client, 2).await {
            assert!(text_of(&result).starts_with(expected), "{id}: {result}");
            assert_eq!(result["isError"], true);
        }
    }
    assert_eq!(bodies.counts(), [1, 0]);
}

/// Takes an argument that a host adds to each call, too.
#[mcpc::background(join)]
async fn run(action: String) -> String {
    sleep(Duration::from_secs(10)).await;
    action
}

/// A call as a host makes it that adds four arguments to each.
fn from_host(call: &str, action: &str) -> Value {
    json!({"action": action, "sessionId": "s", "chatInput": "hi", "toolCallId": call})
}

#[tokio::test(start_paused = true)]
async fn an_argument_that_a_host_adds_too_tells_calls_apart_where_the_tool_takes_it() {
    let server = || Server::new("host").tools(tools![run]);
    let mut client = Plain::connect(server()).await;
    for (call, action) in [("a", "build"), ("b", "deploy"), ("c", "build")] {
        client.call(call, "run", from_host(call, action)).await;
    }
    let replies = replies(&mut client, 3).await;
    let mut texts: Vec<_> = replies.iter().map(|(id, it)| (id.as_str(), text_of(it))).collect();
    texts.sort_unstable();
    assert_eq!(texts, [("a", "build"), ("b", "deploy"), ("c", "build")]);
    // The list of tasks tells them apart, too, and knows which of them are the same.
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, first) = client.ticket("run", from_host("a", "build")).await;
    let (text, other) = client.ticket("run", from_host("b", "deploy")).await;
    assert_ne!(first, other);
    assert!(!text.contains("with the same arguments"), "{text}");
    let (_, same) = client.ticket("run", from_host("c", "build")).await;
    assert_eq!(first, same);
    let (list, _) = client.ask("check_task", json!({})).await;
    assert!(list.contains(r#"`run` {"action":"build"}"#), "{list}");
}

/// Runs until it is asked to stop.
#[mcpc::background(join, required)]
async fn endless(updates: Sender, bodies: State<Bodies>) -> Result<(), String> {
    bodies.0[0].fetch_add(1, Ordering::SeqCst);
    updates.stopped().await;
    bodies.0[1].fetch_add(1, Ordering::SeqCst);
    Err("stopped".to_owned())
}

/// The last call that waits is cancelled, and the body is asked to stop.
async fn expect_stopped(bodies: &Bodies) {
    sleep(Duration::from_secs(1)).await;
    assert_eq!(bodies.counts(), [1, 1], "nobody waits for it");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_because_it_takes_no_tasks_has_no_part_in_one() {
    let bodies = Bodies::default();
    let server = Server::new("joins").tools(tools![endless]).state(bodies.clone());
    let mut client = WithTasks::open(server.task_patience(Duration::from_secs(60)));
    let call = json!({"name": "endless", "arguments": {}});
    client.send_request("a", "tools/call", call.clone()).await;
    sleep(Duration::from_millis(10)).await;
    client.forget_tasks();
    client.send_request("b", "tools/call", call).await;
    assert_eq!(client.value().await["error"]["code"], -32021);
    client.cancel_request("a").await;
    expect_stopped(&bodies).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_for_want_of_room_has_no_part_in_a_task() {
    type Limited = fn(Server) -> Server;
    let room: [(Limited, Value, &str); 2] = [
        (|it| it.max_tasks(1), in_task("t", json!({"name": "x"})), "its maximum of 1"),
        (|it| it.max_requests(1), json!({"name": "x"}), "unanswered"),
    ];
    for (limited, second, expected) in room {
        let bodies = Bodies::default();
        let mut client = Plain::connect(limited(server(&bodies))).await;
        client.call("a", "build", json!({"name": "x"})).await;
        sleep(Duration::from_millis(10)).await;
        client.call("b", "build", second).await;
        let refused = client.value().await.to_string();
        assert!(refused.contains(expected) && refused.contains(r#""id":"b""#), "{refused}");
        client.cancel("a").await;
        expect_stopped(&bodies).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_ticket_keeps_its_part_whatever_becomes_of_other_calls() {
    let bodies = Bodies::default();
    let mut client = Plain::connect(server(&bodies).patience(Duration::from_secs(1))).await;
    let (_, task_id) = client.ticket("build", json!({"name": "x"})).await;
    client.call("b", "build", json!({"name": "x"})).await;
    sleep(Duration::from_millis(10)).await;
    client.cancel("b").await;
    sleep(Duration::from_secs(10)).await;
    let (text, _) = client.check(&task_id, 0).await;
    assert!(text.contains("x 1 0"), "{text}");
    assert_eq!(bodies.counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn if_the_first_call_is_refused_another_one_starts_the_task_of_the_rest() {
    let (bodies, calls) = (Bodies::default(), Arc::new(AtomicUsize::new(0)));
    let server = server(&bodies).around(move |call: ToolCall, next: Next| {
        let number = calls.fetch_add(1, Ordering::SeqCst);
        async move { if number == 0 { Err("not now".into()) } else { next.run(call).await } }
    });
    let mut client = Plain::connect(server).await;
    for id in ["a", "b", "c", "d"] {
        client.call(id, "build", json!({"name": "x"})).await;
    }
    let replies = replies(&mut client, 4).await;
    assert_eq!(text_of(&replies[0].1), "not now");
    for (id, result) in &replies[1..] {
        assert!(text_of(result).starts_with("x 1 0"), "{id}: {result}");
    }
    assert_eq!(bodies.counts(), [1, 0]);
}

/// A client whose tasks are kept by a log that takes its time.
async fn outside(bodies: &Bodies, delay: Duration) -> (WithProgress, FileLog, Folder) {
    let folder = Folder::new();
    let log = FileLog::open(folder.file()).await;
    let server = server(bodies).heartbeat(Duration::from_secs(2));
    let server = server.log(Arc::new(log.clone()) as Arc<dyn TaskLog>);
    let client = WithProgress::connect(server).await;
    log.delay(delay);
    (client, log, folder)
}

#[tokio::test(start_paused = true)]
async fn calls_join_while_a_log_outside_of_memory_creates_the_task() {
    let bodies = Bodies::default();
    let (mut client, _log, _folder) = outside(&bodies, Duration::from_secs(1)).await;
    for id in ["a", "b", "c"] {
        client.call_with(id, id, "build", json!({"name": "x"})).await;
    }
    let mut texts = Vec::new();
    while texts.len() < 3 {
        let message = client.value().await;
        if message["id"].is_string() {
            texts.push(text_of(&message["result"]).to_owned());
        }
    }
    assert!(texts.iter().all(|text| text.starts_with("x 1 0")), "{texts:?}");
    assert_eq!(bodies.counts(), [1, 0]);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_the_first_one_is_heard_of_and_can_be_cancelled() {
    let bodies = Bodies::default();
    let (mut client, log, _folder) = outside(&bodies, Duration::from_secs(5)).await;
    client.call_with("one", "a", "build", json!({"name": "x"})).await;
    client.call_with("two", "b", "build", json!({"name": "x"})).await;
    let began = Instant::now();
    let heard = client.value().await;
    assert_eq!(heard["params"]["progressToken"], "two");
    assert_eq!(heard["params"]["message"], "still running");
    assert_eq!(began.elapsed().as_secs(), 2);
    client.cancel("b").await;
    log.recover();
    sleep(Duration::from_secs(7)).await;
    assert_eq!(bodies.counts(), [1, 0], "the first one waits");
    client.cancel("a").await;
    sleep(Duration::from_secs(7)).await;
    assert_eq!(bodies.counts(), [1, 1], "nobody waits for it");
}

#[tokio::test(start_paused = true)]
async fn nobody_joins_a_task_that_was_asked_to_stop_before_it_was_created() {
    let bodies = Bodies::default();
    let (mut client, _log, _folder) = outside(&bodies, Duration::from_secs(1)).await;
    client.call("t", "build", in_task("t", json!({"name": "x"}))).await;
    client.call("stop", "stop_task", json!({"task_id": "t"})).await;
    client.call("b", "build", json!({"name": "x"})).await;
    let text = loop {
        let message = client.value().await;
        if message["id"] == "b" {
            break text_of(&message["result"]).to_owned();
        }
    };
    assert!(text.starts_with("x 2 0") || text.starts_with("x 1 0"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn calls_that_differ_in_digits_that_a_float_has_no_room_for_are_not_equal() {
    #[mcpc::background(join)]
    async fn wide(number: u128) -> String {
        sleep(Duration::from_secs(5)).await;
        number.to_string()
    }
    let mut client = Plain::connect(Server::new("wide").tools(tools![wide])).await;
    let numbers =
        ["340282366920938463463374607431768211455", "340282366920938463463374607431768211454"];
    for number in numbers {
        let call = r#"{"jsonrpc":"2.0","id":"#.to_owned()
            + "\""
            + number
            + "\""
            + r#","method":"tools/call","params":{"name":"wide","arguments":{"number":"#
            + number
            + "}}}";
        client.send(&call).await;
    }
    for (id, result) in replies(&mut client, 2).await {
        assert_eq!(text_of(&result), id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_could_take_tasks_and_does_not_is_refused_where_they_are_required() {
    let bodies = Bodies::default();
    let mut client = WithTasks::open(server(&bodies));
    let task = client.start("long", json!({})).await;
    assert_eq!(text_of(&client.poll(&task).await.0), "done");
    client.forget_tasks();
    let mut reply = client.request("tools/call", json!({"name": "long", "arguments": {}})).await;
    assert_eq!(reply["error"]["code"], -32021);
    let required = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    assert_eq!(reply["error"]["data"].take(), json!({"requiredCapabilities": required}));
    // Who speaks an older protocol could not say so, and a client of MCPC says it in its own way.
    let mut plain = Plain::connect(server(&bodies)).await;
    assert_eq!(plain.ask("long", json!({})).await, ("done".to_owned(), false));
    let (_, reply) = WithProgress::connect(server(&bodies)).await.hear("long", json!({})).await;
    assert_eq!(texts(&reply), ["done"]);
    let events = Mcpc::connect(server(&bodies)).await.events("long", json!({})).await;
    assert_eq!(events.last(), Some(&("complete".to_owned(), json!("done"))));
}
