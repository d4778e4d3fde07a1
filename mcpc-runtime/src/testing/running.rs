//! A call that was made, and how each kind of client learns what comes of it.

mod questions;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::ErrorCode;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::questions::Questions;
use super::answers::Asked as Question;
use super::client::{Session, message};
use super::clock::Lasts;
use super::outcome::{Ending, Outcome, Update, blocks_of, content_of_value, text_of};
use super::persona::{As, Limit};
use super::wire::{Line, Side};
use super::words::{self, Ticket};
use crate::message::{MessageType, TaskEvent};
use crate::names::{CALLBACK_ID, MESSAGE_TASK, STOP_TASK};

/// How long a client that stalls reads nothing.
const STALLS: Lasts = Lasts { paused: Duration::from_secs(60), really: Duration::from_secs(1) };
/// When a client leaves in the middle, if it has heard nothing before.
const STAY: Duration = Duration::from_millis(500);
/// The bounds of Claude Code's poll interval, in milliseconds.
const POLLS: (u64, u64) = (250, 30_000);

/// A call that was made, and perhaps the task that came of it. Dropped, it goes on, and nobody hears of it.
#[derive(Debug)]
pub struct Running {
    session: Arc<Session>,
    /// Its place among the calls of the client.
    call: usize,
    called_at: Instant,
    /// From which line on nothing was looked at.
    seen: usize,
    /// The id of its task, once the client knows one.
    task_id: Option<String>,
    stage: Stage,
    polls: Polls,
    questions: Questions,
    /// How many answers the client had left out before.
    left_out: usize,
    /// What was heard and not taken by [`next`](Self::next).
    fresh: VecDeque<Update>,
    updates: Vec<Update>,
    outcome: Option<Outcome>,
}

/// What the client waits for.
#[derive(Clone, Debug)]
enum Stage {
    /// The end of the time in which it reads nothing.
    Stalling(Asked),
    /// The reply to a request.
    Asking(Asked),
    /// Callbacks.
    Listening,
    /// The time to ask again how a task is doing.
    Pausing(Instant),
    /// What the server says to answers, before it is asked about the task again.
    Answering(Ticket),
    /// The time to ask again about a task whose question nobody answers.
    Resting(Instant, Ticket),
    /// Whoever answers what the reply to the call asks, with which it is made again.
    Shown(Value),
}

/// How a task of MCP is asked about.
#[derive(Debug, Default)]
struct Polls {
    /// How long the first pause was.
    first: Option<Duration>,
    /// How many have failed in a row.
    failed: u32,
}

/// A request that is not answered.
#[derive(Clone, Debug)]
struct Asked {
    id: u64,
    /// Since when the client waits: the request, or what it takes for a sign of life.
    at: Instant,
    what: What,
}

#[derive(Clone, Debug)]
enum What {
    Call,
    /// How a task of MCP is doing.
    Status,
    /// The result of a task of MCP 2025-11-25.
    Result,
    /// What a ticket asks for.
    Check(Ticket),
    /// A part of a result that was too long; what was read of it, what it ends as, and what its reply showed.
    Part(Ticket, String, Box<Outcome>),
}

impl Running {
    pub(super) fn new(session: Arc<Session>, tool: &str, arguments: Value) -> Self {
        let arguments = if arguments.is_null() { json!({}) } else { arguments };
        let call = session.note_call(tool, &arguments);
        let seen = session.wire.transcript.lines().len();
        let (id, task_id) = session.send_call(tool, arguments);
        let now = Instant::now();
        let asked = Asked { id, at: now, what: What::Call };
        let stage = match session.persona {
            As::Stalls => {
                session.wire.read(false);
                Stage::Stalling(asked)
            }
            _ => Stage::Asking(asked),
        };
        let (polls, questions) = (Polls::default(), Questions::default());
        let left_out = session.answers.left_out();
        let (fresh, updates, outcome) = (VecDeque::new(), Vec::new(), None);
        Self {
            session,
            call,
            called_at: now,
            seen,
            task_id,
            stage,
            polls,
            questions,
            left_out,
            fresh,
            updates,
            outcome,
        }
    }

    /// The next thing that the client hears of the call before its end; `None` at the end. Cancel safe.
    pub async fn next(&mut self) -> Option<Update> {
        loop {
            if let Some(update) = self.fresh.pop_front() {
                return Some(update);
            }
            if self.outcome.is_some() {
                return None;
            }
            self.go_on().await;
        }
    }

