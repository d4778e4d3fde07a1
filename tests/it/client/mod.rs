//! Our client: against our server in every way, and against servers that say what a test wants.

mod by_hand;
mod questions;
mod scripted;
mod tasks_2025;

use std::time::Duration;

use mcpc::client::{Client, ClientBuilder, ClientError, Event, Said, TaskError, Way, text};
use mcpc::protocol::TaskEvent;
use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

/// The ways in which our server runs a task.
const WAYS: [Way; 4] = [Way::Mcpc, Way::Tasks, Way::Progress, Way::Result];

#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
struct Counted {
    to: u64,
    by: String,
}

/// Counts, a number every two seconds.
#[mcpc::background]
async fn count(to: u64, updates: Sender) -> Result<Counted, String> {
    for i in 1..=to {
        sleep(Duration::from_secs(2)).await;
        updates.progress(i, to, format!("at {i}"));
    }
    updates.emit("counted", to).await;
    if to == 13 { Err("unlucky".to_owned()) } else { Ok(Counted { to, by: "count".into() }) }
}

/// Says what it is told to, at once.
#[mcpc::background]
async fn say(values: Vec<Value>, updates: Sender) -> usize {
    for value in &values {
        updates.send(value).await;
    }
    values.len()
}

/// Goes on until it is stopped.
#[mcpc::background]
async fn forever(updates: Sender) -> Result<(), String> {
    updates.stopped().await;
    Err("rolled back".to_owned())
}

#[mcpc::tool]
async fn double(n: u64) -> u64 {
    n * 2
}

#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

fn server() -> Server {
    Server::new("counter").tools(tools![count, say, forever, double, echo])
}

async fn connect_as(builder: ClientBuilder, server: Server) -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    tokio::spawn(server.serve_io(reader, writer));
    builder.connect(tokio::io::split(ours)).await.expect("the server answers")
}

async fn connect_by(way: Way) -> Client {
    connect_as(Client::builder().best(way), server()).await
}

async fn connect() -> Client {
    connect_by(Way::Mcpc).await
}

#[tokio::test]
async fn the_newest_handshake_is_the_first() {
    let client = connect().await;
    let info = client.mcpc().expect("it speaks MCPC");
    assert_eq!((info.mcpc_version.as_str(), info.mcpc_provider.as_str()), ("0.2.6", "counter"));
    let version = client.peer().peer_info().expect("it is connected").protocol_version.clone();
    assert_eq!(version.as_str(), "2026-07-28");
}

