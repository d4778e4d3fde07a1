//! What clients are answered that bring a token, a wrong one, or none; and whose tasks are whose.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use protected::{Guard, ISSUER, Issuer, METADATA, PATH, SCOPE};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const ORIGIN: &str = "http://localhost:8080";

fn seconds_from_now(seconds: i64) -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    i64::try_from(now.as_secs()).expect("it is before the end of time") + seconds
}

/// What a token says that is in order.
fn claims(user: &str) -> Value {
    json!({
        "iss": ISSUER,
        "sub": user,
        "aud": format!("{ORIGIN}{PATH}"),
        "exp": seconds_from_now(600),
        "scope": format!("openid {SCOPE}"),
    })
}

/// The same but for one thing.
fn claims_with(key: &str, value: Value) -> Value {
    let mut claims = claims("ann");
    claims[key] = value;
    claims
}

struct Served {
    issuer: Issuer,
    guard: Arc<Guard>,
    router: Router,
}

fn served() -> Served {
    let issuer = Issuer::new();
    let guard = Arc::new(Guard::new(ORIGIN, ISSUER, issuer.keys()));
    let served = protected::router_and_end(&guard, std::future::pending());
    let (router, _) = served.expect("it is in order");
    Served { issuer, guard, router }
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: String,
}

impl Answer {
    fn challenge(&self) -> &str {
        self.headers.get("www-authenticate").map_or("", |value| value.to_str().expect("text"))
    }

    /// The last message in it.
    fn message(&self) -> Value {
        let mut events = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        let json = events.next_back().unwrap_or(&self.body);
        serde_json::from_str(json).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

async fn ask(
    router: &Router,
    method: &str,
    uri: &str,
    headers: &[(&str, &str)],
    body: &Value,
) -> Answer {
    let mut request = Request::builder().method(method).uri(uri).header("host", "localhost:8080");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let request = request.body(Body::from(body)).expect("a request");
    let response = router.clone().oneshot(request).await.expect("it answers");
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    let body = to_bytes(response.into_body(), 1 << 20).await.expect("a body");
    Answer { status, headers, body: String::from_utf8(body.to_vec()).expect("UTF-8") }
}

fn initialize() -> Value {
    let params = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params})
}

fn call(tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params})
}

/// A client with a token.
struct Client<'a> {
    router: &'a Router,
    authorization: String,
}

impl<'a> Client<'a> {
    fn of(served: &'a Served, user: &str) -> Self {
        Self::with(served, &served.issuer.sign(&claims(user)))
    }

    fn with(served: &'a Served, token: &str) -> Self {
        Self { router: &served.router, authorization: format!("Bearer {token}") }
    }

    async fn ask(&self, method: &str, more: &[(&str, &str)], body: &Value) -> Answer {
        let mut headers = vec![("authorization", &*self.authorization)];
        headers.push(("content-type", "application/json"));
        headers.push(("accept", "application/json, text/event-stream"));
        headers.extend(more);
        ask(self.router, method, PATH, &headers, body).await
    }

    async fn begin(&self) -> Session<'_> {
        let begun = self.ask("POST", &[], &initialize()).await;
        assert_eq!(begun.status, 200, "{}", begun.body);
        let id = begun.headers["mcp-session-id"].to_str().expect("text").to_owned();
        let session = Session { client: self, id };
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(session.ask("POST", &initialized).await.status, 202);
        session
    }

    /// A request that stands alone (MCP 2026-07-28).
    async fn alone(&self, method: &str, mut params: Value) -> Value {
        let name = ["name", "taskId"].iter().find_map(|key| params[key].as_str());
        let name = name.unwrap_or_default().to_owned();
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {
                "elicitation": {"form": {}},
                "extensions": {"io.modelcontextprotocol/tasks": {}},
            },
        });
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let headers =
            [("mcp-protocol-version", "2026-07-28"), ("mcp-method", method), ("mcp-name", &name)];
        self.ask("POST", &headers, &body).await.message()
    }

    async fn task(&self, id: &str) -> Value {
        self.alone("tasks/get", json!({"taskId": id})).await
    }
}

