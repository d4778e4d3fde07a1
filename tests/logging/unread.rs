//! A server whose log nobody reads: it goes on, whatever its subscriber makes of that.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use mcpc::{Sender, Server, tools};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncWriteExt as _, ReadBuf};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::support::{INITIALIZE, Mcpc, Plain, Wire, call};

/// Panics at every event of a target, and at whatever is done with its spans; also when they are made, if so.
struct Panics(&'static str, bool);

/// The spans of the target. Another one has the id 1.
const OURS: u64 = 2;

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        let is_ours = span.metadata().target().starts_with(self.0);
        assert!(!is_ours || !self.1, "no span is to be made");
        Id::from_u64(if is_ours { OURS } else { 1 })
    }

    fn try_close(&self, span: Id) -> bool {
        assert_ne!(span.into_u64(), OURS, "no span is to be closed");
        true
    }

    fn clone_span(&self, span: &Id) -> Id {
        assert_ne!(span.into_u64(), OURS, "no span is to be cloned");
        span.clone()
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let target = event.metadata().target();
        assert!(!target.starts_with(self.0), "{target} is not to be logged");
    }

    fn enter(&self, span: &Id) {
        assert_ne!(span.into_u64(), OURS, "no span is to be entered");
    }

    fn exit(&self, span: &Id) {
        assert_ne!(span.into_u64(), OURS, "no span is to be left");
    }
}

#[mcpc::tool]
async fn logs() -> u8 {
    tracing::info!("called");
    5
}

#[mcpc::background]
async fn logs_later(updates: Sender) -> u8 {
    updates.send(1).await;
    tracing::info!("called");
    5
}

struct DropBomb;

impl Drop for DropBomb {
    fn drop(&mut self) {
        assert!(std::thread::panicking(), "dropped");
    }
}

/// Never ends, nor can it be ended without a bang.
#[mcpc::tool]
async fn bomb() {
    let _bomb = DropBomb;
    std::future::pending().await
}

fn server() -> Server {
    Server::new("logging").tools(tools![logs, logs_later, bomb]).grace(Duration::from_secs(1))
}

#[tokio::test(start_paused = true)]
async fn a_log_of_the_users_that_panics_is_a_failure_of_its_call() {
    let _guard = tracing::subscriber::set_default(Panics("logging", true));
    let mut client = Mcpc::connect(server()).await;
    let problem = "panicked: logging::unread is not to be logged";
    let (text, is_error) = client.ask("logs", json!({})).await;
    assert_eq!((text, is_error), (format!("tool `logs` {problem}"), true));
    client.start("t", "logs_later", json!({})).await;
    let end = client.task().await.pop().expect("an end");
    assert_eq!(end, ("failed".to_owned(), json!(format!("tool `logs_later` {problem}"))));
    let (text, _) = client.ask("no_such", json!({})).await;
    assert!(text.starts_with("unknown tool"), "{text}");
}

/// A stream that cannot be read.
struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("broken")))
    }
}

/// Each of these is logged: a tool without a description, one that panics while it is dropped, one that is cut
/// off at the end, a stream that cannot be read, a client that leaves and one that reads nothing.
#[tokio::test(start_paused = true)]
async fn a_log_of_the_servers_that_panics_is_nothing_to_speak_of() {
    for at_new_spans in [false, true] {
        let _guard = tracing::subscriber::set_default(Panics("mcpc", at_new_spans));
        goes_on_whatever_is_logged().await;
    }
}

