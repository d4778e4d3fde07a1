//! What the kit's clients say to what a server asks.

use std::time::Duration;

use mcpc::testing::{self, As, Asked, Client, Item, Reply, every_client};
use mcpc::{NoAnswer, Question, Receiver, Sender, Server, tools};
use serde_json::{Value, json};

#[derive(Debug, PartialEq, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Target {
    Staging,
    Production,
}

#[derive(Debug, PartialEq, serde::Deserialize, schemars::JsonSchema)]
struct Release {
    name: String,
    machines: u8,
}

#[derive(Debug, serde::Deserialize, serde::Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Order {
    SkipNext,
    GoTo { place: String },
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

/// Asks for two things at once.
#[mcpc::background]
async fn ask_twice(updates: Sender) -> String {
    let (name, count) = tokio::join!(updates.ask::<String>("Name?"), updates.ask::<u32>("Count?"));
    format!("{} {}", outcome(name), outcome(count))
}

/// Asks, and waits for two minutes only.
#[mcpc::background]
async fn in_time(updates: Sender) -> String {
    let question = Question::new("Quick?").timeout(Duration::from_secs(120));
    outcome(updates.ask::<String>(question).await)
}

/// Has the user open an address.
#[mcpc::background]
async fn sign_in(updates: Sender) -> String {
    outcome(updates.ask_url("Sign in, please", "https://example.com/sign-in").await)
}

/// Asks in a call that stays open.
#[mcpc::tool]
async fn plain(call: mcpc::Call) -> String {
    outcome(call.ask::<bool>("Sure?").await)
}

/// Does what it is told, twice.
#[mcpc::background]
async fn obey(updates: Sender, mut told: Receiver<Order>) -> Result<String, String> {
    let mut heard = Vec::new();
    while heard.len() < 2 {
        let order = told.recv().await.ok_or("it was told too little")?;
        updates.send("it was told something").await;
        heard.push(format!("{order:?}"));
    }
    Ok(heard.join(", "))
}

fn outcome<T: std::fmt::Debug>(answer: Result<T, NoAnswer>) -> String {
    match answer {
        Ok(answer) => format!("{answer:?}"),
        Err(error) => format!("{error:?}"),
    }
}

fn server() -> Server {
    Server::new("asks")
        .tools(tools![confirm, choose, fill_in, ask_twice, in_time, sign_in, plain, obey])
}

/// Those that stay.
fn all() -> impl Iterator<Item = As> {
    As::ALL.into_iter().filter(|persona| *persona != As::Leaves)
}

/// Answers what each test asks.
fn answer(asked: &Asked) -> Reply {
    match asked.text().lines().last().unwrap_or_default() {
        "Go on?" | "Sure?" => true.into(),
        "Where to?" => "production".into(),
        "Which release?" => json!({"name": "v2", "machines": 3}).into(),
        "Name?" => "Ann".into(),
        "Count?" => 7.into(),
        other => panic!("it asks {other}"),
    }
}

/// What comes of a call, which must break no rule.
async fn called(
    persona: As,
    tool: &str,
    answers: impl FnMut(&Asked) -> Reply + Send + 'static,
) -> (String, Vec<Asked>, String) {
    let client = testing::connect(server, persona).await;
    client.answers(answers);
    let outcome = client.call(tool, json!({})).await;
    let text = outcome.result().unwrap_or_else(|error| panic!("{persona}: {error}")).to_owned();
    let (asked, transcript) = (client.questions(), client.transcript());
    client.leave().await;
    (text, asked, transcript)
}

#[tokio::test]
async fn every_client_answers_a_yes_or_no_a_choice_and_a_form_each_in_its_way() {
    for persona in all() {
        let is_codex = persona == As::Codex;
        let (text, asked, _) = called(persona, "confirm", answer).await;
        assert_eq!(text, "true", "{persona}");
        assert_eq!(asked.len(), 1, "{persona}: {asked:?}");
        assert!(asked[0].is_yes_or_no(), "{persona}: {asked:?}");

        let (text, asked, transcript) = called(persona, "choose", answer).await;
        assert_eq!(text, if is_codex { "OnlyYesOrNo" } else { "Production" }, "{persona}");
        assert_eq!(asked[0].choices(), ["staging", "production"], "{persona}");
        let way = match persona {
            As::Forms | As::Codex | As::TasksOf2025 => "\"elicitation/create\"",
            As::Copilot => "\"input_required\"",
            As::Tasks | As::ClaudeCode => "\"tasks/update\"",
            _ => "\"message_task\"",
        };
        let is_said = |line: &&str| line.contains(way) && !line.contains("\"tools\":");
        let by = if matches!(persona, As::Forms | As::Codex | As::Copilot | As::TasksOf2025) {
            " server: "
        } else {
            " client: "
        };
        let ways = transcript.lines().filter(is_said).filter(|line| line.contains(by)).count();
        assert_eq!(ways, 1, "{persona}: {transcript}");

        let (text, asked, _) = called(persona, "fill_in", answer).await;
        let release = r#"Release { name: "v2", machines: 3 }"#;
        assert_eq!(text, if is_codex { "OnlyYesOrNo" } else { release }, "{persona}");
        assert_eq!(asked[0].fields(), ["name", "machines"], "{persona}");

        let text = called(persona, "ask_twice", answer).await.0;
        let two = if is_codex { "OnlyYesOrNo OnlyYesOrNo" } else { "\"Ann\" 7" };
        assert_eq!(text, two, "{persona}");
    }
}

