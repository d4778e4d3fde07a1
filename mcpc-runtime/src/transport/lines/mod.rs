//! Our own transport: one JSON document a line, over stdio or any other pair of byte streams.
//!
//! There is one queue and one writer, so lines never mix, and whatever has gathered while the writer
//! was busy leaves in one write.

mod decode;
mod reader;
mod writer;

use std::fmt;

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::requests::Requests;
use super::{Bounds, End, Ending, Subscription, Wiring};
use crate::log::Boxed;
use crate::logging::event;
use crate::outbox::{Form, Outbox};
use decode::{Refusal, decode, subscribed_tasks};
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
    /// Kept here, as what was read is, because `receive` is dropped and called again whenever rmcp has
    /// something else to do.
    end: End,
    /// Cancelled when the input is to be taken for ended.
    quit: CancellationToken,
    /// How many bytes a message may have.
    longest: usize,
    /// Ends once a client that has nothing more to ask has read nothing for too long.
    given_up: Option<Boxed<'static, ()>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// What it takes to end a connection from another thread, when those that should do it are held up.
#[derive(Clone)]
pub(crate) struct Backup {
    pub(super) quit: CancellationToken,
    pub(super) ending: Ending,
    pub(super) requests: Requests,
    pub(super) outbox: Outbox,
    pub(super) writer: LineWriter,
}

impl Lines {
    /// Starts the writer. `end` is waited for when the input has ended, or `quit` is cancelled.
    pub(crate) fn new(
        reader: Reader,
        writer: Writer,
        wiring: Wiring,
        quit: CancellationToken,
    ) -> (Self, Flush) {
        let Wiring { bounds, versions, end, intake } = wiring;
        let Bounds { message_bytes: longest, queued_bytes } = bounds;
        let outbox = Outbox::new(Form::Lines, queued_bytes);
        let writer = LineWriter::new(outbox.clone(), writer);
        let task = tokio::spawn(writer.clone().run());
        let ending = end.ending().clone();
        let flush = Flush { outbox: outbox.clone(), writer: Some(task), ending };
        let requests = Requests::new(outbox.clone(), versions, intake);
        let input = LineReader::new(reader, longest);
        let lines = Self { input, outbox, writer, requests, end, quit, longest, given_up: None };
        (lines, flush)
    }

    /// A way to end this from another thread.
    pub(crate) fn backup(&self) -> Backup {
        Backup {
            quit: self.quit.clone(),
            ending: self.end.ending().clone(),
            requests: self.requests.clone(),
            outbox: self.outbox.clone(),
            writer: self.writer.clone(),
        }
    }

    /// The next message, or `None` at the end of the input.
    async fn next_message(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if !self.reply_room_available().await {
                return None;
            }
            let message = match self.input.next().await {
                Line::Whole(line) => match decode(line) {
                    Ok(mut message) => {
                        subscribe(&mut message, line, &self.outbox);
                        message
                    }
                    Err(Some(answer)) => {
                        self.outbox.push_line(answer.to_line().as_bytes());
                        continue;
                    }
                    Err(None) => continue,
                },
                Line::TooLong(id) => {
                    let refusal = Refusal::too_long(id, self.longest);
                    self.outbox.push_line(refusal.to_line().as_bytes());
                    continue;
                }
                Line::End => return None,
            };
            if let Some(message) = self.requests.read(message) {
                return Some(message);
            }
        }
    }

    /// Waits until the client has read enough of its replies for another call to be read. Once it has nothing
    /// more to ask, it must go on reading; `false` if it does not. Cancel safe.
    async fn reply_room_available(&mut self) -> bool {
        if !self.outbox.is_full() {
            self.given_up = None;
            return true;
        }
        let Self { input, outbox, given_up, end, .. } = self;
        tokio::select! {
            biased;
            () = outbox.reply_room_available() => return true,
            () = input.exhausted() => {}
        }
        let given_up = given_up.get_or_insert_with(|| {
            let (outbox, limit) = (outbox.clone(), end.ending().patience_with_readers());
            Box::pin(async move { outbox.stuck(limit).await })
        });
        tokio::select! {
            biased;
            () = outbox.reply_room_available() => true,
            () = given_up => {
                event!(warn, "the client does not read its replies; what it still asked is not answered");
                false
            }
        }
    }
}

/// Hands over what rmcp does not read of a request to hear about tasks.
fn subscribe(message: &mut ClientJsonRpcMessage, line: &[u8], outbox: &Outbox) {
    if let JsonRpcMessage::Request(request) = message
        && let ClientRequest::SubscriptionsListenRequest(listen) = &mut request.request
        && let Some(task_ids) = subscribed_tasks(line)
    {
        listen.extensions.insert(Subscription { task_ids, outbox: outbox.clone() });
    }
}

impl Lines {
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when the input and the connection's tasks have ended. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        if !self.input.is_ended() {
            let (outbox, quit) = (self.outbox.clone(), self.quit.clone());
            tokio::select! {
                biased;
                () = quit.cancelled() => self.input.end(),
                message = self.next_message() => {
                    if message.is_some() {
                        return message;
                    }
                    self.input.end();
                }
                () = outbox.dead() => self.input.end(),
            }
        }
        self.end.reached(&self.requests).await;
        None
    }

    /// Lets the writer end; [`Flush`] waits for it.
    pub(super) fn close(&mut self) {
        self.outbox.close();
    }
}

/// Waits for the writer. It outlives the transport, as rmcp drops that without a word when a connection
/// does not come about, and by then the reply that says why may still be unwritten.
#[derive(Debug)]
pub(crate) struct Flush {
    outbox: Outbox,
    writer: Option<JoinHandle<()>>,
    ending: Ending,
}

impl Flush {
    /// Writes what is left, as long as the client reads.
    pub(crate) async fn finish(mut self) {
        self.outbox.close();
        let Some(writer) = &mut self.writer else { return };
        tokio::select! {
            _ = writer => {}
            () = self.outbox.stuck(self.ending.patience_with_readers()) => {
                event!(warn, "the client does not read; what it has not taken is dropped");
            }
        }
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        self.outbox.die();
        if let Some(writer) = &self.writer {
            writer.abort();
        }
    }
}

/// What the fuzzer looks at.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    pub(crate) use super::decode::{decode, decode_request};
    pub(crate) use super::reader::{Line, LineReader};
}
