//! Servers that say what a test wants.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use futures::StreamExt as _;
use mcpc::client::{Client, ClientError, Event, HttpError, Said, Way, text};
use mcpc::protocol::TaskEvent;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::{Counted, server, url};

/// A server whose answers a function writes; what it was asked is kept.
pub(crate) struct Scripted {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    _serving: JoinSet<()>,
}

impl Scripted {
    pub(crate) fn url(&self) -> String {
        url(self.address)
    }

    /// How often it was asked for a method.
    pub(crate) fn count(&self, method: &str) -> usize {
        self.asked.lock().expect("no panic").iter().filter(|asked| *asked == method).count()
    }
}

async fn serve_router(router: Router) -> (SocketAddr, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let mut serving = JoinSet::new();
    serving.spawn(async move { axum::serve(listener, router).await.expect("it is served") });
    (address, serving)
}

async fn scripted<F>(
    answer: impl Fn(Method, HeaderMap, Value) -> F + Clone + Send + Sync + 'static,
) -> Scripted
where
    F: Future<Output = Response> + Send,
{
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    let handle = move |method: Method, headers: HeaderMap, body: Bytes| {
        let message: Value = serde_json::from_slice(&body).unwrap_or_default();
        let what = message["method"].as_str().unwrap_or(method.as_str()).to_owned();
        noted.lock().expect("no panic").push(what);
        answer(method, headers, message)
    };
    let (address, serving) = serve_router(Router::new().route("/mcp", any(handle))).await;
    Scripted { address, asked, _serving: serving }
}

fn json_response(body: &Value) -> Response {
    ([("content-type", "application/json")], body.to_string()).into_response()
}

fn result(request: &Value, result: Value) -> Response {
    json_response(&json!({"jsonrpc": "2.0", "id": request["id"], "result": result}))
}

