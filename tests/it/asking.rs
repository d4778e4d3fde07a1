//! What a task asks, and how it is answered, for every kind of client.

use std::time::Duration;

use mcpc::{NoAnswer, Question, Receiver, Sender, Server};
use serde_json::{Value, json};

use crate::support::clients::{Mcpc, Plain, WithTasks, status};
use crate::support::messages::{meta, meta_without_tasks, request, task_of, texts};
use crate::support::wire::Wire;

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    Staging,
    Production,
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[expect(dead_code, reason = "they are read by `Debug`")]
struct Release {
    /// What it is called.
    name: String,
    /// How many machines get it.
    machines: u8,
    notes: Option<String>,
}

/// Asks whether to go on.
#[mcpc::background]
async fn confirm(updates: Sender) -> String {
    outcome(updates.ask::<bool>("Go on?").await)
}

/// Asks where to deploy.
#[mcpc::background]
async fn choose(updates: Sender) -> String {
    outcome(updates.ask::<Target>("Where to?").await)
}

/// Asks for a form.
#[mcpc::background]
async fn fill_in(updates: Sender) -> String {
    outcome(updates.ask::<Release>("Which release?").await)
}

/// Asks two things at once.
#[mcpc::background]
async fn ask_twice(updates: Sender) -> String {
    let (name, count) = tokio::join!(updates.ask::<String>("Name?"), updates.ask::<u32>("Count?"));
    format!("{} {}", outcome(name), outcome(count))
}

/// Asks, and waits for ten seconds only.
#[mcpc::background]
async fn in_time(updates: Sender) -> String {
    let question = Question::new("Quick?").timeout(Duration::from_secs(10));
    outcome(updates.ask::<String>(question).await)
}

/// Asks for what no form can show.
#[mcpc::background]
async fn nested(updates: Sender) -> String {
    outcome(updates.ask::<Vec<Release>>("Which?").await)
}

/// Has the user open an address.
#[mcpc::background]
async fn sign_in(updates: Sender) -> String {
    outcome(updates.ask_url("Sign in, please", "https://example.com/sign-in").await)
}

/// A number that a form cannot tell from any other.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(try_from = "u32")]
#[schemars(with = "u32")]
struct Even(u32);

impl TryFrom<u32> for Even {
    type Error = &'static str;

    fn try_from(number: u32) -> Result<Self, Self::Error> {
        if number.is_multiple_of(2) { Ok(Self(number)) } else { Err("it is odd") }
    }
}

/// Asks for what only its type can judge.
#[mcpc::background]
async fn even(updates: Sender) -> String {
    match updates.ask::<Even>("How many?").await {
        Ok(Even(number)) => number.to_string(),
        Err(error) => error.to_string(),
    }
}

