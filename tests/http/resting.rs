//! Sessions in which nothing needs rmcp's loop: they have none, and nobody sees a difference.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use mcpc::{Call, LogLevel, NoAnswer, Sender, Server, tools};
use rmcp::ServerHandler;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tracing::subscriber::DefaultGuard;
use tracing::{Event, Metadata, Subscriber, field, span};

use crate::support::{Http, call, initialize, mcpc, text};
use crate::{count, work};

/// In which a session has long come to rest, if it does.
const QUIET: Duration = Duration::from_secs(5);

/// How many loops of rmcp's have begun and ended, as it logs that.
#[derive(Clone, Default)]
struct Loops {
    begun: Arc<AtomicUsize>,
    ended: Arc<AtomicUsize>,
}

impl Loops {
    fn counted() -> (Self, DefaultGuard) {
        let loops = Self::default();
        let guard = tracing::subscriber::set_default(loops.clone());
        (loops, guard)
    }

    /// How many have begun, and how many of these are there.
    fn now(&self) -> (usize, usize) {
        let begun = self.begun.load(Ordering::SeqCst);
        (begun, begun - self.ended.load(Ordering::SeqCst))
    }
}

impl Subscriber for Loops {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("rmcp") && metadata.is_event()
    }

    fn new_span(&self, _: &span::Attributes<'_>) -> span::Id {
        span::Id::from_u64(1)
    }

    fn record(&self, _: &span::Id, _: &span::Record<'_>) {}

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}

    fn event(&self, event: &Event<'_>) {
        struct Message(String);
        impl field::Visit for Message {
            fn record_debug(&mut self, field: &field::Field, value: &dyn fmt::Debug) {
                if field.name() == "message" {
                    self.0 = format!("{value:?}");
                }
            }
        }
        let mut message = Message(String::new());
        event.record(&mut message);
        let count = match message.0.as_str() {
            "Service initialized as server" => &self.begun,
            "serve finished" => &self.ended,
            _ => return,
        };
        count.fetch_add(1, Ordering::SeqCst);
    }

    fn enter(&self, _: &span::Id) {}

    fn exit(&self, _: &span::Id) {}
}

/// Adds.
#[mcpc::tool]
async fn add(a: i64, b: i64) -> [i64; 1] {
    [a + b]
}

/// Tells who asks.
#[mcpc::tool]
async fn client(call: Call) -> String {
    call.client().expect("it said so").name
}

/// Keeps its client.
#[mcpc::tool]
async fn keep(call: Call) -> &'static str {
    static KEPT: std::sync::Mutex<Vec<rmcp::Peer<rmcp::RoleServer>>> =
        std::sync::Mutex::new(Vec::new());
    KEPT.lock().expect("no panic").push(call.context().peer.clone());
    "kept"
}

/// Logs.
#[mcpc::tool]
async fn log(call: Call) {
    call.log(LogLevel::Warning, "a warning").await;
    call.log(LogLevel::Error, "an error").await;
}

/// Waits for as long as its client.
#[mcpc::tool]
async fn hold(call: Call) -> &'static str {
    call.context().ct.cancelled().await;
    "it ends"
}

/// Asks before it goes on.
#[mcpc::background]
async fn sure(sender: Sender) -> Result<String, NoAnswer> {
    Ok(format!("sure: {}", sender.ask::<bool>("Sure?").await?))
}

fn server() -> Server {
    Server::new("http")
        .tools(tools![add, client, keep, log, hold, sure, count, work])
        .patience(Duration::ZERO)
}

/// A client whose server was built just now.
fn client_of(server: Server) -> Http {
    Http::to(&server.build().expect("it can be built"))
}

fn shows_forms() -> Value {
    let mut begin = initialize("2025-11-25");
    begin["params"]["capabilities"] = json!({"elicitation": {"form": {}}});
    begin
}

async fn ask(session: &Http, id: u64, method: &str) -> Value {
    let request = json!({"jsonrpc": "2.0", "id": id, "method": method});
    session.post(&[], request).await.events.last().await
}

async fn tell(session: &Http, message: Value) {
    assert_eq!(session.post(&[], message).await.status, StatusCode::ACCEPTED);
}

fn cancelled(id: u64) -> Value {
    let params = json!({"requestId": id});
    json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params})
}

fn agreed(asked: &Value) -> Value {
    let result = json!({"action": "accept", "content": {}});
    json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})
}

struct Nothing;

impl ServerHandler for Nothing {}