fn initialized(request: &Value) -> Value {
    let info = json!({"name": "old", "version": "1"});
    let version = &request["params"]["protocolVersion"];
    json!({"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info})
}

fn in_session(mut response: Response, session: &str) -> Response {
    response.headers_mut().insert("mcp-session-id", session.parse().expect("a header"));
    response
}

fn said(text: &str) -> Value {
    json!({"content": [{"type": "text", "text": text}]})
}

/// A server that forgets its session before the first call and after every one, and says nothing of itself.
pub(crate) async fn forgetful() -> Scripted {
    let sessions = Arc::new(Mutex::new((0, false)));
    scripted(move |method, headers, request| {
        let sessions = Arc::clone(&sessions);
        async move {
            let mut sessions = sessions.lock().expect("no panic");
            let (number, is_fresh) = &mut *sessions;
            let named = headers.get("mcp-session-id").and_then(|it| it.to_str().ok());
            match (method, request["method"].as_str()) {
                (Method::POST, Some("initialize")) => {
                    *number += 1;
                    *is_fresh = *number > 1;
                    in_session(result(&request, initialized(&request)), &format!("s{number}"))
                }
                (Method::POST, Some("notifications/initialized")) => {
                    StatusCode::ACCEPTED.into_response()
                }
                (Method::POST, Some("tools/call")) => {
                    let is_known = named == Some(&*format!("s{number}")) && *is_fresh;
                    *is_fresh = false;
                    match is_known {
                        true => result(&request, said("done")),
                        false => StatusCode::NOT_FOUND.into_response(),
                    }
                }
                (Method::POST, Some("server/discover")) => StatusCode::BAD_REQUEST.into_response(),
                _ => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            }
        }
    })
    .await
}

fn events(receiver: mpsc::UnboundedReceiver<Value>) -> Response {
    let events = futures::stream::unfold(receiver, |mut receiver| async {
        let message = receiver.recv().await?;
        Some((format!("data: {message}\n\n"), receiver))
    });
    let body = Body::from_stream(events.map(Ok::<_, Infallible>));
    ([("content-type", "text/event-stream")], body).into_response()
}

fn task_message(ids: &Value, event: &str, result: &Value) -> String {
    let message = json!({
        "type": "task", "event": event, "session_id": ids["session_id"],
        "task_id": ids["task_id"], "tool_name": "old", "result": result, "protocol": "mcpc",
    });
    message.to_string()
}

/// The call's answer and what follows it are on two connections, so that what follows may be the first.
#[tokio::test]
async fn what_a_task_says_before_its_call_has_returned_waits_for_that() {
    let listening = Arc::new(Mutex::new(None::<mpsc::UnboundedSender<Value>>));
    let served = scripted(move |method, _, request| {
        let listening = Arc::clone(&listening);
        async move {
            let arguments = &request["params"]["arguments"];
            match (request["method"].as_str(), request["params"]["name"].as_str()) {
                _ if method == Method::GET => {
                    let (sender, receiver) = mpsc::unbounded_channel();
                    *listening.lock().expect("no panic") = Some(sender);
                    events(receiver)
                }
                (Some("initialize"), _) => in_session(result(&request, initialized(&request)), "s"),
                (_, Some("_mcpc_init")) => {
                    let mut info = arguments["mcpc_info"].clone();
                    info["mcpc_provider"] = json!("old");
                    result(&request, said(&info.to_string()))
                }
                (_, Some("old")) => {
                    sleep(Duration::from_millis(100)).await;
                    for (event, value) in
                        [("update", json!("half")), ("complete", json!({"to": 7}))]
                    {
                        let text = task_message(&arguments["mcpc_params"], event, &value);
                        let content =
                            json!({"content": [{"type": "text", "text": text}], "isError": false});
                        let callback =
                            json!({"jsonrpc": "2.0", "id": "MCPC_CALLBACK", "result": content});
                        let listening = listening.lock().expect("no panic");
                        listening.as_ref().expect("it listens").send(callback).expect("it listens");
                    }
                    sleep(Duration::from_millis(200)).await;
                    let created =
                        task_message(&arguments["mcpc_params"], "created", &json!("Started"));
                    result(&request, said(&created))
                }
                (Some("notifications/initialized"), _) => StatusCode::ACCEPTED.into_response(),
                (Some("server/discover"), _) => StatusCode::BAD_REQUEST.into_response(),
                _ => StatusCode::NO_CONTENT.into_response(),
            }
        }
    })
    .await;
    let client = Client::connect_http(served.url()).await.expect("the server answers");
    let mut events = client.events();
    let mut task = client.start("old", json!({})).await.expect("started");
    assert_eq!(task.way(), Way::Mcpc);
    assert_eq!(task.result::<Counted>().await.expect("a result"), Counted { to: 7 });
    assert!(matches!(task.next().await, Some(Said::Update(half)) if half == "half"));
    assert!(task.next().await.is_none());
    let mut order = Vec::new();
    for _ in 0..3 {
        let Some(Event::Task(message)) = events.next().await else { panic!("of the task") };
        order.push(message.task_event().expect("of the task"));
    }
    assert_eq!(order, [TaskEvent::Created, TaskEvent::Update, TaskEvent::Complete]);
    client.close().await;
    assert_eq!(served.count("DELETE"), 1);
}

#[tokio::test]
async fn a_server_that_wants_to_know_who_asks_is_told() {
    let service = server().signals(false).build().expect("it can be built");
    let asks = |request: Request, next: Next| async move {
        match request.headers().get("authorization").map(|it| it.as_bytes()) {
            Some(b"Bearer secret") => next.run(request).await,
            _ => {
                let challenge = [("www-authenticate", "Bearer realm=\"x\"")];
                (StatusCode::UNAUTHORIZED, challenge, "who?").into_response()
            }
        }
    };
    let router = service.into_router().expect("a router").layer(middleware::from_fn(asks));
    let (address, _serving) = serve_router(router).await;
    for builder in
        [Client::builder(), Client::builder().initialize(), Client::builder().bearer("x")]
    {
        let error =
            builder.connect_http(url(address)).await.expect_err("it does not say who it is");
        let ClientError::Http(error) = error else { panic!("{error:?}") };
        assert_eq!(error.to_string(), "the server answered with HTTP 401: Bearer realm=\"x\"");
        assert!(matches!(error, HttpError::Status { status: 401, .. }));
    }
    for builder in [
        Client::builder().bearer("secret"),
        Client::builder().header("Authorization", "Bearer secret").best(Way::Tasks),
    ] {
        let client = builder.connect_http(url(address)).await.expect("it says who it is");
        let mut task = client.start("count", json!({"to": 2, "pause": 1})).await.expect("started");
        assert_eq!(task.result::<Counted>().await.expect("a result").to, 2);
        client.close().await;
    }
}

#[tokio::test]
async fn an_answer_that_is_no_message_fails_its_call_and_no_other() {
    let served = scripted(|method, _, request| async move {
        match (request["method"].as_str(), request["params"]["name"].as_str()) {
            _ if method != Method::POST => StatusCode::METHOD_NOT_ALLOWED.into_response(),
            (Some("server/discover"), _) => StatusCode::NOT_FOUND.into_response(),
            (Some("initialize"), _) => result(&request, initialized(&request)),
            (Some("notifications/initialized"), _) => StatusCode::OK.into_response(),
            (_, Some("html")) => ([("content-type", "text/html")], "<p>").into_response(),
            (_, Some("text")) => {
                ([("content-type", "application/json")], "no JSON").into_response()
            }
            (_, Some("error")) => (StatusCode::BAD_GATEWAY, "no upstream").into_response(),
            (_, Some("refused")) => {
                let error = json!({"code": -32602, "message": "as it is"});
                let body = json_response(&json!({"jsonrpc": "2.0", "id": null, "error": error}));
                (StatusCode::BAD_REQUEST, body).into_response()
            }
            (_, Some("redirected")) => {
                (StatusCode::FOUND, [("location", "/other")]).into_response()
            }
            _ => result(&request, said("done")),
        }
    })
    .await;
    // A server without sessions, as those of MCP up to 2025-11-25 may be.
    let client = Client::builder().best(Way::Result).connect_http(served.url()).await;
    let client = client.expect("the server answers");
    for (tool, expected) in [
        ("html", "the server answered with `text/html`; expected JSON or events"),
        ("text", "what the server answered is not a message of MCP: no JSON"),
        ("error", "the server answered with HTTP 502: no upstream"),
        ("refused", "the server refused the call: as it is (-32602)"),
        ("redirected", "the server answered with HTTP 302"),
    ] {
        let error = client.call(tool, json!({})).await.expect_err("it is no answer");
        let mut full = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(error) = source {
            full = format!("{full}: {error}");
            source = error.source();
        }
        assert!(full.contains(expected), "{tool}: {full}");
        let reply = client.call("any", json!({})).await.expect("answered");
        assert_eq!(text(&reply), "done");
    }
    client.close().await;
    assert_eq!(served.count("DELETE"), 0, "there is no session to end");
}
