//! What is around every call.

use std::future::Ready;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcpc::around::{Failed, Next, Success, ToolCall};
use mcpc::rmcp::ErrorData;
use mcpc::{DynamicTool, Sender, Server, tools};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

use crate::support::{Mcpc, Plain, WithTasks};

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> Result<i64, String> {
    match (a, b) {
        (13, _) => Err("unlucky".to_owned()),
        (14, _) => panic!("worse"),
        _ => Ok(a + b),
    }
}

/// Works for some seconds, or until it is asked to stop.
#[mcpc::background(patience = "0s")]
async fn work(seconds: u64, sender: Sender) -> Result<&'static str, String> {
    match seconds {
        13 => return Err("unlucky".to_owned()),
        14 => panic!("worse"),
        _ => {}
    }
    sender.send("begun").await;
    tokio::select! {
        () = sender.stopped() => Err("was asked to stop".to_owned()),
        () = sleep(Duration::from_secs(seconds)) => Ok("done"),
    }
}

/// What was seen, in words.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Seen {
    fn note(&self, text: String) {
        self.0.lock().expect("nobody panics").push(text);
    }

    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().expect("nobody panics"))
    }
}

fn server() -> Server {
    Server::new("around").tools(tools![add, work])
}

/// A server, and what is seen of its calls.
fn seen() -> (Server, Seen) {
    let seen = Seen::default();
    let notes = seen.clone();
    let server = server().around(move |call: ToolCall, next: Next| {
        let notes = notes.clone();
        async move {
            let (name, arguments) = (call.name().to_owned(), Value::from(call.arguments().clone()));
            let (is_task, began) = (call.is_background(), Instant::now());
            assert_eq!(call.task_id().is_some(), is_task);
            assert_eq!(call.client().expect("it said so").name, "raw");
            let outcome = next.run(call).await;
            let said = match &outcome {
                Ok(success) => success.json().to_owned(),
                Err(failed) if failed.is_panic() => format!("panic: {failed}"),
                Err(failed) => format!("error: {failed}"),
            };
            let took = began.elapsed().as_secs();
            notes.note(format!("{name} {arguments} {is_task} {took} s: {said}"));
            outcome
        }
    });
    (server, seen)
}

