//! What is said about a task, and what ends it.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Amount;
use crate::message::{Json, TaskEvent};
use crate::output::Written;

/// One event of a task, as a log outside of this process stores it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Event {
    /// The body said something.
    Said(Said),
    /// The task ended; nothing follows.
    End(End),
}

/// What a body says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Said {
    /// A value that the body sent.
    Update(Json),
    /// A text, as JSON: some of what the result says again, for those who watch.
    Output(Json),
    /// How far the task is; only the latest is kept.
    Progress(Progress),
    /// The body wants to know something. It has its place and its number among the updates.
    Question(Question),
}

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// In numbers.
    pub amount: Amount,
    /// What the task is doing; may be empty.
    pub status: Box<str>,
}

/// What a task asks its watcher.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Tells it from the other questions of the task.
    pub id: Arc<str>,
    /// What it asks.
    pub value: Json,
}

/// What ends a task: the last that is said about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct End {
    /// How it ended.
    pub kind: EndKind,
    /// The result, or the text of the error.
    pub result: Json,
    /// The answer as the tool wrote it itself, where that is a type of rmcp.
    pub written: Option<Written>,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndKind {
    /// The body returned a result.
    Complete,
    /// The body failed, panicked or took too long.
    Failed,
    /// The body failed after it was asked to stop.
    Stopped,
    /// The body was asked to stop, did not end in time, and was dropped.
    Dropped,
}

impl End {
    /// An end with a result, or an error, that the tool did not write itself.
    #[must_use]
    pub const fn new(kind: EndKind, result: Json) -> Self {
        Self { kind, result, written: None }
    }
}

impl EndKind {
    /// The end as MCPC has it.
    pub(crate) const fn on_the_wire(self) -> TaskEvent {
        match self {
            Self::Complete => TaskEvent::Complete,
            Self::Failed | Self::Stopped | Self::Dropped => TaskEvent::Failed,
        }
    }
}
