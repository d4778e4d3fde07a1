//! Whatever order things come in that a task asks, is answered and is told, its lifecycle is kept.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpc::{NoAnswer, Receiver, Sender, Server};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::support::messages::{CALLBACK, call, cancel, in_task, meta, parse, request, text};
use crate::support::{Plain, Wire};

/// How many things a task asks, one after the other and two at once.
const QUESTIONS: u32 = 3;

/// What a body heard: the answers, by what was asked, and the instructions.
#[derive(Debug, Default, serde::Deserialize, serde::Serialize)]
struct Heard {
    answers: Vec<(u32, Option<u32>)>,
    told: Vec<u32>,
}

/// Asks, and hears what it is told meanwhile.
#[mcpc::background]
async fn converse(updates: Sender, mut told: Receiver<u32>) -> String {
    let heard = std::sync::Mutex::new(Heard::default());
    let ask = async |number: u32| {
        let answer: Result<u32, NoAnswer> = updates.ask(format!("Number {number}?")).await;
        heard.lock().expect("no panic").answers.push((number, answer.ok()));
    };
    let asks = async {
        ask(1).await;
        tokio::join!(ask(2), ask(3));
    };
    let listens = async {
        while let Some(instruction) = told.recv().await {
            heard.lock().expect("no panic").told.push(instruction);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! { biased; () = listens => {} () = asks => {} }
    json!(heard.into_inner().expect("no panic")).to_string()
}

fn server() -> Server {
    Server::new("s").tools(mcpc::tools![converse])
}

/// What a client does.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Answers a question, with the number of what it does.
    Answers(u32),
    /// The same as a model does, where the client has a way of its own.
    AnswersInWords(u32),
    AnswersWrong(u32),
    Declines(u32),
    Tells,
    TellsWrong,
    Looks,
    Stops,
    TakesBack,
    CallsAgain,
    Waits,
}

fn does() -> impl Strategy<Value = Vec<Does>> {
    let question = || 1..=QUESTIONS + 1;
    let one = prop_oneof![
        6 => question().prop_map(Does::Answers),
        3 => question().prop_map(Does::AnswersInWords),
        2 => question().prop_map(Does::AnswersWrong),
        1 => question().prop_map(Does::Declines),
        4 => Just(Does::Tells),
        1 => Just(Does::TellsWrong),
        2 => Just(Does::Looks),
        1 => Just(Does::Stops),
        1 => Just(Does::TakesBack),
        1 => Just(Does::CallsAgain),
        5 => Just(Does::Waits),
    ];
    prop::collection::vec(one, 0..25)
}

/// A client: one of MCPC, or one of the Tasks extension that shows forms.
struct Client {
    wire: Wire,
    has_tasks: bool,
    task_id: String,
    /// The replies, by the ids of their requests.
    replies: BTreeMap<String, Value>,
    /// The events of the task after `created`, with what they bring.
    events: Vec<(String, Value)>,
}

impl Client {
    async fn start(has_tasks: bool) -> Self {
        let wire = match has_tasks {
            true => Wire::open(server()),
            false => Plain::connect(server()).await.wire,
        };
        let (replies, events) = (BTreeMap::new(), Vec::new());
        let mut client = Self { wire, has_tasks, task_id: "t".to_owned(), replies, events };
        client.call("start").await;
        client.settle().await;
        let started = &client.replies["start"]["result"];
        if let Some(task_id) = started["taskId"].as_str() {
            client.task_id = task_id.to_owned();
        }
        client
    }

    async fn send(&mut self, id: &str, method: &str, mut params: Value) {
        if self.has_tasks {
            params["_meta"] = meta();
            let capabilities = &mut params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
            capabilities["elicitation"] = json!({"form": {}});
        }
        self.wire.send(&request(id, method, params)).await;
    }

    async fn call(&mut self, id: &str) {
        match self.has_tasks {
            true => self.send(id, "tools/call", json!({"name": "converse", "arguments": {}})).await,
            false => self.wire.send(&call(id, "converse", in_task("t", json!({})))).await,
        }
    }

    async fn say(&mut self, id: &str, mut message: Value) {
        message["task_id"] = json!(self.task_id);
        self.send(id, "tools/call", json!({"name": "message_task", "arguments": message})).await;
    }

    async fn fill_in(&mut self, id: &str, question: u32, result: Value) {
        let responses = json!({ format!("q{question}"): result });
        let params = json!({"taskId": self.task_id, "inputResponses": responses});
        self.send(id, "tasks/update", params).await;
    }

    async fn does(&mut self, number: usize, does: Does) {
        let id = format!("{number}");
        let accept = |answer: Value| json!({"action": "accept", "content": {"answer": answer}});
        let words = |question, answer: Value| json!({"question": format!("q{question}"), "message": answer});
        match does {
            Does::Answers(question) if self.has_tasks => {
                self.fill_in(&id, question, accept(json!(number))).await;
            }
            Does::Answers(question) | Does::AnswersInWords(question) => {
                self.say(&id, words(question, json!(number))).await;
            }
            // In words, as what is wrong in a form is asked anew under another key.
            Does::AnswersWrong(question) => self.say(&id, words(question, json!("the moon"))).await,
            Does::Declines(question) => {
                self.say(&id, json!({"question": format!("q{question}"), "decline": true})).await;
            }
            Does::Tells => self.say(&id, json!({ "message": number })).await,
            Does::TellsWrong => self.say(&id, json!({"message": "dance"})).await,
            Does::Looks => self.look(&id).await,
            Does::Stops => self.stop(&id).await,
            Does::TakesBack => self.wire.send(&cancel("start")).await,
            // In place of the task's own id, another one would be another task.
            Does::CallsAgain if self.has_tasks => {}
            Does::CallsAgain => self.call(&id).await,
            Does::Waits => self.settle().await,
        }
    }

    async fn look(&mut self, id: &str) {
        match self.has_tasks {
            true => self.send(id, "tasks/get", json!({"taskId": self.task_id})).await,
            false => self.check(id).await,
        }
    }

    async fn check(&mut self, id: &str) {
        let arguments = json!({"task_id": self.task_id});
        self.send(id, "tools/call", json!({"name": "check_task", "arguments": arguments})).await;
    }

    async fn stop(&mut self, id: &str) {
        let arguments = json!({"task_id": self.task_id});
        match self.has_tasks {
            true => self.send(id, "tasks/cancel", json!({"taskId": self.task_id})).await,
            false => {
                self.send(id, "tools/call", json!({"name": "stop_task", "arguments": arguments}))
                    .await;
            }
        }
    }

    /// Reads all that comes for a while.
    async fn settle(&mut self) {
        let second = Duration::from_secs(1);
        while let Ok(line) = tokio::time::timeout(second, self.wire.lines.next_line()).await {
            let line = parse(&line.expect("UTF-8").expect("a line"));
            if line["id"] == CALLBACK {
                let message = parse(&text(&line));
                assert_eq!(message["task_id"], "t", "{message}");
                let event = message["event"].as_str().expect("an event").to_owned();
                self.events.push((event, message["result"].clone()));
            } else if let Some(id) = line["id"].as_str() {
                let before = self.replies.insert(id.to_owned(), line.clone());
                assert!(before.is_none(), "a second reply: {line}");
            }
        }
    }

    fn said(&self, id: &str) -> &str {
        let reply = &self.replies[id];
        let error = reply["error"]["message"].as_str();
        error.or_else(|| reply["result"]["content"][0]["text"].as_str()).unwrap_or_default()
    }
}

/// The ids of requests whose reply says something.
fn that_say<'a>(client: &'a Client, what: &'a str) -> impl Iterator<Item = usize> + 'a {
    let said = |id: &&String| client.said(id).contains(what);
    let mut ids: Vec<usize> =
        client.replies.keys().filter(said).filter_map(|id| id.parse().ok()).collect();
    ids.sort_unstable();
    ids.into_iter()
}

/// Stops the task, and returns its end.
async fn end(client: &mut Client) -> Heard {
    client.settle().await;
    client.stop("stop").await;
    client.settle().await;
    client.check("end").await;
    client.settle().await;
    let said = client.said("end");
    let (_, heard) = said.split_once("The result:\n").unwrap_or_else(|| panic!("no end: {said}"));
    assert!(!said.contains("It asks: "), "a question is open after the end: {said}");
    serde_json::from_str(heard.lines().next().expect("a line")).expect("what was heard")
}

/// What comes too late is refused, and changes nothing.
async fn comes_too_late(client: &mut Client) {
    let events = client.events.len();
    for question in 1..=QUESTIONS {
        let message = json!({"question": format!("q{question}"), "message": 7});
        client.say(&format!("late {question}"), message).await;
    }
    client.say("late", json!({"message": 7})).await;
    if client.has_tasks {
        let late = json!({"action": "accept", "content": {"answer": 7}});
        client.fill_in("late form", 1, late).await;
        client.look("status").await;
    }
    client.settle().await;
    let late = client.replies.keys().filter(|id| id.starts_with("late") && *id != "late form");
    for id in late {
        assert!(client.said(id).contains("has ended already"), "{id}: {}", client.said(id));
    }
    assert_eq!(client.events.len(), events, "something came after the end");
    if client.has_tasks {
        let task = &client.replies["status"]["result"];
        assert!(task["inputRequests"].is_null() && task["status"] == "completed", "{task}");
    }
}

/// How many tasks there were: a call that comes after the end makes another one of the same id.
fn created(client: &Client) -> usize {
    let is_created = |reply: &&Value| reply.to_string().contains("\\\"created\\\"");
    client.replies.values().filter(is_created).count()
}

async fn keeps_the_lifecycle(has_tasks: bool, script: &[Does]) {
    let mut client = Client::start(has_tasks).await;
    for (number, does) in script.iter().enumerate() {
        client.does(number, *does).await;
    }
    client.settle().await;
    let accepted: Vec<usize> = that_say(&client, "has the answer, and goes on").collect();
    let taken = that_say(&client, "was told.").map(small).collect();
    let heard = end(&mut client).await;
    comes_too_late(&mut client).await;
    if !has_tasks {
        let is_end = |event: &str| matches!(event, "complete" | "failed");
        let ends = client.events.iter().filter(|(event, _)| is_end(event)).count();
        assert_eq!(ends, created(&client), "{:?}", client.events);
        assert!(is_end(&client.events.last().expect("an end").0), "{:?}", client.events);
    }
    if has_tasks || created(&client) == 1 {
        each_answer_is_heard_once(script, &accepted, &heard);
        instructions_are_in_order(script, taken, &heard);
    }
}

fn small(number: usize) -> u32 {
    u32::try_from(number).expect("small")
}

fn is_stopped(script: &[Does]) -> bool {
    script.iter().any(|it| matches!(it, Does::Stops))
}

fn each_answer_is_heard_once(script: &[Does], accepted: &[usize], heard: &Heard) {
    for question in 1..=QUESTIONS {
        let is_answer = |at: &usize| match script[*at] {
            Does::Answers(it) | Does::AnswersInWords(it) => it == question,
            _ => false,
        };
        let is_declined =
            |at: &&usize| matches!(script[**at], Does::Declines(it) if it == question);
        let answered: Vec<usize> = accepted.iter().copied().filter(is_answer).collect();
        let declined = accepted.iter().filter(is_declined).count();
        assert!(answered.len() + declined <= 1, "`q{question}` was answered by {answered:?}");
        let heard = heard.answers.iter().filter(|(it, _)| *it == question);
        let heard: Vec<Option<u32>> = heard.map(|(_, answer)| *answer).collect();
        assert!(heard.len() <= 1, "{heard:?}");
        let by = heard.first().copied().flatten();
        let is_of_it = by.is_none_or(|by| is_answer(&(by as usize)));
        assert!(is_of_it, "`q{question}` has the answer of {by:?}");
        if let ([one], false) = (&*answered, is_stopped(script)) {
            assert_eq!(heard, [Some(small(*one))], "`q{question}` lost its answer");
        }
    }
}

fn instructions_are_in_order(script: &[Does], taken: Vec<u32>, heard: &Heard) {
    assert!(taken.starts_with(&heard.told), "told {taken:?}, heard {:?}", heard.told);
    // The last question had no answer, so until the test stopped it, it went on.
    let went_on = heard.answers.len() < QUESTIONS as usize
        || heard.answers.iter().any(|(_, answer)| answer.is_none());
    if went_on && !is_stopped(script) && !script.iter().any(|it| matches!(it, Does::Declines(_))) {
        assert_eq!(heard.told, taken, "it went on, and lost an instruction");
    }
}

fn runs(has_tasks: bool) {
    let mut runner =
        TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let ran = runner.run(&does(), |script| {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().expect("a runtime");
        runtime.block_on(keeps_the_lifecycle(has_tasks, &script));
        Ok(())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn what_a_client_of_mcpc_says_in_any_order_keeps_the_lifecycle() {
    runs(false);
}

#[test]
fn what_a_client_of_the_tasks_extension_says_in_any_order_keeps_the_lifecycle() {
    runs(true);
}
