//! How many questions may be open at once, of a task and of a call.

use mcpc::{Call, NoAnswer, Sender, Server};
use serde_json::json;

use crate::asking::{accept, first, modern_on, outcome, response, with_forms_on};
use crate::support::clients::Plain;
use crate::support::messages::{task_of, texts};

/// Asks three things at once.
#[mcpc::background]
async fn ask_three(updates: Sender) -> String {
    let (one, two, three) = tokio::join!(
        updates.ask::<bool>("One?"),
        updates.ask::<bool>("Two?"),
        updates.ask_url("Three?", "https://example.com/three"),
    );
    format!("{} {} {}", outcome(one), outcome(two), outcome(three))
}

/// Asks a third thing when one of two is answered.
#[mcpc::background]
async fn ask_on(updates: Sender) -> String {
    let one_and_three = async {
        let one = outcome(updates.ask::<bool>("One?").await);
        format!("{one} {}", outcome(updates.ask::<bool>("Three?").await))
    };
    let (rest, two) = tokio::join!(one_and_three, updates.ask::<bool>("Two?"));
    format!("{rest} {}", outcome(two))
}

/// Asks more than it may, and does without the rest.
#[mcpc::background]
async fn ask_as_many_as_may_be(updates: Sender) -> String {
    let questions = (0..1_000).map(|number| {
        let updates = &updates;
        async move { updates.ask::<bool>(number.to_string()).await }
    });
    let answers = futures::future::join_all(questions).await;
    let beyond = answers.iter().filter(|answer| matches!(answer, Err(NoAnswer::TooMany(100))));
    format!("{} were not asked", beyond.count())
}

/// Asks two things at once in a call that stays open.
#[mcpc::tool]
async fn plainly(call: Call) -> String {
    let (one, two) = tokio::join!(call.ask::<bool>("One?"), call.ask::<bool>("Two?"));
    format!("{} {}", outcome(one), outcome(two))
}

fn server() -> Server {
    Server::new("asks").tools(mcpc::tools![ask_three, ask_on, ask_as_many_as_may_be, plainly])
}

#[tokio::test(start_paused = true)]
async fn a_task_that_asks_more_than_it_may_is_told_so() {
    let mut client = with_forms_on(server().max_questions(2), json!({"form": {}, "url": {}})).await;
    client.call("call", "ask_three", json!({})).await;
    for question in ["One?", "Two?"] {
        let asked = client.value().await;
        assert_eq!(asked["params"]["message"], question, "{asked}");
        client.send(&response(&asked, accept(json!({})))).await;
    }
    let reply = texts(&client.value().await).join("\n");
    assert_eq!(first(&reply), "true true TooMany(2)");
    let error = NoAnswer::TooMany(2).to_string();
    assert_eq!(error, "2 questions wait for an answer already, which is the maximum");
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_answered_makes_room_for_another() {
    let mut client = Plain::connect(server().max_questions(2)).await;
    let (text, _) = client.ask("ask_on", json!({})).await;
    let id = task_of(&text);
    for question in ["q1", "q3", "q2"] {
        let answer = json!({"task_id": id, "question": question, "message": "yes"});
        let (text, is_error) = client.ask("message_task", answer).await;
        assert!(!is_error, "{text}");
    }
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\ntrue true true"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_hundred_questions_of_a_task_are_open_where_the_server_says_nothing() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("ask_as_many_as_may_be", json!({})).await;
    let id = task_of(&text);
    assert_eq!(text.matches("It asks: ").count(), 100, "{text}");
    for number in 1..=100 {
        let no = json!({"task_id": id, "question": format!("q{number}"), "message": "no"});
        assert!(!client.ask("message_task", no).await.1);
    }
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\n900 were not asked"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_asks_more_than_it_may_is_told_so() {
    let server = || server().max_questions(1);
    let mut client = with_forms_on(server(), json!({})).await;
    client.call("call", "plainly", json!({})).await;
    let asked = client.value().await;
    client.send(&response(&asked, accept(json!({})))).await;
    assert_eq!(texts(&client.value().await), ["true TooMany(1)"]);

    let mut client = modern_on(server(), false);
    let asked = client.call("plainly", json!({})).await;
    let requests = asked["inputRequests"].as_object().expect("requests");
    assert_eq!(requests.keys().collect::<Vec<_>>(), ["q1"], "{asked}");
    let state = &asked["requestState"];
    let yes = json!({"q1": accept(json!({}))});
    let again = json!({"name": "plainly", "requestState": state, "inputResponses": yes});
    let reply = client.request("tools/call", again).await;
    assert_eq!(texts(&reply), ["true TooMany(1)"]);
}
