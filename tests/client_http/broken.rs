//! Connections that break, servers that are gone, that forget, and that never answer.

use std::time::Duration;

use mcpc::client::{Client, ClientError, HttpError, Said, TaskError, Way, text};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};

use super::proxy::{Breaks, Proxy};
use super::{Counted, number, serve, serve_at, server, url};

#[tokio::test]
async fn five_hundred_updates_come_once_each_while_their_stream_breaks_sixteen_times() {
    let served = serve(server());
    let breaks = Breaks { request: "GET ", holds: "", after: 5_000, times: 16 };
    let proxy = Proxy::to(served.address, breaks).await;
    let client = Client::connect_http(url(proxy.address)).await.expect("the server answers");
    let mut task = client.start("say", json!({"to": 500, "pause": 0})).await.expect("started");
    assert_eq!(task.way(), Way::Mcpc);
    for i in 1..=500 {
        let said = timeout(Duration::from_secs(20), task.next()).await.expect("it comes back");
        assert_eq!(number(&said.expect("another")), i);
    }
    assert!(task.next().await.is_none());
    assert_eq!(task.result::<u64>().await.expect("a result"), 500);
    assert_eq!(proxy.broken(), 16);
    client.close().await;
}

#[tokio::test]
async fn the_stream_of_a_call_is_gone_on_with() {
    let served = serve(server());
    for after in [400, 700, 1_000] {
        let breaks = Breaks { request: "POST ", holds: "tools/call", after, times: 1 };
        let proxy = Proxy::to(served.address, breaks).await;
        let builder = Client::builder().best(Way::Progress).initialize();
        let client = builder.connect_http(url(proxy.address)).await.expect("the server answers");
        let mut task =
            client.start("count", json!({"to": 8, "pause": 150})).await.expect("started");
        let mut said = Vec::new();
        while let Some(news) = task.next().await {
            let Said::Progress { done, .. } = news else { panic!("{news:?}") };
            said.push(done);
        }
        assert!(said.is_sorted_by(|one, other| one < other), "{after}: {said:?}");
        assert!(said.len() >= 7 && said.last() == Some(&8.0), "{after}: {said:?}");
        assert_eq!(task.result::<Counted>().await.expect("a result").to, 8);
        assert_eq!(proxy.broken(), 1);
        client.close().await;
    }
}

/// As a server does that keeps no connection open on which it says nothing (SEP-1699).
#[tokio::test]
async fn a_stream_that_ends_in_order_is_come_back_to() {
    let at = "127.0.0.1:0".parse().expect("an address");
    let served = serve_at(at, server(), |http| http.poll_after(Duration::from_millis(100)));
    for way in [Way::Result, Way::Progress] {
        let builder = Client::builder().best(way).initialize();
        let client = builder.connect_http(served.url()).await.expect("the server answers");
        let mut task =
            client.start("count", json!({"to": 3, "pause": 900})).await.expect("started");
        let mut said = Vec::new();
        while let Some(news) = task.next().await {
            let Said::Progress { done, .. } = news else { panic!("{news:?}") };
            said.push(done);
        }
        assert_eq!(said, if way == Way::Result { vec![] } else { vec![1.0, 2.0, 3.0] });
        assert_eq!(task.result::<Counted>().await.expect("a result").to, 3);
        client.close().await;
    }
}

#[tokio::test]
async fn a_task_of_mcpc_goes_on_although_the_answer_to_its_call_is_lost() {
    let served = serve(server());
    let breaks = Breaks { request: "POST ", holds: "mcpc_params", after: 0, times: 1 };
    let proxy = Proxy::to(served.address, breaks).await;
    let client = Client::connect_http(url(proxy.address)).await.expect("the server answers");
    let mut task = client.start("say", json!({"to": 3, "pause": 100})).await.expect("started");
    for i in 1..=3 {
        assert_eq!(number(&task.next().await.expect("another")), i);
    }
    assert_eq!(task.result::<u64>().await.expect("a result"), 3);
    assert_eq!(proxy.broken(), 1);
}

#[tokio::test]
async fn a_call_whose_answer_is_lost_and_cannot_be_had_again_fails() {
    let served = serve(server());
    for revision in ["2025-11-25", "2026-07-28"] {
        let breaks = Breaks { request: "POST ", holds: "\"double\"", after: 0, times: 1 };
        let proxy = Proxy::to(served.address, breaks).await;
        let builder = Client::builder().best(Way::Progress);
        let builder = if revision == "2025-11-25" { builder.initialize() } else { builder };
        let client = builder.connect_http(url(proxy.address)).await.expect("the server answers");
        let error = client.call("double", json!({"n": 1})).await.expect_err("it is lost");
        let ClientError::Task(TaskError::Call(source)) = error else { panic!("{error:?}") };
        let expected = "the connection was lost before the server answered";
        assert!(source.to_string().contains(expected), "{source}");
        let reply = client.call("double", json!({"n": 2})).await.expect("the next is answered");
        assert_eq!(text(&reply), "4");
        client.close().await;
    }
}

