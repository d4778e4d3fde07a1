//! In every way in which our server runs a task.

use std::time::Duration;

use mcpc::client::{Answer, Client, ClientError, Event, Said, TaskError, Way, text};
use mcpc::protocol::TaskEvent;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep, timeout};

use super::{Counted, number, serve, serve_at, server, version, ways};

#[tokio::test]
async fn a_task_has_the_same_typed_result_in_every_way() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        assert_eq!(version(&client), revision, "{way:?}");
        let mut task = client.start("count", json!({"to": 3, "pause": 50})).await.expect("started");
        assert_eq!(task.way(), way);
        assert_eq!(task.result::<Counted>().await.expect("a result"), Counted { to: 3 }, "{way:?}");
        let mut task = client.start("count", json!({"to": 13, "pause": 1})).await.expect("started");
        let error = task.result::<Counted>().await.expect_err("unlucky").to_string();
        assert!(error.starts_with("the task failed: unlucky"), "{way:?}: {error}");
        let mut plain = client.start("double", json!({"n": 4})).await.expect("started");
        assert!(plain.next().await.is_none(), "{way:?}: it says nothing");
        assert_eq!(plain.result::<u64>().await.expect("a result"), 8, "{way:?}");
        let reply = client.call("count", json!({"to": "x"})).await.expect("answered");
        assert!(text(&reply).starts_with("argument"), "{way:?}: {}", text(&reply));
        client.close().await;
    }
}

#[tokio::test]
async fn a_task_says_how_far_it_is_as_it_happens() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        let began = Instant::now();
        let mut task =
            client.start("count", json!({"to": 2, "pause": 1500})).await.expect("started");
        assert!(began.elapsed() < Duration::from_secs(1), "{way:?}: it does not wait for the task");
        let mut said = Vec::new();
        while let Some(news) = task.next().await {
            assert!(task_goes_on(&began, said.len()), "{way:?}: {news:?} is late");
            said.push(match news {
                // It comes beside the status, on another connection.
                Said::Progress { .. } if way == Way::TasksOf2025 => continue,
                Said::Progress { done, total: Some(total), text: Some(text), .. } => {
                    format!("{done} of {total} {text}")
                }
                Said::Status(text) => text,
                other => panic!("{way:?}: {other:?}"),
            });
        }
        said.dedup();
        let expected = match (way, revision) {
            (Way::Mcpc, _) => vec!["50 of 100 at 1", "100 of 100 at 2"],
            (Way::Tasks | Way::TasksOf2025, _) => vec!["50 %: at 1", "100 %: at 2"],
            (Way::Result, _) => vec![],
            _ => vec!["1 of 2 at 1", "2 of 2 at 2"],
        };
        assert_eq!(said, expected, "{way:?}, {revision}");
        client.close().await;
    }
}

fn task_goes_on(began: &Instant, said: usize) -> bool {
    said > 0 || began.elapsed() < Duration::from_millis(2800)
}

#[tokio::test]
async fn a_task_is_stopped_in_every_way() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        for waited in [0, 5, 1_200] {
            let mut task = client.start("forever", json!({})).await.expect("started");
            sleep(Duration::from_millis(waited)).await;
            task.stop().await.expect("it can be stopped");
            let ended = timeout(Duration::from_secs(6), task.result::<Value>()).await;
            let error = ended.expect("it ends soon").expect_err("it was stopped");
            assert!(matches!(error, TaskError::Stopped(_)), "{way:?}, {revision}: {error:?}");
        }
        let call = client.call("forever", json!({}));
        assert!(timeout(Duration::from_millis(300), call).await.is_err(), "{way:?}: it goes on");
        let until = Instant::now() + Duration::from_secs(6);
        loop {
            let tasks = client.call("check_task", json!({})).await.expect("answered");
            if !text(&tasks).contains("is running for") {
                break;
            }
            assert!(Instant::now() < until, "{way:?}, {revision}: {}", text(&tasks));
            sleep(Duration::from_millis(50)).await;
        }
        client.close().await;
    }
}

#[tokio::test]
async fn every_update_comes_once_and_in_order_and_created_is_the_first() {
    let served = serve(server());
    let client = Client::connect_http(served.url()).await.expect("the server answers");
    assert_eq!(client.mcpc().expect("it speaks MCPC").mcpc_version, "0.2.6");
    let mut events = client.events();
    let mut tasks = Vec::new();
    for _ in 0..5 {
        tasks.push(client.start("say", json!({"to": 200, "pause": 0})).await.expect("started"));
    }
    for task in &mut tasks {
        for i in 1..=200 {
            assert_eq!(number(&task.next().await.expect("another")), i);
        }
        assert!(task.next().await.is_none());
        assert_eq!(task.result::<u64>().await.expect("a result"), 200);
    }
    client.close().await;
    let mut heard = std::collections::HashMap::<_, Vec<_>>::new();
    while let Some(Event::Task(message)) = events.next().await {
        let event = message.task_event().expect("about a task");
        heard.entry(message.task_id.expect("of one")).or_default().push(event);
    }
    assert_eq!(heard.len(), 5);
    for events in heard.into_values() {
        assert_eq!(events.len(), 202);
        assert_eq!((events[0], events[201]), (TaskEvent::Created, TaskEvent::Complete));
        assert!(events[1..201].iter().all(|event| *event == TaskEvent::Update));
    }
}

