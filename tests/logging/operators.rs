//! What an operator reads in the log of a server, with rmcp's own messages left out.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use mcpc::log::TaskLog;
use mcpc::{Sender, Server, tools};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tracing::Level;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::prelude::*;

use crate::file::{FileLog, Folder, Operation};
use crate::support::{INITIALIZE, Mcpc, Plain, Wire, WithTasks};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// Listens on this thread from here on.
    fn open(level: Level) -> (Self, DefaultGuard) {
        let log = Self::default();
        let writer = log.clone();
        let lines = tracing_subscriber::fmt::layer().without_time().with_ansi(false);
        let lines = lines.with_writer(move || writer.clone());
        let targets = Targets::new().with_default(level).with_target("rmcp", Level::WARN);
        let subscriber = tracing_subscriber::registry().with(lines).with(targets);
        (log, tracing::subscriber::set_default(subscriber))
    }

    fn lines(&self) -> Vec<String> {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = std::str::from_utf8(&bytes).expect("UTF-8");
        text.lines().map(|line| line.trim_start().to_owned()).collect()
    }

    /// Those of one call or task, without what names it.
    fn of(&self, span: &str) -> Vec<String> {
        let lines = self.lines();
        lines.iter().filter(|line| line.contains(span)).map(|line| line.replace(span, "")).collect()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Adds two numbers.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> Result<i64, String> {
    tracing::info!("adding");
    a.checked_add(b).ok_or_else(|| "too large".to_owned())
}

/// Asks, and works on.
#[mcpc::tool]
async fn confirm(call: mcpc::Call) -> String {
    let answer = call.ask::<bool>("Go on?").await;
    tracing::info!("working on");
    format!("{answer:?}")
}

/// Ends as it is told.
#[mcpc::background(timeout = "30s")]
async fn work(how: String, updates: Sender) -> Result<String, String> {
    tracing::info!(how, "working");
    tokio::time::sleep(Duration::from_secs(2)).await;
    match how.as_str() {
        "obey" => updates.stopped().await,
        "ignore" => std::future::pending().await,
        "panic" => panic!("boom"),
        "emit" => {
            updates.emit("one", 1).await;
            updates.emit("two", 2).await;
        }
        "well" => return Ok(how),
        _ => {}
    }
    Err(format!("it was to end {how}"))
}

fn server() -> Server {
    Server::new("operators").tools(tools![add, work, confirm]).grace(Duration::from_secs(5))
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_for_an_answer_works_on_in_its_span() {
    let (log, _listens) = Log::open(Level::INFO);
    let mut client = WithTasks::open(server());
    client.forget_tasks();
    client.meta["io.modelcontextprotocol/clientCapabilities"] =
        json!({"elicitation": {"form": {}}});
    client.send_call("first", "confirm", json!({})).await;
    let asked = client.value().await["result"].take();
    let yes = json!({"q1": {"action": "accept"}});
    let again =
        json!({"name": "confirm", "requestState": asked["requestState"], "inputResponses": yes});
    client.send_request("second", "tools/call", again).await;
    client.value().await;
    let lines = log.lines();
    let line = lines.iter().find(|line| line.contains("working on")).expect("it is logged");
    let span = r#"call{tool="confirm" request="first" client="raw 1"}: "#;
    assert!(line.contains(span), "{line}");
}

fn task(task_id: &str) -> String {
    format!(r#"task{{tool="work" task_id="{task_id}" request="{task_id}" client="raw 1"}}: "#)
}

/// Runs a task to its end; what is logged of it.
async fn logged(how: &str, level: Level) -> Vec<String> {
    let (log, _listens) = Log::open(level);
    let mut client = Mcpc::connect(server()).await;
    client.events("work", json!({"how": how})).await;
    client.finish().await;
    log.of(&task("t"))
}

#[tokio::test(start_paused = true)]
async fn a_task_has_a_line_when_it_starts_and_one_when_it_ends() {
    assert_eq!(
        logged("well", Level::INFO).await,
        [
            "INFO mcpc: started",
            "INFO logging::operators: working how=\"well\"",
            "INFO mcpc: ended outcome=complete took=2s",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_of_a_task_has_its_reason() {
    let lines = logged("badly", Level::INFO).await;
    let end = r#"INFO mcpc: ended outcome=failed error="it was to end badly" took=2s"#;
    assert_eq!(lines.last().map(String::as_str), Some(end));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_an_error_of_the_servers() {
    let lines = logged("panic", Level::INFO).await;
    let panic = r#"tool `work` panicked: boom""#;
    assert_eq!(lines[2], format!(r#"ERROR mcpc: panicked panic="{panic}"#));
    assert_eq!(lines[3], format!(r#"INFO mcpc: ended outcome=failed error="{panic} took=2s"#));
}

/// Nobody asked for the span then, so the message says where it belongs.
#[tokio::test(start_paused = true)]
async fn a_panic_is_told_of_to_those_who_hear_of_errors_alone() {
    let (log, _listens) = Log::open(Level::ERROR);
    let mut client = Mcpc::connect(server()).await;
    client.events("work", json!({"how": "panic"})).await;
    client.finish().await;
    let panic =
        r#"ERROR mcpc: panicked tool="work" task_id="t" panic="tool `work` panicked: boom""#;
    assert_eq!(log.lines(), [panic]);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_a_reason_to_stop() {
    assert_eq!(
        logged("ignore", Level::INFO).await[2..],
        [
            r#"INFO mcpc: asked to stop by="timeout" timeout=30s"#,
            "INFO mcpc: ended outcome=timed_out error=\"timed out after 30s\" took=35s",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn who_asks_a_task_to_stop_is_told() {
    let (log, _listens) = Log::open(Level::INFO);
    let mut client = Mcpc::connect(server()).await;
    client.start("t", "work", json!({"how": "obey"})).await;
    client.call("stop", "stop_task", json!({"task_id": "t"})).await;
    assert_eq!(client.message().await["event"], "created");
    assert_eq!(client.value().await["id"], "stop");
    client.task().await;
    client.finish().await;
    let stop = r#"INFO call{tool="stop_task" request="stop" client="raw 1"}: mcpc: asked to stop task_id="t" by="stop_task""#;
    assert!(log.lines().iter().any(|line| line == stop), "{:#?}", log.lines());
    let end = r#"INFO mcpc: ended outcome=stopped error="it was to end obey" took=2s"#;
    assert_eq!(log.of(&task("t")).last().map(String::as_str), Some(end));
}

/// A client of the Tasks extension.
#[tokio::test(start_paused = true)]
async fn so_is_who_cancels_a_task() {
    let (log, _listens) = Log::open(Level::INFO);
    let mut client = WithTasks::open(server()).called("modern", "2");
    let task_id = client.start("work", json!({"how": "obey"})).await;
    client.cancel(&task_id).await;
    client.finish().await;
    let stop = format!(r#"INFO mcpc: asked to stop task_id="{task_id}" by="tasks/cancel""#);
    assert!(log.lines().contains(&stop), "{:#?}", log.lines());
    let span = format!(
        r#"task{{tool="work" task_id="{task_id}" request="tools/call" client="modern 2"}}: "#
    );
    let end = r#"INFO mcpc: ended outcome=stopped error="it was to end obey" took=2s"#;
    assert_eq!(log.of(&span).last().map(String::as_str), Some(end));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_and_the_end_of_a_connection_stop_tasks() {
    let (log, _listens) = Log::open(Level::DEBUG);
    let mut client = Plain::connect(server()).await;
    client.call("left", "work", json!({"how": "obey"})).await;
    client.call("stays", "work", json!({"how": "ignore"})).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    client.cancel("left").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.finish().await;
    let lines = log.lines();
    let has = |part: &str| lines.iter().any(|line| line.contains(part));
    assert!(has(r#" by="notifications/cancelled""#), "{lines:#?}");
    assert!(
        has(
            r#"call{tool="work" request="left" client="raw 1"}: mcpc: answered outcome=cancelled error="cancelled" took=3"#
        ),
        "{lines:#?}"
    );
    assert!(
        has("INFO mcpc: the connection ends: its tasks are asked to stop tasks=1"),
        "{lines:#?}"
    );
    assert!(has("mcpc: ended outcome=dropped took=9"), "{lines:#?}");
}

/// The thread that would have stopped it is its own.
#[test]
fn a_body_that_blocks_past_its_time_is_told_of() {
    /// Blocks its thread.
    #[mcpc::background(timeout = "50ms")]
    async fn block() {
        std::thread::sleep(Duration::from_millis(400));
    }
    let (log, _listens) = Log::open(Level::INFO);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let server = Server::new("blocks").tools(tools![block]).grace(Duration::from_millis(50));
        let mut client = Mcpc::connect(server).await;
        client.events("block", json!({})).await;
        client.finish().await;
    });
    let lines = log.lines();
    let warning = "its thread was blocked when its timeout and its grace were over: blocking code belongs on `spawn_blocking` late=";
    let warned = lines.iter().filter(|line| line.starts_with("WARN"));
    let late = warned.filter_map(|line| line.split_once(warning)).map(|(_, late)| late);
    let late: Vec<f64> = late.filter_map(milliseconds).collect();
    // Of the 400 ms that it blocks, 50 ms are its timeout, and as many its grace; a slow machine adds to that.
    assert!(matches!(late[..], [late] if late >= 290.0), "{lines:#?}");
}

/// How long the first word of a text is, which is a duration as `Debug` writes it.
fn milliseconds(text: &str) -> Option<f64> {
    let word = text.split_whitespace().next()?;
    match word.strip_suffix("ms") {
        Some(number) => number.parse().ok(),
        None => word.strip_suffix('s')?.parse().ok().map(|seconds: f64| seconds * 1e3),
    }
}

#[tokio::test(start_paused = true)]
async fn plain_calls_are_told_of_in_detail_alone() {
    let (log, _listens) = Log::open(Level::INFO);
    let mut client = Plain::connect(server()).await;
    let call = r#"call{tool="add" request="ask" client="raw 1"}: "#;
    client.ask("add", json!({"a": 1, "b": 2})).await;
    assert_eq!(log.lines(), [format!("INFO {call}logging::operators: adding")]);

    let (log, _listens) = Log::open(Level::DEBUG);
    client.ask("add", json!({"a": 1, "b": 2})).await;
    client.ask("add", json!({"a": i64::MAX, "b": 2})).await;
    client.ask("add", json!({"a": "one"})).await;
    let lines = log.of(call);
    let answers: Vec<&str> =
        lines.iter().filter_map(|line| line.strip_prefix("DEBUG mcpc: ")).collect();
    assert_eq!(
        answers,
        [
            "called",
            "answered outcome=complete took=0ns",
            "called",
            "answered outcome=failed error=\"too large\" took=0ns",
            "called",
            "answered outcome=refused error=\"argument `a`: expected a whole number, got the string \\\"one\\\"\\nargument `b` is missing\" took=0ns",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_ticket_is_no_end_of_a_task() {
    let (log, _listens) = Log::open(Level::DEBUG);
    let mut client = Plain::connect(server().patience(Duration::from_secs(1))).await;
    client.ask("work", json!({"how": "well"})).await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let lines = log.lines();
    let call = r#"DEBUG call{tool="work" request="ask" client="raw 1"}: mcpc: answered outcome=ticket took=1s"#;
    let call = lines.iter().position(|line| line == call);
    let end = lines.iter().position(|line| line.contains("mcpc: ended outcome=complete took=2s"));
    assert!(call.is_some() && call < end, "{lines:#?}");
}

/// Its log cannot say what the reply is to be.
#[tokio::test(start_paused = true)]
async fn a_call_whose_task_cannot_be_told_of_is_refused() {
    let (log, _listens) = Log::open(Level::DEBUG);
    let folder = Folder::new();
    let tasks = FileLog::open(folder.file()).await;
    let server = server().task_patience(Duration::from_secs(1));
    let mut client = WithTasks::open(server.log(Arc::new(tasks.clone()) as Arc<dyn TaskLog>));
    client.send_call("t", "work", json!({"how": "obey"})).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    tasks.fail(&[Operation::Read]);
    let reply = client.value().await;
    assert_eq!(reply["result"]["isError"], true, "{reply}");
    client.finish().await;
    let lines = log.lines();
    let answered: Vec<&String> = lines.iter().filter(|it| it.contains("answered")).collect();
    assert!(matches!(answered[..], [line] if line.contains("outcome=refused")), "{answered:?}");
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_takes_is_told_of_once() {
    let (log, _listens) = Log::open(Level::DEBUG);
    let mut client = Plain::connect(server()).await;
    client.set_log_level("error").await;
    client.ask("work", json!({"how": "emit"})).await;
    let lines = log.lines();
    let untaken: Vec<&String> = lines.iter().filter(|line| line.contains("nobody takes")).collect();
    assert_eq!(untaken.len(), 1, "{lines:#?}");
    assert!(untaken[0].contains(r#" event="one""#), "{untaken:?}");
}

#[tokio::test(start_paused = true)]
async fn events_that_are_left_out_are_told_of_once() {
    let (log, _listens) = Log::open(Level::INFO);
    let service = server().max_queued_bytes(10_000).build().expect("it can be built");
    let events = service.events();
    let mut client = Plain::begin(Wire::to(&service)).await;
    // Its session has begun where the server has read that.
    client.names().await;
    for _ in 0..2 {
        for _ in 0..200 {
            events.emit("rain", "x".repeat(1_000)).expect("it has a name");
        }
        events.emit("sun", ()).expect("it has a name");
        while client.value().await["params"]["data"]["event"] != "sun" {}
    }
    client.finish().await;
    let lines = log.lines();
    let lost: Vec<&String> = lines.iter().filter(|line| line.contains("are left out")).collect();
    let expected = "a client does not read its events: the oldest are left out server=operators";
    assert_eq!(lost.len(), 1, "{lines:#?}");
    assert!(lost[0].contains(expected), "{lost:?}");
}

/// A stream that fails at once.
struct Fails;

impl AsyncRead for Fails {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::ErrorKind::Other.into()))
    }
}

impl AsyncWrite for Fails {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What is logged of the end of a connection.
async fn ending(end: impl AsyncFnOnce()) -> Vec<String> {
    let (log, _listens) = Log::open(Level::INFO);
    end().await;
    // Who drops a server waits for nothing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    log.lines().into_iter().filter(|line| line.contains("the connection has ended")).collect()
}

/// Says more than a connection takes before its client reads.
#[mcpc::tool]
async fn boast() -> String {
    "x".repeat(2 << 20)
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_connection_has_one_line_that_says_why() {
    let why = |why: &str| [format!("INFO mcpc: the connection has ended why={why}")];

    let input = ending(async || drop(Plain::connect(server()).await.finish().await));
    assert_eq!(input.await, why("the input ended"));

    let over_rmcp = ending(async || {
        Plain::begin(Wire::open_over_rmcp(server())).await.finish().await;
    });
    assert_eq!(over_rmcp.await, why("the input ended"));

    let reader = ending(async || drop(server().serve_io(Fails, tokio::io::sink()).await));
    assert_eq!(reader.await, why("the transport failed"));

    let writer = ending(async || {
        let mut wire = Wire::open_with_writer(server(), 1 << 16, |_| Fails);
        wire.send(INITIALIZE).await;
        drop(wire.server.await);
    });
    assert_eq!(writer.await, why("the client left"));

    let unread = ending(async || {
        let mut client = Plain::connect(server().tools(tools![boast])).await;
        client.call("boast", "boast", json!({})).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        tokio::io::AsyncWriteExt::shutdown(&mut client.input).await.expect("the server reads");
        drop(client.wire.server.await);
    });
    assert_eq!(unread.await, why("the client does not read its replies"));

    let dropped = ending(async || {
        let client = Plain::connect(server()).await;
        client.server.abort();
        drop(client.wire.server.await);
    });
    assert_eq!(dropped.await, why("it was dropped, or could not begin"));
}
