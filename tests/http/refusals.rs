//! Requests that are answered with an error of HTTP's, and what it says.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use futures::StreamExt as _;
use futures::channel::mpsc;
use serde_json::json;

use crate::support::{Http, call, initialize, text};
use crate::{server, service};

const CALL: &str = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"add","arguments":{"a":1,"b":2}}}"#;

/// A method, headers in place of the usual ones, a body; and the status, code and message that come of it.
type Case =
    (&'static str, &'static [(&'static str, &'static str)], &'static str, u16, i64, &'static str);

const WITHOUT_SESSION: [Case; 17] = [
    (
        "POST",
        &[("host", "evil.example")],
        CALL,
        403,
        -32000,
        "the host `evil.example` is not allowed here; the server's `allowed_hosts` says which are",
    ),
    (
        "POST",
        &[("origin", "https://evil.example")],
        CALL,
        403,
        -32000,
        "the origin `https://evil.example` is not allowed here; the server's `allowed_origins` says which are",
    ),
    (
        "GET",
        &[("origin", "null")],
        "",
        403,
        -32000,
        "the origin `null` is not allowed here; the server's `allowed_origins` says which are",
    ),
    (
        "POST",
        &[("content-type", "text/plain")],
        CALL,
        415,
        -32600,
        "`Content-Type` must be `application/json`",
    ),
    (
        "POST",
        &[("content-type", "")],
        CALL,
        415,
        -32600,
        "`Content-Type` must be `application/json`",
    ),
    (
        "POST",
        &[("accept", "application/json")],
        CALL,
        406,
        -32600,
        "`Accept` must list `application/json` and `text/event-stream`",
    ),
    (
        "POST",
        &[("accept", "text/event-stream;q=0")],
        CALL,
        406,
        -32600,
        "`Accept` must list `application/json` and `text/event-stream`",
    ),
    ("POST", &[], "", 400, -32600, "the body is empty; expected a JSON-RPC message"),
    ("POST", &[], " \n", 400, -32600, "the body is empty; expected a JSON-RPC message"),
    (
        "POST",
        &[],
        "{bad",
        400,
        -32700,
        "this line is not JSON: key must be a string at line 1 column 2",
    ),
    ("POST", &[], "[]", 400, -32600, "this is not a JSON-RPC 2.0 request"),
    (
        "POST",
        &[],
        CALL,
        400,
        -32600,
        "the header `Mcp-Session-Id` is missing: `initialize` begins a session",
    ),
    (
        "POST",
        &[("mcp-session-id", "unknown")],
        CALL,
        404,
        -32000,
        "there is no session `unknown`; start a new one",
    ),
    (
        "GET",
        &[("mcp-session-id", "unknown")],
        "",
        404,
        -32000,
        "there is no session `unknown`; start a new one",
    ),
    (
        "GET",
        &[],
        "",
        400,
        -32600,
        "the header `Mcp-Session-Id` is missing: `initialize` begins a session",
    ),
    ("GET", &[("mcp-protocol-version", "2026-07-28")], "", 405, -32000, "expected POST"),
    ("PUT", &[], CALL, 405, -32000, "expected POST, GET, DELETE"),
];

