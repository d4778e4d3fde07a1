//! How a server ends whose router is nested into another.

use std::io::Write as _;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use mcpc::{Server, Service, tools};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::raw::Raw;
use crate::service;
use crate::support::{Http, call, initialize, mcpc, text};

#[tokio::test]
async fn a_server_of_axum_with_the_router_in_it_ends_although_a_stream_is_open() {
    let (stop, stopped) = oneshot::channel::<()>();
    let http = service().http().until(async { drop(stopped.await) });
    let (router, ended) = http.into_router_and_end().expect("it can be served");
    let app = Router::new().nest("/tools", router);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("it has one");
    let serving =
        tokio::spawn(async move { axum::serve(listener, app).with_graceful_shutdown(ended).await });
    let mut begun =
        Raw::send(address, "POST /tools/mcp", "", &initialize("2025-11-25").to_string()).await;
    let head = begun.read_until("\r\n\r\n").await;
    let id = head.split("mcp-session-id: ").nth(1).and_then(|rest| rest.lines().next());
    let session = format!("mcp-session-id: {}\r\n", id.expect("a session"));
    let mut stream = Raw::send(address, "GET /tools/mcp", &session, "").await;
    stream.read_until("retry: ").await;
    stop.send(()).expect("it waits for that");
    let ended = timeout(Duration::from_secs(5), serving).await;
    ended.expect("it ends").expect("it does not panic").expect("it does not fail");
    assert!(stream.rest().await.ends_with("0\r\n\r\n"), "the stream is closed in order");
}

/// Blocks its thread.
#[mcpc::tool]
async fn block() {
    std::thread::sleep(Duration::from_secs(4));
}

/// A router that ends when this is told.
fn ending_router(service: &Service) -> (Http, oneshot::Sender<()>, JoinHandle<()>) {
    let (stop, stopped) = oneshot::channel::<()>();
    let http = service.http().until(async { drop(stopped.await) });
    let (router, ended) = http.into_router_and_end().expect("it can be served");
    (Http::through(router), stop, tokio::spawn(ended))
}

#[tokio::test(start_paused = true)]
async fn a_router_ends_in_order_and_refuses_what_is_new() {
    let (client, stop, ended) = ending_router(&service());
    let session = client.begin().await;
    let mut stream = session.listen(None).await;
    session.call(1, "work", mcpc("t", json!({}))).await;
    let in_session = session.start(2, "wait", json!({"seconds": 1})).await;
    let wait = json!({"name": "wait", "arguments": {"seconds": 1}});
    let alone = client.alone(1, "tools/call", wait.clone()).await;
    stop.send(()).expect("it waits for that");
    sleep(Duration::from_millis(100)).await;
    assert!(!ended.is_finished(), "it waits for the calls");
    let new = [
        client.post(&[], initialize("2025-11-25")).await,
        client.alone(2, "tools/call", wait).await,
        session.post(&[], call(3, "add", json!({"a": 1, "b": 2}))).await,
    ];
    for answer in new {
        assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers["retry-after"], "5");
    }
    assert_eq!(text(&in_session.events.last().await), "waited");
    assert_eq!(text(&alone.events.last().await), "waited");
    for event in ["created", "update"] {
        assert_eq!(stream.events.callback().await["event"], event);
    }
    assert_eq!(stream.events.callback().await["result"], "stopped");
    assert!(stream.events.next().await.is_none(), "that was the last word");
    ended.await.expect("it is done");
    let answer = client.post(&[], initialize("2025-11-25")).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE, "and stays so");
}

