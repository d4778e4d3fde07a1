//! Calls of plain tools that are answered with a question (MCP 2026-07-28), and go on with another call.

use std::sync::Arc;
use std::time::Duration;

use mcpc::{Call, LogLevel, NoAnswer, Server, State, tools};
use serde_json::{Value, json};
use tokio::sync::Notify;

use crate::asking::{accept, modern_on};
use crate::support::clients::WithTasks;
use crate::support::messages::texts;

/// Asks, logs and says what came of it.
#[mcpc::tool]
async fn confirm(call: Call) -> String {
    call.log(LogLevel::Info, "before").await;
    let answer = call.ask::<bool>("Go on?").await;
    call.log(LogLevel::Info, "after").await;
    call.emit("answered", json!({"well": answer.is_ok()})).await.expect("it can be written");
    format!("{answer:?}")
}

/// Asks, and takes a second to clean up where there is no answer.
#[mcpc::tool]
async fn careful(call: Call, cleaned: State<Arc<Notify>>) -> Result<bool, NoAnswer> {
    let answer = call.ask::<bool>("Go on?").await;
    if answer == Err(NoAnswer::Stopped) {
        tokio::time::sleep(Duration::from_secs(1)).await;
        cleaned.notify_one();
    }
    answer
}

/// Asks, and never looks at whether anybody is there.
#[mcpc::tool]
async fn stubborn(call: Call) {
    loop {
        let _answer = call.ask::<bool>("Go on?").await;
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Answers.
#[mcpc::tool]
async fn ping() -> &'static str {
    "pong"
}

fn server() -> Server {
    let cleaned = Arc::new(Notify::new());
    Server::new("parked").tools(tools![confirm, careful, stubborn, ping]).state(cleaned)
}

/// The call that goes on with one that asked.
fn again(tool: &str, asked: &Value, answer: Value) -> Value {
    let (key, _) = asked["inputRequests"].as_object().and_then(|it| it.iter().next()).expect("one");
    let state = &asked["requestState"];
    json!({"name": tool, "requestState": state, "inputResponses": {key: answer}})
}

async fn park(client: &mut WithTasks, tool: &str) -> Value {
    let asked = client.call(tool, json!({})).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    asked
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_an_answer_has_its_grace_at_the_end() {
    let cleaned = Arc::new(Notify::new());
    let server = Server::new("parked").tools(tools![careful]).state(Arc::clone(&cleaned));
    let mut client = modern_on(server, false);
    park(&mut client, "careful").await;
    let began = tokio::time::Instant::now();
    assert!(client.finish().await.is_empty());
    assert_eq!(began.elapsed().as_secs(), 1, "the end waits for it");
    let is_cleaned = tokio::time::timeout(Duration::ZERO, cleaned.notified()).await;
    assert!(is_cleaned.is_ok(), "it was dropped where it asked");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_asking_is_dropped_when_the_grace_is_over() {
    let mut client = modern_on(server(), false);
    park(&mut client, "stubborn").await;
    let began = tokio::time::Instant::now();
    assert!(client.finish().await.is_empty());
    assert_eq!(began.elapsed().as_secs(), 5);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waits_for_an_answer_is_one_of_those_that_may_be_at_once() {
    let mut client = modern_on(server().max_requests(1), false);
    let asked = park(&mut client, "confirm").await;
    let beyond = client.request("tools/call", json!({"name": "ping"})).await;
    assert_eq!(beyond["error"]["code"], -32000, "{beyond}");
    // What goes on with it is that call.
    let yes = again("confirm", &asked, accept(json!({})));
    let reply = client.request("tools/call", yes.clone()).await;
    assert_eq!(texts(&reply), ["Ok(true)"]);
    // It is over, and can be heard again.
    assert_eq!(texts(&client.request("tools/call", json!({"name": "ping"})).await), ["pong"]);
    assert_eq!(texts(&client.request("tools/call", yes).await), ["Ok(true)"]);
}

#[tokio::test(start_paused = true)]
async fn what_a_call_logs_after_an_answer_goes_to_the_call_that_brought_it() {
    let mut client = modern_on(server(), false);
    let quiet = client.meta.clone();
    client.meta["io.modelcontextprotocol/logLevel"] = json!("info");
    let logged = |line: &Value| line["params"]["data"].clone();
    client.send_call("one", "confirm", json!({})).await;
    assert_eq!(logged(&client.value().await), "before");
    let asked = client.value().await["result"].take();
    let no = again("confirm", &asked, json!({"action": "decline"}));
    client.send_request("two", "tools/call", no).await;
    assert_eq!(logged(&client.value().await), "after");
    let emitted = json!({"event": "answered", "data": {"well": true}});
    assert_eq!(logged(&client.value().await), emitted);
    assert_eq!(texts(&client.value().await), ["Ok(false)"]);
    // Each request says for itself what it wants to hear of.
    client.send_call("one", "confirm", json!({})).await;
    assert_eq!(logged(&client.value().await), "before");
    let asked = client.value().await["result"].take();
    client.meta = quiet;
    let reply = client.request("tools/call", again("confirm", &asked, accept(json!({})))).await;
    assert_eq!(texts(&reply), ["Ok(true)"]);
}