#[tokio::test]
async fn every_client_declines() {
    for persona in all() {
        assert_eq!(called(persona, "choose", |_| Reply::Decline).await.0, "Declined", "{persona}");
        assert_eq!(called(persona, "confirm", |_| Reply::Decline).await.0, "false", "{persona}");
        assert_eq!(called(persona, "confirm", |_| false.into()).await.0, "false", "{persona}");
        let shows = [As::Forms, As::Codex, As::Copilot, As::Tasks, As::TasksOf2025, As::ClaudeCode];
        let dismissed = if shows.contains(&persona) { "Cancelled" } else { "Declined" };
        assert_eq!(called(persona, "choose", |_| Reply::Cancel).await.0, dismissed, "{persona}");
    }
}

#[tokio::test]
async fn a_plain_tool_is_answered_by_clients_that_show_forms() {
    for persona in all() {
        let shows = [As::Forms, As::Codex, As::Copilot, As::Tasks, As::TasksOf2025, As::ClaudeCode];
        let text = if shows.contains(&persona) { "true" } else { "Unreachable" };
        assert_eq!(called(persona, "plain", answer).await.0, text, "{persona}");
    }
}

#[tokio::test]
async fn an_address_is_shown_by_the_client_that_shows_addresses() {
    let (text, asked, _) = called(As::Forms, "sign_in", |_| true.into()).await;
    assert_eq!((&*text, asked[0].url()), ("()", Some("https://example.com/sign-in")));
    assert_eq!(called(As::ClaudeCode, "sign_in", |_| true.into()).await.0, "Unreachable");
}

#[tokio::test]
async fn what_is_refused_is_answered_again_with_what_was_wrong() {
    for persona in all().filter(|persona| *persona != As::Codex) {
        let (text, asked, _) = called(persona, "choose", |asked: &Asked| {
            if asked.text() == "Where to?" { "the moon".into() } else { "staging".into() }
        })
        .await;
        assert_eq!(text, "Staging", "{persona}");
        assert_eq!(asked.len(), 2, "{persona}: {asked:?}");
        assert!(asked[1].text().contains("the moon"), "{persona}: {asked:?}");
    }
}

#[tokio::test]
async fn a_wrong_answer_again_and_again_ends_the_call() {
    for persona in all().filter(|persona| *persona != As::Codex) {
        let client = testing::connect(server, persona).await;
        client.answers(|_| "the moon");
        let outcome = client.call("choose", json!({})).await;
        let text = outcome.result().unwrap_or_else(|error| error).to_owned();
        assert!(text.contains("the moon"), "{persona}: {text}");
        assert_eq!(client.questions().len(), 3, "{persona}: {:?}", client.questions());
        client.leave().await;
    }
}

#[tokio::test]
async fn without_answers_a_question_waits_for_its_timeout_or_for_ten_minutes() {
    for persona in all() {
        let client = testing::connect(server, persona).await;
        let outcome = client.call("in_time", json!({})).await;
        assert_eq!(outcome.result(), Ok("TimedOut(120s)"), "{persona}");
        let outcome = client.call("choose", json!({})).await;
        let text = outcome.result();
        let is_left = matches!(text, Ok("Cancelled" | "Declined"));
        assert!(is_left, "{persona}: {text:?}\n{}", client.transcript());
        let long = Duration::from_secs(600);
        assert!(outcome.took() >= long && outcome.took() < long * 2, "{persona}");
        client.leave().await;
    }
}

#[tokio::test]
async fn answers_may_come_while_the_question_is_open() {
    for persona in all() {
        let client = testing::connect(server, persona).await;
        let running = client.start("confirm", json!({}));
        let answers = async {
            tokio::time::sleep(Duration::from_secs(300)).await;
            client.answers(|_| true);
        };
        let (outcome, ()) = tokio::join!(running.result(), answers);
        assert_eq!(outcome.result(), Ok("true"), "{persona}: {}", client.transcript());
        assert!(outcome.took() < Duration::from_secs(400), "{persona}: {:?}", outcome.took());
        client.leave().await;
    }
}

#[tokio::test]
async fn a_client_that_leaves_what_it_is_asked_leaves_in_order() {
    for persona in all() {
        let client = testing::connect(server, persona).await;
        let running = client.start("choose", json!({}));
        let _ = tokio::time::timeout(Duration::from_secs(100), running.result()).await;
        client.leave().await;
    }
}