async fn check(client: &Http, (method, headers, body, status, code, message): Case) {
    let answer = match method {
        "POST" => client.post(headers, body).await,
        _ => client.send(method, headers, Body::from(body)).await,
    };
    let case = format!("{method} {headers:?} {body}");
    assert_eq!(answer.status.as_u16(), status, "{case}");
    assert_eq!(answer.headers["content-type"], "application/json", "{case}");
    let error = answer.json().await;
    assert_eq!(
        (&error["error"]["code"], &error["error"]["message"]),
        (&json!(code), &json!(message)),
        "{case}"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_a_request_is_said_as_json_rpc_has_it_and_the_server_goes_on() {
    let client = Http::to(&service());
    for case in WITHOUT_SESSION {
        check(&client, case).await;
    }
    let session = client.begin().await;
    for case in [
        (
            "GET",
            &[("accept", "application/json")] as &[_],
            "",
            406,
            -32600,
            "`Accept` must list `application/json` and `text/event-stream`",
        ),
        (
            "GET",
            &[("last-event-id", "later")],
            "",
            400,
            -32600,
            "`Last-Event-ID` names no event: `later`",
        ),
        (
            "GET",
            &[("last-event-id", "99-1")],
            "",
            400,
            -32600,
            "the stream 99 was read to its end, or is kept no longer",
        ),
        (
            "POST",
            &[("mcp-protocol-version", "1999-01-01")],
            CALL,
            400,
            -32600,
            "`MCP-Protocol-Version` names the version `1999-01-01`, which this server does not speak",
        ),
    ] {
        check(&session, case).await;
    }
    assert_eq!(
        session.call(1, "add", json!({"a": 1, "b": 2})).await["result"]["content"][0]["text"],
        "3"
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_that_stands_alone_has_to_say_in_its_headers_what_its_body_says() {
    let client = Http::to(&service());
    let params = json!({"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }});
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": params});
    let right =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "add")];
    assert_eq!(client.post(&right, &body).await.status, StatusCode::OK);
    for (at, value, message) in [
        (0, "", "the header `MCP-Protocol-Version` is missing"),
        (
            0,
            "2025-11-25",
            "the header `MCP-Protocol-Version` is `2025-11-25`, and the body says `2026-07-28`",
        ),
        (1, "", "the header `Mcp-Method` is missing"),
        (
            1,
            "tools/list",
            "the header `Mcp-Method` is `tools/list`, and the body says `tools/call`",
        ),
        (2, "", "the header `Mcp-Name` is missing"),
        (2, "sub", "the header `Mcp-Name` is `sub`, and the body says `add`"),
        (2, "=?base64?!?=", "the header `Mcp-Name` is `=?base64?!?=`, and the body says `add`"),
    ] {
        let mut headers = right;
        headers[at].1 = value;
        let answer = client.post(&headers, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{message}");
        let error = answer.json().await;
        assert_eq!(
            error,
            json!({"jsonrpc": "2.0", "id": 7, "error": {"code": -32020, "message": message}})
        );
    }
    let encoded = [right[0], right[1], ("mcp-name", "=?base64?YWRk?=")];
    assert_eq!(client.post(&encoded, &body).await.status, StatusCode::OK);
}

#[tokio::test(start_paused = true)]
async fn of_a_task_the_name_may_be_missing_and_must_not_be_another() {
    let client = Http::to(&service());
    let tasks = json!({"extensions": {"io.modelcontextprotocol/tasks": {}}});
    let ask = async |name: &str| {
        let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tasks/get")];
        headers.push(("mcp-name", name));
        let params = json!({"taskId": "t", "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "c", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": tasks,
        }});
        let body = json!({"jsonrpc": "2.0", "id": 7, "method": "tasks/get", "params": params});
        client.post(&headers, body).await.json().await["error"]["code"].clone()
    };
    assert_eq!(ask("").await, -32602, "it is unknown");
    assert_eq!(ask("t").await, -32602);
    assert_eq!(ask("u").await, -32020);
}

#[tokio::test(start_paused = true)]
async fn the_status_says_what_is_wrong_with_a_request_that_stands_alone() {
    let client = Http::to(&service());
    for (method, status, code) in [
        ("unknown", 404, -32601),
        ("initialize", 404, -32601),
        ("ping", 404, -32601),
        ("tasks/get", 400, -32021),
    ] {
        let answer = client.alone(7, method, json!({"taskId": "t"})).await;
        assert_eq!(answer.status.as_u16(), status, "{method}");
        assert_eq!(answer.json().await["error"]["code"], code, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_that_is_too_long_is_read_a_while_and_refused() {
    let service = server().max_message_bytes(1_000).build().expect("it can be built");
    let client = Http::to(&service);
    let json = [("content-type", "application/json"), ("accept", "*/*")];
    let (sent, counts) = std::sync::mpsc::channel();
    let part = axum::body::Bytes::from(vec![b' '; 64 << 10]);
    let endless = futures::stream::repeat(part).map(move |part| {
        sent.send(part.len()).expect("it is counted");
        Ok::<_, std::convert::Infallible>(part)
    });
    let answer = client.send("POST", &json, Body::from_stream(endless)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(answer.headers["connection"], "close");
    let error = answer.json().await;
    assert_eq!(error["error"]["message"], "a message must not be longer than 1000 bytes");
    let read: usize = counts.try_iter().sum();
    assert!(read > 500_000 && read < 2_000_000, "{read}");
    let session = client.begin().await;
    let long = call(1, "add", json!({"a": 1, "b": 2, "c": "x".repeat(1_000)}));
    assert_eq!(session.post(&[], long).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(session.call(1, "add", json!({"a": 1, "b": 2})).await["result"]["isError"], false);
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_arrive_is_given_up() {
    let client = Http::to(&service());
    let json = [("content-type", "application/json"), ("accept", "*/*")];
    let never = futures::stream::pending::<Result<axum::body::Bytes, std::convert::Infallible>>();
    let answer = client.send("POST", &json, Body::from_stream(never)).await;
    assert_eq!(answer.status, StatusCode::REQUEST_TIMEOUT);
    let message = answer.json().await["error"]["message"].clone();
    assert_eq!(message, "the body did not arrive within 30s");
}

/// A body whose parts arrive when they are sent.
fn in_parts() -> (mpsc::UnboundedSender<String>, Body) {
    let (parts, arrive) = mpsc::unbounded();
    (parts, Body::from_stream(arrive.map(Ok::<_, std::convert::Infallible>)))
}

#[tokio::test(start_paused = true)]
async fn bodies_that_arrive_slowly_have_so_much_room_together_and_what_has_none_may_come_back() {
    let service = server().max_message_bytes(100_000).build().expect("it can be built");
    let router = service.http().max_buffered_bytes(150_000).into_router();
    let session = Http::through(router.expect("it can be served")).begin().await;
    let json = [("content-type", "application/json"), ("accept", "text/event-stream, */*")];
    let body = call(1, "add", json!({"a": 1, "b": 2})).to_string();
    let long = format!("{}{}", " ".repeat(90_000), &body[..9]);
    let (parts, slow) = in_parts();
    let answered = {
        let session = session.clone();
        tokio::spawn(async move { session.send("POST", &json, slow).await })
    };
    for part in [" ".repeat(9), long.clone()] {
        parts.unbounded_send(part).expect("it is read");
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (others, other) = in_parts();
    for part in [" ".repeat(9), long.clone()] {
        others.unbounded_send(part).expect("it is read");
    }
    let asked = tokio::time::Instant::now();
    let refused = session.send("POST", &json, other).await;
    assert!(asked.elapsed() <= Duration::from_secs(1), "however long the rest of it takes");
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "5");
    assert_eq!(refused.headers["connection"], "close", "the rest of it is not read");
    let message = refused.json().await["error"]["message"].clone();
    assert_eq!(message, "bodies of other requests take all the room; try again later");
    assert_eq!(text(&session.call(2, "add", json!({"a": 1, "b": 2})).await), "3");
    parts.unbounded_send(body[9..].to_owned()).expect("it is read");
    drop(parts);
    let answer = answered.await.expect("no panic");
    assert_eq!(text(&answer.events.last().await), "3");
    let (parts, again) = in_parts();
    for part in [" ".repeat(9), long, body[9..].to_owned()] {
        parts.unbounded_send(part).expect("it is read");
    }
    drop(parts);
    assert_eq!(
        session.send("POST", &json, again).await.status,
        StatusCode::OK,
        "there is room again"
    );
}

#[tokio::test(start_paused = true)]
async fn deep_and_strange_messages_are_answered_with_their_ids() {
    let session = Http::to(&service()).begin().await;
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{}}}"#,
        "[".repeat(10_000)
    );
    let answer = session.post(&[], deep).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    assert_eq!(answer.json().await["id"], 7);
    for (body, code) in [
        (r#"{"jsonrpc":"1.0","id":7,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, -32600),
        (r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":[]}"#, -32602),
    ] {
        let answer = session.post(&[], body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert_eq!(answer.json().await["error"]["code"], code, "{body}");
    }
    // What asks for no answer is answered with none.
    let answer = session.post(&[], r#"{"jsonrpc":"2.0","method":7}"#).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_in_flight_once_and_the_first_call_is_answered() {
    let session = Http::to(&service()).begin().await;
    let first = session.start(1, "wait", json!({"seconds": 60})).await;
    let second = session.post(&[], call(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(second.status, StatusCode::BAD_REQUEST);
    let error = second.json().await;
    assert_eq!(error["error"]["message"], "a request with the id 1 is still unanswered");
    assert_eq!(error["id"], 1);
    assert_eq!(text(&first.events.last().await), "waited");
    let again = session.call(1, "add", json!({"a": 1, "b": 2})).await;
    assert_eq!(again["result"]["content"][0]["text"], "3", "it is free again");
}

#[tokio::test(start_paused = true)]
async fn a_session_beyond_the_last_is_told_when_to_come_back() {
    let router = service().http().max_sessions(2).into_router().expect("it can be served");
    let client = Http::through(router);
    let (first, _second) = (client.begin().await, client.begin().await);
    let refused = client.post(&[], initialize("2025-11-25")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers["retry-after"], "5");
    let error = refused.json().await;
    assert_eq!(error["error"]["message"], "this server already has its maximum of 2 sessions");
    assert_eq!(first.send("DELETE", &[], Body::empty()).await.status, StatusCode::NO_CONTENT);
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.begin().await;
    let gone = first.post(&[], call(1, "add", json!({"a": 1, "b": 2}))).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[test]
fn what_would_let_nothing_through_is_refused_when_the_server_is_built() {
    let http = || service().http();
    for (server, message) in [
        (
            http().path("mcp"),
            "`HttpServer::path` is mcp; expected a path that starts with `/`, as `/mcp`",
        ),
        (
            http().path("/mcp/:id"),
            "`HttpServer::path` is /mcp/:id; expected a path that starts with `/`, as `/mcp`",
        ),
        (http().max_sessions(0), "`HttpServer::max_sessions` is 0; expected at least 1"),
        (http().max_connections(0), "`HttpServer::max_connections` is 0; expected at least 1"),
        (
            http().max_buffered_bytes(1_000),
            "`HttpServer::max_buffered_bytes` is 1000; expected at least 16777216, the length of the longest message",
        ),
        (
            http().keep_alive(Duration::ZERO),
            "`HttpServer::keep_alive` is 0ns; expected a longer time",
        ),
        (
            http().allowed_hosts(["https://a.example"]),
            "`HttpServer::allowed_hosts` is \"https://a.example\"; expected a host, as `example.com` or `example.com:8080`",
        ),
        (
            http().allowed_origins(["a.example"]),
            "`HttpServer::allowed_origins` is \"a.example\"; expected an origin, as `https://example.com`",
        ),
    ] {
        assert_eq!(server.into_router().expect_err("it is wrong").to_string(), message);
    }
}

#[tokio::test]
async fn an_address_that_is_none_or_is_taken_is_named() {
    for address in ["8080", "localhost", "https://localhost:1", "localhost:x", ":80", ""] {
        let error = service().serve_http(address).await.expect_err("it is none").to_string();
        assert!(
            error.starts_with(&format!(
                "`HttpServer::serve` is {address:?}; expected a host and a port"
            )),
            "{error}"
        );
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let taken = listener.local_addr().expect("it has one").to_string();
    let error = service().serve_http(taken.as_str()).await.expect_err("it is taken");
    assert_eq!(error.to_string(), format!("cannot serve at `{taken}`"));
}
