//! What a task asks a client of MCP 2025-11-25: the task needs input, and the client is asked while it waits for the result.

use std::time::Duration;

use mcpc::{NoAnswer, Question, Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use super::RELATED;
use crate::support::clients::{WithTasksOf2025, status};
use crate::support::text;

/// Asks for a name, and how often to say it.
#[mcpc::background]
async fn greet(updates: Sender) -> String {
    match updates.ask::<String>("Whom?").await {
        Ok(name) => match updates.ask::<u8>("How often?").await {
            Ok(times) => vec![name; times.into()].join(" "),
            Err(error) => error.to_string(),
        },
        Err(error) => error.to_string(),
    }
}

/// Asks, and waits for ten seconds only.
#[mcpc::background]
async fn in_time(updates: Sender) -> Result<String, NoAnswer> {
    updates.ask(Question::new("Quick?").timeout(Duration::from_secs(10))).await
}

/// Asks with its call.
#[mcpc::background]
async fn by_call(call: mcpc::Call) -> Result<bool, NoAnswer> {
    call.ask("Sure?").await
}

fn server() -> Server {
    Server::new("asking").tools(tools![greet, in_time, by_call])
}

fn accept(value: impl Into<Value>) -> Value {
    json!({"action": "accept", "content": {"answer": value.into()}})
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_needs_input_and_asks_who_waits_for_its_result() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("greet", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&client.get(&id).await), ("input_required", "Whom?"));
    assert_eq!(client.heard_of("elicitation/create"), [&Value::Null; 0], "nobody waits");
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let asked = client.asked().await;
    assert_eq!(
        asked["params"],
        json!({
            "mode": "form",
            "message": "Whom?",
            "requestedSchema": asked["params"]["requestedSchema"],
            "_meta": {RELATED: {"taskId": id}, "progressToken": 0},
        })
    );
    client.answer(&asked, accept("Ada")).await;
    let asked = client.asked().await;
    assert_eq!(asked["params"]["message"], "How often?");
    assert_eq!(status(&client.get(&id).await), ("input_required", "How often?"));
    // What does not fit is asked anew.
    client.answer(&asked, accept("often")).await;
    let asked = client.asked().await;
    let again = asked["params"]["message"].as_str().expect("a text");
    assert!(
        again.starts_with("The answer was refused: ") && again.ends_with("How often?"),
        "{again}"
    );
    client.answer(&asked, accept(2)).await;
    assert_eq!(text(&client.reply_to("wait").await).lines().next(), Some("Ada Ada"));
    let statuses = client.heard_of("notifications/tasks/status");
    let statuses: Vec<&str> = statuses.iter().map(|task| status(task).0).collect();
    assert!(
        statuses.contains(&"input_required") && statuses.last() == Some(&"completed"),
        "{statuses:?}"
    );
    assert_eq!(client.finish().await, [""; 0]);
}

/// VS Code looks at a task that needs input once more, and never waits for its result.
#[tokio::test(start_paused = true)]
async fn a_client_that_only_looks_is_asked_when_it_looks_again() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("greet", json!({})).await;
    for _ in 0..2 {
        sleep(Duration::from_secs(1)).await;
        assert_eq!(status(&client.get(&id).await).0, "input_required");
    }
    let asked = client.asked().await;
    assert_eq!(asked["params"]["_meta"][RELATED], json!({"taskId": id}));
    client.answer(&asked, accept("Ada")).await;
    let asked = client.asked().await;
    client.answer(&asked, json!({"action": "decline"})).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&client.get(&id).await).0, "completed");
    assert_eq!(text(&client.fetch(&id).await).lines().next(), Some("the user declined to answer"));
}

#[tokio::test(start_paused = true)]
async fn a_question_is_asked_once_however_many_wait() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("greet", json!({})).await;
    for waiting in ["a", "b"] {
        client.send_request(waiting, "tasks/result", json!({"taskId": id})).await;
    }
    let asked = client.asked().await;
    sleep(Duration::from_secs(5)).await;
    client.request("ping", json!({})).await;
    assert_eq!(client.heard_of("elicitation/create"), [&Value::Null; 0]);
    client.answer(&asked, json!({"action": "cancel"})).await;
    for waiting in ["a", "b"] {
        let reply = client.reply_to(waiting).await;
        assert_eq!(text(&reply).lines().next(), Some("the user dismissed the question"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_given_up_is_withdrawn() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("in_time", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let asked = client.asked().await;
    let reply = client.reply_to("wait").await;
    assert_eq!(text(&reply).lines().next(), Some("nobody answered within 10s"));
    client.request("ping", json!({})).await;
    let cancelled = client.heard_of("notifications/cancelled");
    assert_eq!(cancelled.len(), 1, "{:?}", client.heard);
    assert_eq!(cancelled[0]["requestId"], asked["id"]);
}

/// The model of a client that shows no forms reads the question, and answers it.
#[tokio::test(start_paused = true)]
async fn a_client_without_forms_is_asked_nothing() {
    let mut client = WithTasksOf2025::connect(server()).await;
    let id = client.start("greet", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&client.get(&id).await), ("working", "Whom?"));
    for message in [json!("Ada"), json!(3)] {
        let arguments = json!({"task_id": id, "message": message});
        let params = json!({"name": "message_task", "arguments": arguments});
        let reply = client.request("tools/call", params).await;
        assert_eq!(reply["result"]["isError"], false, "{reply}");
        sleep(Duration::from_secs(1)).await;
    }
    assert_eq!(text(&client.reply_to("wait").await).lines().next(), Some("Ada Ada Ada"));
    assert_eq!(client.heard_of("elicitation/create"), [&Value::Null; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_show_a_form_after_all_leaves_it_to_its_model() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("greet", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let asked = client.asked().await;
    let error = json!({"code": -32601, "message": "no"});
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}).to_string()).await;
    sleep(Duration::from_secs(1)).await;
    let arguments = json!({"task_id": id, "decline": true});
    let params = json!({"name": "message_task", "arguments": arguments});
    let reply = client.request("tools/call", params).await;
    assert_eq!(reply["result"]["isError"], false, "{reply}");
    let reply = client.reply_to("wait").await;
    assert_eq!(text(&reply).lines().next(), Some("the user declined to answer"));
    // Where no model could, nobody does.
    let server = server().control_tools(false);
    let mut client = WithTasksOf2025::connect_with_forms(server).await;
    let id = client.start("greet", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let asked = client.asked().await;
    client.send(&json!({"jsonrpc": "2.0", "id": asked["id"], "error": error}).to_string()).await;
    let reply = client.reply_to("wait").await;
    assert_eq!(text(&reply).lines().next(), Some("the user dismissed the question"));
}

/// What a call asks in a task, the task asks.
#[tokio::test(start_paused = true)]
async fn a_call_asks_as_its_task_does() {
    let mut client = WithTasksOf2025::connect_with_forms(server()).await;
    let id = client.start("by_call", json!({})).await;
    client.send_request("wait", "tasks/result", json!({"taskId": id})).await;
    let asked = client.asked().await;
    assert_eq!(asked["params"]["_meta"][RELATED], json!({"taskId": id}));
    client.answer(&asked, json!({"action": "accept", "content": {}})).await;
    assert_eq!(text(&client.reply_to("wait").await).lines().next(), Some("true"));
}
