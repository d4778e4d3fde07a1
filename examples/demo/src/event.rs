//! What happens in the demo, whatever it is shown as.

use serde::Serialize;

/// Who says what no client did or heard.
pub(crate) const DEMO: &str = "demo";

/// What happened.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Kind {
    /// A part begins.
    Part,
    /// Something that a reader has to know, and no line on a wire.
    Note,
    /// A call is sent, of which nothing is heard until it is answered.
    Waits,
    /// The limit of a host is over.
    GivesUp,
    /// A call is answered with a task: MCPC's `created`, or a task of MCP.
    Task,
    /// A call is answered with a ticket.
    Ticket,
    /// How far a deployment is.
    Progress,
    /// A plain call is answered.
    Answer,
    /// `check_task` is answered, and the task still runs.
    Check,
    /// A task is asked to stop.
    Stops,
    Complete,
    Failed,
    Stopped,
    /// What a reader can do now.
    Next,
}

impl Kind {
    /// What a bar says to the end, if this is the last that is heard of a deployment.
    pub(crate) fn last_word(self) -> Option<&'static str> {
        match self {
            Self::GivesUp => Some("timed out"),
            Self::Complete => Some("complete"),
            Self::Failed => Some("failed"),
            Self::Stopped => Some("cancelled"),
            _ => None,
        }
    }
}

#[derive(Serialize)]
pub(crate) struct Event<'a> {
    pub(crate) client: &'a str,
    pub(crate) event: Kind,
    /// Which deployment it is about: its service and version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) deployment: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) percent: Option<u64>,
    /// What it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<&'a str>,
    /// How long the client waited for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) milliseconds: Option<f64>,
    pub(crate) text: String,
}

impl<'a> Event<'a> {
    pub(crate) fn new(event: Kind, text: impl Into<String>) -> Self {
        let text = text.into();
        Self {
            client: DEMO,
            event,
            deployment: None,
            percent: None,
            status: None,
            milliseconds: None,
            text,
        }
    }

    /// Something that a client did or heard.
    pub(crate) fn by(self, client: &'a str) -> Self {
        Self { client, ..self }
    }

    pub(crate) fn of(self, deployment: &'a str) -> Self {
        Self { deployment: Some(deployment), ..self }
    }

    pub(crate) fn at(self, percent: Option<u64>) -> Self {
        Self { percent, ..self }
    }

    pub(crate) fn doing(self, status: &'a str) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(crate) fn after(self, milliseconds: f64) -> Self {
        Self { milliseconds: Some(milliseconds), ..self }
    }
}

/// To thousandths.
pub(crate) fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}