#[tokio::test]
async fn many_tasks_and_plain_calls_go_on_at_once() {
    let served = serve(server());
    for (way, _, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        let mut tasks = Vec::new();
        for to in 20..40 {
            let arguments = json!({"to": to, "pause": 10});
            tasks.push((to, client.start("count", arguments).await.expect("started")));
        }
        for n in 0..20 {
            let reply = client.call("double", json!({"n": n})).await.expect("answered");
            assert_eq!(text(&reply), (2 * n).to_string());
        }
        for (to, mut task) in tasks {
            assert_eq!(task.result::<Counted>().await.expect("a result").to, to, "{way:?}");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn questions_are_answered_in_every_way() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let builder = builder.on_question(async |_| Answer::accept(json!({"answer": "Ada"})));
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        for tool in ["ask", "ask_at_once"] {
            // A task that goes on beside does not make it unclear who asks.
            let other = client.start("forever", json!({})).await.expect("started");
            let mut task = client.start(tool, json!({})).await.expect("started");
            let result = timeout(Duration::from_secs(20), task.result::<String>()).await;
            let result = result.unwrap_or_else(|_| panic!("{way:?}, {revision}, {tool}: it waits"));
            let result =
                result.unwrap_or_else(|error| panic!("{way:?}, {revision}, {tool}: {error}"));
            assert!(result.starts_with("hello Ada"), "{way:?}, {revision}, {tool}: {result}");
            other.stop().await.expect("it can be stopped");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn a_task_is_told_and_says_what_it_was_told() {
    let served = serve(server());
    let client = Client::connect_http(served.url()).await.expect("the server answers");
    let mut task = client.start("repeat", json!({})).await.expect("started");
    for text in ["one", "two"] {
        task.message(text).await.expect("it takes messages");
        let Some(Said::Update(said)) = task.next().await else { panic!("it says it again") };
        assert_eq!(said, text);
    }
    task.message("end").await.expect("it takes messages");
    assert_eq!(task.result::<u64>().await.expect("a result"), 2);
}

#[tokio::test]
async fn what_a_tool_emits_is_an_event_in_both_eras() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        let mut events = client.events();
        client.call("count", json!({"to": 1, "pause": 1})).await.expect("answered");
        client.close().await;
        let mut emitted = Vec::new();
        while let Some(event) = events.next().await {
            if let Event::Emitted { event, data, .. } = event {
                emitted.push((event, data));
            }
        }
        // No task of the extension has events.
        let expected = match way {
            Way::Tasks => vec![],
            _ => vec![("counted".to_owned(), json!(1))],
        };
        assert_eq!(emitted, expected, "{way:?}, {revision}");
    }
}

#[tokio::test]
async fn arguments_are_said_in_the_headers_that_their_tool_wants() {
    let served = serve(server());
    for (way, revision, builder) in ways() {
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        for region in ["eu-west", "Zürich", " padded ", "=?base64?eA==?="] {
            let reply = client.call("in_region", json!({"region": region})).await;
            let reply = reply.unwrap_or_else(|error| panic!("{way:?}, {revision}: {error:?}"));
            assert_eq!(text(&reply), region, "{way:?}, {revision}");
        }
        client.close().await;
    }
}

#[tokio::test]
async fn a_client_that_closes_leaves_no_session_behind() {
    let at = "127.0.0.1:0".parse().expect("an address");
    let served = serve_at(at, server(), |http| http.max_sessions(1));
    for closes in [true, false, true] {
        let connect = || Client::builder().initialize().connect_http(served.url());
        let mut connected = connect().await;
        let until = Instant::now() + Duration::from_secs(5);
        // One that is dropped has it ended in the background.
        while connected.is_err() && Instant::now() < until {
            sleep(Duration::from_millis(20)).await;
            connected = connect().await;
        }
        let client = connected.expect("there is room for a session");
        let refused = connect().await.expect_err("there is no room for another");
        let ClientError::Initialize(refused) = refused else { panic!("{refused:?}") };
        assert!(refused.to_string().contains("maximum of 1 sessions"), "{refused}");
        if closes {
            client.close().await;
        }
    }
}
