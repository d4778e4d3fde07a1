//! Servers of MCP: FastMCP with its tasks, and the two TypeScript SDKs, the first one with its tasks.

use mcpc::client::{Answer, Client, Said, Way};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::{LIMIT, check_common, connect, connect_over_http, node, python, run};

/// What must hold of every server of MCP; `plain` is the way of a tool that is no task.
async fn check(client: Client, way: Way, plain: Way) {
    assert!(client.mcpc().is_none(), "it is a server of MCP alone");
    let (said, result) = run(&client, "work", json!({"steps": 4}), way).await;
    assert_eq!(result.expect("a result"), json!({"steps": 4}));
    let steps = said.iter().filter(|said| mentions_a_step(said)).count();
    assert!(steps >= 2, "it says how far it is: {said:?}");
    check_question(&client, way).await;
    check_common(client, way, plain).await;
}

fn mentions_a_step(said: &Said) -> bool {
    match said {
        Said::Status(text) => text.contains("step "),
        Said::Progress { text, .. } => text.as_ref().is_some_and(|text| text.contains("step ")),
        _ => false,
    }
}

async fn check_question(client: &Client, way: Way) {
    let mut task = client.start("ask", json!({})).await.expect("it is sent");
    assert_eq!(task.way(), way);
    let mut asked = 0;
    let read = async {
        while let Some(news) = task.next().await {
            if let Said::Question(question) = news {
                assert_eq!(question.message(), "who?");
                let schema = question.schema().expect("a form");
                assert_eq!(schema["properties"]["value"]["type"], "string", "{schema}");
                asked += 1;
                assert!(question.answer(Answer::accept(json!({"value": "Ada"}))));
            }
        }
        task.result::<Value>().await
    };
    let result = timeout(LIMIT, read).await.expect("it ends in time");
    assert_eq!((asked, result.expect("a result")), (1, json!("hello Ada")));
    client.on_question(async |_| Answer::accept(json!({"value": "Bob"})));
    let (_, result) = run(client, "ask", json!({}), way).await;
    assert_eq!(result.expect("a result"), "hello Bob");
}

#[tokio::test]
async fn fastmcp_runs_tasks() {
    let server = || python("clients/python_fastmcp", "with_fastmcp.py");
    check(connect(Client::builder(), server()).await, Way::Tasks, Way::Tasks).await;
    let (client, _process) = connect_over_http(server()).await;
    check(client, Way::Tasks, Way::Tasks).await;
}

#[tokio::test]
async fn the_first_typescript_sdk_runs_tasks_of_2025() {
    let server = || node("clients/sdk", "sdk_server.mjs");
    check(connect(Client::builder(), server()).await, Way::TasksOf2025, Way::Progress).await;
    let (client, _process) = connect_over_http(server()).await;
    check(client, Way::TasksOf2025, Way::Progress).await;
}

#[tokio::test]
async fn the_second_typescript_sdk_tells_progress() {
    let server = || node("clients/server", "server.mjs");
    check(connect(Client::builder(), server()).await, Way::Progress, Way::Progress).await;
    let (client, _process) = connect_over_http(server()).await;
    check(client, Way::Progress, Way::Progress).await;
}