#[tokio::test(start_paused = true)]
async fn every_call_of_a_plain_tool_is_seen_whatever_comes_of_it() {
    let (server, seen) = seen();
    let mut client = Plain::connect(server).await;
    assert_eq!(client.ask("add", json!({"a": 1, "b": 2})).await, ("3".into(), false));
    let failed = client.ask("add", json!({"a": 13, "b": 2})).await;
    assert_eq!(failed, ("unlucky".into(), true));
    let refused = client.ask("add", json!({"a": 1})).await;
    assert_eq!(refused, ("argument `b` is missing".into(), true));
    let panicked = client.ask("add", json!({"a": 14, "b": 2})).await;
    assert_eq!(panicked, ("tool `add` panicked: worse".into(), true));
    assert_eq!(
        seen.take(),
        [
            r#"add {"a":1,"b":2} false 0 s: 3"#,
            r#"add {"a":13,"b":2} false 0 s: error: unlucky"#,
            r#"add {"a":1} false 0 s: error: argument `b` is missing"#,
            r#"add {"a":14,"b":2} false 0 s: panic: tool `add` panicked: worse"#,
        ]
    );
    // What is no tool of the author's is not.
    client.ask("none", json!({})).await;
    client.ask("check_task", json!({})).await;
    assert_eq!(seen.take(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_task_is_seen_to_its_end() {
    let (server, seen) = seen();
    let mut client = Mcpc::connect(server.grace(Duration::from_secs(1))).await;
    let mut events = async |seconds: u64| {
        let events = client.events("work", json!({"seconds": seconds})).await;
        events.last().map(|(event, result)| format!("{event} {result}")).expect("an end")
    };
    assert_eq!(events(30).await, r#"complete "done""#);
    assert_eq!(events(13).await, r#"failed "unlucky""#);
    assert_eq!(events(14).await, r#"failed "tool `work` panicked: worse""#);
    assert_eq!(
        seen.take(),
        [
            r#"work {"seconds":30} true 30 s: "done""#,
            r#"work {"seconds":13} true 0 s: error: unlucky"#,
            r#"work {"seconds":14} true 0 s: panic: tool `work` panicked: worse"#,
        ]
    );
    client.begin_task("u", "work", json!({"seconds": 60})).await;
    assert_eq!(client.message().await["event"], "update");
    client.call("stop", "stop_task", json!({"task_id": "u"})).await;
    let said = [client.line().await, client.line().await].concat();
    assert!(said.contains(r#"\"failed\""#) && said.contains("was asked to stop"), "{said}");
    assert_eq!(seen.take(), [r#"work {"seconds":60} true 0 s: error: was asked to stop"#]);
}

#[tokio::test(start_paused = true)]
async fn a_call_with_bad_arguments_is_refused_at_once_and_gets_no_task() {
    let (server, seen) = seen();
    let mut client = Mcpc::connect(server).await;
    client.start("t", "work", json!({"seconds": "soon"})).await;
    let reply = client.value().await;
    assert_eq!(reply["id"], "t");
    assert_eq!(reply["result"]["isError"], true);
    let text = reply["result"]["content"][0]["text"].as_str().expect("a text").to_owned();
    assert!(text.starts_with("argument `seconds`: "), "{text}");
    assert_eq!(seen.take(), [format!(r#"work {{"seconds":"soon"}} true 0 s: error: {text}"#)]);
    // Its id is free.
    let events = client.events("work", json!({"seconds": 1})).await;
    assert_eq!(events.last().map(|(event, _)| event.as_str()), Some("complete"));
}

#[tokio::test(start_paused = true)]
async fn the_first_is_the_outermost_and_each_may_change_the_arguments_and_the_outcome() {
    let add_one = async |mut call: ToolCall, next: Next| {
        let a = call.arguments()["a"].as_i64().unwrap_or_default();
        call.arguments_mut().insert("a".to_owned(), (a + 1).into());
        next.run(call).await
    };
    let twice = async |mut call: ToolCall, next: Next| {
        let a = call.arguments()["a"].as_i64().unwrap_or_default();
        call.arguments_mut().insert("a".to_owned(), (2 * a).into());
        let outcome = next.run(call).await?;
        Success::new(format!("{} twice", outcome.json()))
    };
    let mut client = Plain::connect(server().around(add_one).around(twice)).await;
    assert_eq!(client.ask("add", json!({"a": 1, "b": 0})).await.0, "4 twice");
    let mut client = Plain::connect(server().around(twice).around(add_one)).await;
    assert_eq!(client.ask("add", json!({"a": 1, "b": 0})).await.0, "3 twice");
}

#[tokio::test(start_paused = true)]
async fn a_call_is_refused_with_a_text_or_an_error_of_the_protocol() {
    let closed = || {
        server().around(async |call: ToolCall, _next: Next| match call.is_background() {
            true => Err(format!("`{}` is closed", call.name()).into()),
            false => Err(ErrorData::invalid_request("go away", None).into()),
        })
    };
    let mut client = Plain::connect(closed()).await;
    assert_eq!(client.ask("work", json!({"seconds": 1})).await, ("`work` is closed".into(), true));
    let reply = client.reply("add", json!({"a": 1, "b": 2})).await;
    assert_eq!(reply["error"], json!({"code": -32600, "message": "go away"}));
    let mut client = WithTasks::open(closed());
    let refused = client.call("work", json!({"seconds": 1})).await;
    assert_eq!(refused["content"][0]["text"], "`work` is closed");
    let mut client = Mcpc::connect(closed()).await;
    client.start("t", "work", json!({"seconds": 1})).await;
    let reply = client.value().await;
    assert_eq!((&reply["id"], &reply["result"]["isError"]), (&json!("t"), &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn a_task_that_waits_for_a_permit_is_created_at_once() {
    let permits = Arc::new(Semaphore::new(1));
    let server = server().around(move |call: ToolCall, next: Next| {
        let permits = Arc::clone(&permits);
        async move {
            let _permit = permits.acquire_owned().await.map_err(|error| error.to_string())?;
            next.run(call).await
        }
    });
    let mut client = Mcpc::connect(server).await;
    client.start("a", "work", json!({"seconds": 5})).await;
    client.start("b", "work", json!({"seconds": 5})).await;
    let began = Instant::now();
    let mut heard = Vec::new();
    while heard.len() < 4 {
        let message = client.message().await;
        let text = |key: &str| message[key].as_str().expect("a text").to_owned();
        if message["event"] != "update" {
            heard.push((text("task_id"), text("event"), began.elapsed().as_secs()));
        }
    }
    let heard: Vec<_> =
        heard.iter().map(|(id, event, at)| (id.as_str(), event.as_str(), *at)).collect();
    assert_eq!(
        heard,
        [("a", "created", 0), ("b", "created", 0), ("a", "complete", 5), ("b", "complete", 10)]
    );
}

#[tokio::test(start_paused = true)]
async fn a_tool_that_panics_before_its_future_is_seen_to_panic() {
    let tool = DynamicTool::plain("boom", json!({}), |_, _| -> Ready<Result<(), String>> {
        panic!("before its future")
    });
    let server = Server::new("around").tools(tool).around(async |call: ToolCall, next: Next| {
        let outcome = next.run(call).await;
        assert!(outcome.as_ref().is_err_and(Failed::is_panic), "{outcome:?}");
        outcome
    });
    let said = Plain::connect(server).await.ask("boom", json!({})).await;
    assert_eq!(said, ("tool `boom` panicked: before its future".into(), true));
}

/// A tool made of a closure, whatever that returns.
fn made<T, E>(run: impl Fn() -> Result<T, E> + Send + Sync + 'static) -> DynamicTool
where
    T: mcpc::Output + Send,
    E: mcpc::Failure + Send + 'static,
{
    DynamicTool::plain("made", json!({}), move |_, _| std::future::ready(run()))
}

#[tokio::test(start_paused = true)]
async fn what_the_tool_says_of_itself_is_seen_and_a_failure_is_an_error() {
    let tool = made(|| Err::<(), _>("unlucky")).title("Made").read_only(true).open_world(false);
    let server = Server::new("around").tools(tool).around(async |call: ToolCall, next: Next| {
        let hints = [call.is_destructive(), call.is_idempotent(), call.is_open_world()];
        let said = format!("{:?} {} {hints:?}", call.title(), call.is_read_only());
        let failed = next.run(call).await.expect_err("it fails");
        let error: Box<dyn std::error::Error + Send + Sync> = failed.into();
        Err(format!("{error}: {said}").into())
    });
    let said = Plain::connect(server).await.ask("made", json!({})).await;
    assert_eq!(said, (r#"unlucky: Some("Made") true [None, None, Some(false)]"#.into(), true));
}

#[tokio::test(start_paused = true)]
async fn what_is_around_may_panic_itself() {
    let server = || {
        server().around(|call: ToolCall, next: Next| {
            assert!(call.arguments().get("panic") != Some(&json!("before")), "before");
            async move {
                assert!(call.arguments().get("panic") != Some(&json!("within")), "within");
                next.run(call).await
            }
        })
    };
    let mut client = Plain::connect(server()).await;
    for when in ["before", "within"] {
        for tool in ["add", "work"] {
            let said = client.ask(tool, json!({"panic": when})).await;
            assert_eq!(said, (format!("tool `{tool}` panicked: {when}"), true));
        }
    }
    assert_eq!(client.ask("add", json!({"a": 1, "b": 2})).await.0, "3");
}
