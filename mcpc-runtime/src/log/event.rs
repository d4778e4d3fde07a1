//! What is said about a task, and what ends it.

use super::Amount;
use crate::message::{Json, TaskEvent};
use crate::output::Written;

/// What a body says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// A value that the body sent.
    Update(Json),
    /// A text, as JSON: some of what the result says again, for those who watch.
    Output(Json),
    /// How far the task is; only the latest is kept.
    Progress(Progress),
}

/// How far a task is.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Progress {
    pub(crate) amount: Amount,
    /// What the task is doing; may be empty.
    pub(crate) status: Box<str>,
}

/// What ends a task: the last that is said about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub(crate) kind: EndKind,
    pub(crate) result: Json,
    /// The answer as the tool wrote it itself, where that is one of rmcp's types.
    pub(crate) written: Option<Written>,
}

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EndKind {
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
    pub(crate) const fn new(kind: EndKind, result: Json) -> Self {
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
