//! HTTP+SSE of MCP 2024-11-05: what is on the one stream of a session, and what is answered to those that post.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream};
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt as _;
use mcpc::{NoAnswer, Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tower::ServiceExt as _;

use crate::support::messages::{call_with_token, request};
use crate::support::{INITIALIZED, Wire, call, cancel, in_task, parse, text};

#[derive(Clone, Default)]
struct Counted(Arc<AtomicU64>);

impl Counted {
    fn get(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

#[mcpc::tool]
async fn double(n: u64) -> u64 {
    n * 2
}

#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

#[mcpc::background]
async fn count(to: u64, updates: Sender) -> u64 {
    for i in 0..to {
        updates.send(i).await;
        sleep(Duration::from_millis(200)).await;
    }
    to
}

#[mcpc::background]
async fn report(updates: Sender) -> Result<(), &'static str> {
    updates.progress(1, 2, "half");
    sleep(Duration::from_secs(1)).await;
    Err("it was not to be")
}

#[mcpc::background]
async fn confirm(updates: Sender) -> Result<bool, NoAnswer> {
    updates.ask("Go on?").await
}

/// Waits until it is asked to stop.
#[mcpc::background]
async fn waits(stopped: State<Counted>, updates: Sender) -> &'static str {
    updates.stopped().await;
    stopped.0.fetch_add(1, Ordering::SeqCst);
    "stopped"
}

/// Sends more than anybody keeps.
#[mcpc::background]
async fn chatter(sent: State<Counted>, updates: Sender) {
    let text = "x".repeat(1_000);
    for i in 0..20_000 {
        updates.send(json!([i, text])).await;
        sent.0.fetch_add(1, Ordering::SeqCst);
    }
}

fn server(counted: &Counted) -> Server {
    let tools = tools![double, echo, count, report, confirm, waits, chatter];
    Server::new("sse").state(counted.clone()).tools(tools)
}

fn router(counted: &Counted) -> Router {
    let service = server(counted).build().expect("it is in order");
    service.into_router().expect("it is in order")
}

fn initialize() -> String {
    let params = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"elicitation": {}},
        "clientInfo": {"name": "raw", "version": "1"},
    });
    request("init", "initialize", params)
}

async fn answer(
    router: &Router,
    method: Method,
    uri: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> axum::response::Response {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::from(body.to_owned())).expect("a request");
    router.clone().oneshot(request).await.expect("it answers")
}

const LOCAL: (&str, &str) = ("host", "localhost");
const JSON: (&str, &str) = ("content-type", "application/json");

/// The status of an answer, and its body.
async fn whole(response: axum::response::Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body = axum::body::to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    (status, String::from_utf8(body.to_vec()).expect("UTF-8"))
}

/// A client that believes nothing.
struct Client {
    router: Router,
    endpoint: String,
    stream: BodyDataStream,
    unread: Vec<u8>,
}

impl Client {
    /// Opens a stream, and reads where to post.
    async fn open(router: &Router, uri: &str, headers: &[(&str, &str)]) -> Self {
        let response = answer(router, Method::GET, uri, headers, "").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let stream = response.into_body().into_data_stream();
        let (router, endpoint) = (router.clone(), String::new());
        let mut client = Self { router, endpoint, stream, unread: Vec::new() };
        let event = client.event().await.expect("an event");
        client.endpoint = event.strip_prefix("event: endpoint\ndata: ").expect(&event).to_owned();
        client
    }

    async fn begin(router: &Router) -> Self {
        let mut client = Self::open(router, "/sse", &[LOCAL]).await;
        client.say(&initialize()).await;
        client.line().await;
        client.say(INITIALIZED).await;
        client
    }

    async fn post(&self, line: &str) -> (u16, String) {
        whole(answer(&self.router, Method::POST, &self.endpoint, &[LOCAL, JSON], line).await).await
    }

    /// The next event, without the end of it; `None` at the end of the stream.
    async fn event(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.unread.windows(2).position(|end| end == b"\n\n") {
                let event = self.unread.drain(..end + 2).collect::<Vec<_>>();
                let event = String::from_utf8(event).expect("UTF-8");
                match event.trim_end() {
                    ":" => continue,
                    event => return Some(event.to_owned()),
                }
            }
            let part = timeout(Duration::from_secs(60), self.stream.next()).await;
            let part = part.expect("the server says something")?;
            self.unread.extend_from_slice(&part.expect("no error"));
        }
    }

    /// The next event, as a line of JSON.
    async fn try_line(&mut self) -> Option<String> {
        let event = self.event().await?;
        Some(event.strip_prefix("event: message\ndata: ").expect(&event).to_owned())
    }

    async fn value(&mut self) -> Value {
        parse(&self.line().await)
    }
}

