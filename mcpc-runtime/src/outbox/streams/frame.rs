//! A message on its way to a stream: whom it is for, and what becomes of it where nobody is there.

use rmcp::model::{
    GetExtensions as _, JsonRpcMessage, ProgressToken, RequestId, ServerJsonRpcMessage,
    ServerNotification,
};
use rmcp::service::OriginatingRequestId;

use crate::outbox::{Outgoing, with_line};

/// How many times the budget may wait of what is not left out, for somebody who is away.
const LASTING: usize = 8;

/// Whom a message is for.
#[derive(Clone, Debug)]
pub(crate) enum To {
    /// The session.
    Session,
    /// Whoever waits for the answer to a request, or else the session.
    Request(RequestId),
    /// The same, by the token of its progress; nobody, if the request was answered.
    Token(ProgressToken),
    /// Whoever waits for this answer to a request, which is the last that is said of it.
    Reply(RequestId),
}

impl To {
    pub(in crate::outbox) fn of(message: &ServerJsonRpcMessage) -> Self {
        match message {
            JsonRpcMessage::Response(response) => Self::Reply(response.id.clone()),
            JsonRpcMessage::Error(error) => error.id.clone().map_or(Self::Session, Self::Reply),
            JsonRpcMessage::Request(request) => {
                let originating = request.request.extensions().get::<OriginatingRequestId>();
                originating.map_or(Self::Session, |it| Self::Request(it.0.clone()))
            }
            JsonRpcMessage::Notification(notification) => match &notification.notification {
                ServerNotification::ProgressNotification(progress) => {
                    Self::Token(progress.params.progress_token.clone())
                }
                _ => Self::Session,
            },
        }
    }
}

/// What becomes of a message for somebody who stays away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::outbox) enum Keep {
    /// It may be left out: there is more like it, or it can be asked for.
    ForAWhile,
    Always,
}

impl Keep {
    /// How many times the budget may wait of it, for somebody who is away.
    pub(super) fn times(self) -> usize {
        match self {
            Self::ForAWhile => 1,
            Self::Always => LASTING,
        }
    }
}

/// A message on its way to a stream.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(in crate::outbox) to: To,
    /// Its line of JSON, without the end.
    pub(in crate::outbox) json: Box<[u8]>,
    pub(in crate::outbox) keep: Keep,
    /// The code of the error that it is, if it is one.
    pub(in crate::outbox) error: Option<i32>,
    /// Permits to give back once it is sent.
    pub(in crate::outbox) permits: usize,
    /// How many bytes of replies it is.
    pub(in crate::outbox) reply_bytes: usize,
}

impl Frame {
    /// Something about a task, to the session unless it says otherwise.
    pub(in crate::outbox) fn new(outgoing: &impl Outgoing, to: Option<To>, permits: usize) -> Self {
        // One allocation, of what it takes.
        let json = with_line(|line| {
            outgoing.push_line(line);
            without_end(line)
        });
        let keep = if outgoing.is_lasting() { Keep::Always } else { Keep::ForAWhile };
        let (to, error) = (to.unwrap_or(To::Session), None);
        // What has no permit counts as what nobody waits for.
        let reply_bytes = if permits == 0 { json.len() } else { 0 };
        Self { to, json, keep, error, permits, reply_bytes }
    }

    /// What answers something that is not a message.
    pub(in crate::outbox) fn line(line: &[u8]) -> Self {
        let (to, keep, reply_bytes) = (To::Session, Keep::Always, line.len());
        Self { to, json: without_end(line), keep, error: None, permits: 0, reply_bytes }
    }

    /// What a request is answered with, of which this is the line; with the code of the error that it is, if it is one.
    pub(in crate::outbox) fn reply(id: RequestId, error: Option<i32>, line: &[u8]) -> Self {
        let (to, keep, reply_bytes) = (To::Reply(id), Keep::Always, line.len());
        Self { to, json: without_end(line), keep, error, permits: 0, reply_bytes }
    }

    /// A message of rmcp, of which this is the line.
    pub(in crate::outbox) fn of(to: To, message: &ServerJsonRpcMessage, line: &[u8]) -> Self {
        let (keep, error) = match message {
            JsonRpcMessage::Notification(_) => (Keep::ForAWhile, None),
            JsonRpcMessage::Response(_) | JsonRpcMessage::Request(_) => (Keep::Always, None),
            JsonRpcMessage::Error(error) => (Keep::Always, Some(error.error.code.0)),
        };
        let reply_bytes = line.len();
        Self { to, json: without_end(line), keep, error, permits: 0, reply_bytes }
    }
}

impl Frame {
    /// How many bytes of answers to requests it is.
    pub(in crate::outbox) fn answer_bytes(&self) -> usize {
        if matches!(self.to, To::Reply(_)) { self.reply_bytes } else { 0 }
    }
}

/// JSON without the end of its line.
fn without_end(line: &[u8]) -> Box<[u8]> {
    line.trim_ascii_end().into()
}
