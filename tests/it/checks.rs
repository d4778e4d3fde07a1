//! What is asked about the arguments of a task before it starts.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::time::sleep;

use crate::support::{Mcpc, Plain, WithProgress, WithTasks};

/// What may be copied.
struct Limits {
    most: u32,
    asked: AtomicUsize,
}

fn fits(from: &u32, to: &u32, name: &str, limits: &Limits) -> Result<(), String> {
    limits.asked.fetch_add(1, Ordering::SeqCst);
    assert_ne!(name, "panic", "no such name");
    match to.checked_sub(*from) {
        None => Err(format!("`from` ({from}) is after `to` ({to})")),
        Some(length) if length > limits.most => Err(format!("a maximum of {} fit", limits.most)),
        Some(_) => Ok(()),
    }
}

#[mcpc::background(check = fits)]
async fn copy(
    from: u32,
    to: u32,
    updates: Sender,
    #[arg(default = "a")] name: String,
    limits: State<Limits>,
) -> u32 {
    sleep(Duration::from_millis(200)).await;
    updates.progress(to, to, name);
    assert!(limits.asked.load(Ordering::SeqCst) > 0);
    to - from
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Span {
    from: u32,
    to: u32,
}

mod spans {
    pub(super) fn is_forward(span: &super::Span) -> Result<(), std::fmt::Error> {
        if span.from <= span.to { Ok(()) } else { Err(std::fmt::Error) }
    }
}

#[mcpc::background(check = spans::is_forward)]
async fn of_a_group(#[arg(flatten)] span: Span) -> u32 {
    span.to - span.from
}

fn is_ok(all: &Value) -> Result<(), &'static str> {
    if all["ok"] == true { Ok(()) } else { Err("it is not ok") }
}

#[mcpc::background(check = is_ok)]
async fn of_all(#[arg(all)] all: Value) -> Value {
    all
}

fn server() -> Server {
    let limits = Limits { most: 5, asked: AtomicUsize::new(0) };
    Server::new("checks").tools(tools![copy, of_a_group, of_all]).state(limits).max_tasks(1)
}

const WRONG: &str = "`from` (5) is after `to` (1)";

fn wrong() -> Value {
    json!({"from": 5, "to": 1})
}

fn right() -> Value {
    json!({"from": 1, "to": 5})
}

#[tokio::test(start_paused = true)]
async fn arguments_that_do_not_go_together_are_refused_like_bad_ones_for_every_client() {
    let refused = json!({"content": [{"type": "text", "text": WRONG}], "isError": true});
    let mut plain = Plain::connect(server()).await;
    assert_eq!(plain.result("copy", wrong()).await, refused);
    assert_eq!(plain.result("copy", right()).await["content"][0]["text"], "4");
    let (_, reply) = WithProgress::connect(server()).await.hear("copy", wrong()).await;
    assert_eq!(reply["result"]["content"], refused["content"]);
    let mut tasks = WithTasks::open(server());
    let reply = tasks.call("copy", wrong()).await;
    assert_eq!(reply["content"], refused["content"]);
    assert_eq!(reply["isError"], true);
    let mut mcpc = Mcpc::connect(server()).await;
    assert_eq!(
        mcpc.ask("copy", crate::support::in_task("t", wrong())).await,
        (WRONG.to_owned(), true)
    );
    // Nothing is left of it: neither its id nor its place are taken, and nothing follows.
    let events = mcpc.events("copy", right()).await;
    let kinds: Vec<&str> = events.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["created", "update", "complete"]);
}

#[tokio::test(start_paused = true)]
async fn no_task_is_known_of_what_was_refused() {
    let mut client = Plain::connect(server()).await;
    for _ in 0..3 {
        assert_eq!(client.ask("copy", wrong()).await, (WRONG.to_owned(), true));
    }
    let (list, _) = client.ask("check_task", json!({})).await;
    assert!(list.starts_with("There is no task"), "{list}");
}

#[tokio::test(start_paused = true)]
async fn a_check_is_asked_after_the_arguments_and_with_all_of_them() {
    let mut client = Plain::connect(server()).await;
    let (text, _) = client.ask("copy", json!({"from": 1, "to": 9})).await;
    assert_eq!(text, "a maximum of 5 fit");
    let (text, _) = client.ask("copy", json!({"from": 9, "to": "x"})).await;
    assert_eq!(text, "argument `to`: expected a whole number, got the string \"x\"");
    let (text, _) = client.ask("copy", json!({"from": 9, "to": 1, "too": 1})).await;
    assert_eq!(text, "`from` (9) is after `to` (1)\nunknown argument `too`; did you mean `to`?");
    let (text, is_error) = client.ask("of_a_group", json!({"from": 2, "to": 1})).await;
    assert!(is_error, "{text}");
    assert_eq!(
        client.ask("of_a_group", json!({"from": 2, "to": 3})).await,
        ("1".to_owned(), false)
    );
    assert_eq!(client.ask("of_all", json!({})).await, ("it is not ok".to_owned(), true));
    assert!(!client.ask("of_all", json!({"ok": true})).await.1);
}

#[tokio::test(start_paused = true)]
async fn a_check_that_panics_fails_its_call_alone() {
    let mut client = Plain::connect(server()).await;
    let (text, is_error) = client.ask("copy", json!({"from": 1, "to": 1, "name": "panic"})).await;
    assert!(is_error && text.starts_with("tool `copy` panicked: "), "{text}");
    assert!(text.contains("no such name"), "{text}");
    assert!(!client.ask("copy", right()).await.1);
}