async fn goes_on_whatever_is_logged() {
    let mut client = Mcpc::connect(server()).await;
    client.call("cancelled", "bomb", json!({})).await;
    client.cancel("cancelled").await;
    assert_eq!(client.ask("logs", json!({})).await, ("5".to_owned(), false));
    assert_eq!(client.events("logs_later", json!({})).await.len(), 3);
    client.call("cut off", "bomb", json!({})).await;
    let rest = client.finish().await;
    assert_eq!(rest.len(), 1, "{rest:?}");
    assert!(rest[0].contains("the server ended before `bomb` did"), "{rest:?}");

    let (reader, input) = tokio::io::duplex(1 << 10);
    drop(input);
    server().serve_io(Broken, reader).await.expect("such a client has done nothing wrong");

    let mut wire = Wire::open_with_buffer(server(), 64);
    wire.send(INITIALIZE).await;
    wire.send(&call(1, "no_such", json!({}))).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let Wire { lines, mut input, server } = wire;
    input.shutdown().await.expect("the server reads");
    let served = tokio::time::timeout(Duration::from_secs(60), server).await;
    served.expect("it ends").expect("no panic").expect("no error");
    drop(lines);
}

/// Is held up by every message that a task was asked to stop, until it is let go.
struct HeldUp {
    let_go: Mutex<Receiver<()>>,
    messages: AtomicUsize,
    warnings: AtomicUsize,
}

impl Subscriber for HeldUp {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "mcpc" && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if *event.metadata().level() == Level::WARN {
            self.warnings.fetch_add(1, Ordering::SeqCst);
        }
        if event.fields().any(|field| field.name() == "by") {
            self.messages.fetch_add(1, Ordering::SeqCst);
            let let_go = self.let_go.lock().unwrap_or_else(PoisonError::into_inner);
            assert!(let_go.recv().is_err(), "nothing is sent");
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Waits until it is stopped.
#[mcpc::background]
async fn waits(updates: Sender) {
    updates.stopped().await;
}

/// Needs one of the threads for what blocks.
#[mcpc::tool]
async fn blocks() -> u8 {
    tokio::task::spawn_blocking(|| 5).await.expect("no panic")
}

/// What is logged of cancelled calls waits for one of the threads that all tools share, and not without end.
#[test]
fn a_log_that_is_held_up_leaves_tools_their_threads() {
    let (held, let_go) = channel::<()>();
    let (messages, warnings) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let log = Arc::new(HeldUp { let_go: Mutex::new(let_go), messages, warnings });
    let _guard = tracing::subscriber::set_default(Arc::clone(&log));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().max_blocking_threads(4).build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async move {
        let server = Server::new("held up").tools(tools![waits, blocks]);
        let mut client = Plain::connect(server).await;
        for i in 0..1_500 {
            let id = format!("call {i}");
            client.call(id.as_str(), "waits", json!({})).await;
            client.cancel(id.as_str()).await;
            if i % 50 == 8 {
                let five =
                    tokio::time::timeout(Duration::from_secs(10), client.ask("blocks", json!({})))
                        .await;
                assert_eq!(five.expect("a thread is left"), ("5".to_owned(), false));
            }
        }
        client.ask("blocks", json!({})).await;
        drop(held);
        client.finish().await;
    });
    drop(runtime);
    let count = |of: &AtomicUsize| of.load(Ordering::SeqCst);
    let (messages, warnings) = (count(&log.messages), count(&log.warnings));
    // The first one is no longer waiting.
    assert!((1_000..=1_001).contains(&messages) && warnings == 1, "{messages} {warnings}");
}

/// Is held up by the first end of a task, until it is let go.
struct HeldUpByAnEnd(Mutex<Receiver<()>>);

impl Subscriber for HeldUpByAnEnd {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "mcpc" && *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        if event.fields().any(|field| field.name() == "outcome") {
            let let_go = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            let _ = let_go.recv_timeout(Duration::from_secs(20));
        }
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// Its end wakes more than what writes it, which the thread that is held up then would keep for itself.
#[mcpc::background]
async fn ends(updates: Sender) {
    let clone = updates.clone();
    tokio::spawn(async move { clone.stopped().await });
    tokio::task::yield_now().await;
}

/// Who heard of an end takes the id again, whatever becomes of the message about that.
#[test]
fn a_log_that_is_held_up_by_an_end_keeps_nobody_from_the_id() {
    let (held, let_go) = channel::<()>();
    let log = tracing::Dispatch::new(HeldUpByAnEnd(Mutex::new(let_go)));
    let _guard = tracing::dispatcher::set_default(&log);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .worker_threads(4)
        .on_thread_start(move || std::mem::forget(tracing::dispatcher::set_default(&log)))
        .build()
        .expect("a runtime");
    runtime.block_on(async move {
        let mut client = Mcpc::connect(Server::new("held up").tools(tools![ends])).await;
        client.start("t", "ends", json!({})).await;
        while client.message().await["event"] != "complete" {}
        client.start("t", "ends", json!({})).await;
        let created = tokio::time::timeout(Duration::from_secs(5), client.message()).await;
        assert_eq!(created.map(|message| message["event"].clone()), Ok(json!("created")));
        assert_eq!(client.message().await["event"], "complete");
        drop(held);
        client.finish().await;
    });
}

/// As a process of its own, with its own stderr.
#[cfg(unix)]
mod processes {
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Stdio;
    use std::time::Duration;