#[tokio::test]
async fn every_client_tells_a_task_something() {
    for persona in all() {
        let client = testing::connect(server, persona).await;
        let mut running = client.start("obey", json!({}));
        assert_eq!(running.message("skip_next").await.map(|_| ()), Ok(()), "{persona}");
        let refused = running.message("dance").await.expect_err("it is none");
        assert!(refused.contains("was not told: "), "{persona}: {refused}");
        let order = json!({"go_to": {"place": "here"}});
        assert_eq!(running.message(order).await.map(|_| ()), Ok(()), "{persona}");
        let outcome = running.result().await;
        assert_eq!(outcome.result(), Ok("SkipNext, GoTo { place: \"here\" }"), "{persona}");
        client.leave().await;
    }
}

#[tokio::test]
async fn one_test_with_questions_passes_under_every_client() {
    every_client(server, async |client: Client| {
        client.answers(answer);
        assert_eq!(client.call("confirm", json!({})).await.result(), Ok("true"));
        let only = client.persona() == As::Codex;
        let target = if only { "OnlyYesOrNo" } else { "Production" };
        assert_eq!(client.call("choose", json!({})).await.result(), Ok(target));
    })
    .await;
}

#[tokio::test]
#[should_panic(expected = "the answer to a question panicked: it asks Where to?")]
async fn an_answer_that_panics_fails_the_test() {
    let client = testing::connect(server, As::Forms).await;
    client.answers(|asked: &Asked| -> Reply { panic!("it asks {}", asked.text()) });
    client.call("choose", json!({})).await;
}

/// Does what it is asked to, in words.
async fn deploy(updates: Sender) -> Result<String, NoAnswer> {
    let target = updates.ask::<Target>("Where to?").await?;
    match updates.ask::<bool>("Go on?").await? {
        true => Ok(format!("{target:?}")),
        false => Ok("nothing".to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn a_function_alone_is_answered() {
    let (updates, sent) = testing::sender();
    sent.answers(answer);
    assert_eq!(deploy(updates).await.as_deref(), Ok("Production"));
    let questions = sent.questions();
    let texts: Vec<&str> = questions.iter().map(Asked::text).collect();
    assert_eq!(texts, ["Where to?", "Go on?"]);
    assert_eq!(questions[0].choices(), ["staging", "production"]);
    assert_eq!(sent.items(), questions.into_iter().map(Item::Question).collect::<Vec<_>>());

    let (updates, sent) = testing::sender();
    sent.answers(|_| json!({}));
    assert_eq!(deploy(updates).await, Err(NoAnswer::OnlyYesOrNo));
    let (updates, sent) = testing::sender();
    sent.answers(|_| Reply::Decline);
    assert_eq!(updates.ask::<bool>("Go on?").await, Ok(false));
    assert_eq!(updates.ask_url("Sign in", "https://example.com").await, Err(NoAnswer::Declined));
    assert_eq!(sent.questions()[1].url(), Some("https://example.com"));
}

#[tokio::test(start_paused = true)]
async fn a_function_alone_that_nobody_answers_does_not_wait() {
    let (updates, sent) = testing::sender();
    assert_eq!(deploy(updates).await, Err(NoAnswer::Unreachable));
    assert_eq!(sent.questions(), []);
    let (updates, sent) = testing::sender();
    sent.answers(|_| Reply::Away);
    let question = Question::new("Name?").timeout(Duration::from_secs(9));
    let timed_out = Err(NoAnswer::TimedOut(Duration::from_secs(9)));
    assert_eq!(updates.ask::<String>(question).await, timed_out);
    let asks = tokio::spawn(async move { updates.ask::<String>("Name?").await });
    tokio::time::sleep(Duration::from_secs(9)).await;
    sent.answers(|_| "Ann");
    assert_eq!(asks.await.expect("no panic").as_deref(), Ok("Ann"));
}

#[tokio::test(start_paused = true)]
#[should_panic(expected = "no answer to a question fits: The answer was refused: ")]
async fn a_function_alone_that_gets_wrong_answers_fails_the_test() {
    let (updates, sent) = testing::sender();
    sent.answers(|_| "the moon");
    let _ = updates.ask::<Target>("Where to?").await;
}

#[tokio::test(start_paused = true)]
async fn a_function_alone_is_told_something() {
    let (updates, mut sent) = testing::sender();
    let running = tokio::spawn(obey(updates, sent.receiver()));
    sent.tell(Order::SkipNext);
    assert_eq!(sent.next().await, Some(Item::Update(json!("it was told something"))));
    sent.tell(json!({"go_to": {"place": "here"}}));
    let text = running.await.expect("no panic");
    assert_eq!(text.as_deref(), Ok("SkipNext, GoTo { place: \"here\" }"));

    let (updates, sent) = testing::sender();
    let running = tokio::spawn(obey(updates, sent.receiver()));
    sent.stop();
    assert_eq!(running.await.expect("no panic"), Err("it was told too little".to_owned()));
}

#[tokio::test]
#[should_panic(expected = "the function was not told: ")]
async fn what_a_model_would_be_refused_is_not_told_to_a_function_either() {
    let (_updates, sent) = testing::sender();
    let _told: Receiver<Order> = sent.receiver();
    sent.tell(Value::from("dance"));
}