    /// Waits for what comes of the call.
    pub async fn result(mut self) -> Outcome {
        loop {
            if let Some(outcome) = self.outcome.take() {
                return outcome;
            }
            self.go_on().await;
        }
    }

    /// The id of the task, once the client knows of one.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.task_id.as_deref()
    }

    /// Asks the call, or its task, to stop, as this kind of client does: it takes back the call if that is unanswered, and
    /// there will be no reply; else `tasks/cancel`, or the tool `stop_task`. A client that is told at once that there is a
    /// task waits for that first. [`As::Gemini`] and [`As::Cline`] only stop waiting for an unanswered call: the server hears
    /// nothing of it, and the task goes on.
    ///
    /// # Panics
    ///
    /// When there is no way to stop a task, as the server has no control tools.
    pub async fn stop(&mut self) {
        let facts = self.session.facts();
        let is_told = facts.dialect.is_some() || facts.has_tasks || facts.asks_for_tasks;
        while is_told && self.outcome.is_none() && self.is_unanswered() {
            self.go_on().await;
        }
        if self.outcome.is_some() {
            return;
        }
        match &self.stage {
            Stage::Asking(Asked { id, what: What::Call, .. }) => {
                if self.session.facts().cancels.at_stop {
                    self.session.cancel(*id, "the test stops it");
                }
                self.end(Ending::Cancelled, "the call was cancelled");
            }
            Stage::Pausing(_) | Stage::Asking(Asked { what: What::Status | What::Result, .. }) => {
                self.session.send("tasks/cancel", json!({ "taskId": self.task_id }));
            }
            Stage::Shown(_) => self.end(Ending::Cancelled, "the call was cancelled"),
            Stage::Stalling(_)
            | Stage::Listening
            | Stage::Asking(_)
            | Stage::Answering(_)
            | Stage::Resting(..) => self.stop_by_tool(),
        }
    }

    /// Gives the task an instruction ([`Receiver`](crate::task::Receiver)), as the model does with `message_task`, and returns
    /// what that is answered with. A call whose client knows of no task yet goes on until it does.
    ///
    /// # Errors
    ///
    /// The refusal, which says why; or that the call ended before.
    ///
    /// # Panics
    ///
    /// When the server has no tool for messages, or does not answer within a minute.
    pub async fn message(&mut self, message: impl Into<Value>) -> Result<String, String> {
        while self.outcome.is_none() && (self.task_id.is_none() || self.is_unanswered()) {
            self.go_on().await;
        }
        if self.outcome.is_some() {
            return Err("the call has ended".to_owned());
        }
        let Some(tool) = self.session.control_tool(MESSAGE_TASK) else {
            self.session.fail("the server has no tool that tells a task something");
        };
        let arguments = json!({ "task_id": self.task_id, "message": message.into() });
        let said = self.session.ask_control(&tool, arguments).await;
        let reply = said.unwrap_or_else(|error| self.session.fail(&error));
        if let Some(error) = reply["error"]["message"].as_str() {
            return Err(error.to_owned());
        }
        let text = text_of(&reply["result"]);
        if reply["result"]["isError"] == true { Err(text) } else { Ok(text) }
    }

    fn stop_by_tool(&self) {
        let Some(stop_task) = self.session.control_tool(STOP_TASK) else {
            self.session.fail("the server has no tool that stops a task");
        };
        let arguments = json!({ "task_id": self.task_id });
        self.session.send("tools/call", json!({"name": stop_task, "arguments": arguments}));
    }

    fn is_unanswered(&self) -> bool {
        matches!(&self.stage, Stage::Stalling(_) | Stage::Asking(Asked { what: What::Call, .. }))
    }

    /// Does one thing, or waits for one. Cancel safe.
    async fn go_on(&mut self) {
        if self.session.persona == As::Leaves && !self.updates.is_empty() {
            return self.leave().await;
        }
        match self.stage.clone() {
            Stage::Stalling(asked) => {
                STALLS.end(self.called_at).await;
                self.session.wire.read(true);
                self.stage = Stage::Asking(asked);
            }
            Stage::Pausing(until) => {
                let is_over = self.unless_somebody_answers(sleep_until(until)).await.is_some();
                match is_over {
                    true => self.ask_status(),
                    false => self.answer(),
                }
            }
            Stage::Resting(until, ticket) => {
                let is_over = self.unless_somebody_answers(sleep_until(until)).await.is_some();
                match is_over {
                    true => self.check(ticket),
                    false => self.answer_and_check(ticket),
                }
            }
            Stage::Shown(state) => {
                let never = std::future::pending::<()>();
                self.unless_somebody_answers(never).await;
                self.call_again(state);
            }
            Stage::Answering(_) => self.hear(None).await,
            Stage::Asking(asked) => self.hear(Some(asked)).await,
            Stage::Listening => self.hear(None).await,
        }
    }

    /// Waits for a line of the server, or for the time at which the client does not wait any longer.
    async fn hear(&mut self, asked: Option<Asked>) {
        let limit = self.session.facts().limit.duration();
        let until = match (self.session.persona, &asked, limit) {
            (As::Leaves, ..) => Some(self.called_at + STAY),
            (_, Some(asked), Some(limit)) => Some(asked.at + limit),
            _ => None,
        };
        let (session, seen) = (Arc::clone(&self.session), self.seen);
        let heard = session.wire.transcript.heard(seen);
        let heard = async {
            match until {
                Some(until) => timeout_at(until, heard).await,
                None => Ok(heard.await),
            }
        };
        let Some(heard) = self.unless_somebody_answers(heard).await else {
            return self.answer();
        };
        match (heard, asked, limit) {
            (Ok(Some((next, line))), asked, _) => {
                self.seen = next;
                self.look_at(&line, asked);
            }
            (Ok(None), ..) if self.session.left.is_cancelled() => self.leave().await,
            (Ok(None), ..) => self.end(Ending::Closed, "the server went away"),
            (Err(_), Some(asked), Some(limit)) => self.give_up(asked.id, limit),
            (Err(_), ..) => self.leave().await,
        }
    }

    async fn leave(&mut self) {
        self.session.vanish();
        self.end(Ending::Left, "the client went away");
        // `every_client` is to see it first.
        tokio::task::yield_now().await;
    }

    fn give_up(&mut self, id: u64, limit: Duration) {
        let facts = self.session.facts();
        if facts.cancels.at_limit {
            self.session.cancel(id, "timed out");
        }
        let silent = match facts.limit {
            Limit::Silent(_) => " without progress",
            Limit::None | Limit::InAll(_) => "",
        };
        self.end(Ending::GaveUp, &format!("the client gave up after {limit:?}{silent}"));
    }

    fn look_at(&mut self, line: &Line, asked: Option<Asked>) {
        if line.get("id") == CALLBACK_ID {
            return self.called_back(line);
        }
        if self.is_of_an_answer(line) {
            return;
        }
        let Some(asked) = asked else { return };
        if line.answers(asked.id) {
            return self.answered(line, asked);
        }
        let params = line.get("params");
        if line.get("method") == "notifications/progress" && params["progressToken"] == asked.id {
            let (done, total) = (params["progress"].as_f64(), params["total"].as_f64());
            let text = params["message"].as_str().unwrap_or_default().to_owned();
            self.update(text, done, total);
            if matches!(self.session.facts().limit, Limit::Silent(_)) {
                self.stage = Stage::Asking(Asked { at: Instant::now(), ..asked });
            }
        }
    }

    fn update(&mut self, text: String, done: Option<f64>, total: Option<f64>) {
        let update = Update { text, done, total, after: self.called_at.elapsed() };
        self.fresh.push_back(update.clone());
        self.updates.push(update);
    }

    /// Something that was sent comes late, or not for the first time.
    fn updates_in_words(&mut self, texts: Vec<String>) {
        for text in texts {
            if !self.updates.iter().any(|update| update.text == text) {
                self.update(text, None, None);
            }
        }
    }

    fn called_back(&mut self, line: &Line) {
        let Some(message) = message(line).filter(|message| message.task_id == self.task_id) else {
            return;
        };
        let (text, blocks) = result_of(line);
        match message.task_event() {
            Some(TaskEvent::Update) if message.result["question_id"].is_string() => {
                self.called_back_to_ask(&message.result);
            }
            Some(TaskEvent::Update) => {
                let progress = Some(&message.result).filter(|it| it["status"].is_string());
                let number = progress.and_then(|progress| progress["progress"].as_f64());
                let text = progress
                    .and_then(|it| it["status"].as_str())
                    .map(str::to_owned)
                    .unwrap_or(text);
                self.update(text, number, number.map(|_| 100.0));
            }
            Some(TaskEvent::Complete) => self.called_back_last(Ending::Result, &text, blocks),
            Some(TaskEvent::Failed) => self.called_back_last(Ending::Error, &text, blocks),
            Some(TaskEvent::Created) | None => {}
        }
    }

    fn called_back_to_ask(&mut self, question: &Value) {
        let text = |key: &str| question[key].as_str().unwrap_or_default().to_owned();
        let asked = match question["answer_with"].as_str().and_then(words::answered_with) {
            Some(how) => Question::in_words(text("question_id"), text("question"), how.expected),
            // It is answered elsewhere, if anywhere.
            None => return self.update(text("question"), None, None),
        };
        self.update(text("question"), None, None);
        self.told_of_question(asked);
    }

    fn called_back_last(&mut self, ending: Ending, text: &str, blocks: Vec<Value>) {
        let outcome = self.outcome_of(ending, text, Ok(text.to_owned()));
        self.finish(Outcome { blocks, ..outcome });
    }

    fn answered(&mut self, line: &Line, Asked { what, .. }: Asked) {
        let result = line.get("result");
        if let Some(error) = line.get("error")["message"].as_str() {
            return match what {
                What::Status => self.poll_failed(line, error),
                What::Call | What::Result | What::Check(_) | What::Part(..) => {
                    self.end(Ending::Error, error);
                }
            };
        }
        match what {
            What::Call => self.call_answered(line, result),
            What::Status => self.status(result),
            What::Result => self.replied(result, true),
            What::Check(ticket) => self.checked(result, ticket),
            What::Part(ticket, read, outcome) => self.part_read(result, &ticket, read, *outcome),
        }
    }

    fn call_answered(&mut self, line: &Line, result: &Value) {
        if result["resultType"] == "task" {
            self.task_id = result["taskId"].as_str().map(str::to_owned);
            return self.pause(result);
        }
        if self.session.facts().asks_for_tasks && result["task"].is_object() {
            self.task_id = result["task"]["taskId"].as_str().map(str::to_owned);
            return self.pause(&result["task"]);
        }
        if result["resultType"] == "input_required" {
            return self.shown_by_call(result);
        }
        let is_created = message(line).is_some_and(|message| {
            message.message_type == MessageType::Task && message.task_id == self.task_id
        });
        if is_created {
            self.stage = Stage::Listening;
            return;
        }
        self.replied(result, false);
    }

    /// A result came, of the call or of its task, or a ticket, or the beginning of what is too long.
    fn replied(&mut self, result: &Value, is_of_task: bool) {
        let text = text_of(result);
        if let Some(ticket) = words::ticket(&text) {
            self.task_id = Some(ticket.task_id.clone());
            return match words::spoken(&text) {
                spoken if spoken.is_empty() => self.check(ticket),
                spoken => self.spoken(spoken, ticket),
            };
        }
        let (text, sent) = words::split_sent(&text);
        self.updates_in_words(sent);
        let seen = self.session.model_sees(result, is_of_task);
        self.came(result["isError"] == true, text, blocks_of(result), seen);
    }

    /// A result came, whole or in part.
    fn came(
        &mut self,
        is_error: bool,
        text: &str,
        blocks: Vec<Value>,
        seen: Result<String, String>,
    ) {
        let ending = if is_error { Ending::Error } else { Ending::Result };
        let outcome = Outcome { blocks, ..self.outcome_of(ending, text, seen) };
        match words::parts(text) {
            Some(ticket) => self.read_part(ticket, 0, String::new(), outcome),
            None => self.finish(outcome),
        }
    }

    /// Calls a control tool, as a model would.
    fn ask_tool(&mut self, ticket: Ticket, arguments: Value, what: impl FnOnce(Ticket) -> What) {
        let id = self.session.send_control(&ticket.check_task, arguments);
        self.stage = Stage::Asking(Asked { id, at: Instant::now(), what: what(ticket) });
    }

    fn check(&mut self, ticket: Ticket) {
        let arguments = ticket.arguments.clone();
        self.ask_tool(ticket, arguments, What::Check);
    }

    fn checked(&mut self, result: &Value, ticket: Ticket) {
        let text = text_of(result);
        let words::News { end, how_far, sent } = words::news(&text);
        self.updates_in_words(sent.into_iter().chain(how_far.map(str::to_owned)).collect());
        match end {
            Some(end) => {
                let seen = self.session.model_sees(result, false);
                self.came(end.is_error, end.text, blocks_of(result), seen);
            }
            None if result["isError"] == true => self.end(Ending::Error, &text),
            None => match words::spoken(words::split_news(&text)) {
                spoken if spoken.is_empty() => self.check(ticket),
                spoken => self.spoken(spoken, ticket),
            },
        }
    }

    fn read_part(&mut self, ticket: Ticket, offset: u64, read: String, outcome: Outcome) {
        let arguments = json!({"task_id": ticket.task_id, "offset": offset});
        self.ask_tool(ticket, arguments, |ticket| What::Part(ticket, read, Box::new(outcome)));
    }

    fn part_read(&mut self, result: &Value, ticket: &Ticket, mut read: String, outcome: Outcome) {
        let text = text_of(result);
        let Some((part, next)) = words::part(&text) else {
            return self.end(Ending::Error, &text);
        };
        read.push_str(part);
        match next {
            Some(next) => self.read_part(ticket.clone(), next, read, outcome),
            None => self.finish(Outcome { text: read, updates: self.updates.clone(), ..outcome }),
        }
    }

    /// Waits until a task is to be asked about again, as its server says.
    fn pause(&mut self, task: &Value) {
        let pause = task["pollIntervalMs"].as_u64().or(task["pollInterval"].as_u64());
        let pause = pause.unwrap_or(1_000).clamp(POLLS.0, POLLS.1);
        let pause = Duration::from_millis(pause);
        self.polls = Polls { first: self.polls.first.or(Some(pause)), failed: 0 };
        self.stage = Stage::Pausing(Instant::now() + pause);
    }

    /// The server did not say how a task is doing.
    fn poll_failed(&mut self, line: &Line, error: &str) {
        self.polls.failed += 1;
        let knows_no_tasks = line.get("error")["code"] == ErrorCode::METHOD_NOT_FOUND.0;
        if knows_no_tasks || self.polls.failed >= self.session.facts().polls {
            return self.end(Ending::Error, error);
        }
        let first = self.polls.first.expect("the first poll comes after a pause");
        self.stage = Stage::Pausing(Instant::now() + first);
    }

    fn ask_status(&mut self) {
        let id = self.session.send("tasks/get", json!({ "taskId": self.task_id }));
        self.stage = Stage::Asking(Asked { id, at: Instant::now(), what: What::Status });
    }

    fn ask_result(&mut self) {
        let id = self.session.send("tasks/result", json!({ "taskId": self.task_id }));
        self.stage = Stage::Asking(Asked { id, at: Instant::now(), what: What::Result });
    }

    fn status(&mut self, task: &Value) {
        let message = task["statusMessage"].as_str().unwrap_or_default();
        match task["status"].as_str() {
            Some(status) if status != "working" && self.session.facts().asks_for_tasks => {
                self.ask_result();
            }
            Some("completed") => self.replied(&task["result"], true),
            Some("failed") => {
                let error = task["error"]["message"].as_str().unwrap_or(message);
                self.end(Ending::Error, error);
            }
            Some("cancelled") => self.end(Ending::Error, message),
            _ => {
                if !message.is_empty() && self.updates.last().is_none_or(|it| it.text != message) {
                    self.update(message.to_owned(), None, None);
                }
                self.shown_by_task(&task["inputRequests"]);
                if self.outcome.is_none() {
                    self.pause(task);
                }
            }
        }
    }

    fn end(&mut self, ending: Ending, text: &str) {
        let outcome = self.outcome_of(ending, text, Ok(text.to_owned()));
        self.finish(outcome);
    }

    fn outcome_of(&self, ending: Ending, text: &str, seen: Result<String, String>) -> Outcome {
        let (updates, took) = (self.updates.clone(), self.called_at.elapsed());
        let blocks = Vec::new();
        Outcome { ending, text: text.to_owned(), blocks, updates, took, seen }
    }

    fn finish(&mut self, outcome: Outcome) {
        if let Some(problem) = self.session.answers.problem() {
            self.session.fail(&problem);
        }
        let is_without_answers = self.session.answers.left_out() > self.left_out;
        self.session.note_outcome(self.call, &outcome, is_without_answers);
        self.outcome = Some(outcome);
    }
}

/// What a message of MCPC carries: a text as a model reads it, and what is not a text.
fn result_of(line: &Line) -> (String, Vec<Value>) {
    #[derive(Deserialize)]
    struct Carrying {
        result: Box<RawValue>,
    }
    debug_assert_eq!(line.from, Side::Server);
    let text = line.get("result")["content"][0]["text"].as_str().unwrap_or_default();
    let carried = serde_json::from_str::<Carrying>(text);
    carried.map(|it| content_of_value(&it.result)).unwrap_or_default()
}