#[tokio::test(start_paused = true)]
async fn most_is_answered_without_a_loop_and_as_a_loop_would_answer() {
    let (loops, _guard) = Loops::counted();
    // One with a handler has a loop from its beginning to its end.
    let (rests, has_loop) = (client_of(server()), client_of(server().handler(Nothing)));
    let (rests, has_loop) = (rests.begin().await, has_loop.begin().await);
    sleep(QUIET).await;
    assert_eq!(loops.now(), (2, 1));
    for (id, method) in [(1, "ping"), (2, "tools/list")] {
        assert_eq!(ask(&rests, id, method).await, ask(&has_loop, id, method).await, "{method}");
    }
    let listed = ask(&rests, 3, "tools/list").await;
    assert_eq!(listed["result"]["tools"][0]["name"], "add", "{listed}");
    assert_eq!(text(&rests.call(4, "add", json!({"a": 1, "b": 2})).await), "[3]");
    let mut stream = rests.listen(None).await;
    rests.call(5, "count", mcpc("t", json!({"to": 1, "every_ms": 1}))).await;
    for event in ["created", "update", "complete"] {
        assert_eq!(stream.events.callback().await["event"], event);
    }
    tell(&rests, cancelled(5)).await;
    assert_eq!(loops.now(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn what_needs_a_loop_begins_one_and_the_session_rests_again() {
    let (loops, _guard) = Loops::counted();
    let session = client_of(server()).begin().await;
    sleep(QUIET).await;
    for id in 1..=3 {
        assert_eq!(text(&session.call(id, "client", json!({})).await), "c");
        assert_eq!(loops.now(), (2, 1), "it lingers");
    }
    sleep(QUIET).await;
    assert_eq!(loops.now(), (2, 0));
    let unknown = ask(&session, 4, "prompts/list").await;
    assert_eq!(unknown["error"]["code"], -32601, "{unknown}");
    assert_eq!(loops.now(), (3, 1));
    sleep(QUIET).await;
    assert_eq!(loops.now(), (3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_task_after_a_rest_tells_its_client_everything_once_whatever_becomes_of_the_stream() {
    let (loops, _guard) = Loops::counted();
    // A task of such a client may ask it, and has a loop for that.
    let session = client_of(server()).begin_with(shows_forms()).await;
    sleep(QUIET).await;
    assert_eq!(loops.now(), (1, 0));
    let mut stream = session.listen(None).await;
    session.call(1, "count", mcpc("t", json!({"to": 20, "every_ms": 1_000}))).await;
    assert_eq!(loops.now(), (2, 1));
    assert_eq!(stream.events.callback().await["event"], "created");
    let mut last = String::new();
    for number in 1..=10 {
        let (callback, id) = stream.events.callback_and_id().await;
        assert_eq!(callback["result"], number);
        last = id;
    }
    drop(stream);
    sleep(QUIET).await;
    let mut stream = session.listen(Some(&last)).await;
    for number in 11..=20 {
        assert_eq!(loops.now(), (2, 1));
        assert_eq!(stream.events.callback().await["result"], number);
    }
    assert_eq!(stream.events.callback().await["event"], "complete");
    sleep(QUIET).await;
    assert_eq!(loops.now(), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_after_a_rest_is_cancelled_as_any_other() {
    let (loops, _guard) = Loops::counted();
    let session = client_of(server()).begin().await;
    sleep(QUIET).await;
    assert_eq!(loops.now(), (1, 0));
    let answer = session.start(1, "hold", json!({})).await;
    tell(&session, cancelled(1)).await;
    assert_eq!(answer.events.rest().await, "id: 2-0\nretry: 1000\ndata:\n\n");
    let again = session.post(&[], call(1, "client", json!({}))).await.events.last().await;
    let problem = "the request with the id 1 was cancelled; ids are used once";
    assert_eq!(again["error"]["message"], problem);
    assert_eq!(text(&session.call(2, "client", json!({})).await), "c");
}

#[tokio::test(start_paused = true)]
async fn a_task_asks_after_a_rest_and_from_then_on_the_session_never_rests() {
    let (loops, _guard) = Loops::counted();
    let session = client_of(server()).begin_with(shows_forms()).await;
    let mut stream = session.listen(None).await;
    let mut ids = Vec::new();
    for id in 1..=3 {
        sleep(QUIET).await;
        session.call(id, "sure", mcpc(&format!("t{id}"), json!({}))).await;
        assert_eq!(stream.events.callback().await["event"], "created");
        let asked = stream.events.message().await;
        assert_eq!(asked["method"], "elicitation/create", "{asked}");
        ids.push(asked["id"].clone());
        tell(&session, agreed(&asked)).await;
        assert_eq!(stream.events.callback().await["result"], "sure: true");
        assert_eq!(loops.now(), (2, 1));
    }
    let each: HashSet<String> = ids.iter().map(Value::to_string).collect();
    assert_eq!(each.len(), 3, "a client is asked each by an id of its own: {ids:?}");
}

#[tokio::test(start_paused = true)]
async fn a_session_rests_neither_beside_a_handler_nor_when_a_tool_kept_its_client() {
    let (loops, _guard) = Loops::counted();
    let handled = client_of(server().handler(Nothing)).begin().await;
    sleep(QUIET).await;
    assert_eq!(loops.now(), (1, 1));
    drop(handled);
    let kept = client_of(server()).begin().await;
    assert_eq!(text(&kept.call(1, "keep", json!({})).await), "kept");
    sleep(QUIET).await;
    assert_eq!(loops.now(), (3, 2));
}

#[tokio::test(start_paused = true)]
async fn a_session_that_began_twice_never_rests() {
    let (loops, _guard) = Loops::counted();
    let session = client_of(server()).begin().await;
    sleep(QUIET).await;
    let mut again = initialize("2025-06-18");
    again["id"] = json!(1);
    let answer = session.post(&[], again).await.events.last().await;
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
    sleep(QUIET).await;
    assert_eq!(text(&session.call(2, "add", json!({"a": 1, "b": 2})).await), "[3]");
    assert_eq!(loops.now(), (2, 1));
}

#[tokio::test(start_paused = true)]
async fn the_least_level_that_a_session_wants_outlasts_a_rest() {
    let (loops, _guard) = Loops::counted();
    let session = client_of(server()).begin().await;
    let params = json!({"level": "error"});
    let set = json!({"jsonrpc": "2.0", "id": 1, "method": "logging/setLevel", "params": params});
    let set = session.post(&[], set).await.events.last().await;
    assert_eq!(set["result"], json!({}));
    sleep(QUIET).await;
    assert_eq!(loops.now(), (2, 0));
    session.call(2, "log", json!({})).await;
    let mut heard = session.listen(None).await;
    assert_eq!(heard.events.message().await["params"]["data"], "an error");
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_at_rest_that_the_list_of_tools_has_changed() {
    let (loops, _guard) = Loops::counted();
    let service = server().dynamic_tools(true).build().expect("it can be built");
    let session = Http::to(&service).begin().await;
    let mut stream = session.listen(None).await;
    sleep(QUIET).await;
    assert_eq!(loops.now(), (1, 0));
    assert!(service.remove("add").expect("it may change"));
    let changed = json!({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"});
    assert_eq!(stream.events.message().await, changed);
    let listed = ask(&session, 1, "tools/list").await;
    assert_eq!(listed["result"]["tools"][0]["name"], "client", "{listed}");
    assert_eq!(loops.now(), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_session_at_rest_ends_as_any_other() {
    let (loops, _guard) = Loops::counted();
    let client = client_of(server());
    let (deleted, idle) = (client.begin().await, client.begin().await);
    let stream = deleted.listen(None).await;
    let mut callbacks = stream.events;
    deleted.call(1, "work", mcpc("t", json!({}))).await;
    sleep(QUIET).await;
    assert_eq!(loops.now(), (2, 0), "a task that asks nothing needs none");
    assert_eq!(deleted.send("DELETE", &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    for event in ["created", "update", "complete"] {
        assert_eq!(callbacks.callback().await["event"], event);
    }
    assert!(callbacks.next().await.is_none());
    sleep(2 * Duration::from_secs(30 * 60)).await;
    for session in [deleted, idle] {
        let answer = session.post(&[], call(2, "add", json!({"a": 1, "b": 2}))).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
}

/// Sends a request on a connection of its own; returns all that is answered until that is closed.
async fn exchanged(address: &str, headers: &str, body: &str) -> (TcpStream, String) {
    let mut stream = TcpStream::connect(address).await.expect("it listens");
    let request =
        format!("{headers}host: localhost\r\ncontent-length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let (mut answer, mut part) = (String::new(), [0; 4096]);
    while !answer.contains("\r\n\r\n") {
        let read = stream.read(&mut part).await.expect("it writes");
        answer.push_str(str::from_utf8(&part[..read]).expect("UTF-8"));
    }
    (stream, answer)
}

#[tokio::test]
async fn a_server_ends_in_order_whose_sessions_rest() {
    let (loops, _guard) = Loops::counted();
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one").to_string();
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let service = server().signals(false).build().expect("it can be built");
    let until = async move { drop(ends.await) };
    let serves = tokio::spawn(service.http().until(until).serve_on(listener));
    let accept = "accept: application/json, text/event-stream\r\n";
    let post = format!("POST /mcp HTTP/1.1\r\ncontent-type: application/json\r\n{accept}");
    let (_one, begun) = exchanged(&address, &post, &initialize("2025-11-25").to_string()).await;
    let id = begun.lines().find_map(|line| line.strip_prefix("mcp-session-id: "));
    let get = format!("GET /mcp HTTP/1.1\r\n{accept}mcp-session-id: {}\r\n", id.expect(&begun));
    let (mut stream, _) = exchanged(&address, &get, "").await;
    let rests = async {
        while loops.now() != (1, 0) {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(10), rests).await.expect("it rests");
    end.send(()).expect("it serves");
    let ended = timeout(Duration::from_secs(4), serves).await.expect("before its grace is over");
    ended.expect("no panic").expect("no error");
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.expect("it ends in order");
    assert!(rest.ends_with(b"0\r\n\r\n"), "{:?}", String::from_utf8_lossy(&rest));
}