struct Session<'a> {
    client: &'a Client<'a>,
    id: String,
}

impl Session<'_> {
    async fn ask(&self, method: &str, body: &Value) -> Answer {
        self.client.ask(method, &[("mcp-session-id", &self.id)], body).await
    }

    /// The texts of a reply.
    async fn call(&self, tool: &str, arguments: Value) -> String {
        let reply = self.ask("POST", &call(tool, arguments)).await.message();
        let content = reply["result"]["content"].as_array().unwrap_or_else(|| panic!("{reply}"));
        content.iter().filter_map(|block| block["text"].as_str()).collect::<Vec<_>>().join("\n")
    }

    /// Starts a task as a client of MCPC does.
    async fn deploy(&self, task_id: &str) {
        let metadata = json!({"mcpc_session_id": "s", "mcpc_task_id": task_id});
        let said = self.call("deploy", json!({"version": "1.4", "_metadata": metadata})).await;
        assert!(said.contains(r#""event":"created""#), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_brings_no_token_is_told_where_to_get_one() {
    let Served { router, .. } = served();
    let json = ("content-type", "application/json");
    for authorization in [None, Some("Basic YW5uOnNlY3JldA=="), Some("Bearer")] {
        for method in ["POST", "GET", "DELETE"] {
            let headers: Vec<_> =
                authorization.map(|it| ("authorization", it)).into_iter().chain([json]).collect();
            let refused = ask(&router, method, PATH, &headers, &initialize()).await;
            assert_eq!(refused.status, 401, "{authorization:?}");
            assert_eq!(
                refused.challenge(),
                r#"Bearer scope="deploy", resource_metadata="http://localhost:8080/.well-known/oauth-protected-resource/mcp""#
            );
        }
    }
    for path in [METADATA.to_owned(), format!("{METADATA}{PATH}")] {
        let told = ask(&router, "GET", &path, &[], &Value::Null).await;
        assert_eq!(
            (told.status, &told.headers["content-type"]),
            (200, &"application/json".parse().expect("a header"))
        );
        let expected = json!({
            "resource": "http://localhost:8080/mcp",
            "authorization_servers": ["https://issuer.example"],
            "scopes_supported": ["deploy"],
            "bearer_methods_supported": ["header"],
        });
        assert_eq!(told.message(), expected, "{path}");
    }
}

/// The token with another head and no signature.
fn unsigned(token: &str) -> String {
    // {"typ":"JWT","alg":"none","kid":"first"}
    let head = "eyJ0eXAiOiJKV1QiLCJhbGciOiJub25lIiwia2lkIjoiZmlyc3QifQ";
    let body = token.split('.').nth(1).expect("a body");
    format!("{head}.{body}.")
}

/// The token with the signature of another.
fn signed_as(token: &str, other: &str) -> String {
    let (said, _) = token.rsplit_once('.').expect("a signature");
    let (_, signature) = other.rsplit_once('.').expect("a signature");
    format!("{said}.{signature}")
}

#[tokio::test(start_paused = true)]
async fn a_wrong_token_is_refused_and_says_why() {
    let served = served();
    let sign = |claims: &Value| served.issuer.sign(claims);
    let good = sign(&claims("ann"));
    let mut without_subject = claims("ann");
    without_subject.as_object_mut().expect("an object").remove("sub");
    let mut for_ever = claims("ann");
    for_ever.as_object_mut().expect("an object").remove("exp");
    for (token, why) in [
        ("nonsense".to_owned(), "InvalidToken"),
        (Issuer::new().sign(&claims("ann")), "InvalidSignature"),
        (signed_as(&good, &sign(&claims("bob"))), "InvalidSignature"),
        (unsigned(&good), "unknown variant `none`"),
        (sign(&claims_with("exp", json!(seconds_from_now(-600)))), "ExpiredSignature"),
        (sign(&for_ever), "Missing required claim: exp"),
        (sign(&claims_with("nbf", json!(seconds_from_now(600)))), "ImmatureSignature"),
        (sign(&claims_with("aud", json!("https://other.example/mcp"))), "InvalidAudience"),
        (sign(&claims_with("aud", json!([]))), "InvalidAudience"),
        (sign(&claims_with("iss", json!("https://other.example"))), "InvalidIssuer"),
        (sign(&without_subject), "missing field `sub`"),
    ] {
        let refused = Client::with(&served, &token).ask("POST", &[], &initialize()).await;
        let challenge = refused.challenge();
        assert_eq!(refused.status, 401, "{why}");
        let told = challenge.starts_with(r#"Bearer error="invalid_token", error_description=""#);
        assert!(told && challenge.contains(why), "{why}: {challenge}");
        let where_to =
            r#"resource_metadata="http://localhost:8080/.well-known/oauth-protected-resource/mcp""#;
        assert!(challenge.ends_with(where_to), "{challenge}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_token_that_does_not_allow_it_is_told_what_to_ask_for() {
    let served = served();
    for scope in ["", "openid", "deployment"] {
        let token = served.issuer.sign(&claims_with("scope", json!(scope)));
        let refused = Client::with(&served, &token).ask("POST", &[], &initialize()).await;
        assert_eq!(refused.status, 403);
        assert_eq!(
            refused.challenge(),
            r#"Bearer error="insufficient_scope", error_description="the token does not allow deploy", scope="deploy", resource_metadata="http://localhost:8080/.well-known/oauth-protected-resource/mcp""#
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_tool_learns_who_asks() {
    let served = served();
    for user in ["ann", "bob"] {
        let client = Client::of(&served, user);
        assert_eq!(client.begin().await.call("whoami", json!({})).await, user);
    }
}

#[tokio::test(start_paused = true)]
async fn another_sees_neither_the_session_nor_the_task() {
    let served = served();
    let (ann, bob) = (Client::of(&served, "ann"), Client::of(&served, "bob"));
    let of_ann = ann.begin().await;
    of_ann.deploy("t1").await;
    let stolen = Session { client: &bob, id: of_ann.id.clone() };
    for method in ["POST", "GET", "DELETE"] {
        let refused = stolen.ask(method, &call("whoami", json!({}))).await;
        let known = refused.body.contains("there is no session");
        assert_eq!((refused.status, known), (404, true), "{}", refused.body);
    }
    let of_bob = bob.begin().await;
    let instruction = json!({"task_id": "t1", "message": true});
    for (tool, arguments) in [
        ("check_task", json!({"task_id": "t1"})),
        ("stop_task", json!({"task_id": "t1"})),
        ("message_task", instruction),
    ] {
        let said = of_bob.call(tool, arguments).await;
        assert!(said.starts_with("unknown task `t1`") && !said.contains("deploy"), "{said}");
    }
    let [mut of_ann_task, unknown] = [bob.task("t1").await, bob.task("t2").await];
    assert!(unknown["error"].is_object(), "{unknown}");
    // It says the same of one that there is and of one that there is not.
    let message = of_ann_task["error"]["message"].as_str().expect("an error").replace("t1", "t2");
    of_ann_task["error"]["message"] = json!(message);
    assert_eq!(of_ann_task, unknown);
    let still = of_ann.call("check_task", json!({"task_id": "t1"})).await;
    assert!(still.contains("Deploy 1.4?"), "{still}");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_found_in_another_session_of_who_started_it_with_its_question() {
    let served = served();
    let ann = Client::of(&served, "ann");
    let first = ann.begin().await;
    first.deploy("t1").await;
    assert_eq!(first.ask("DELETE", &Value::Null).await.status, 204);
    tokio::time::sleep(Duration::from_secs(60)).await;
    // Of another token of hers, too.
    let again = Client::with(&served, &served.issuer.sign(&claims_with("jti", json!("other"))));
    let second = again.begin().await;
    let said = second.call("check_task", json!({"task_id": "t1"})).await;
    assert!(said.contains("1.4 is built") && said.contains("Deploy 1.4?"), "{said}");
    let answer = json!({"task_id": "t1", "question": "q1", "message": true});
    let taken = second.call("message_task", answer).await;
    assert_eq!(taken, "Task `t1` has the answer, and goes on.");
    let said = second.call("check_task", json!({"task_id": "t1", "wait_seconds": 5})).await;
    assert!(said.contains("1.4 is deployed"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn a_task_is_found_without_a_session_by_who_started_it_with_its_question() {
    let served = served();
    let ann = Client::of(&served, "ann");
    ann.begin().await.deploy("t1").await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let task = ann.task("t1").await;
    assert_eq!(task["result"]["status"], "input_required", "{task}");
    let question = &task["result"]["inputRequests"]["q1"];
    assert_eq!(question["params"]["message"], "Deploy 1.4?", "{task}");
    let answer = json!({"action": "accept", "content": {"answer": true}});
    let answers = json!({"taskId": "t1", "inputResponses": {"q1": answer}});
    let taken = ann.alone("tasks/update", answers).await;
    assert!(taken["error"].is_null(), "{taken}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let task = ann.task("t1").await.to_string();
    assert!(task.contains("completed") && task.contains("1.4 is deployed"), "{task}");
    assert!(task.contains("1.4 is built"), "{task}");
}

#[tokio::test(start_paused = true)]
async fn a_token_of_a_new_key_is_let_through_once_the_key_is_known() {
    let served = served();
    let next = Issuer::new();
    let client = Client::with(&served, &next.sign(&claims("ann")));
    assert_eq!(client.ask("POST", &[], &initialize()).await.status, 401);
    served.guard.set_keys(next.keys());
    assert_eq!(client.ask("POST", &[], &initialize()).await.status, 200);
    let old = Client::of(&served, "ann");
    assert_eq!(old.ask("POST", &[], &initialize()).await.status, 401);
}

/// As a process that serves a session with a stream, which nobody but the server ends.
#[cfg(unix)]
#[test]
fn sigterm_ends_it_in_order() {
    use std::io::{BufRead as _, BufReader, Read as _, Write as _};
    use std::net::TcpStream;
    use std::process::{Command, Stdio};

    let mut command = Command::new(env!("CARGO_BIN_EXE_protected"));
    let mut server = command.arg("127.0.0.1:0").stderr(Stdio::piped()).spawn().expect("it starts");
    let mut said = BufReader::new(server.stderr.take().expect("piped")).lines();
    let mut line = || said.next().expect("a line").expect("UTF-8");
    let token = line().strip_prefix("ann: ").expect("her token").to_owned();
    assert!(line().starts_with("bob: "));
    let address = line().strip_prefix("http://").expect("where it is").replace(PATH, "");

    let ask = |method: &str, headers: &str, body: &str| {
        let mut stream = TcpStream::connect(&address).expect("it listens");
        let length = body.len();
        write!(
            stream,
            "{method} {PATH} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
             content-type: application/json\r\naccept: application/json, text/event-stream\r\n\
             content-length: {length}\r\n{headers}\r\n{body}"
        )
        .expect("it reads");
        stream
    };
    let mut begins = ask("POST", "connection: close\r\n", &initialize().to_string());
    let mut head = String::new();
    begins.read_to_string(&mut head).expect("UTF-8");
    let lines = head.lines().map(str::to_ascii_lowercase);
    let session =
        lines.filter_map(|it| it.strip_prefix("mcp-session-id: ").map(str::to_owned)).next();
    let session = session.unwrap_or_else(|| panic!("it begins a session: {head}"));
    let mut stream = BufReader::new(ask("GET", &format!("mcp-session-id: {session}\r\n"), ""));
    let mut status = String::new();
    stream.read_line(&mut status).expect("UTF-8");
    assert!(status.starts_with("HTTP/1.1 200"), "{status}");

    let kill = Command::new("kill").arg(server.id().to_string()).status().expect("there is `kill`");
    assert!(kill.success());
    stream.read_to_string(&mut status).expect("the stream ends");
    assert_eq!(server.wait().expect("it is ours").code(), Some(0));
}
