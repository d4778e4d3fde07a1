//! What is asked while a tool runs, and how an answer is read.

mod conversation;
mod form;
mod instruction;
mod response;
mod room;

pub(crate) use conversation::Conversation;
pub(crate) use form::Form;
pub use instruction::Instructions;
pub(crate) use instruction::read as read_instruction;
pub(crate) use response::Response;
pub(crate) use room::{MOST_OPEN, Room};

use std::time::Duration;

use rmcp::model::{ElicitRequestParams, ElicitResult};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::log;
use crate::message::Json;
use crate::phrases;

/// How often a client is asked the same: one that answers so often what was not asked will not do better.
const TRIES: usize = 3;

/// What to ask with [`Sender::ask`](crate::task::Sender::ask) or [`Call::ask`](crate::parameter::Call::ask).
///
/// A text is a question, too: `sender.ask("Go on?")`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    pub(crate) text: String,
    pub(crate) timeout: Option<Duration>,
}

impl Question {
    /// Asks `text`, which a person or a model reads.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into(), timeout: None }
    }

    /// The same question, which is given up after this time ([`NoAnswer::TimedOut`]). Without, it stays open until it is
    /// answered or the task ends.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        // Of what is longer, no clock knows when it is over.
        self.timeout = Some(timeout.min(Duration::from_secs(30 * 365 * 24 * 3600)));
        self
    }
}

impl From<&str> for Question {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<String> for Question {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

/// Why a question has no answer.
///
/// An error that a tool may return as it is: each says what happened in a sentence for the model.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoAnswer {
    /// The user does not want to answer. (A yes or no that is declined is a no.)
    #[error("the user declined to answer")]
    Declined,
    /// The user dismissed the question without a choice.
    #[error("the user dismissed the question")]
    Cancelled,
    /// Nobody answered within the question's [timeout](Question::timeout).
    #[error("nobody answered within {0:?}")]
    TimedOut(Duration),
    /// The client agreed and left out what was asked, as one does that can only say yes or no (`codex exec`).
    #[error("the client can only say yes or no, and agreed")]
    OnlyYesOrNo,
    /// The client went on answering what was not asked.
    #[error("the client answered something else: {0}")]
    NotUnderstood(String),
    /// As many questions of the task wait for an answer as may
    /// ([`Server::max_questions`](crate::server::Server::max_questions)), or of the call that a plain tool asks with. This one
    /// was not asked.
    #[error("{0} questions wait for an answer already, which is the maximum")]
    TooMany(usize),
    /// The task was asked to stop, so it does not wait any more.
    #[error("asked to stop before there was an answer")]
    Stopped,
    /// There is no way to ask: the client shows no such questions, and the server has no `message_task`.
    #[error("this client cannot be asked")]
    Unreachable,
    /// A client cannot show a question whose answer has this type.
    #[error("`{answer}` cannot be asked for: {problem}")]
    NotAForm {
        /// The type.
        answer: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

/// What can be the answer to a question: `bool` (yes or no), a number, a `String`, an enum without data (a choice), a
/// `Vec` of such an enum (several), or a struct of these (a form).
///
/// Implemented for every type that is `serde::Deserialize` and `schemars::JsonSchema`; one that no form can show is an
/// error of the question ([`NoAnswer::NotAForm`]).
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the answer to a question",
    label = "is not `serde::Deserialize`, or not `schemars::JsonSchema`",
    note = "derive both, of serde 1 and schemars 1, for `{Self}` and for every type inside it"
)]
pub trait Answer: Sized + Send + 'static {
    /// How the type is asked for, and read.
    #[doc(hidden)]
    fn asked(text: String) -> Result<Asking<Self>, NoAnswer>;
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + Send + 'static> Answer for T {
    fn asked(text: String) -> Result<Asking<T>, NoAnswer> {
        let form = Form::of(T::json_schema, crate::argument::of_nothing::<T>().is_some());
        let form = form.map_err(|problem| NoAnswer::NotAForm {
            answer: std::any::type_name::<T>(),
            problem,
        })?;
        let asked = Asked { text, form, problem: None, by_call: false, by_message: false };
        Ok(Asking { asked, read: |asked, answer| answer.read::<T>(&asked.form, T::json_schema) })
    }
}

/// A question, and how its answer is read.
#[doc(hidden)]
pub struct Asking<T> {
    pub(crate) asked: Asked,
    pub(crate) read: Read<T>,
}

impl<T> Asking<T> {
    /// Asks until the type can be read, as often as any question is asked: a form may take what the type does not.
    pub(crate) async fn until_it_is_read<F>(self, ask: impl Fn(Asked) -> F) -> Result<T, NoAnswer>
    where
        F: Future<Output = Result<Response, NoAnswer>>,
    {
        let Self { asked, read } = self;
        in_tries(&asked, async |asked| read(&asked, ask(asked.clone()).await?)).await
    }
}

/// Asks until an answer fits, as often as any client is asked the same, with what was wrong before. The inner error is
/// what is wrong with an answer.
pub(crate) async fn in_tries<T, F>(asked: &Asked, ask: impl Fn(Asked) -> F) -> Result<T, NoAnswer>
where
    F: Future<Output = Result<Result<T, String>, NoAnswer>>,
{
    let mut asked = asked.clone();
    for _ in 0..TRIES {
        match ask(asked.clone()).await? {
            Ok(answer) => return Ok(answer),
            Err(problem) => asked.problem = Some(problem),
        }
    }
    Err(NoAnswer::NotUnderstood(asked.problem.unwrap_or_default()))
}

