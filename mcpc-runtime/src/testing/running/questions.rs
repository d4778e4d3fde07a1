//! What a call asks, and how its client answers.

use serde_json::{Map, Value, json};
use tokio::time::Instant;

use super::{Asked as Request, Running, Stage, What};
use crate::names::MESSAGE_TASK;
use crate::testing::answers::{AWAY, Asked, Reply, TRIES};
use crate::testing::outcome::{Ending, text_of};
use crate::testing::wire::Line;
use crate::testing::words::{Spoken, Ticket};

/// The questions of a call, and of its task.
#[derive(Debug, Default)]
pub(super) struct Questions(Vec<Question>);

#[derive(Debug)]
struct Question {
    asked: Asked,
    way: Way,
    since: Instant,
    /// How often an answer to it was refused, or was not heard of.
    refused: usize,
    /// The number of the answers that said nothing to it.
    looked_up: Option<usize>,
    state: State,
}

/// How an answer comes to the server.
#[derive(Clone, Debug)]
enum Way {
    /// With the tool of this name.
    Message(String),
    /// By an update of the task.
    Update,
    /// With the call that is made again.
    Call,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Open,
    /// It is in the request of this id.
    Sent(u64),
    Answered,
    /// The call that asks it was made again without its answer.
    Away,
}

impl Questions {
    fn open(&self) -> impl Iterator<Item = &Question> {
        self.0.iter().filter(|it| it.state == State::Open)
    }

    /// Since when a person is away before whom a question lies.
    fn away(&self) -> Option<Instant> {
        self.open().map(|it| it.since).min()
    }

    fn are_answers_on_their_way(&self) -> bool {
        self.0.iter().any(|it| matches!(it.state, State::Sent(_)))
    }
}

impl Running {
    /// Waits for something, or until there is more to say to a question than before. Cancel safe.
    pub(super) async fn unless_somebody_answers<T>(
        &mut self,
        wait: impl Future<Output = T>,
    ) -> Option<T> {
        let Some(away) = self.questions.away() else { return Some(wait.await) };
        let mut given = self.session.answers.given();
        if self.questions.open().any(|it| it.looked_up != Some(*given.borrow_and_update())) {
            return None;
        }
        tokio::select! {
            biased;
            done = wait => Some(done),
            () = AWAY.end(away) => None,
            _ = given.changed() => None,
        }
    }

    /// Notes a question that a model reads in an update.
    pub(super) fn told_of_question(&mut self, asked: Asked) {
        let Some(tool) = self.session.control_tool(MESSAGE_TASK) else { return };
        self.asked(asked, Way::Message(tool));
        self.answer();
    }

    /// The questions of a task that a model reads, and what it does after them.
    pub(super) fn spoken(&mut self, spoken: Vec<Spoken>, ticket: Ticket) {
        for Spoken { asked, message_task } in spoken {
            self.asked(asked, Way::Message(message_task));
        }
        self.answer_and_check(ticket);
    }

    /// Answers, and asks about the task after that; after a while, where nobody answers.
    pub(super) fn answer_and_check(&mut self, ticket: Ticket) {
        self.answer();
        if self.outcome.is_some() {
            return;
        }
        self.stage = match self.questions.are_answers_on_their_way() {
            true => Stage::Answering(ticket),
            false => {
                let wait = ticket.arguments["wait_seconds"].as_u64().unwrap_or(1);
                Stage::Resting(Instant::now() + std::time::Duration::from_secs(wait), ticket)
            }
        };
    }

    /// Shows what a task of MCP asks.
    pub(super) fn shown_by_task(&mut self, requests: &Value) {
        for (id, request) in requests.as_object().into_iter().flatten() {
            self.asked(Asked::elicited(id, &request["params"]), Way::Update);
        }
        self.answer();
    }

    /// Shows what a call is answered with in place of its result.
    pub(super) fn shown_by_call(&mut self, result: &Value) {
        for (id, request) in result["inputRequests"].as_object().into_iter().flatten() {
            self.asked(Asked::elicited(id, &request["params"]), Way::Call);
        }
        if self.outcome.is_none() {
            self.call_again(result["requestState"].clone());
        }
    }

    /// Calls again with what is answered by now, or waits until something is.
    pub(super) fn call_again(&mut self, state: Value) {
        let (forms, mut responses) = (self.session.facts().forms, Map::new());
        for at in 0..self.questions.0.len() {
            let reply = self.reply(at);
            let question = &mut self.questions.0[at];
            if let Some(result) = reply.and_then(|reply| question.asked.result(forms, reply)) {
                question.state = State::Answered;
                responses.insert(question.asked.id().to_owned(), result);
            }
        }
        if responses.is_empty() && self.questions.away().is_some() {
            self.stage = Stage::Shown(state);
            return;
        }
        for question in self.questions.0.iter_mut().filter(|it| it.state == State::Open) {
            question.state = State::Away;
        }
        let again = json!({"inputResponses": responses, "requestState": state});
        let id = self.session.send_call_again(self.call, again);
        self.stage = Stage::Asking(Request { id, at: Instant::now(), what: What::Call });
    }

