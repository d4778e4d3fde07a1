//! Messages that wait, in the form their connection takes.

use std::collections::VecDeque;

use rmcp::model::ServerJsonRpcMessage;

use super::{Frame, Outgoing, Permit};

/// The form in which a connection takes its messages.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Form {
    Lines,
    Messages,
    /// Server-sent events.
    #[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing else has events"))]
    Events(Layout),
}

/// What streams of events a connection has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(not(feature = "http"), allow(dead_code, reason = "nothing else has streams"))]
pub(crate) enum Layout {
    /// That of the one request there is.
    Request,
    /// One per request and one of the session, to each of which its client can come back.
    Session,
    /// One for everything, in the order of lines (HTTP+SSE of MCP 2024-11-05).
    #[cfg_attr(not(feature = "http-sse"), allow(dead_code, reason = "nothing else has such"))]
    Single,
}

/// Messages, in their connection's form.
#[derive(Debug)]
pub(crate) enum Items {
    /// Lines of JSON, for a transport of our own.
    Lines(Vec<u8>),
    /// rmcp's messages, for any other transport.
    Messages(VecDeque<ServerJsonRpcMessage>),
    /// What waits for its gate, to be sent as events.
    Frames(Vec<Frame>),
}

impl Items {
    fn new(form: Form) -> Self {
        match form {
            Form::Lines => Self::Lines(Vec::new()),
            Form::Messages => Self::Messages(VecDeque::new()),
            Form::Events(_) => Self::Frames(Vec::new()),
        }
    }

    fn clear(&mut self) {
        /// A buffer that one huge message blew up is not kept.
        const KEPT: usize = 2 << 20;
        match self {
            Self::Lines(lines) => {
                lines.clear();
                lines.shrink_to(KEPT);
            }
            Self::Messages(messages) => messages.clear(),
            Self::Frames(frames) => frames.clear(),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Lines(lines) => lines.is_empty(),
            Self::Messages(messages) => messages.is_empty(),
            Self::Frames(frames) => frames.is_empty(),
        }
    }

    fn push(&mut self, outgoing: &impl Outgoing, permits: usize) {
        match self {
            Self::Lines(lines) => outgoing.push_line(lines),
            Self::Messages(messages) => messages.push_back(outgoing.message()),
            Self::Frames(frames) => frames.push(Frame::new(outgoing, None, permits)),
        }
    }

    /// The events among them.
    pub(super) fn into_frames(self) -> Vec<Frame> {
        match self {
            Self::Lines(_) | Self::Messages(_) => Vec::new(),
            Self::Frames(frames) => frames,
        }
    }

    fn append(&mut self, other: Self) {
        match (self, other) {
            (Self::Lines(lines), Self::Lines(mut more)) => lines.append(&mut more),
            (Self::Messages(messages), Self::Messages(mut more)) => messages.append(&mut more),
            (Self::Frames(frames), Self::Frames(mut more)) => frames.append(&mut more),
            (Self::Lines(_) | Self::Messages(_) | Self::Frames(_), _) => {
                unreachable!("a connection has one form of message")
            }
        }
    }
}

/// Messages in the order in which they leave.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) items: Items,
    /// Permits to give back once these are written.
    pub(super) permits: usize,
    /// How many of the bytes are replies.
    pub(super) reply_bytes: usize,
}

impl Pending {
    pub(crate) fn new(form: Form) -> Self {
        Self { items: Items::new(form), permits: 0, reply_bytes: 0 }
    }

    pub(crate) fn clear(&mut self) {
        self.items.clear();
        (self.permits, self.reply_bytes) = (0, 0);
    }

    /// Adds something about a task.
    pub(super) fn push(&mut self, outgoing: &impl Outgoing, permit: Permit<'_>) {
        let permits = permit.spend();
        self.items.push(outgoing, permits);
        self.permits += permits;
    }

    pub(super) fn append(&mut self, other: Self) {
        self.items.append(other.items);
        self.permits += other.permits;
        self.reply_bytes += other.reply_bytes;
    }
}