#[tokio::test]
async fn a_server_that_starts_again_has_forgotten_the_session_and_gets_a_new_one() {
    let served = serve(server());
    let address = served.address;
    let client = Client::connect_http(url(address)).await.expect("the server answers");
    let mut lost = client.start("forever", json!({})).await.expect("started");
    sleep(Duration::from_millis(200)).await;
    drop(served);
    sleep(Duration::from_millis(500)).await;
    let _served = serve_at(address, server(), |http| http);
    let ended = timeout(Duration::from_secs(10), lost.result::<Value>()).await;
    let error = ended.expect("it is known to be lost").expect_err("it is lost");
    assert_eq!(error.to_string(), "the server went away before the task ended");
    let mut task = client.start("say", json!({"to": 3, "pause": 10})).await.expect("started");
    for i in 1..=3 {
        assert_eq!(number(&task.next().await.expect("another")), i);
    }
    assert_eq!(task.result::<u64>().await.expect("a result"), 3);
    let reply = client.call("double", json!({"n": 2})).await.expect("answered");
    assert_eq!(text(&reply), "4");
    client.close().await;
}

#[tokio::test]
async fn a_task_of_mcp_is_asked_about_again_when_its_server_is_back() {
    let served = serve(server());
    let breaks = Breaks { request: "POST ", holds: "tasks/get", after: 0, times: 2 };
    let proxy = Proxy::to(served.address, breaks).await;
    let builder = Client::builder().best(Way::Tasks);
    let client = builder.connect_http(url(proxy.address)).await.expect("the server answers");
    let mut task = client.start("count", json!({"to": 8, "pause": 1000})).await.expect("started");
    assert_eq!(task.result::<Counted>().await.expect("a result").to, 8);
    assert_eq!(proxy.broken(), 2);
}

#[tokio::test]
async fn a_call_finds_out_that_the_session_is_forgotten() {
    // Without a stream of the session it is only a call that can.
    let forgetful = super::scripted::forgetful().await;
    let client = Client::builder().best(Way::Result).connect_http(forgetful.url()).await;
    let client = client.expect("the server answers");
    for _ in 0..3 {
        let reply = client.call("any", json!({})).await.expect("it is asked once more");
        assert_eq!(text(&reply), "done");
    }
    assert_eq!(forgetful.count("initialize"), 4, "each call was in a session that was forgotten");
    assert_eq!(forgetful.count("notifications/initialized"), 4);
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let limit = Duration::from_millis(200);
    let began = Instant::now();
    let connected = Client::builder().answer_limit(limit).connect_http(url(address)).await;
    let error = connected.expect_err("it never answers");
    let ClientError::Http(HttpError::TooLate(late)) = error else { panic!("{error:?}") };
    assert_eq!(late, limit);
    assert!(began.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_at_once() {
    let closed = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = closed.local_addr().expect("it is bound");
    drop(closed);
    let error = Client::connect_http(url(address)).await.expect_err("nobody listens");
    assert!(matches!(error, ClientError::Http(HttpError::Unreachable(_))), "{error:?}");
    for (address, expected) in [
        (
            "localhost:80",
            "`localhost:80` is not an address of HTTP; expected one as `https://example.com/mcp`",
        ),
        ("/mcp", "`/mcp` is not an address of HTTP; expected one as `https://example.com/mcp`"),
    ] {
        let ClientError::Http(error) = Client::connect_http(address).await.expect_err("no address")
        else {
            panic!("it is about HTTP")
        };
        assert_eq!(error.to_string(), expected);
    }
    for (name, value) in [("Mcp-Session-Id", "x"), ("no name", "x"), ("x-name", "a\nb")] {
        let builder = Client::builder().header(name, value);
        assert!(!format!("{builder:?}").contains("a\\nb"), "what a header says may be a secret");
        let error = builder.connect_http(url(([127, 0, 0, 1], 1).into())).await;
        let ClientError::Http(error) = error.expect_err("no header") else { panic!("of HTTP") };
        assert_eq!(
            error.to_string(),
            format!("`{name}` is not a header that a client can be given")
        );
    }
}
