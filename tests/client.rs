//! Our client against our server, in one process.

use std::time::Duration;

use mcpc::client::{Client, ClientError, text};
use mcpc::{Sender, Server, TaskEvent, tools};
use serde_json::{Value, json};

#[mcpc::background]
async fn count(to: u64, updates: Sender) -> Result<u64, String> {
    for i in 0..to {
        updates.send(i).await;
    }
    updates.emit("counted", to).await;
    if to == 13 { Err("unlucky".to_owned()) } else { Ok(to) }
}

#[mcpc::background]
async fn forever() {
    std::future::pending().await
}

#[mcpc::tool]
async fn double(n: u64) -> u64 {
    n * 2
}

async fn connect() -> Client {
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    let server = Server::new("counter").tools(tools![count, forever, double]);
    tokio::spawn(server.serve_io(reader, writer));
    Client::connect(tokio::io::split(ours)).await.expect("the server answers")
}

#[tokio::test]
async fn a_handshake_tells_who_is_there() {
    let info = connect().await.handshake().await.expect("it speaks MCPC");
    assert_eq!((info.mcpc_version.as_str(), info.mcpc_provider.as_str()), ("0.2.1", "counter"));
    assert_eq!(info.mcpc_direct_updates, Some(true));
}

#[tokio::test]
async fn tasks_and_plain_calls_go_on_at_once() {
    let client = connect().await;
    let mut all = client.messages();
    let mut tasks = Vec::new();
    for to in 0..20 {
        tasks.push((to, client.start("count", json!({"to": to})).await.expect("started")));
    }
    for n in 0..50 {
        let reply = client.call("double", json!({"n": n})).await.expect("answered");
        assert_eq!(text(&reply), (2 * n).to_string());
    }
    for (to, mut task) in tasks {
        let mut events = Vec::new();
        while let Some(message) = task.next().await {
            assert_eq!(message.task_id.as_deref(), Some(task.id()));
            assert_eq!(message.session_id, client.session_id());
            events.push((message.task_event().expect("a task's"), message.result));
        }
        let end = match to {
            13 => (TaskEvent::Failed, json!("unlucky")),
            _ => (TaskEvent::Complete, json!(to)),
        };
        let expected: Vec<(TaskEvent, Value)> = [(TaskEvent::Created, json!("Started count"))]
            .into_iter()
            .chain((0..to).map(|i| (TaskEvent::Update, json!(i))))
            .chain([end])
            .collect();
        assert_eq!(events, expected);
    }
    client.close().await;
    let mut server_events = 0;
    while let Some(message) = all.next().await {
        server_events += u32::from(message.event == "counted");
    }
    assert_eq!(server_events, 20);
}

#[tokio::test]
async fn a_result_can_be_waited_for() {
    let client = connect().await;
    let task = client.start("count", json!({"to": 3})).await.expect("started");
    assert_eq!(task.result().await, Some(Ok(json!(3))));
    let task = client.start("count", json!({"to": 13})).await.expect("started");
    assert_eq!(task.result().await, Some(Err(json!("unlucky"))));
}

#[tokio::test]
async fn what_starts_no_task_is_an_error() {
    let client = connect().await;
    for (tool, arguments, expected) in [
        ("count", json!({}), "no task was started: argument `to` is missing"),
        ("double", json!({"n": 4}), "no task was started: 8"),
        ("count", json!([1]), "the arguments of a call must be an object"),
    ] {
        let error = client.start(tool, arguments).await.expect_err("no task");
        assert_eq!(error.to_string(), expected);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_connection_is_the_end_of_every_stream() {
    let client = connect().await;
    let mut all = client.messages();
    let task = client.start("forever", json!({})).await.expect("started");
    let waiting = tokio::spawn(task.result());
    tokio::time::sleep(Duration::from_secs(1)).await;
    client.close().await;
    assert_eq!(waiting.await.expect("no panic"), None);
    assert_eq!(all.next().await.map(|message| message.event).as_deref(), Some("created"));
    assert_eq!(all.next().await, None);
}

#[tokio::test]
async fn a_server_without_mcpc_is_told_apart() {
    struct Plain;
    impl rmcp::ServerHandler for Plain {}
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    tokio::spawn(async move {
        let running = rmcp::serve_server(Plain, theirs).await.expect("a handshake");
        running.waiting().await
    });
    let client = Client::connect(tokio::io::split(ours)).await.expect("the server answers");
    assert!(matches!(client.handshake().await, Err(ClientError::NoMcpc)));
}

#[tokio::test]
async fn a_program_that_is_not_there_is_named() {
    let error = Client::spawn(tokio::process::Command::new("no-such-server")).await;
    assert_eq!(error.expect_err("no such program").to_string(), "the server cannot be started");
}
