//! Our own transport: one JSON document a line, over stdio or any other pair of byte streams.
//!
//! There is one queue and one writer, so lines never mix, and whatever has gathered while the writer
//! was busy leaves in one write.

mod decode;
mod reader;

use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use rmcp::model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use super::gates::Gates;
use super::{Bounds, End, Subscription, Versions};
use crate::logging::event;
use crate::outbox::{Form, Items, Outbox, Pending, Shortcut, Shortened};
use decode::{Refusal, decode, subscribed_tasks};
use reader::{Line, LineReader};

/// Where lines come from.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// Where lines go to.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A server's end of a connection that speaks lines.
pub(crate) struct Lines {
    input: LineReader,
    outbox: Outbox,
    gates: Gates,
    /// Kept here, as what was read is, because `receive` is dropped and called again whenever rmcp has
    /// something else to do.
    end: End,
    /// Cancelled when the input is to be taken for ended.
    quit: CancellationToken,
    /// How many bytes a message may have.
    longest: usize,
    /// How long a client that has nothing more to ask may read nothing.
    limit: Duration,
    /// When that is over.
    given_up: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for Lines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lines").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

impl Lines {
    /// Starts the writer. `end` is waited for when the input has ended, or `quit` is cancelled.
    pub(crate) fn new(
        reader: Reader,
        writer: Writer,
        bounds: Bounds,
        versions: Versions,
        end: End,
        quit: CancellationToken,
    ) -> (Self, Flush) {
        let Bounds { message_bytes: longest, queued_bytes } = bounds;
        let outbox = Outbox::new(Form::Lines, queued_bytes);
        let writer = SharedWriter::new(writer);
        outbox.set_shortcut(writer.shortcut());
        let writer = tokio::spawn(write(writer, outbox.clone()));
        let flush = Flush { outbox: outbox.clone(), writer: Some(writer), limit: end.limit() };
        let gates = Gates::new(outbox.clone(), versions);
        let input = LineReader::new(reader, longest);
        let limit = end.limit();
        let lines = Self { input, gates, outbox, end, quit, longest, limit, given_up: None };
        (lines, flush)
    }

    /// The next message, or `None` at the end of the input.
    async fn next_message(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            if !self.has_reply_room().await {
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
            if let Some(message) = self.gates.read(message) {
                return Some(message);
            }
        }
    }

    /// Waits until the client has read enough of its replies for another call to be read. Once it has nothing
    /// more to ask, it has so long to do that; `false` if it does not. Cancel safe.
    async fn has_reply_room(&mut self) -> bool {
        if !self.outbox.is_full() {
            self.given_up = None;
            return true;
        }
        let Self { input, outbox, given_up, limit, .. } = self;
        tokio::select! {
            biased;
            () = outbox.has_reply_room() => return true,
            () = input.exhausted() => {}
        }
        let given_up = given_up.get_or_insert_with(|| Box::pin(sleep(*limit)));
        tokio::select! {
            biased;
            () = outbox.has_reply_room() => true,
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
    pub(super) fn gates(&mut self) -> &mut Gates {
        &mut self.gates
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
        self.end.reached(self.gates.all_answered()).await;
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
    /// How long the client may take to read what is left.
    limit: Duration,
}

impl Flush {
    /// Writes what is left, for a while.
    pub(crate) async fn finish(mut self) {
        self.outbox.close();
        if let Some(writer) = &mut self.writer
            && tokio::time::timeout(self.limit, writer).await.is_err()
        {
            event!(warn, "the client does not read; what it has not taken is dropped");
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

/// Writes whatever waits in the outbox until it is closed and empty, or nobody reads any more.
async fn write(writer: SharedWriter, outbox: Outbox) {
    // Whatever ends this, nobody must wait for it any more, and the stream is to be closed.
    let end = WriterEnd { writer, outbox };
    let WriterEnd { writer, outbox } = &end;
    let mut pending = Pending::new(Form::Lines);
    while outbox.take(&mut pending).await {
        if let Items::Lines(lines) = &pending.items
            && let Err(error) = writer.write_all(lines).await
        {
            event!(debug, %error, "the client left");
            return;
        }
        outbox.written(&pending);
    }
}

struct WriterEnd {
    writer: SharedWriter,
    outbox: Outbox,
}

impl Drop for WriterEnd {
    fn drop(&mut self) {
        self.outbox.die();
        self.writer.close();
    }
}

/// Where lines go, until the writer has ended. The outbox sees to it that one writes at a time.
#[derive(Clone)]
struct SharedWriter(Arc<Mutex<Option<Writer>>>);

impl SharedWriter {
    fn new(writer: Writer) -> Self {
        Self(Arc::new(Mutex::new(Some(writer))))
    }

    fn poll<T>(
        &self,
        poll: impl FnOnce(Pin<&mut Writer>) -> Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        let mut writer = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *writer {
            Some(writer) => poll(Pin::new(writer)),
            None => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    async fn write_all(&self, mut lines: &[u8]) -> io::Result<()> {
        while !lines.is_empty() {
            let written =
                poll_fn(|context| self.poll(|writer| writer.poll_write(context, lines))).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            lines = &lines[written..];
        }
        poll_fn(|context| self.poll(|writer| writer.poll_flush(context))).await
    }

    /// A way to write without being woken: whoever is told "later" leaves it to the writer, which asks again.
    fn shortcut(&self) -> Shortcut {
        let writer = self.clone();
        Box::new(move |lines| {
            let context = &mut Context::from_waker(Waker::noop());
            let written = match writer.poll(|writer| writer.poll_write(context, lines)) {
                Poll::Ready(Ok(written)) => written,
                Poll::Ready(Err(_)) | Poll::Pending => 0,
            };
            let flush = |writer: Pin<&mut Writer>| writer.poll_flush(context);
            let flushed = written == 0 || matches!(writer.poll(flush), Poll::Ready(Ok(())));
            Shortened { written, flushed }
        })
    }

    fn close(&self) {
        let writer = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(writer);
    }
}

/// What the fuzzer looks at.
#[cfg(fuzzing)]
pub(crate) mod fuzzing {
    pub(crate) use super::decode::{decode, decode_request};
    pub(crate) use super::reader::{Line, LineReader};
}