    use serde_json::{Value, json};
    use tokio::process::{ChildStderr, Command};

    use crate::support::process::Process;
    use crate::support::{INITIALIZED, cancel, example, notification, parse, request, text};

    /// What is wrong with stderr.
    #[derive(Clone, Copy, Debug)]
    enum Stderr {
        /// Closed from the start.
        Closed,
        /// A pipe that nobody reads from the start.
        Unread,
        /// The same with a socket, as Node's clients have them.
        UnreadSocket,
        /// A pipe that nobody reads after a while.
        LeftAlone,
    }

    const EVERY: [Stderr; 4] =
        [Stderr::Closed, Stderr::Unread, Stderr::UnreadSocket, Stderr::LeftAlone];

    fn start(program: &str, argument: &str, stderr: Stderr) -> Process {
        let mut command = Command::new("sh");
        let redirection = if matches!(stderr, Stderr::Closed) { "2>&-" } else { "" };
        let script = format!("exec \"$0\" \"$1\" {redirection}");
        command.args(["-c", &script]).arg(example(program)).arg(argument);
        command.stderr(match stderr {
            Stderr::Closed => Stdio::inherit(),
            Stderr::LeftAlone => Stdio::piped(),
            Stderr::Unread => std::io::pipe().expect("a pipe").1.into(),
            Stderr::UnreadSocket => OwnedFd::from(UnixStream::pair().expect("a pair").1).into(),
        });
        Process::spawn(command)
    }

    /// The same, behind the handshake; from then on nobody reads what was piped.
    async fn initialized(program: &str, argument: &str, stderr: Stderr) -> Process {
        let mut process = start(program, argument, stderr);
        process.initialize().await;
        // What rmcp logs after this reply has a moment to be logged.
        if let Some(stderr) = process.child.stderr.take() {
            tokio::time::sleep(Duration::from_millis(200)).await;
            drop(stderr);
        }
        process.send(INITIALIZED).await;
        process
    }

    /// Ends the input, and waits for the end, without another word.
    async fn finish(process: Process, what: &str) {
        let (rest, _, status) = process.finish().await;
        assert_eq!((rest, status.code()), (Vec::new(), Some(0)), "{what}");
    }

    /// One with a log that nobody reads although somebody could, and that is full some time.
    async fn with_a_full_log(argument: &str) -> (Process, ChildStderr) {
        let mut command = Command::new(example("logs"));
        command.arg(argument).env("TOKIO_WORKER_THREADS", "2").stderr(Stdio::piped());
        let mut process = Process::spawn(command);
        let full = process.child.stderr.take().expect("piped");
        process.initialize().await;
        (process, full)
    }

