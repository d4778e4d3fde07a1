//! Our client against servers that are not ours, as processes over stdio and HTTP. `tests/interop/run` and
//! `tests/interop/servers/run` install these and run this.

mod others;
mod reference;

use std::path::{Path, PathBuf};
use std::time::Duration;

use mcpc::client::{Client, ClientBuilder, ClientError, HttpError, Said, TaskError, Way, text};
use serde_json::{Value, json};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

/// Longer than anything takes, on a machine that has other things to do.
const LIMIT: Duration = Duration::from_secs(60);

/// Where what was installed is.
fn environments() -> PathBuf {
    std::env::var_os("INTEROP").expect("`INTEROP` says where the environments are").into()
}

/// A file beside this one.
fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop/servers").join(name)
}

/// A server in a Python environment.
fn python(environment: &str, name: &str) -> Command {
    let mut command = Command::new(environments().join(environment).join("bin/python"));
    // Without -B, bytecode would litter the source tree.
    command.arg("-B").arg(script(name)).stderr(std::process::Stdio::null());
    command
}

/// A server in a Node environment, where a copy of it is: Node looks for packages beside the file that imports them.
fn node(environment: &str, name: &str) -> Command {
    let mut command = Command::new("node");
    command.arg(environments().join(environment).join(name)).stderr(std::process::Stdio::null());
    command
}

async fn connect(builder: ClientBuilder, server: Command) -> Client {
    let connected = timeout(LIMIT, builder.spawn(server)).await.expect("it answers in time");
    connected.expect("the server answers")
}

/// The same over HTTP, at a port that is free.
async fn connect_over_http(mut server: Command) -> (Client, Child) {
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("it is bound").port();
    drop(free);
    let server =
        server.arg(port.to_string()).stdout(std::process::Stdio::null()).kill_on_drop(true);
    let server = server.spawn().expect("it starts");
    let connecting = async {
        loop {
            match Client::connect_http(format!("http://127.0.0.1:{port}/mcp")).await {
                Err(ClientError::Http(HttpError::Unreachable(_))) => {
                    sleep(Duration::from_millis(50)).await;
                }
                connected => return connected.expect("the server answers"),
            }
        }
    };
    (timeout(LIMIT, connecting).await.expect("it answers in time"), server)
}

/// Runs a tool to its end, and returns what it said and its result.
async fn run(
    client: &Client,
    tool: &str,
    arguments: Value,
    way: Way,
) -> (Vec<Said>, Result<Value, TaskError>) {
    let mut task = client.start(tool, arguments).await.expect("it is sent");
    assert_eq!(task.way(), way, "{tool}");
    let mut said = Vec::new();
    let read = async {
        while let Some(news) = task.next().await {
            said.push(news);
        }
        task.result::<Value>().await
    };
    let result = timeout(LIMIT, read).await.expect("it ends in time");
    (said, result)
}

/// What must hold of every server that has the tools `echo`, `fail`, `endless` and `die`, and runs those by a way.
async fn check_common(client: Client, way: Way, plain: Way) {
    let (said, echoed) = run(&client, "echo", json!({"text": "å∑🦀"}), plain).await;
    assert!(said.is_empty(), "a plain tool says nothing: {said:?}");
    assert_eq!(echoed.expect("a result"), "å∑🦀");
    let reply = client.call("echo", json!({"text": "7"})).await.expect("answered");
    assert_eq!(text(&reply), "7");

    let (_, failed) = run(&client, "fail", json!({}), way).await;
    let Err(TaskError::Failed(error)) = failed else { panic!("{failed:?}") };
    assert!(error.to_string().contains("as it was asked to"), "{error}");

    let (_, unknown) = run(&client, "no_such_tool", json!({}), plain).await;
    let error = unknown.expect_err("there is no such tool").to_string();
    assert!(error.to_lowercase().contains("no_such_tool"), "{error}");

    let mut endless = client.start("endless", json!({})).await.expect("it is sent");
    let mut other = client.start("endless", json!({})).await.expect("it is sent");
    for task in [&mut endless, &mut other] {
        let first = timeout(LIMIT, task.next()).await.expect("it says something in time");
        assert!(first.is_some(), "it goes on");
    }
    endless.stop().await.expect("it can be stopped");
    let ended = timeout(LIMIT, endless.result::<Value>()).await.expect("it ends in time");
    assert!(matches!(ended, Err(TaskError::Stopped(_))), "{ended:?}");
    while endless.next().await.is_some() {}
    assert!(timeout(LIMIT, other.next()).await.expect("in time").is_some(), "the other goes on");

    let mut dies = client.start("die", json!({})).await.expect("it is sent");
    for task in [&mut dies, &mut other] {
        let ended = timeout(LIMIT, task.result::<Value>()).await.expect("it ends in time");
        let error = ended.expect_err("the server died");
        match error {
            TaskError::ServerGone => {}
            // It is the call that has lost its connection.
            TaskError::Call(error) => assert!(error.to_string().contains("[HTTP]"), "{error}"),
            error => panic!("{error:?}"),
        }
    }
    client.close().await;
}