/// Waits for an answer for as long as its question says. Dropped before, the question is withdrawn.
pub(crate) async fn in_time<T>(
    limit: Option<Duration>,
    answer: impl Future<Output = Result<T, NoAnswer>>,
) -> Result<T, NoAnswer> {
    match limit {
        None => answer.await,
        Some(limit) => timeout(limit, answer).await.unwrap_or(Err(NoAnswer::TimedOut(limit))),
    }
}

/// Reads a response; the inner error says what is wrong with it.
type Read<T> = fn(&Asked, Response) -> Result<Result<T, String>, NoAnswer>;

impl<T> std::fmt::Debug for Asking<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.asked.fmt(f)
    }
}

/// A question as a log has it, and as a client of MCPC hears of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Asked {
    #[serde(rename = "question")]
    pub(crate) text: String,
    #[serde(rename = "answer")]
    pub(crate) form: Form,
    /// What was wrong with the answer before.
    #[serde(default, rename = "refused", skip_serializing_if = "Option::is_none")]
    pub(crate) problem: Option<String>,
    /// Whether the call asks it rather than its task, as long as it is open.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_call: bool,
    /// Whether the client is not shown a form, as it failed to show it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) by_message: bool,
}

/// What goes with a question: how a model answers it.
#[derive(Serialize)]
struct Told<'a> {
    question_id: &'a str,
    #[serde(flatten)]
    asked: &'a Asked,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer_with: Option<String>,
}

impl Asked {
    /// A question that is answered at an address, which a person opens.
    pub(crate) fn at(text: String, url: String) -> Self {
        Self { text, form: Form::Url(url), problem: None, by_call: false, by_message: false }
    }

    /// What a log has of a question.
    pub(crate) fn of(question: &log::Question) -> Option<Self> {
        serde_json::from_str(question.value.as_str()).ok()
    }

    /// The question as a log keeps it; `message_task` is the tool that answers it, of a task.
    pub(crate) fn to_log(&self, id: &str, message_task: Option<(&str, &str)>) -> log::Question {
        let answer_with = message_task.map(|(tool, task_id)| self.answered_with(tool, task_id, id));
        let told = Told { question_id: id, asked: self, answer_with };
        let value = Json::new(&told).unwrap_or_else(|_| Json::text(&self.text));
        log::Question { id: id.into(), value }
    }

    /// Whether it is for a model wherever there is one.
    pub(crate) fn is_answered_by_message(&self) -> bool {
        !matches!(self.form, Form::Url(_))
    }

    /// What a person is asked, with what was wrong before.
    pub(crate) fn message(&self) -> String {
        match &self.problem {
            None => self.text.clone(),
            Some(problem) => format!("The answer was refused: {problem}\n\n{}", self.text),
        }
    }

    /// How a model answers the question.
    pub(crate) fn answered_with(&self, message_task: &str, task_id: &str, id: &str) -> String {
        let (task_id, id) = (phrases::json(task_id), phrases::json(id));
        let call = |message: &str| {
            format!(
                "`{message_task}` with {{\"task_id\": {task_id}, \"question\": {id}, \"message\": {message}}}"
            )
        };
        match &self.form {
            Form::Url(_) => format!(
                "Show the user the address. Once they have opened it, call {}, or with \"decline\": true in place of \
                 \"message\" if they will not.",
                call(&Form::YesOrNo.example()),
            ),
            form => format!(
                "Call {} to answer ({}), or with \"decline\": true in place of \"message\". Unless the answer is known, \
                 ask the user.",
                call(&form.example()),
                form.expected(),
            ),
        }
    }

    /// The request for a form, or for an address, that a client shows.
    pub(crate) fn to_elicitation(
        &self,
        id: &str,
    ) -> Result<ElicitRequestParams, serde_json::Error> {
        let message = self.message();
        serde_json::from_value(match &self.form {
            Form::Url(url) => {
                json!({ "mode": "url", "message": message, "url": url, "elicitationId": id })
            }
            form => json!({ "mode": "form", "message": message, "requestedSchema": form.schema() }),
        })
    }
}

/// What a model is told whose answer does not fit; `how` says how it answers.
pub(crate) fn still_open(id: &str, problem: &str, how: &str) -> String {
    format!("The question `{id}` is still open: {problem}. {how}")
}

/// What is wrong with an answer, of which a model was told so.
#[cfg(feature = "client")]
pub(crate) fn problem_in(text: &str, id: &str, how: &str) -> Option<String> {
    let around = still_open(id, "\0", how);
    let (before, after) = around.split_once('\0')?;
    Some(text.strip_prefix(before)?.strip_suffix(after)?.to_owned())
}

/// The response that a client gave to a form, if the question can be read; or what is wrong with it.
pub(crate) fn judged(
    question: &log::Question,
    response: &Value,
) -> Option<Result<Response, String>> {
    let asked = Asked::of(question)?;
    Some(match serde_json::from_value::<ElicitResult>(response.clone()) {
        Ok(result) if Response::is_bare(&asked, &result) => Ok(Response::YesAlone),
        Ok(result) => Response::to_form(&asked, result),
        Err(error) => Err(format!("expected the result of an elicitation: {error}")),
    })
}

/// What a question of a task says, in words.
pub(crate) fn text_of(question: &log::Question) -> String {
    Asked::of(question).map_or_else(|| question.value.as_str().to_owned(), |asked| asked.message())
}