    /// What it says when it is asked to end, twice, which must not take long.
    async fn asked_to_end(mut process: Process) -> Vec<Value> {
        // By then, both workers print.
        tokio::time::sleep(Duration::from_millis(500)).await;
        for _ in 0..2 {
            process.signal("TERM");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let status = tokio::time::timeout(Duration::from_secs(5), process.child.wait()).await;
        assert_eq!(status.expect("it ends").expect("it ran").code(), Some(0));
        process.finish().await.0
    }

    /// Whatever logs or prints is blocked.
    #[tokio::test]
    async fn a_full_log_does_not_keep_a_server_from_ending() {
        let (mut process, _full) = with_a_full_log("").await;
        for i in 0..4 {
            process.call(i, "print_much", json!({})).await;
        }
        let said = asked_to_end(process).await;
        assert!(!said.is_empty(), "of those that were read");
        for reply in &said {
            assert_eq!(text(reply), "the server ended before `print_much` did");
        }
    }

    /// So is whatever makes a span, enters, leaves or closes it. No task may be without an end for that.
    #[tokio::test]
    async fn nor_does_one_that_is_full_of_spans() {
        let (mut process, _full) = with_a_full_log("fragile-in-spans").await;
        for i in 0..60 {
            process.call(i, "sum", json!({"numbers": [1, 2], "_metadata": {}})).await;
        }
        let said = asked_to_end(process).await;
        let events: Vec<Value> = said
            .iter()
            .filter_map(|message| serde_json::from_str(&text(message)).ok())
            .map(|message: Value| message["event"].clone())
            .collect();
        let count = |event| events.iter().filter(|it| *it == event).count();
        assert!(count("created") > 0, "{said:?}");
        assert_eq!(count("created"), count("complete") + count("failed"), "{said:?}");
    }

    /// What a tool prints goes to stderr, too.
    #[tokio::test]
    async fn a_tool_that_prints_is_not_disturbed_either() {
        for stderr in EVERY {
            let mut process = initialized("noisy", "", stderr).await;
            for i in 0..3 {
                process.call(i, "print", json!({"text": "four"})).await;
                assert_eq!(text(&process.value().await), "4", "{stderr:?}");
            }
            finish(process, "noisy").await;
        }
    }

    /// Everything that a server logs of, or rmcp does.
    async fn goes_on(subscriber: &str, stderr: Stderr) {
        let what = format!("{subscriber} {stderr:?}");
        let mut process = initialized("logs", subscriber, stderr).await;
        for i in 0..20 {
            process.call(i, "add", json!({"a": i, "b": 1})).await;
            let reply = process.value().await;
            assert_eq!(text(&reply), (i + 1).to_string(), "{what}: {reply}");
            process.send(&notification("notifications/unknown", Value::Null)).await;
            process.send(&cancel(7)).await;
            process.send(r#"{"jsonrpc":"2.0","id":"never","result":{}}"#).await;
            process.send(&request("m", "no/such", Value::Null)).await;
            assert_eq!(process.value().await["error"]["code"], -32601, "{what}");
        }
        process.call("sum", "sum", json!({"numbers": [1, 2, 3], "_metadata": {}})).await;
        let mut events = Vec::new();
        while events.last().is_none_or(|event| event != "complete") {
            let message = parse(&text(&process.value().await));
            events.push(message["event"].as_str().expect("an event").to_owned());
        }
        assert_eq!(events, ["created", "update", "update", "update", "complete"], "{what}");
        finish(process, &what).await;
    }

    /// The same lines stand in both, whatever is between them.
    #[test]
    fn the_example_has_the_subscriber_of_the_guide() {
        const SUBSCRIBER: &str = "tracing_subscriber::fmt().with_writer(std::io::stderr).log_internal_errors(false).init()";
        let guide = include_str!("../../src/guide/mod.rs");
        assert!(guide.contains(SUBSCRIBER));
        let example = include_str!("../../examples/logs.rs");
        assert!(example.split_whitespace().collect::<String>().contains(SUBSCRIBER));
    }

    #[tokio::test]
    async fn the_subscriber_of_the_readme_is_not_disturbed() {
        for stderr in EVERY {
            goes_on("", stderr).await;
        }
    }

    #[tokio::test]
    async fn nor_is_a_server_whose_subscriber_panics() {
        for subscriber in ["fragile", "fragile-to-the-last", "fragile-in-spans"] {
            for stderr in EVERY {
                goes_on(subscriber, stderr).await;
            }
        }
    }
}
