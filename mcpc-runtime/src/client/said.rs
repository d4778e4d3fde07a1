//! What a client hears: what a task says, what it asks, and what the server says besides.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use serde_json::{Map, Value, json};
use tokio::sync::oneshot;

use super::kept::Item;
use crate::message::Message;

/// What a task says before its end, in the order in which the server sent it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Said {
    /// What the tool sent.
    Update(Value),
    /// How far the task is. Of an update of MCPC, what has no fields but the text `status` and the number `progress` is
    /// that, as no message says so.
    #[non_exhaustive]
    Progress {
        /// How much is done, in the units of the tool; in percent with MCPC.
        done: f64,
        /// How much there is to do, if that is known.
        total: Option<f64>,
        /// What is being done.
        text: Option<String>,
    },
    /// What the task does now. With MCP's tasks it is all that is heard before the result.
    Status(String),
    /// The task waits for an answer.
    Question(Question),
    /// So many of what was said before what follows were not kept, as nobody read them.
    Missed(u64),
}

impl Said {
    /// What an update of MCPC says: how far the task is if it looks like that, as the reference writes it.
    pub(super) fn of_update(update: Value) -> Self {
        let Value::Object(fields) = &update else { return Self::Update(update) };
        let (status, progress) = (fields.get("status"), fields.get("progress"));
        match (status.and_then(Value::as_str), progress.map(Value::as_f64), fields.len()) {
            (Some(status), None, 1) => Self::Status(status.to_owned()),
            (Some(status), Some(Some(done)), 2) => {
                Self::Progress { done, total: Some(100.0), text: Some(status.to_owned()) }
            }
            _ => Self::Update(update),
        }
    }
}

impl Item for Said {
    fn missed(count: u64) -> Self {
        Self::Missed(count)
    }

    fn is_asking(&self) -> bool {
        matches!(self, Self::Question(_))
    }
}

/// What a server says that no task's stream holds, and the messages of MCPC of all tasks.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Event {
    /// A tool sent an event of the session ([`Sender::emit`](crate::task::Sender::emit)).
    #[non_exhaustive]
    Emitted {
        /// What the tool calls it.
        event: String,
        /// What goes with it.
        data: Value,
    },
    /// The server logged something.
    #[non_exhaustive]
    Logged {
        /// MCP's name of the level, such as `warning`.
        level: String,
        /// Who logged it.
        logger: Option<String>,
        /// What was logged.
        data: Value,
    },
    /// A message of MCPC about a task, whoever started it: `created`, an update, or the end.
    Task(Message),
    /// Other tools are listed than before.
    ToolsChanged,
    /// The server asks something, and nobody can tell which of several tasks does.
    Question(Question),
    /// So many events before what follows were not kept, as nobody read them.
    Missed(u64),
}

impl Event {
    /// What a logging notification says. That of an emitted event is written by servers of ours.
    pub(super) fn of_log_message(level: String, logger: Option<String>, data: Value) -> Self {
        let emitted = data.as_object().filter(|fields| fields.len() == 2 && level == "info");
        let emitted = emitted.and_then(|fields| Some((fields.get("event")?, fields.get("data")?)));
        match emitted {
            Some((Value::String(event), data)) => {
                Self::Emitted { event: event.clone(), data: data.clone() }
            }
            _ => Self::Logged { level, logger, data },
        }
    }
}

impl Item for Event {
    fn missed(count: u64) -> Self {
        Self::Missed(count)
    }

    fn is_asking(&self) -> bool {
        matches!(self, Self::Question(_))
    }
}

/// A question of a server to its user. Clones are the same question, and the first answer counts.
///
/// A question that is dropped without an answer is answered with [`Answer::Cancel`].
#[derive(Clone, Debug)]
pub struct Question(Arc<Asked>);

#[derive(Debug)]
struct Asked {
    message: String,
    schema: Option<Value>,
    url: Option<String>,
    task_id: Option<String>,
    answer: Mutex<Option<oneshot::Sender<Answer>>>,
}

impl Question {
    /// Reads the parameters of MCP's `elicitation/create`.
    pub(super) fn new(
        params: &Value,
        task_id: Option<String>,
    ) -> (Self, oneshot::Receiver<Answer>) {
        let (sender, receiver) = oneshot::channel();
        let text = |key: &str| params.get(key).and_then(Value::as_str).map(str::to_owned);
        let asked = Asked {
            message: text("message").unwrap_or_default(),
            schema: params.get("requestedSchema").cloned(),
            url: text("url"),
            task_id,
            answer: Mutex::new(Some(sender)),
        };
        (Self(Arc::new(asked)), receiver)
    }

    /// What is asked.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The JSON schema of the answer: an object whose properties are the fields of a form.
    #[must_use]
    pub fn schema(&self) -> Option<&Value> {
        self.0.schema.as_ref()
    }

    /// The page where the user is to answer, in place of here.
    #[must_use]
    pub fn url(&self) -> Option<&str> {
        self.0.url.as_deref()
    }

    /// The task that asks, if the server said so.
    #[must_use]
    pub fn task_id(&self) -> Option<&str> {
        self.0.task_id.as_deref()
    }

    /// Answers the question; `false` if it was answered before, or is not open any more.
    pub fn answer(&self, answer: Answer) -> bool {
        let sender = self.0.answer.lock().unwrap_or_else(PoisonError::into_inner).take();
        sender.is_some_and(|sender| sender.send(answer).is_ok())
    }
}

/// What a user answers.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The fields of the form, by the [schema](Question::schema) of the question.
    Accept(Value),
    /// No.
    Decline,
    /// The user did not answer.
    Cancel,
}

impl Answer {
    /// Accepts with what can be written as a JSON object; what cannot is [`Cancel`](Self::Cancel).
    #[must_use]
    pub fn accept(fields: impl Serialize) -> Self {
        serde_json::to_value(fields).map_or(Self::Cancel, Self::Accept)
    }

    /// What MCP calls an `ElicitResult`.
    pub(super) fn into_result(self) -> Value {
        let (action, content) = match self {
            Self::Accept(Value::Null) => ("accept", Some(Value::Object(Map::new()))),
            Self::Accept(content) => ("accept", Some(content)),
            Self::Decline => ("decline", None),
            Self::Cancel => ("cancel", None),
        };
        match content {
            Some(content) => json!({"action": action, "content": content}),
            None => json!({"action": action}),
        }
    }
}