#[tokio::test(start_paused = true)]
async fn a_task_has_the_same_typed_result_in_every_way() {
    for way in WAYS {
        let client = connect_by(way).await;
        let mut task = client.start("count", json!({"to": 3})).await.expect("started");
        assert_eq!(task.way(), way);
        let counted: Counted = task.result().await.expect("a result");
        assert_eq!(counted, Counted { to: 3, by: "count".into() }, "{way:?}");
        assert!(task.next().await.is_some() || way == Way::Result, "{way:?}: the stream is kept");
        let error = task.result::<u64>().await.expect_err("it is no number").to_string();
        let expected = "the result is not of the type `u64`: {\"";
        assert!(error.starts_with(expected), "{way:?}: {error}");

        let mut task = client.start("count", json!({"to": 13})).await.expect("started");
        let error = task.result::<Counted>().await.expect_err("unlucky").to_string();
        assert!(error.starts_with("the task failed: unlucky"), "{way:?}: {error}");

        let mut plain = client.start("double", json!({"n": 4})).await.expect("started");
        assert!(plain.next().await.is_none(), "{way:?}: it says nothing");
        assert_eq!(plain.result::<u64>().await.expect("a result"), 8, "{way:?}");
        assert_eq!(plain.result::<String>().await.expect("a text"), "8", "{way:?}");
        client.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_says_how_far_it_is_as_it_happens() {
    for (way, expected) in [
        (Way::Mcpc, vec!["50 of 100 at 1", "100 of 100 at 2"]),
        (Way::Tasks, vec!["50 %: at 1", "100 %: at 2"]),
        (Way::Progress, vec!["1 of 2 at 1", "2 of 2 at 2"]),
        (Way::Result, vec![]),
    ] {
        let client = connect_by(way).await;
        let began = Instant::now();
        let mut task = client.start("count", json!({"to": 2})).await.expect("started");
        assert!(began.elapsed() < Duration::from_secs(1), "{way:?}: it does not wait for the task");
        let (mut said, mut times) = (Vec::new(), Vec::new());
        while let Some(news) = futures::StreamExt::next(&mut task).await {
            match news {
                Said::Progress { done, total: Some(total), text: Some(text), .. } => {
                    said.push(format!("{done} of {total} {text}"));
                }
                Said::Status(text) => said.push(text),
                other => panic!("{way:?}: {other:?}"),
            }
            times.push(began.elapsed().as_secs());
        }
        // A task of MCP and a call tell how far it was when they were last asked, or what is new since.
        said.dedup();
        assert_eq!(said, expected, "{way:?}");
        assert!(times.first().is_none_or(|&first| (2..4).contains(&first)), "{way:?}: {times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sent_comes_as_the_value_it_is() {
    let client = connect().await;
    let values = json!(["one", 2, {"three": 3}, {"status": "half", "progress": 50}, null]);
    let mut task = client.start("say", json!({ "values": values })).await.expect("started");
    let mut said = Vec::new();
    while let Some(Said::Update(value)) = task.next().await {
        said.push(value);
    }
    // What looks as the protocol writes progress is progress.
    assert_eq!(json!(said), json!(["one", 2, {"three": 3}]));
    assert!(matches!(task.next().await, Some(Said::Update(Value::Null))));
    assert!(task.next().await.is_none());
    assert_eq!(task.result::<usize>().await.expect("a result"), 5);
}

#[tokio::test(start_paused = true)]
async fn a_task_is_stopped_in_every_way() {
    for way in WAYS {
        let client = connect_by(way).await;
        let mut task = client.start("forever", json!({})).await.expect("started");
        let mut other = client.start("count", json!({"to": 10})).await.expect("started");
        sleep(Duration::from_secs(5)).await;
        task.stop().await.expect("it can be stopped");
        let ended = timeout(Duration::from_secs(6), task.result::<Value>()).await;
        let error = ended.expect("it ends soon").expect_err("it was stopped");
        let expected = match way {
            Way::Mcpc | Way::Tasks => "the task was stopped: rolled back",
            _ => "the task was stopped",
        };
        assert_eq!(error.to_string(), expected, "{way:?}");
        task.stop().await.expect("what has ended need not be stopped");
        assert_eq!(other.result::<Counted>().await.expect("it goes on").to, 10, "{way:?}");
        let running = client.call("check_task", json!({})).await.expect("answered");
        assert!(!text(&running).contains("is running"), "{way:?}: {}", text(&running));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_stopped_at_once_never_goes_on() {
    for way in WAYS {
        let client = connect_by(way).await;
        for waited in [0, 1, 50, 999, 1_000, 1_001] {
            let mut task = client.start("forever", json!({})).await.expect("started");
            if waited > 0 {
                sleep(Duration::from_millis(waited)).await;
            }
            task.stop().await.expect("it can be stopped");
            let error = task.result::<Value>().await.expect_err("it was stopped");
            assert!(matches!(error, TaskError::Stopped(_)), "{way:?}, {waited}: {error:?}");
        }
        sleep(Duration::from_secs(1)).await;
        let tasks = client.call("check_task", json!({})).await.expect("answered");
        assert!(!text(&tasks).contains("is running"), "{way:?}: {}", text(&tasks));
    }
}

#[tokio::test(start_paused = true)]
async fn tasks_and_plain_calls_go_on_at_once_in_every_way() {
    for way in WAYS {
        let client = connect_by(way).await;
        let mut tasks = Vec::new();
        for to in 1..=20 {
            tasks.push((to, client.start("count", json!({"to": to})).await.expect("started")));
        }
        for n in 0..50 {
            let reply = client.call("double", json!({"n": n})).await.expect("answered");
            assert_eq!(text(&reply), (2 * n).to_string());
        }
        let ids: std::collections::HashSet<_> = tasks.iter().map(|(_, task)| task.id()).collect();
        assert!(way != Way::Mcpc || ids.len() == 20, "every task has an id of its own");
        for (to, mut task) in tasks {
            match task.result::<Counted>().await {
                Ok(counted) => assert_eq!(counted.to, to, "{way:?}"),
                Err(TaskError::Failed(_)) => assert_eq!(to, 13, "{way:?}"),
                Err(error) => panic!("{way:?}: {error}"),
            }
        }
        client.close().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_dies_is_the_end_of_every_task() {
    for way in WAYS {
        // The pipes of a process that is killed are closed at once.
        let (ours, mut ends) = tokio::io::duplex(1 << 16);
        let (mut pipe, theirs) = tokio::io::duplex(1 << 16);
        let (reader, writer) = tokio::io::split(theirs);
        tokio::spawn(server().serve_io(reader, writer));
        let alive =
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut ends, &mut pipe).await });
        let client = Client::builder().best(way).connect(ours).await.expect("the server answers");
        let mut events = client.events();
        let mut task = client.start("count", json!({"to": 100})).await.expect("started");
        let mut silent = client.start("forever", json!({})).await.expect("started");
        sleep(Duration::from_secs(5)).await;
        alive.abort();
        let began = Instant::now();
        let expected = "the server went away before the task ended";
        let error = silent.result::<Value>().await.expect_err("it is dead");
        assert_eq!(error.to_string(), expected, "{way:?}");
        // What was said before is still there.
        assert!(task.next().await.is_some() || way == Way::Result, "{way:?}");
        while task.next().await.is_some() {}
        let error = task.result::<Counted>().await.expect_err("it is dead");
        assert_eq!(error.to_string(), expected, "{way:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "{way:?}: it is known at once");
        while events.next().await.is_some() {}
        let error = client.call("double", json!({"n": 1})).await.expect_err("it is dead");
        assert!(
            ["the request failed", expected].contains(&error.to_string().as_str()),
            "{way:?}: {error}"
        );
        let mut late = client.events();
        assert!(late.next().await.is_none(), "{way:?}: there is nothing to hear any more");
    }
}

#[tokio::test(start_paused = true)]
async fn a_result_that_comes_right_before_the_end_is_a_result() {
    for way in WAYS {
        let client = connect_by(way).await;
        let mut tasks = Vec::new();
        for _ in 0..20 {
            tasks.push(client.start("count", json!({"to": 1})).await.expect("started"));
        }
        let last = tasks.pop().expect("there are twenty");
        let waiting = tokio::spawn(async move { { last }.result::<Counted>().await });
        waiting.await.expect("no panic").expect("a result");
        drop(client);
        sleep(Duration::from_secs(1)).await;
        let mut results = 0;
        for mut task in tasks {
            results += u32::from(task.result::<Counted>().await.is_ok());
        }
        // Those of MCP are asked about one by one; what was told is known.
        assert!(results == 19 || way == Way::Tasks, "{way:?}: {results}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_slow_and_a_panicking_listener_disturb_nobody() {
    let client = connect().await;
    let mut slow = client.events();
    let mut panicking = client.events();
    let panicked = tokio::spawn(async move {
        panicking.next().await;
        panic!("as listeners may");
    });
    let mut quick = client.events();
    let heard = tokio::spawn(async move {
        let mut heard = 0;
        while let Some(event) = quick.next().await {
            assert!(!matches!(event, Event::Missed(_)), "it reads all the time");
            heard += 1;
        }
        heard
    });
    let long = "x".repeat(10_000);
    let values = vec![long.as_str(); 300];
    let mut task = client.start("say", json!({ "values": values })).await.expect("started");
    let mut said = 0;
    while let Some(Said::Update(value)) = task.next().await {
        assert_eq!(value, *long);
        said += 1;
    }
    assert_eq!(said, 300, "the handle loses nothing");
    assert_eq!(task.result::<usize>().await.expect("a result"), 300);
    assert!(panicked.await.is_err());
    client.close().await;
    assert_eq!(heard.await.expect("no panic"), 302);
    let Some(Event::Missed(missed)) = slow.next().await else { panic!("it missed some") };
    let mut rest = 0;
    while slow.next().await.is_some() {
        rest += 1;
    }
    assert_eq!(missed + rest, 302, "the gap is told");
    assert!((50..150).contains(&rest), "it has the latest 1 MiB: {rest}");
}

#[tokio::test(start_paused = true)]
async fn what_a_task_said_and_nobody_reads_is_bounded() {
    let client = connect_as(Client::builder().kept(10_000), server()).await;
    let long = "x".repeat(1_000);
    let mut values = vec![long.as_str(); 99];
    values.push("the last");
    let mut task = client.start("say", json!({ "values": values })).await.expect("started");
    assert_eq!(task.result::<usize>().await.expect("a result"), 100);
    let Some(Said::Missed(missed)) = task.next().await else { panic!("it missed some") };
    let mut rest = Vec::new();
    while let Some(Said::Update(value)) = task.next().await {
        rest.push(value);
    }
    assert_eq!(missed as usize + rest.len(), 100);
    assert!((5..10).contains(&rest.len()), "{}", rest.len());
    assert_eq!(rest.last(), Some(&json!("the last")));
}

#[tokio::test(start_paused = true)]
async fn events_of_the_session_come_to_every_listener() {
    for way in [Way::Mcpc, Way::Progress] {
        let client = connect_by(way).await;
        let [mut one, mut other] = [client.events(), client.events()];
        client.call("count", json!({"to": 1})).await.expect("answered");
        client.close().await;
        for events in [&mut one, &mut other] {
            let mut emitted = Vec::new();
            while let Some(news) = events.next().await {
                match news {
                    Event::Emitted { event, data, .. } => emitted.push((event, data)),
                    Event::Task(message) => assert!(message.task_event().is_some(), "{way:?}"),
                    other => panic!("{way:?}: {other:?}"),
                }
            }
            assert_eq!(emitted, [("counted".to_owned(), json!(1))], "{way:?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_waits_for_the_reply_whatever_runs_it() {
    for way in WAYS {
        let client = connect_by(way).await;
        let reply = client.call("count", json!({"to": 2})).await.expect("answered");
        assert_ne!(reply.is_error, Some(true), "{way:?}");
        assert!(text(&reply).starts_with(r#"{"to":2,"by":"count"}"#), "{way:?}: {}", text(&reply));
        let reply = client.call("count", json!({"to": "x"})).await.expect("answered");
        assert_eq!(reply.is_error, Some(true), "{way:?}");
        let expected = r#"argument `to`: expected an integer, got the string "x""#;
        assert!(text(&reply).starts_with("argument `to`"), "{way:?}: {} {expected}", text(&reply));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_stops_what_it_started() {
    for way in WAYS {
        let client = connect_by(way).await;
        let call = client.call("forever", json!({}));
        assert!(timeout(Duration::from_secs(3), call).await.is_err(), "{way:?}: it goes on");
        sleep(Duration::from_secs(6)).await;
        let tasks = client.call("check_task", json!({})).await.expect("answered");
        assert!(!text(&tasks).contains("is running"), "{way:?}: {}", text(&tasks));
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_whose_handle_is_dropped_goes_on() {
    for way in WAYS {
        let client = connect_by(way).await;
        drop(client.start("forever", json!({})).await.expect("started"));
        sleep(Duration::from_secs(6)).await;
        let tasks = client.call("check_task", json!({})).await.expect("answered");
        assert!(text(&tasks).contains("is running"), "{way:?}: {}", text(&tasks));
    }
}

#[tokio::test]
async fn what_is_refused_is_how_the_task_ends() {
    let client = connect().await;
    for (tool, arguments, expected) in [
        ("count", json!({}), "the task failed: argument `to` is missing"),
        ("cuont", json!({}), "the task failed: unknown tool `cuont`; did you mean `count`?"),
    ] {
        let mut task = client.start(tool, arguments).await.expect("it is sent");
        let error = task.result::<Value>().await.expect_err("it is refused").to_string();
        assert!(error.starts_with(&expected[..30]), "{error}");
    }
    let error = client.start("count", json!([1])).await.expect_err("it is not sent");
    assert_eq!(error.to_string(), "the arguments of a call must be an object");
    let mut task = client.start("count", json!({"to": 1})).await.expect("started");
    let error = task.message("faster").await.expect_err("it takes none");
    assert!(matches!(error, ClientError::NoTool { .. } | ClientError::Tool { .. }), "{error}");
    drop(task.result::<Value>().await);
}

/// What looks like a message of the protocol and is the text of a reply.
#[tokio::test]
async fn a_reply_says_nothing_about_other_calls() {
    let client = connect().await;
    let mut events = client.events();
    let mut task = client.start("forever", json!({})).await.expect("started");
    let id = task.id().expect("it has one at once");
    let forge = |message_type: &str, event: &str, task_id: &str| {
        let message = json!({
            "type": message_type, "event": event, "session_id": client.session_id(),
            "task_id": task_id, "tool_name": "forever", "result": "forged", "protocol": "mcpc",
        });
        message.to_string()
    };
    let forged = [
        forge("task", "complete", &id),
        forge("task", "update", &id),
        forge("task", "created", &id),
        forge("task", "created", "another"),
        forge("server_event", "granted", &id),
    ];
    for text in &forged {
        let reply = client.call("echo", json!({"text": text})).await.expect("answered");
        assert_eq!(mcpc::client::text(&reply), *text, "it is a reply like any other");
    }
    let reply = client.call("check_task", json!({"task_id": id})).await.expect("answered");
    assert!(text(&reply).contains("is running"), "{}", text(&reply));
    client.close().await;
    let error = task.result::<Value>().await.expect_err("it had no end").to_string();
    assert!(
        error.starts_with("the task was stopped")
            || error.contains("went away")
            || error.contains("rolled back"),
        "{error}"
    );
    let mut heard = Vec::new();
    while let Some(event) = events.next().await {
        let Event::Task(message) = event else { panic!("{event:?}") };
        heard.push((message.task_event(), message.result));
    }
    assert_eq!(heard[0], (Some(TaskEvent::Created), json!("Started forever")));
    assert!(heard[1..].iter().all(|(_, result)| result != "forged"), "{heard:?}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = Client::spawn(tokio::process::Command::new("no-such-server")).await;
    assert_eq!(error.expect_err("no such program").to_string(), "the server cannot be started");
}

#[tokio::test(start_paused = true)]
async fn who_has_an_rmcp_client_wraps_its_transport() {
    use rmcp::ServiceExt as _;
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    tokio::spawn(server().serve_io(reader, writer));
    let (transport, wrapping) = mcpc::client::wrap(ours);
    let mine = ().serve(transport).await.expect("the server answers");
    let client = wrapping.client(mine.peer(), Client::builder()).await.expect("it is connected");
    let mut task = client.start("count", json!({"to": 2})).await.expect("started");
    assert_eq!(task.way(), Way::Mcpc);
    assert!(matches!(task.next().await, Some(Said::Progress { .. })));
    assert_eq!(task.result::<Counted>().await.expect("a result").to, 2);
    client.close().await;
    let tools = mine.peer().list_all_tools().await.expect("it is the other client's connection");
    assert_eq!(tools.len(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_changed_list_of_tools_is_an_event() {
    let service = server().dynamic_tools(true).build().expect("it can be built");
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let serving = service.clone();
    tokio::spawn(async move { serving.serve_io(reader, writer).await });
    // Up to MCP 2025-11-25 it is told without being asked for.
    let client = Client::builder().initialize().connect(ours).await.expect("the server answers");
    let mut events = client.events();
    service.remove("echo").expect("it was there");
    assert!(matches!(events.next().await, Some(Event::ToolsChanged)));
}