#[tokio::test(start_paused = true)]
async fn a_router_ends_once_its_future_is_polled_where_nothing_else_was_named() {
    let (router, ended) = service().http().into_router_and_end().expect("it can be served");
    let client = Http::through(router);
    let session = client.begin().await;
    let stream = session.listen(None).await;
    ended.await;
    assert!(stream.events.rest().await.starts_with("id: 0-0"), "and it is over");
    let refused = client.post(&[], initialize("2025-11-25")).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// By rmcp's loop, which reads requests some time after they were taken.
#[tokio::test(start_paused = true)]
async fn what_was_taken_before_the_end_is_still_answered() {
    let (client, stop, ended) = ending_router(&service());
    let session = client.begin().await;
    let taken = async |id: u64| {
        let list = json!({"jsonrpc": "2.0", "id": id, "method": "tools/list"});
        session.post(&[], list).await.events.last().await
    };
    let stops = async { stop.send(()).expect("it waits for that") };
    // The requests are taken before the end begins, and read after.
    let ((), first, second) = tokio::join!(stops, taken(1), taken(2));
    for reply in [first, second] {
        assert_eq!(reply["result"]["tools"][0]["name"], "add", "{reply}");
    }
    ended.await.expect("it is done");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_blocks_its_thread_is_answered_when_the_grace_is_over() {
    let server = Server::new("http").tools(tools![block]).grace(Duration::from_millis(50));
    let (client, stop, _ended) = ending_router(&server.build().expect("it can be built"));
    let call = json!({"name": "block", "arguments": {}});
    let answer = client.alone(1, "tools/call", call).await;
    stop.send(()).expect("it waits for that");
    let reply = timeout(Duration::from_millis(2_500), answer.events.last()).await;
    assert_eq!(text(&reply.expect("in time")), "the server ended before `block` did");
}

#[tokio::test(start_paused = true)]
async fn who_is_in_a_session_reads_and_answers_until_its_server_has_ended() {
    let (client, stop, ended) = ending_router(&service());
    let session = client.begin().await;
    drop(session.start(1, "wait", json!({"seconds": 2})).await);
    stop.send(()).expect("it waits for that");
    sleep(Duration::from_millis(100)).await;
    let response = json!({"jsonrpc": "2.0", "id": 7, "result": {}});
    assert_eq!(session.post(&[], response).await.status, StatusCode::ACCEPTED);
    let again = session.listen(Some("2-0")).await;
    assert_eq!(text(&again.events.last().await), "waited", "what it asked for before");
    ended.await.expect("it is done");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_is_answered_when_the_grace_is_over() {
    let (client, stop, ended) = ending_router(&service());
    let wait = json!({"seconds": 3_600});
    let in_session = client.begin().await.start(1, "wait", wait.clone()).await;
    let alone = client.alone(1, "tools/call", json!({"name": "wait", "arguments": wait})).await;
    stop.send(()).expect("it waits for that");
    for answer in [in_session, alone] {
        let reply = answer.events.last().await;
        assert_eq!(text(&reply), "the server ended before `wait` did");
        assert_eq!(reply["result"]["isError"], true);
    }
    ended.await.expect("it is done");
}

#[tokio::test(start_paused = true)]
async fn the_last_words_of_a_principals_task_are_heard_in_its_session() {
    let (stop, stopped) = oneshot::channel::<()>();
    let http = service().http().until(async { drop(stopped.await) });
    let http = http.principal(|_| Some("ann".to_owned()));
    let (router, ended) = http.into_router_and_end().expect("it can be served");
    let ended = tokio::spawn(ended);
    let session = Http::through(router).begin().await;
    let mut stream = session.listen(None).await;
    session.call(1, "farewell", mcpc("t", json!({}))).await;
    stop.send(()).expect("it waits for that");
    for event in ["created", "complete"] {
        assert_eq!(stream.events.callback().await["event"], event);
    }
    assert!(stream.events.next().await.is_none());
    ended.await.expect("it is done");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_router_waits_for_no_client_for_ever() {
    let (client, stop, ended) = ending_router(&service());
    let session = client.begin().await;
    let unread = session.listen(None).await;
    session.call(1, "count", mcpc("t", json!({"to": 200_000, "every_ms": 0}))).await;
    stop.send(()).expect("it waits for that");
    let longest = Duration::from_secs(11); // a grace of 5 seconds, and 5 more
    timeout(longest, ended).await.expect("in time").expect("it is done");
    drop(unread);
}

#[test]
fn a_router_alone_is_not_made_of_a_server_that_is_to_end() {
    let error = service().http().until(async {}).into_router().expect_err("it would not hear");
    let expected =
        "`HttpServer::until` is set; expected `into_router_and_end`, whose future ends it";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_server_that_is_yet_to_be_served_may_be_shared_by_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    is_shared(&service().http().until(async {}));
}

/// As that of a test, which would be over, and have passed, in the middle of another.
#[test]
fn a_process_that_nobody_asked_to_end_goes_on_without_the_runtime_that_served() {
    const INSIDE: &str = "MCPC_SERVES_AND_GOES_ON";
    if std::env::var_os(INSIDE).is_some() {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let serving = service().http().serve_on(listener);
            assert!(timeout(Duration::from_millis(100), serving).await.is_err(), "it serves");
        });
        drop(runtime);
        std::thread::sleep(Duration::from_secs(1));
        return std::io::stdout().write_all(b"it goes on").expect("somebody reads");
    }
    let name = "ends::a_process_that_nobody_asked_to_end_goes_on_without_the_runtime_that_served";
    let program = std::env::current_exe().expect("it has a path");
    let mut again = std::process::Command::new(program);
    let again = again.args(["--exact", name, "--nocapture"]).env(INSIDE, "1").output();
    let said = String::from_utf8(again.expect("it runs").stdout).expect("UTF-8");
    assert!(said.contains("it goes on"), "{said}");
}