    /// Notes a question; one that was answered, and is asked again, was refused.
    fn asked(&mut self, asked: Asked, way: Way) {
        let known = self.questions.0.iter_mut().find(|it| it.asked.id() == asked.id());
        let Some(known) = known else {
            self.session.answers.note(&asked);
            let (since, state) = (Instant::now(), State::Open);
            let question = Question { asked, way, since, refused: 0, looked_up: None, state };
            return self.questions.0.push(question);
        };
        match known.state {
            State::Open | State::Sent(_) => return,
            State::Away => {
                known.state = State::Open;
                return;
            }
            State::Answered => {}
        }
        known.refused += 1;
        if known.refused >= TRIES {
            let (id, text) = (asked.id(), asked.text());
            let error = format!("the answer to `{id}` was not taken, which is asked again: {text}");
            return self.end(Ending::Error, &error);
        }
        // A model that reads it where it has just answered does not answer again.
        if matches!(way, Way::Call) {
            self.session.answers.note(&asked);
            (known.asked, known.state, known.looked_up) = (asked, State::Open, None);
        }
    }

    /// What is said to an open question, if anything is that was not said before.
    fn reply(&mut self, at: usize) -> Option<Reply> {
        let question = &mut self.questions.0[at];
        if question.state != State::Open {
            return None;
        }
        if AWAY.is_over(question.since) {
            return Some(Reply::Cancel);
        }
        let answers = &self.session.answers;
        let given = Some(*answers.given().borrow());
        if question.looked_up == given {
            return None;
        }
        question.looked_up = given;
        Some(answers.reply(&question.asked))
    }

    /// Answers what is open, and can be.
    pub(super) fn answer(&mut self) {
        for at in 0..self.questions.0.len() {
            let Some(reply) = self.reply(at) else { continue };
            let Question { asked, way, .. } = &self.questions.0[at];
            let sent = match way {
                Way::Message(tool) => self.say(tool, asked, reply),
                Way::Update => self.update_task(asked, reply),
                Way::Call => None,
            };
            if let Some(sent) = sent {
                self.questions.0[at].state = State::Sent(sent);
            }
        }
    }

    fn say(&self, tool: &str, asked: &Asked, reply: Reply) -> Option<u64> {
        let mut arguments = asked.message(reply)?;
        arguments["task_id"] = json!(self.task_id);
        arguments["question"] = json!(asked.id());
        Some(self.session.send_control(tool, arguments))
    }

    fn update_task(&self, asked: &Asked, reply: Reply) -> Option<u64> {
        let result = asked.result(self.session.facts().forms, reply)?;
        let params = json!({"taskId": self.task_id, "inputResponses": { asked.id(): result }});
        Some(self.session.send("tasks/update", params))
    }

    /// Whether a line is the reply to an answer, which is looked at.
    pub(super) fn is_of_an_answer(&mut self, line: &Line) -> bool {
        let of = |it: &&mut Question| matches!(it.state, State::Sent(id) if line.answers(id));
        let Some(question) = self.questions.0.iter_mut().find(of) else { return false };
        question.state = State::Answered;
        if let Some(problem) = refusal(line) {
            question.refused += 1;
            if question.refused >= TRIES {
                let error =
                    format!("the answer to `{}` was refused: {problem}", question.asked.id());
                self.end(Ending::Error, &error);
                return true;
            }
            question.asked = question.asked.clone().again(&problem);
            (question.state, question.looked_up) = (State::Open, None);
            self.session.answers.note(&question.asked);
        }
        match self.stage.clone() {
            Stage::Answering(ticket) => {
                self.answer();
                if !self.questions.are_answers_on_their_way() {
                    self.check(ticket);
                }
            }
            _ => self.answer(),
        }
        true
    }
}

/// Why an answer was refused whose question is still open. One that comes too late is not: its question is none any more.
fn refusal(line: &Line) -> Option<String> {
    let result = line.get("result");
    let text = match line.get("error")["message"].as_str() {
        Some(error) => error.to_owned(),
        None if result["isError"] == true => text_of(result),
        None => return None,
    };
    let is_open = line.get("error").is_object() || text.contains(" is still open: ");
    is_open.then_some(text)
}
