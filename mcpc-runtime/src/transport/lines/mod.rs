//! Our own transport: one JSON document a line, over stdio or any other pair of byte streams.
//!
//! There is one queue and one writer, so lines never mix, and whatever has gathered while the writer
//! was busy leaves in one write.

mod decode;
mod reader;
mod writer;

use std::fmt;
use std::sync::Arc;

use rmcp::model::ClientJsonRpcMessage;
use tokio::io::{AsyncRead, AsyncWrite};

use super::direct::answered;
use super::requests::Requests;
use super::{Answers, Bounds, End, Ending, Flush, Why, Wiring, rmcp_quirks, simple};
use crate::logging::event;
use crate::outbox::{Form, Outbox};
pub(crate) use decode::Entry;
#[cfg(any(feature = "http-sse", fuzzing))]
pub(crate) use decode::decode;
pub(crate) use decode::{Refusal, ShortRequest, decode_read};
use reader::{Line, LineReader};
pub(crate) use writer::LineWriter;

/// Where lines come from.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// Where lines go to.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A server's end of a connection that speaks lines.
pub(crate) struct Lines {
    input: LineReader,
    outbox: Outbox,
    writer: LineWriter,
    requests: Requests,
    answers: Arc<dyn Answers>,
    end: End,
    /// How many bytes a message may have.
    longest: usize,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// What it takes to end a connection from another thread, when those that should do it are held up.
#[derive(Clone)]
pub(crate) struct Backup {
    pub(super) ending: Ending,
    pub(super) requests: Requests,
    pub(super) writer: LineWriter,
}

impl Lines {
    /// Starts the writer.
    pub(crate) fn new(reader: Reader, writer: Writer, wiring: Wiring) -> (Self, Flush) {
        let Wiring { bounds, versions, end, intake, answers } = wiring;
        let Bounds { message_bytes: longest, queued_bytes } = bounds;
        let outbox = Outbox::new(Form::Lines, queued_bytes);
        let ending = end.ending().clone();
        let writer = LineWriter::new(outbox.clone(), writer, ending.clone());
        let flush = Flush::new(ending, outbox.clone(), Some(tokio::spawn(writer.clone().run())));
        let requests = Requests::new(outbox.clone(), versions, intake);
        let input = LineReader::new(reader, longest);
        (Self { input, outbox, writer, requests, answers, end, longest }, flush)
    }

    /// A way to end this from another thread.
    pub(crate) fn backup(&self) -> Backup {
        Backup {
            ending: self.end.ending().clone(),
            requests: self.requests.clone(),
            writer: self.writer.clone(),
        }
    }

    /// The next message, or why there is none.
    async fn next_message(&mut self) -> Result<ClientJsonRpcMessage, Why> {
        loop {
            // Nothing else may have its turn as long as lines are there that are answered right here.
            tokio::task::coop::consume_budget().await;
            self.reply_room_available().await?;
            self.input.ready().await;
            if self.outbox.is_full() {
                // A reply was pushed meanwhile.
                continue;
            }
            let mut cut = String::new();
            let message = match self.input.take() {
                Line::Whole(line) => {
                    let mut read = ShortRequest::of(line, &mut cut);
                    if simple::answered(&self.answers, &self.requests, &mut read) {
                        continue;
                    }
                    match decode_read(line, &mut read) {
                        Ok(mut message) => {
                            rmcp_quirks::subscribe(&mut message, line, &self.outbox);
                            message
                        }
                        Err(Some(answer)) => {
                            self.outbox.push_line(answer.to_line().as_bytes());
                            continue;
                        }
                        Err(None) => continue,
                    }
                }
                Line::TooLong(id) => {
                    let refusal = Refusal::too_long(id, self.longest);
                    self.outbox.push_line(refusal.to_line().as_bytes());
                    continue;
                }
                Line::End => return Err(self.input.why_ended()),
            };
            if let Some(message) = self.requests.read(message)
                && let Some(message) = answered(&self.answers, &self.requests, message)
            {
                return Ok(message);
            }
        }
    }

    /// Waits until the client has read enough of its replies for another call to be read. Once it has nothing
    /// more to ask, it must go on reading, or that is the end. Cancel safe.
    async fn reply_room_available(&mut self) -> Result<(), Why> {
        if !self.outbox.is_full() {
            self.end.is_read();
            return Ok(());
        }
        let Self { input, outbox, end, .. } = self;
        tokio::select! {
            biased;
            () = outbox.reply_room_available() => return Ok(()),
            () = input.exhausted() => {}
        }
        tokio::select! {
            biased;
            () = outbox.reply_room_available() => Ok(()),
            () = end.unread(outbox) => {
                event!(warn, "the client does not read its replies; what it still asked is not answered");
                Err(Why::Unread)
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.requests.give_up();
    }
}

impl Lines {
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when the input and the connection's tasks have ended. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let ending = self.end.ending().clone();
        tokio::select! {
            biased;
            () = ending.begun() => {}
            message = self.next_message() => match message {
                Ok(message) => return Some(message),
                Err(why) => ending.begin(why),
            }
        }
        self.end.reached(&self.requests).await;
        None
    }

    /// Lets the writer end; [`Flush`] waits for it.
    pub(super) fn close(&mut self) {
        self.end.ending().flush(&self.outbox);
    }
}

/// What the fuzzer looks at.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    pub(crate) use super::decode::{decode, decode_request};
    pub(crate) use super::reader::{Line, LineReader};
}