/// Somebody who says lines and hears lines, however they travel.
trait Speaks {
    async fn say(&mut self, line: &str);
    async fn line(&mut self) -> String;
}

impl Speaks for Client {
    async fn say(&mut self, line: &str) {
        assert_eq!(self.post(line).await, (202, "Accepted".to_owned()), "{line}");
    }

    async fn line(&mut self) -> String {
        self.try_line().await.expect("a line")
    }
}

impl Speaks for Wire {
    async fn say(&mut self, line: &str) {
        self.send(line).await;
    }

    async fn line(&mut self) -> String {
        Wire::line(self).await
    }
}

/// Everything that a client hears in a session with one thing of every kind.
async fn conversation(client: &mut impl Speaks) -> Vec<String> {
    let mut heard = Vec::new();
    let answer = json!({"action": "accept", "content": {"answer": true}});
    for (line, lines) in [
        (initialize(), 1),
        (INITIALIZED.to_owned(), 0),
        (request(1, "tools/list", Value::Null), 1),
        (call(2, "double", json!({"n": 21})), 1),
        (call(3, "double", json!({"n": "many"})), 1),
        (call(4, "nothing", json!({})), 1),
        // Without a word of MCPC: as any client hears it.
        (call_with_token(5, "count", json!({"to": 2}), "token"), 3),
        (call(6, "confirm", json!({})), 1),
        (json!({"jsonrpc": "2.0", "id": 0, "result": answer}).to_string(), 1),
        // A client of MCPC.
        (call(7, "_mcpc_init", json!({})), 1),
        (call(8, "count", in_task("t1", json!({"to": 3}))), 5),
        (call(9, "report", in_task("t2", json!({}))), 3),
        (call(10, "waits", in_task("t3", json!({}))), 1),
        (call(11, "waits", in_task("t4", json!({}))), 1),
        (call(12, "stop_task", json!({"task_id": "t3"})), 2),
        (call(13, "check_task", json!({"task_id": "t2"})), 1),
        (cancel(99), 0),
        // What is not a message, or has an id that is still unanswered.
        (r#"{"jsonrpc":"2.0","id":14,"method":5}"#.to_owned(), 1),
        ("this is not JSON".to_owned(), 1),
        (request(15, "nothing/at/all", Value::Null), 1),
        (request(16, "ping", Value::Null), 1),
    ] {
        client.say(&line).await;
        for _ in 0..lines {
            heard.push(client.line().await);
        }
    }
    heard
}

#[tokio::test(start_paused = true)]
async fn a_client_hears_what_one_over_stdio_hears_byte_for_byte_and_in_that_order() {
    let mut over_stdio = Wire::open(server(&Counted::default()));
    let expected = conversation(&mut over_stdio).await;
    let router = router(&Counted::default());
    let mut client = Client::open(&router, "/sse", &[LOCAL]).await;
    let heard = conversation(&mut client).await;
    assert_eq!(heard.len(), expected.len());
    for (heard, expected) in heard.iter().zip(&expected) {
        assert_eq!(heard, expected);
    }
    assert!(expected.iter().any(|line| line.contains("elicitation/create")), "{expected:#?}");
    assert!(expected.iter().any(|line| line.contains("notifications/progress")), "{expected:#?}");
}

#[tokio::test(start_paused = true)]
async fn two_tasks_at_once_are_heard_whole() {
    let router = router(&Counted::default());
    let mut client = Client::begin(&router).await;
    for task in ["t1", "t2"] {
        client.say(&call(task, "count", in_task(task, json!({"to": 3})))).await;
    }
    let mut heard = [Vec::new(), Vec::new()];
    while heard.iter().any(|events| events.last() != Some(&json!("complete"))) {
        let message = parse(&text(&client.value().await));
        heard[usize::from(message["task_id"] == "t2")].push(message["event"].clone());
    }
    assert_eq!(
        heard,
        [(); 2].map(|()| ["created", "update", "update", "update", "complete"]
            .map(Value::from)
            .to_vec())
    );
}

#[tokio::test(start_paused = true)]
async fn the_path_to_post_to_is_the_one_that_a_client_sees() {
    let service = server(&Counted::default()).build().expect("it is in order");
    let own = service.http().sse_paths("/events", "/inbox").into_router().expect("it is in order");
    let nested =
        Router::new().nest("/api", Router::new().nest("/{tenant}", router(&Counted::default())));
    for (router, uri, expected) in [
        (router(&Counted::default()), "/sse", "/messages"),
        (router(&Counted::default()), "/sse?key=of-a-proxy", "/messages"),
        (own, "/events", "/inbox"),
        (nested, "/api/a%20b/sse", "/api/a%20b/messages"),
    ] {
        let mut client = Client::open(&router, uri, &[LOCAL]).await;
        let (path, id) = client.endpoint.split_once("?sessionId=").expect("a session");
        assert_eq!((path, id.len()), (expected, 36));
        client.say(&initialize()).await;
        assert_eq!(client.value().await["id"], "init");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_ends_with_its_stream_and_its_tasks_are_asked_to_stop() {
    let stopped = Counted::default();
    let router = router(&stopped);
    let mut client = Client::begin(&router).await;
    client.say(&call(1, "waits", in_task("t1", json!({})))).await;
    client.line().await;
    let Client { stream, endpoint, router, unread } = client;
    drop(stream);
    sleep(Duration::from_secs(1)).await;
    assert_eq!(stopped.get(), 1);
    let stream = Body::empty().into_data_stream();
    let client = Client { router, endpoint, stream, unread };
    let (status, body) = client.post(&request(2, "ping", Value::Null)).await;
    assert_eq!((status, body.contains("there is no session")), (404, true), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_not_read_holds_its_tasks_up_and_loses_nothing() {
    let sent = Counted::default();
    let router = router(&sent);
    let mut client = Client::begin(&router).await;
    client.say(&call(1, "chatter", in_task("t1", json!({})))).await;
    sleep(Duration::from_secs(60)).await;
    let before = sent.get();
    sleep(Duration::from_secs(60)).await;
    assert_eq!(sent.get(), before);
    assert!((1..5_000).contains(&before), "{before}");
    let mut next = 0;
    loop {
        let message = parse(&text(&client.value().await));
        match message["event"].as_str() {
            Some("update") => assert_eq!(message["result"][0], next),
            Some("created") => continue,
            _ => break,
        }
        next += 1;
    }
    assert_eq!(next, 20_000);
}

#[tokio::test(start_paused = true)]
async fn whoever_does_not_read_their_answers_gets_no_more_of_them() {
    let router = router(&Counted::default());
    let mut client = Client::begin(&router).await;
    let text = "x".repeat(1 << 19);
    let mut statuses = Vec::new();
    for id in 0..10 {
        let call = call(id, "echo", json!({"text": text}));
        statuses.push(client.post(&call).await.0);
        sleep(Duration::from_secs(1)).await;
        if statuses.last() == Some(&503) {
            break;
        }
    }
    assert_eq!(statuses.last(), Some(&503), "{statuses:?}");
    client.line().await;
}

#[tokio::test(start_paused = true)]
async fn what_may_not_be_asked_is_refused_with_its_status() {
    let router = router(&Counted::default());
    let client = Client::begin(&router).await;
    let ping = request(1, "ping", Value::Null);
    let (sse, messages) = ("/sse", &*client.endpoint);
    let evil = ("origin", "http://evil.example");
    let unknown = "/messages?sessionId=00000000-0000-4000-8000-000000000000";
    let text = ("content-type", "text/plain");
    for (method, uri, headers, expected, said) in [
        (Method::POST, sse, vec![LOCAL, JSON], 405, "expected GET"),
        (Method::GET, sse, vec![("host", "evil.example")], 403, "the host `evil.example`"),
        (Method::GET, sse, vec![LOCAL, evil], 403, "the origin `http://evil.example`"),
        (Method::GET, sse, vec![LOCAL, ("accept", "application/json")], 406, "`Accept`"),
        (Method::GET, messages, vec![LOCAL], 405, "expected POST"),
        (Method::POST, messages, vec![LOCAL, JSON, evil], 403, "the origin"),
        (Method::POST, messages, vec![LOCAL, text], 415, "`Content-Type`"),
        (Method::POST, "/messages", vec![LOCAL, JSON], 400, "`sessionId` is missing"),
        (Method::POST, unknown, vec![LOCAL, JSON], 404, "there is no session `00000000"),
    ] {
        let (status, body) = whole(answer(&router, method, uri, &headers, &ping).await).await;
        assert_eq!((status, body.contains(said)), (expected, true), "{uri} {headers:?}: {body}");
    }
    let (status, body) = client.post("").await;
    assert_eq!((status, body.contains("the body is empty")), (400, true), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_session_of_one_transport_is_none_of_the_other() {
    let router = router(&Counted::default());
    let client = Client::begin(&router).await;
    let (_, id) = client.endpoint.split_once('=').expect("an id");
    let ping = request(1, "ping", Value::Null);
    let headers = [LOCAL, JSON, ("mcp-session-id", id)];
    for method in [Method::POST, Method::GET, Method::DELETE] {
        let (status, body) = whole(answer(&router, method, "/mcp", &headers, &ping).await).await;
        assert_eq!((status, body.contains("there is no session")), (404, true), "{body}");
    }
    let begun = answer(&router, Method::POST, "/mcp", &[LOCAL, JSON], &initialize()).await;
    let id = begun.headers()["mcp-session-id"].to_str().expect("text").to_owned();
    let uri = format!("/messages?sessionId={id}");
    let (status, body) =
        whole(answer(&router, Method::POST, &uri, &[LOCAL, JSON], &ping).await).await;
    assert_eq!((status, body.contains("there is no session")), (404, true), "{body}");
}

#[tokio::test(start_paused = true)]
async fn a_session_is_its_principals_alone_and_counts_as_any() {
    let service = server(&Counted::default()).build().expect("it is in order");
    let principal = |parts: &axum::http::request::Parts| {
        Some(parts.headers.get("user")?.to_str().ok()?.to_owned())
    };
    let http = service.http().principal(principal).max_sessions(2);
    let router = http.into_router().expect("it is in order");
    let of_ann = Client::open(&router, "/sse", &[LOCAL, ("user", "ann")]).await;
    for (user, expected) in [("ann", 202), ("bob", 404), ("", 404)] {
        let headers = [LOCAL, JSON, ("user", user)];
        let posted = answer(&router, Method::POST, &of_ann.endpoint, &headers, &initialize()).await;
        assert_eq!(posted.status(), expected, "{user}");
    }
    let _of_bob = Client::open(&router, "/sse", &[LOCAL, ("user", "bob")]).await;
    let third = answer(&router, Method::GET, "/sse", &[LOCAL], "").await;
    assert_eq!((third.status().as_u16(), third.headers().contains_key("retry-after")), (503, true));
    drop(of_ann);
    // What was asked and never answered has the grace that it has over stdio.
    sleep(Duration::from_secs(10)).await;
    let _third = Client::open(&router, "/sse", &[LOCAL]).await;
}

#[tokio::test(start_paused = true)]
async fn a_stream_on_which_nothing_is_said_is_kept_alive_and_its_session_too() {
    let service = server(&Counted::default()).build().expect("it is in order");
    let http = service.http().session_idle(Duration::from_secs(60));
    let router = http.into_router().expect("it is in order");
    let mut client = Client::begin(&router).await;
    for _ in 0..20 {
        let alive = timeout(Duration::from_secs(16), client.stream.next()).await;
        let alive = alive.expect("in time").expect("it is open").expect("no error");
        assert_eq!(&alive[..], b":\n\n");
    }
    client.say(&request(1, "ping", Value::Null)).await;
    assert_eq!(client.value().await["id"], 1);
}

#[test]
fn two_endpoints_do_not_share_a_path() {
    let service = server(&Counted::default()).build().expect("it is in order");
    for (http, expected) in [
        (service.http().path("/sse"), "`/sse`"),
        (service.http().sse_paths("/a", "/a"), "`/a`"),
        (service.http().sse_paths("/a", "b"), "`b`"),
    ] {
        let error = http.into_router().expect_err("it is wrong").to_string();
        assert!(
            error.contains("sse_paths") && error.contains(&expected[1..expected.len() - 1]),
            "{error}"
        );
    }
}