/// Asks, and works on whatever comes of it.
#[mcpc::background]
async fn work_on(updates: Sender) -> String {
    let question = Question::new("Quick?").timeout(Duration::from_secs(10));
    let answer = outcome(updates.ask::<bool>(question).await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    answer
}

/// Has the user open an address when no call waits any more.
#[mcpc::background]
async fn sign_in_later(updates: Sender) -> String {
    tokio::time::sleep(Duration::from_secs(60)).await;
    outcome(updates.ask_url("Sign in, please", "https://example.com/sign-in").await)
}

/// Asks from a thread that may block.
#[mcpc::background]
async fn from_a_thread(updates: Sender) -> String {
    let asks = move || outcome(updates.blocking_ask::<u8>("How many?"));
    tokio::task::spawn_blocking(asks).await.expect("no panic")
}

/// Asks, and says how the wait for an answer ends.
#[mcpc::background]
async fn abandoned(updates: Sender) -> Result<String, NoAnswer> {
    updates.ask::<String>("Anybody?").await
}

/// Asks in a call that stays open.
#[mcpc::tool]
async fn plain(call: mcpc::Call) -> String {
    let name = outcome(call.ask::<String>("Name?").await);
    format!("{name} {}", outcome(call.ask::<bool>("Sure?").await))
}

/// Asks with the call of a background tool.
#[mcpc::background]
async fn by_call(call: mcpc::Call) -> String {
    outcome(call.ask::<bool>("Go on?").await)
}

/// Asks with its call before and after it works.
#[mcpc::background]
async fn by_call_and_on(call: mcpc::Call) -> String {
    let before = outcome(call.ask::<String>("What with?").await);
    tokio::time::sleep(Duration::from_secs(60)).await;
    format!("{before} {}", outcome(call.ask::<bool>("Keep it?").await))
}

#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
#[expect(dead_code, reason = "they are read by `Debug`")]
enum Instruction {
    /// Leaves out what is next.
    SkipNext,
    /// Goes to another place.
    GoTo { place: String },
}

/// Does what it is told.
#[mcpc::background]
async fn obey(updates: Sender, mut told: Receiver<Instruction>) -> String {
    let mut heard = Vec::new();
    while let Some(instruction) = told.recv().await {
        updates.send(format!("{instruction:?}")).await;
        heard.push(instruction);
    }
    format!("{} instructions", heard.len())
}

/// Works beside what it is told.
#[mcpc::background]
async fn listen(updates: Sender, mut told: Receiver<String>) -> String {
    tokio::select! {
        () = updates.stopped() => "stopped".to_owned(),
        text = told.recv() => format!("told {}", text.unwrap_or_default()),
    }
}

pub(crate) fn outcome<T: std::fmt::Debug>(answer: Result<T, NoAnswer>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn server() -> Server {
    Server::new("asks").tools(mcpc::tools![
        confirm,
        choose,
        fill_in,
        ask_twice,
        in_time,
        nested,
        sign_in,
        abandoned,
        plain,
        by_call,
        obey,
        listen,
        from_a_thread,
        even,
        by_call_and_on,
        work_on,
        sign_in_later
    ])
}

/// A client of a session that shows forms.
async fn with_forms(elicitation: Value) -> Plain {
    with_forms_on(server(), elicitation).await
}

/// The same of any server.
pub(crate) async fn with_forms_on(server: Server, elicitation: Value) -> Plain {
    let about = json!({
        "protocolVersion": "2025-06-18",
        "capabilities": {"elicitation": elicitation},
        "clientInfo": {"name": "forms", "version": "1"},
    });
    Plain::begin_with(Wire::open(server), about).await.0
}

/// A client of 2026-07-28 that shows forms, with the Tasks extension or without.
fn modern(tasks: bool) -> WithTasks {
    modern_on(server(), tasks)
}

/// The same of any server.
pub(crate) fn modern_on(server: Server, tasks: bool) -> WithTasks {
    let mut client = WithTasks::open(server);
    client.meta = if tasks { meta() } else { meta_without_tasks() };
    client.meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"] = json!({"form": {}});
    client
}

pub(crate) fn accept(content: Value) -> Value {
    json!({"action": "accept", "content": content})
}

pub(crate) fn response(request: &Value, result: Value) -> String {
    json!({"jsonrpc": "2.0", "id": request["id"], "result": result}).to_string()
}

/// Calls a tool of a client with forms, answers the form and returns what was asked and the text of the result.
async fn elicited(tool: &str, result: Value) -> (Value, String) {
    let mut client = with_forms(json!({})).await;
    client.call("call", tool, json!({})).await;
    let mut asked = client.value().await;
    assert_eq!(asked["method"], "elicitation/create", "{asked}");
    client.send(&response(&asked, result)).await;
    let reply = client.value().await;
    assert_eq!(reply["id"], "call", "{reply}");
    (asked["params"].take(), texts(&reply).join("\n"))
}

/// The first line of a text: the result, before what was sent.
pub(crate) fn first(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn a_client_with_forms_is_asked_while_its_call_is_open() {
    let (asked, text) = elicited("confirm", accept(json!({}))).await;
    let schema = json!({"type": "object", "properties": {}});
    assert_eq!((&asked["message"], &asked["requestedSchema"]), (&json!("Go on?"), &schema));
    assert_eq!(asked["mode"], "form");
    assert_eq!(first(&text), "true");
    assert_eq!(first(&elicited("confirm", json!({"action": "decline"})).await.1), "false");
    assert_eq!(first(&elicited("confirm", json!({"action": "cancel"})).await.1), "Cancelled");

    let (asked, text) = elicited("choose", accept(json!({"answer": "production"}))).await;
    let choices = json!({"type": "string", "enum": ["staging", "production"]});
    assert_eq!(asked["requestedSchema"]["properties"]["answer"], choices, "{asked}");
    assert_eq!(asked["requestedSchema"]["required"], json!(["answer"]));
    assert_eq!(first(&text), "Production");
    assert_eq!(first(&elicited("choose", json!({"action": "decline"})).await.1), "Declined");

    let release = json!({"name": "v2", "machines": 3});
    let (asked, text) = elicited("fill_in", accept(release)).await;
    let fields = asked["requestedSchema"]["properties"].as_object().expect("fields");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["name", "machines", "notes"]);
    assert_eq!(asked["requestedSchema"]["required"], json!(["name", "machines"]));
    assert_eq!(first(&text), r#"Release { name: "v2", machines: 3, notes: None }"#);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_can_only_say_yes_or_no_is_an_outcome() {
    assert_eq!(first(&elicited("fill_in", accept(json!({}))).await.1), "OnlyYesOrNo");
    assert_eq!(first(&elicited("choose", json!({"action": "accept"})).await.1), "OnlyYesOrNo");
    assert_eq!(first(&elicited("confirm", json!({"action": "accept"})).await.1), "true");
}

#[tokio::test(start_paused = true)]
async fn a_form_with_a_wrong_answer_is_shown_again_with_what_was_expected() {
    let mut client = with_forms(json!({"form": {}})).await;
    client.call("call", "fill_in", json!({})).await;
    let asked = client.value().await;
    client.send(&response(&asked, accept(json!({"name": "v2", "machines": 300})))).await;
    let again = client.value().await;
    let message = again["params"]["message"].as_str().expect("a message");
    assert!(message.starts_with("The answer was refused: `machines`: "), "{message}");
    assert!(message.ends_with("\n\nWhich release?"), "{message}");
    client.send(&response(&again, accept(json!({"name": "v2", "machines": 30})))).await;
    let text = texts(&client.value().await).join("\n");
    assert_eq!(first(&text), r#"Release { name: "v2", machines: 30, notes: None }"#);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_on_answering_something_else_is_asked_three_times() {
    let mut client = with_forms(json!({})).await;
    client.call("call", "choose", json!({})).await;
    for _ in 0..3 {
        let asked = client.value().await;
        client.send(&response(&asked, accept(json!({"answer": "the moon"})))).await;
    }
    let text = texts(&client.value().await).join("\n");
    assert!(
        first(&text).starts_with("NotUnderstood(\"the string \\\"the moon\\\" is none of "),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_form_that_nobody_waits_for_any_more_is_withdrawn() {
    let mut client = with_forms(json!({})).await;
    client.call("call", "in_time", json!({})).await;
    let asked = client.value().await;
    let mut rest = [client.value().await, client.value().await];
    rest.sort_by_key(|message| message["id"] == "call");
    assert_eq!(rest[0]["method"], "notifications/cancelled", "{rest:?}");
    assert_eq!(rest[0]["params"]["requestId"], asked["id"]);
    assert_eq!(first(&texts(&rest[1]).join("\n")), "TimedOut(10s)");
    // What comes too late is nothing to anybody.
    client.send(&response(&asked, accept(json!({"answer": "late"})))).await;
    assert_eq!(client.names().await.len(), 20);
}

fn refusal(request: &Value) -> String {
    let error = json!({"code": -32603, "message": "nobody is at the screen"});
    json!({"jsonrpc": "2.0", "id": request["id"], "error": error}).to_string()
}

#[tokio::test(start_paused = true)]
async fn a_client_of_mcpc_that_fails_to_show_a_form_hears_the_question_as_an_update() {
    let plain = with_forms(json!({})).await;
    let mut client = Mcpc::of(plain);
    client.start("t", "confirm", json!({})).await;
    let mut both = [client.value().await, client.value().await];
    both.sort_by_key(|message| message["method"] != "elicitation/create");
    assert!(texts(&both[1])[0].contains(r#""event":"created""#), "{both:?}");
    client.send(&refusal(&both[0])).await;
    let update = client.message().await;
    assert_eq!((&update["event"], &update["task_id"]), (&json!("update"), &json!("t")), "{update}");
    assert_eq!(update["result"]["question"], "Go on?", "{update}");
    assert!(update["result"]["answer_with"].is_string(), "{update}");
    let id = &update["result"]["question_id"];
    let answer = json!({"task_id": "t", "question": id, "message": "yes"});
    client.call("answer", "message_task", answer).await;
    let mut rest = [client.value().await, client.value().await];
    rest.sort_by_key(|message| message["id"] != "answer");
    assert_eq!(texts(&rest[0]), ["Task `t` has the answer, and goes on."]);
    assert!(texts(&rest[1])[0].contains(r#""result":"true""#), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn the_model_of_a_client_that_fails_to_show_a_form_gets_the_question_at_once() {
    let mut client = with_forms(json!({})).await;
    client.call("call", "choose", json!({})).await;
    let asked = client.value().await;
    let began = tokio::time::Instant::now();
    client.send(&refusal(&asked)).await;
    let ticket = texts(&client.value().await).join("\n");
    assert_eq!(began.elapsed(), Duration::ZERO, "{ticket}");
    assert!(ticket.contains("It asks: Where to? (one of"), "{ticket}");
    let id = task_of(&ticket);
    let answer = json!({"task_id": id, "message": "staging"});
    assert!(!client.ask("message_task", answer).await.1);
    assert!(client.check(&id, 50).await.0.contains("The result:\nStaging"));
}

#[tokio::test(start_paused = true)]
async fn an_address_that_a_client_fails_to_show_is_shown_to_nobody_else() {
    let mut client = with_forms(json!({"url": {}})).await;
    client.call("call", "sign_in", json!({})).await;
    let asked = client.value().await;
    client.send(&refusal(&asked)).await;
    assert_eq!(first(&texts(&client.value().await).join("\n")), "Unreachable");
}

/// Of a client that has had its ticket, nobody else is left who could show it.
#[tokio::test(start_paused = true)]
async fn an_address_that_is_asked_for_after_a_ticket_is_shown_by_the_model() {
    for (message, result) in [(json!("yes"), "()"), (json!("no"), "Declined")] {
        let mut client = modern(false);
        client.meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"] =
            json!({"url": {}});
        let ticket = client.call("sign_in_later", json!({})).await;
        let id = task_of(ticket["content"][0]["text"].as_str().expect("a ticket"));
        let check = json!({"task_id": id, "wait_seconds": 50});
        let checked = client.call("check_task", check.clone()).await;
        let text = checked["content"][0]["text"].as_str().expect("a text");
        let asks = format!(
            "It asks: Sign in, please (by opening https://example.com/sign-in)\n\
             Show the user the address. Once they have opened it, call `message_task` with {{\"task_id\": \"{id}\", \
             \"question\": \"q1\", \"message\": \"yes\"}}, or with \"decline\": true in place of \"message\" if they will not."
        );
        assert!(text.ends_with(&asks), "{text}\n{asks}");
        let answer = json!({"task_id": id, "message": "what?"});
        let text = client.call("message_task", answer).await["content"][0]["text"].to_string();
        assert!(text.contains("is still open: expected yes or no, found "), "{text}");
        let answer = json!({"task_id": id, "message": message});
        assert_eq!(client.call("message_task", answer).await["isError"], false);
        let checked = client.call("check_task", check).await["content"][0]["text"].to_string();
        assert!(checked.contains(&format!("The result:\\n{result}")), "{checked}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_listens_to_a_task_is_told_that_its_question_is_not_open_any_more() {
    for answers in [true, false] {
        let mut client = modern(true);
        let id = client.start("work_on", json!({})).await;
        client.listen(json!([id])).await;
        let asks = client.heard().await;
        assert_eq!(status(&asks), ("input_required", "Quick?"), "{asks}");
        tokio::time::sleep(Duration::from_secs(3)).await;
        if answers {
            let yes = json!({"taskId": id, "inputResponses": {"q1": accept(json!({}))}});
            client.send_request("answer", "tasks/update", yes).await;
            assert_eq!(client.value().await["id"], "answer");
        }
        let began = tokio::time::Instant::now();
        let works = client.heard().await;
        // It waits for nothing any more, and says so.
        assert_eq!(status(&works), ("working", ""), "{works}");
        assert!(works.get("inputRequests").is_none(), "{works}");
        // At once, or when nobody waits any more; and that is when it was updated.
        let waited = began.elapsed().as_secs();
        assert_eq!(waited, if answers { 0 } else { 7 }, "{works}");
        let times = [&asks, &works].map(|task| task["lastUpdatedAt"].as_str().expect("a time"));
        assert!(times[0] < times[1], "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_address_is_shown_to_clients_that_show_addresses_and_to_nobody_else() {
    let mut client = with_forms(json!({"url": {}})).await;
    client.call("call", "sign_in", json!({})).await;
    let asked = client.value().await;
    let (mode, url) = (&asked["params"]["mode"], &asked["params"]["url"]);
    assert_eq!((mode, url), (&json!("url"), &json!("https://example.com/sign-in")), "{asked}");
    client.send(&response(&asked, json!({"action": "accept"}))).await;
    assert_eq!(first(&texts(&client.value().await).join("\n")), "()");
    let mut client = with_forms(json!({"form": {}})).await;
    assert_eq!(client.ask("sign_in", json!({})).await.0, "Unreachable");
    let mut client = Plain::connect(server()).await;
    assert_eq!(client.ask("sign_in", json!({})).await.0, "Unreachable");
}

#[tokio::test(start_paused = true)]
async fn each_address_that_is_shown_in_a_session_has_an_id_of_its_own() {
    let mut client = with_forms(json!({"url": {}})).await;
    let mut ids = std::collections::BTreeSet::new();
    for call in ["one", "other"] {
        client.call(call, "sign_in", json!({})).await;
        let asked = client.value().await;
        ids.insert(asked["params"]["elicitationId"].as_str().expect("an id").to_owned());
    }
    assert_eq!(ids.len(), 2, "{ids:?}");
}

#[tokio::test(start_paused = true)]
async fn the_model_of_any_other_client_finds_the_question_in_its_ticket() {
    let mut client = Plain::connect(server()).await;
    let (text, is_error) = client.ask("choose", json!({})).await;
    let id = task_of(&text);
    let expected = format!(
        "`choose` was started and waits as task `{id}` for an answer.\n\
         It asks: Where to? (one of `staging`, `production`)\n\
         Call `message_task` with {{\"task_id\": \"{id}\", \"question\": \"q1\", \"message\": \"staging\"}} to answer \
         (one of `staging`, `production`), or with \"decline\": true in place of \"message\". Unless the answer is known, \
         ask the user.\n \
         Call `check_task` with {{\"task_id\": \"{id}\", \"wait_seconds\": 50}} to wait for news of it or for its \
         result, or `stop_task` to stop it."
    );
    assert_eq!((text, is_error), (expected, false));

    let (text, is_error) = client.check(&id, 0).await;
    assert!(!is_error && text.contains("It asks: Where to?"), "{text}");

    let wrong = json!({"task_id": id, "question": "q1", "message": "the moon"});
    let (text, is_error) = client.ask("message_task", wrong).await;
    assert!(
        text.starts_with("The question `q1` is still open: the string \"the moon\" is none of"),
        "{text}"
    );
    assert!(is_error);

    let right = json!({"task_id": id, "question": "q1", "message": "Production"});
    let (text, is_error) = client.ask("message_task", right.clone()).await;
    assert_eq!((text, is_error), (format!("Task `{id}` has the answer, and goes on."), false));
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("is complete. The result:\nProduction"), "{text}");
    let (text, is_error) = client.ask("message_task", right).await;
    assert!(text.contains("has ended already") && is_error, "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_mcpc_hears_the_question_as_an_update() {
    let mut client = Mcpc::connect(server()).await;
    client.start("t", "confirm", json!({})).await;
    assert_eq!(client.message().await["event"], "created");
    let update = client.message().await;
    assert_eq!(update["event"], "update");
    let asked = &update["result"];
    assert_eq!((&asked["question"], &asked["question_id"]), (&json!("Go on?"), &json!("q1")));
    let how = asked["answer_with"].as_str().expect("how");
    let call = r#"Call `message_task` with {"task_id": "t", "question": "q1", "message": "yes"} to answer (yes or no)"#;
    assert!(how.starts_with(call), "{how}");
    let answer = json!({"task_id": "t", "question": "q1", "message": "no"});
    client.call("answer", "message_task", answer).await;
    let mut rest = [client.value().await, client.value().await];
    rest.sort_by_key(|message| message["id"] != "answer");
    assert_eq!(texts(&rest[0]), ["Task `t` has the answer, and goes on."]);
    assert!(texts(&rest[1])[0].contains(r#""event":"complete""#), "{rest:?}");
    assert!(texts(&rest[1])[0].contains(r#""result":"false""#), "{rest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_the_tasks_extension_finds_the_question_in_its_task() {
    let mut client = modern(true);
    let id = client.start("fill_in", json!({})).await;
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("input_required", "Which release?"), "{task}");
    let asked = &task["inputRequests"]["q1"];
    assert_eq!(asked["method"], "elicitation/create", "{task}");
    assert_eq!(asked["params"]["message"], "Which release?");
    let answer = |machines: u32| release_of(&id, "q1", machines);
    let taken = client.request("tasks/update", answer(30)).await;
    assert!(taken["error"].is_null(), "{taken}");
    let (result, _) = client.poll(&id).await;
    assert_eq!(
        first(result["content"][0]["text"].as_str().expect("a text")),
        r#"Release { name: "v2", machines: 30, notes: None }"#
    );
    // It is late, and no error.
    let late = client.request("tasks/update", answer(31)).await;
    assert!(late["error"].is_null(), "{late}");
}

/// The parameters of an update that answers [`fill_in`].
fn release_of(task_id: &str, key: &str, machines: u32) -> Value {
    let content = json!({"name": "v2", "machines": machines});
    json!({"taskId": task_id, "inputResponses": {key: accept(content)}})
}

/// What is asked in a task: its key and the text, of one question.
async fn asked_in(client: &mut WithTasks, id: &str) -> (String, String) {
    loop {
        let task = client.get(id).await;
        if let Some(requests) = task["inputRequests"].as_object() {
            let (key, request) = requests.iter().next().expect("a request");
            assert_eq!((requests.len(), status(&task).0), (1, "input_required"), "{task}");
            let message = request["params"]["message"].as_str().expect("a message");
            return (key.clone(), message.to_owned());
        }
        assert_eq!(status(&task).0, "working", "{task}");
    }
}

/// Such a client takes an error for the end of its task, and asks its user nothing twice that has the same key.
#[tokio::test(start_paused = true)]
async fn a_client_of_the_tasks_extension_is_asked_anew_after_a_wrong_answer() {
    let mut client = modern(true);
    let id = client.start("fill_in", json!({})).await;
    let (mut key, text) = asked_in(&mut client, &id).await;
    assert_eq!((&*key, &*text), ("q1", "Which release?"));
    let taken = client.request("tasks/update", release_of(&id, &key, 300)).await;
    assert!(taken["error"].is_null(), "{taken}");
    let (again, text) = asked_in(&mut client, &id).await;
    assert!(text.starts_with("The answer was refused: `machines`: "), "{text}");
    assert!(text.ends_with("\n\nWhich release?"), "{text}");
    assert_eq!(again, "q2");
    // What comes twice answers nothing of what is asked now.
    let late = client.request("tasks/update", release_of(&id, &key, 30)).await;
    assert!(late["error"].is_null(), "{late}");
    key = asked_in(&mut client, &id).await.0;
    assert_eq!(key, "q2");
    client.request("tasks/update", release_of(&id, &key, 30)).await;
    let (result, _) = client.poll(&id).await;
    let text = result["content"][0]["text"].as_str().expect("a text");
    assert_eq!(first(text), r#"Release { name: "v2", machines: 30, notes: None }"#);
}

#[tokio::test(start_paused = true)]
async fn a_client_of_the_tasks_extension_is_asked_three_times() {
    let mut client = modern(true);
    let id = client.start("fill_in", json!({})).await;
    for expected in ["q1", "q2", "q3"] {
        let (key, _) = asked_in(&mut client, &id).await;
        assert_eq!(key, expected);
        client.request("tasks/update", release_of(&id, &key, 300)).await;
    }
    let (result, _) = client.poll(&id).await;
    let text = result["content"][0]["text"].as_str().expect("a text");
    assert!(text.starts_with("NotUnderstood(\"`machines`: "), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_client_of_the_tasks_extension_without_forms_is_told_in_words() {
    let mut client = WithTasks::open(server());
    let id = client.start("confirm", json!({})).await;
    let task = client.get(&id).await;
    assert_eq!(status(&task), ("working", "Go on?"), "{task}");
    let answer = json!({"task_id": id, "message": true});
    let answered = client.call("message_task", answer).await;
    assert_eq!(answered["isError"], false, "{answered}");
    assert_eq!(client.poll(&id).await.0["structuredContent"], json!({"result": "true"}));
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_newest_protocol_is_answered_with_the_question_and_goes_on_with_the_answer() {
    let mut client = modern(false);
    let asked = client.call("ask_twice", json!({})).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().expect("requests");
    assert_eq!(requests.keys().collect::<Vec<_>>(), ["q1", "q2"]);
    let state = asked["requestState"].clone();
    let again = |state: &Value, responses: Value| {
        json!({
            "name": "ask_twice",
            "arguments": {},
            "requestState": state,
            "inputResponses": responses,
        })
    };
    // One of them is wrong, so that is asked anew; the other stays answered.
    let half =
        json!({"q1": accept(json!({"answer": "Ann"})), "q2": accept(json!({"answer": "x"}))});
    let asked = client.request("tools/call", again(&state, half)).await["result"].take();
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    let requests = asked["inputRequests"].as_object().expect("requests");
    assert_eq!(requests.keys().collect::<Vec<_>>(), ["q3"]);
    let message = requests["q3"]["params"]["message"].as_str().expect("a message");
    assert!(message.starts_with("The answer was refused: expected a whole number"), "{message}");
    let rest = json!({"q3": accept(json!({"answer": 7}))});
    let reply = client.request("tools/call", again(&asked["requestState"], rest.clone())).await;
    assert_eq!(first(&texts(&reply).join("\n")), "\"Ann\" 7");
    // A call that is repeated gets the same result, and starts nothing.
    let repeated = client.request("tools/call", again(&state, rest.clone())).await;
    assert_eq!(texts(&repeated), texts(&reply));
    let forged = client.request("tools/call", again(&json!("forged"), rest)).await;
    assert_eq!(forged["error"]["code"], -32602, "{forged}");
}

#[tokio::test]
async fn a_thread_that_blocks_may_ask() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("from_a_thread", json!({})).await;
    let answer = json!({"task_id": task_of(&text), "message": "3"});
    assert!(!client.ask("message_task", answer).await.1);
    let (text, _) = client.check(&task_of(&text), 50).await;
    assert!(text.contains("The result:\n3"), "{text}");
}

/// A check right after the answer would tell nothing.
#[tokio::test(start_paused = true)]
async fn a_question_that_was_answered_is_not_news() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("by_call_and_on", json!({})).await;
    let answer = json!({"task_id": task_of(&text), "message": "care"});
    assert!(!client.ask("message_task", answer).await.1);
    let began = tokio::time::Instant::now();
    let (checked, _) = client.check(&task_of(&text), 50).await;
    assert_eq!(began.elapsed().as_secs(), 50, "{checked}");
    // The next one is.
    let (checked, _) = client.check(&task_of(&text), 50).await;
    assert_eq!(began.elapsed().as_secs(), 60, "{checked}");
    assert!(checked.contains("Keep it?"), "{checked}");
}

#[tokio::test(start_paused = true)]
async fn a_call_of_the_newest_protocol_is_answered_with_the_same_question_three_times() {
    for tool in ["choose", "plain"] {
        let mut client = modern(false);
        let mut asked = client.call(tool, json!({})).await;
        for _ in 0..3 {
            assert_eq!(asked["resultType"], "input_required", "{asked}");
            let requests = asked["inputRequests"].as_object().expect("requests");
            let (key, request) = requests.iter().next().expect("a request");
            let text = request["params"]["message"].as_str().expect("a message");
            assert!(text.ends_with("Where to?") || text.ends_with("Name?"), "{text}");
            let wrong = json!({key: accept(json!({"answer": ["the moon"]}))});
            let state = &asked["requestState"];
            let again = json!({"name": tool, "requestState": state, "inputResponses": wrong});
            asked = client.request("tools/call", again).await["result"].take();
        }
        // The tool with another question goes on to that.
        let text = asked["content"][0]["text"].as_str().unwrap_or_default();
        let next = asked["inputRequests"]["q4"]["params"]["message"].as_str().unwrap_or_default();
        assert!(text.starts_with("NotUnderstood(") || next == "Sure?", "{tool}: {asked}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_task_withdraws_what_it_asks() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("abandoned", json!({})).await;
    let id = task_of(&text);
    client.stop(&id).await;
    let (text, _) = client.check(&id, 50).await;
    assert!(
        text.contains("was stopped. The error:\nasked to stop before there was an answer"),
        "{text}"
    );
    let late = json!({"task_id": id, "question": "q1", "message": "here"});
    assert!(client.ask("message_task", late).await.1);
}

#[tokio::test(start_paused = true)]
async fn without_control_tools_nobody_but_a_client_with_forms_can_be_asked() {
    let mut client = Plain::connect(server().control_tools(false)).await;
    assert_eq!(client.ask("confirm", json!({})).await.0, "Unreachable");
}

#[tokio::test(start_paused = true)]
async fn what_no_form_can_show_is_an_error_that_names_it() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("nested", json!({})).await;
    assert!(text.starts_with("NotAForm { answer: \"alloc::vec::Vec<"), "{text}");
    assert!(
        text.contains("it is a list of values that are no choices; a form takes texts"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_means_no_task_or_no_question_says_what_there_is() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("ask_twice", json!({})).await;
    let id = task_of(&text);
    let mut refused = async |message: Value| {
        let (text, is_error) = client.ask("message_task", message).await;
        assert!(is_error, "{text}");
        text
    };
    let text = refused(json!({"task_id": id, "message": "Ann"})).await;
    assert_eq!(text, format!("Task `{id}` asks `q1`, `q2`: say in `question` which is answered."));
    let text = refused(json!({"task_id": id, "question": "q3", "message": "Ann"})).await;
    assert_eq!(text, format!("Task `{id}` has no open question `q3`; it asks `q1`, `q2`."));
    assert_eq!(refused(json!({"task_id": id, "question": "q1"})).await, "`message` is missing");
    let text = refused(json!({"task_id": "never", "message": "Ann"})).await;
    assert!(text.starts_with("unknown task `never`"), "{text}");
    let text = refused(json!({"message": "Ann"})).await;
    assert_eq!(text, "argument `task_id` is missing");
    client
        .send(&request(
            "declined",
            "tools/call",
            json!({
                "name": "message_task",
                "arguments": {"task_id": id, "question": "q1", "decline": true},
            }),
        ))
        .await;
    assert_eq!(client.value().await["result"]["isError"], false);
}

#[tokio::test(start_paused = true)]
async fn a_plain_tool_asks_a_client_with_forms_while_its_call_is_open() {
    let mut client = with_forms(json!({})).await;
    client.call("call", "plain", json!({})).await;
    for content in [json!({"answer": "Ann"}), json!({})] {
        let asked = client.value().await;
        assert_eq!(asked["method"], "elicitation/create", "{asked}");
        client.send(&response(&asked, accept(content))).await;
    }
    assert_eq!(texts(&client.value().await), ["\"Ann\" true"]);
    let mut client = Plain::connect(server()).await;
    assert_eq!(client.ask("plain", json!({})).await.0, "Unreachable Unreachable");
}

#[tokio::test(start_paused = true)]
async fn a_plain_tool_of_the_newest_protocol_is_parked_and_goes_on_with_the_answer() {
    let mut client = modern(false);
    let asked = client.call("plain", json!({})).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    assert_eq!(asked["inputRequests"]["q1"]["params"]["message"], "Name?");
    let again = |asked: &Value, responses: Value| {
        let state = &asked["requestState"];
        json!({"name": "plain", "requestState": state, "inputResponses": responses})
    };
    let wrong = json!({"q1": {"action": "accept", "content": {"answer": {"a": 1}}}});
    let refused = client.request("tools/call", again(&asked, wrong)).await["result"].take();
    let message = refused["inputRequests"]["q2"]["params"]["message"].as_str().expect("a message");
    assert!(message.starts_with("The answer was refused: expected a string"), "{message}");
    let right = json!({"q2": accept(json!({"answer": "Ann"}))});
    let next = client.request("tools/call", again(&refused, right)).await["result"].take();
    assert_eq!(next["inputRequests"]["q3"]["params"]["message"], "Sure?", "{next}");
    let right = again(&next, json!({"q3": {"action": "decline"}}));
    let reply = client.request("tools/call", right.clone()).await;
    assert_eq!(texts(&reply), ["\"Ann\" false"]);
    // Once more, as by a client that lost the reply.
    assert_eq!(texts(&client.request("tools/call", right).await), ["\"Ann\" false"]);
    let mut others = again(&next, json!({}));
    others["name"] = "confirm".into();
    assert_eq!(client.request("tools/call", others).await["error"]["code"], -32602);
}

#[tokio::test(start_paused = true)]
async fn the_call_of_a_background_tool_asks_as_its_sender_does() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("by_call", json!({})).await;
    let answer = json!({"task_id": task_of(&text), "message": "yes"});
    assert!(!client.ask("message_task", answer).await.1);
    let (text, _) = client.check(&task_of(&text), 50).await;
    assert!(text.contains("The result:\ntrue"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn what_a_call_asks_at_once_its_reply_asks_and_then_there_is_a_task() {
    let mut client = modern(true);
    let asked = client.call("by_call_and_on", json!({})).await;
    assert_eq!(asked["resultType"], "input_required", "{asked}");
    assert!(asked.get("taskId").is_none(), "{asked}");
    let again = |key: &str, answer: Value| {
        json!({
            "name": "by_call_and_on",
            "arguments": {},
            "requestState": asked["requestState"],
            "inputResponses": {key: accept(json!({"answer": answer}))},
        })
    };
    let refused = client.request("tools/call", again("q1", json!({"a": 1}))).await["result"].take();
    assert_eq!(refused["resultType"], "input_required", "{refused}");
    let task = client.request("tools/call", again("q2", json!("care"))).await["result"].take();
    assert_eq!((&task["resultType"], &task["status"]), (&json!("task"), &json!("working")));
    assert!(task.get("requestState").is_none(), "{task}");
    // From here on there is a task, which asks.
    tokio::time::sleep(Duration::from_secs(61)).await;
    let id = task["taskId"].as_str().expect("an id");
    assert_eq!(status(&client.get(id).await), ("input_required", "Keep it?"));
    let yes = json!({"taskId": id, "inputResponses": {"q3": accept(json!({}))}});
    assert!(client.request("tasks/update", yes).await["error"].is_null());
    let (result, _) = client.poll(id).await;
    assert_eq!(first(result["content"][0]["text"].as_str().expect("a text")), "\"care\" true");
}

/// Where no call waits, none asks.
#[tokio::test(start_paused = true)]
async fn a_call_that_does_not_wait_leaves_it_to_its_task_to_ask() {
    let server = server().task_patience(Duration::ZERO);
    let mut client = WithTasks::open(server);
    client.meta["io.modelcontextprotocol/clientCapabilities"]["elicitation"] = json!({"form": {}});
    let id = client.start("by_call_and_on", json!({})).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(status(&client.get(&id).await), ("input_required", "What with?"));
}

#[tokio::test(start_paused = true)]
async fn a_task_hears_what_it_is_told_in_order() {
    let mut client = Mcpc::connect(server()).await;
    client.start("t", "obey", json!({})).await;
    assert_eq!(client.message().await["event"], "created");
    let say = |message: Value| json!({"task_id": "t", "message": message});
    // All of them are on their way before the first is answered.
    client.call("1", "message_task", say(json!("skip_next"))).await;
    client.call("2", "message_task", say(json!({"go_to": {"place": "here"}}))).await;
    client.call("3", "message_task", say(json!("{\"go_to\": {\"place\": \"there\"}}"))).await;
    client.call("4", "message_task", say(json!("dance"))).await;
    client.call("stop", "stop_task", json!({"task_id": "t"})).await;
    let mut said = Vec::new();
    let mut replies = std::collections::BTreeMap::new();
    while replies.len() < 5 || !said.iter().any(|text: &String| text.contains("\"complete\"")) {
        let line = client.value().await;
        let text = texts(&line).join("");
        match line["id"].as_str() {
            Some("MCPC_CALLBACK") => said.push(text),
            Some(id) => drop(replies.insert(id.to_owned(), text)),
            None => panic!("{line}"),
        }
    }
    assert_eq!(replies["1"], "Task `t` was told.");
    assert!(replies["4"].starts_with("`obey` was not told: "), "{replies:?}");
    assert!(replies["4"].contains("skip_next"), "{replies:?}");
    let results = said.iter().map(|text| {
        serde_json::from_str::<Value>(text).expect("JSON")["result"].as_str().map(str::to_owned)
    });
    let results: Vec<_> = results.flatten().collect();
    // It was told to stop where it had nothing to wait for.
    let all = ["SkipNext", "GoTo { place: \"here\" }", "GoTo { place: \"there\" }"];
    let heard = results.len() - 1;
    assert_eq!(results[..heard], all[..heard], "{results:?}");
    assert_eq!(results[heard], format!("{heard} instructions"));
}

#[tokio::test(start_paused = true)]
async fn the_tool_for_messages_says_what_the_tasks_of_a_server_understand() {
    let mut client = Plain::connect(server()).await;
    let tool = client.listed("message_task").await;
    let description = tool["description"].as_str().expect("a description");
    assert!(description.contains("A task of `obey` takes what its schema says"), "{description}");
    assert!(description.contains("A task of `listen` takes a text"), "{description}");
    let message = tool["inputSchema"]["properties"]["message"]["anyOf"].as_array().expect("kinds");
    assert_eq!(message[0], json!({"type": "string"}));
    let about = message[1]["description"].as_str().expect("a description");
    assert!(about.starts_with("An instruction for a task of `obey`"), "{about}");
}

#[tokio::test(start_paused = true)]
async fn what_nobody_takes_is_refused() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, id) = client.ticket("listen", json!({})).await;
    let told = client.ask("message_task", json!({"task_id": id, "message": "go"})).await;
    assert_eq!(told, (format!("Task `{id}` was told."), false));
    let (text, _) = client.check(&id, 50).await;
    assert!(text.contains("The result:\ntold go"), "{text}");
    let (text, is_error) =
        client.ask("message_task", json!({"task_id": id, "message": "go"})).await;
    assert_eq!(text, format!("Task `{id}` has ended already; `check_task` says how."));
    assert!(is_error);
    let (_, id) = client.ticket("in_time", json!({})).await;
    let (text, _) = client.ask("message_task", json!({"task_id": id, "message": "now"})).await;
    assert_eq!(text, format!("Task `{id}` has the answer, and goes on."));
}

#[tokio::test(start_paused = true)]
async fn more_instructions_than_a_task_reads_are_refused() {
    let mut client = Plain::connect(deaf_server()).await;
    let (_, id) = client.ticket("deaf", json!({})).await;
    let say = || json!({"task_id": id, "message": "hello"});
    for _ in 0..100 {
        assert!(!client.ask("message_task", say()).await.1);
    }
    let (text, is_error) = client.ask("message_task", say()).await;
    assert!(is_error && text.contains("was told much that it has not read yet"), "{text}");
}

/// Takes instructions, and reads none.
#[mcpc::background]
async fn deaf(updates: Sender, told: Receiver<String>) {
    updates.stopped().await;
    drop(told);
}

fn deaf_server() -> Server {
    Server::new("deaf").patience(Duration::ZERO).tools(mcpc::tools![deaf])
}

#[tokio::test(start_paused = true)]
async fn what_only_the_type_refuses_is_asked_three_times_and_no_more() {
    let mut client = with_forms(json!({})).await;
    client.call("call", "even", json!({})).await;
    for tries in 0..3 {
        let asked = client.value().await;
        let message = asked["params"]["message"].as_str().expect("a message");
        assert_eq!(message.contains("it is odd"), tries > 0, "{message}");
        client.send(&response(&asked, accept(json!({"answer": 3})))).await;
    }
    let text = texts(&client.value().await).join("\n");
    assert!(
        text.starts_with("the client answered something else: ") && text.contains("it is odd"),
        "{text}"
    );
}

/// Each request says for itself what its client shows.
#[tokio::test(start_paused = true)]
async fn a_call_that_goes_on_never_begins_anew() {
    let mut client = modern(false);
    let asked = client.call("plain", json!({})).await;
    client.meta["io.modelcontextprotocol/clientCapabilities"] = json!({});
    let again = json!({
        "name": "plain",
        "requestState": asked["requestState"],
        "inputResponses": {"q1": {"action": "decline"}},
    });
    let next = client.request("tools/call", again).await["result"].take();
    assert_eq!(next["resultType"], "input_required", "{next}");
    assert_eq!(next["requestState"], asked["requestState"], "{next}");
}

/// A task of several calls that one of them could tell what to do.
#[mcpc::background(join)]
async fn shared(told: Receiver<String>) {
    drop(told);
}

#[test]
fn a_task_of_several_calls_takes_no_instructions() {
    let error = Server::new("s").tools(mcpc::tools![shared]).build().expect_err("it cannot be");
    assert!(error.to_string().contains("nobody can tell it what to do by a `Receiver`"), "{error}");
}
