//! Equal calls of a tool that joins them, and a tool that requires tasks.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Mcpc, Plain, WithProgress, WithTasks, in_task, parse, text, texts};

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
    sleep(Duration::from_secs(5)).await;
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
