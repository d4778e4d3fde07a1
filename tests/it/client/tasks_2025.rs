//! Our client against our server where that speaks nothing later than MCP 2025-11-25: by its tasks.

use std::borrow::Cow;
use std::time::Duration;

use mcpc::client::{Answer, Client, Said, TaskError, Way};
use mcpc::rmcp::ServerHandler;
use mcpc::rmcp::model::{ProtocolVersion, ServerConfig};
use mcpc::{Sender, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::{Counted, server};

/// Speaks no later protocol.
struct UpTo2025;

impl ServerHandler for UpTo2025 {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::default()
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        Cow::Borrowed(ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25))
    }
}

/// Asks for a name.
#[mcpc::background]
async fn greet(updates: Sender) -> Result<String, mcpc::NoAnswer> {
    Ok(format!("hello {}", updates.ask::<String>("Whom?").await?))
}

async fn connect() -> Client {
    let server = server().tools(tools![greet]).handler(UpTo2025);
    let (ours, theirs) = tokio::io::duplex(1 << 16);
    let (reader, writer) = tokio::io::split(theirs);
    tokio::spawn(server.serve_io(reader, writer));
    // Over streams alone it reads what the server declares of such tasks.
    let (reader, writer) = tokio::io::split(ours);
    let builder = Client::builder().best(Way::Tasks);
    builder.connect_io(reader, writer).await.expect("the server answers")
}

#[tokio::test(start_paused = true)]
async fn a_task_has_its_typed_result_and_says_how_far_it_is() {
    let client = connect().await;
    let mut task = client.start("count", json!({"to": 2})).await.expect("started");
    assert_eq!(task.way(), Way::TasksOf2025);
    let (began, mut said) = (Instant::now(), Vec::new());
    while let Some(news) = task.next().await {
        match news {
            Said::Status(text) => said.push(text),
            Said::Progress { text, .. } => said.extend(text),
            other => panic!("{other:?}"),
        }
    }
    said.dedup();
    assert_eq!(said, ["at 1", "50 %: at 1", "at 2", "100 %: at 2"]);
    assert_eq!(began.elapsed().as_secs(), 4);
    let counted: Counted = task.result().await.expect("a result");
    assert_eq!(counted, Counted { to: 2, by: "count".into() });

    let mut task = client.start("count", json!({"to": 13})).await.expect("started");
    let error = task.result::<Counted>().await.expect_err("unlucky").to_string();
    assert!(error.starts_with("the task failed: unlucky"), "{error}");
    let mut plain = client.start("double", json!({"n": 4})).await.expect("started");
    assert_eq!(plain.way(), Way::Progress, "no task is asked for");
    assert_eq!(plain.result::<u64>().await.expect("a result"), 8);
    client.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_is_stopped_whenever_that_is() {
    let client = connect().await;
    for waited in [0, 1, 50, 999, 1_001, 5_000] {
        let mut task = client.start("forever", json!({})).await.expect("started");
        sleep(Duration::from_millis(waited)).await;
        task.stop().await.expect("it can be stopped");
        let error = task.result::<Value>().await.expect_err("it was stopped");
        assert!(matches!(error, TaskError::Stopped(_)), "{waited}: {error:?}");
        task.stop().await.expect("what has ended need not be stopped");
    }
    sleep(Duration::from_secs(1)).await;
    let tasks = client.call("check_task", json!({})).await.expect("answered");
    let tasks = mcpc::client::text(&tasks);
    assert!(!tasks.contains("is running"), "{tasks}");
}

#[tokio::test(start_paused = true)]
async fn a_task_asks() {
    let client = connect().await;
    let mut task = client.start("greet", json!({})).await.expect("started");
    let mut asked = Vec::new();
    while let Some(news) = task.next().await {
        if let Said::Question(question) = news {
            asked.push(question.message().to_owned());
            assert_eq!(question.task_id(), task.id().as_deref());
            assert!(question.answer(Answer::accept(json!({"answer": "Ann"}))));
        }
    }
    assert_eq!(asked, ["Whom?"]);
    assert_eq!(task.result::<String>().await.expect("a result"), "hello Ann");
}
