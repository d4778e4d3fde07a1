//! Our own transport: one JSON document a line, over stdio or any other pair of byte streams.
//!
//! There is one queue and one writer, so lines never mix, and whatever has gathered while the writer
//! was busy leaves in one write.

use std::fmt;
use std::io;

use rmcp::model::ClientJsonRpcMessage;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::gates::Gates;
use super::{CLOSE_LIMIT, End};
use crate::outbox::{Form, Items, Outbox, Pending};

/// Where lines come from.
pub(crate) type Reader = Box<dyn AsyncRead + Send + Unpin>;
/// Where lines go to.
pub(crate) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// The longest line that is read; a longer one is answered with an error and skipped.
const MAX_LINE: usize = 16 << 20;

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
        end: End,
        quit: CancellationToken,
    ) -> (Self, Flush) {
        let outbox = Outbox::new(Form::Lines);
        let writer = tokio::spawn(write(writer, outbox.clone()));
        let flush = Flush { outbox: outbox.clone(), writer: Some(writer) };
        let gates = Gates::new(outbox.clone());
        (Self { input: LineReader::new(reader), gates, outbox, end, quit }, flush)
    }

    /// The next message, or `None` at the end of the input.
    async fn next_message(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            self.outbox.has_reply_room().await;
            let message = match self.input.next().await {
                Line::Whole(line) => match decode(line) {
                    Ok(message) => message,
                    Err(Some(answer)) => {
                        self.outbox.push_line(answer.to_line().as_bytes());
                        continue;
                    }
                    Err(None) => continue,
                },
                Line::TooLong => {
                    self.outbox.push_line(Refusal::too_long().to_line().as_bytes());
                    continue;
                }
                Line::End => return None,
            };
            if let Some(message) = self.gates.read(message) {
                return Some(message);
            }
        }
    }
}

impl Lines {
    pub(super) fn gates(&mut self) -> &mut Gates {
        &mut self.gates
    }

    /// The next message, or `None` when the input and the connection's tasks have ended. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        if !self.input.ended {
            let (outbox, quit) = (self.outbox.clone(), self.quit.clone());
            tokio::select! {
                biased;
                () = quit.cancelled() => self.input.ended = true,
                message = self.next_message() => {
                    if message.is_some() {
                        return message;
                    }
                }
                () = outbox.dead() => self.input.ended = true,
            }
        }
        self.end.reached(self.gates.all_open()).await;
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
}

impl Flush {
    /// Writes what is left, for a while.
    pub(crate) async fn finish(mut self) {
        self.outbox.close();
        if let Some(writer) = &mut self.writer
            && tokio::time::timeout(CLOSE_LIMIT, writer).await.is_err()
        {
            tracing::warn!("the client does not read; what it has not taken is dropped");
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
async fn write(mut writer: Writer, outbox: Outbox) {
    // Whatever ends the writer, nobody must wait for it any more.
    let outbox = DeadAtLast(outbox);
    let outbox = &outbox.0;
    let mut pending = Pending::new(Form::Lines);
    while outbox.take(&mut pending).await {
        if let Items::Lines(lines) = &pending.items
            && let Err(error) = write_all(&mut writer, lines).await
        {
            tracing::debug!(%error, "the client left");
            return;
        }
        outbox.written(&pending);
    }
}

struct DeadAtLast(Outbox);

impl Drop for DeadAtLast {
    fn drop(&mut self) {
        self.0.die();
    }
}

async fn write_all(writer: &mut Writer, lines: &[u8]) -> io::Result<()> {
    writer.write_all(lines).await?;
    writer.flush().await
}

/// A line that was read.
enum Line<'a> {
    Whole(&'a [u8]),
    TooLong,
    End,
}

/// Splits a byte stream into lines. Every method is cancel safe: what was read stays here.
struct LineReader {
    reader: Reader,
    buffer: Vec<u8>,
    /// Where the current line starts in the buffer.
    start: usize,
    /// Where to go on looking for its end.
    searched: usize,
    /// The rest of the current line is to be skipped.
    skipping: bool,
    ended: bool,
}

impl LineReader {
    fn new(reader: Reader) -> Self {
        let buffer = Vec::with_capacity(8 << 10);
        Self { reader, buffer, start: 0, searched: 0, skipping: false, ended: false }
    }

    async fn next(&mut self) -> Line<'_> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.searched..]) {
                let line = self.start..self.searched + at;
                self.start = line.end + 1;
                self.searched = self.start;
                if !std::mem::take(&mut self.skipping) {
                    return Line::Whole(&self.buffer[line]);
                }
                continue;
            }
            self.searched = self.buffer.len();
            if self.buffer.len() - self.start > MAX_LINE {
                self.start = self.buffer.len();
                if !std::mem::replace(&mut self.skipping, true) {
                    return Line::TooLong;
                }
            }
            if self.ended || !self.fill().await {
                self.ended = true;
                // A last line without its end is still a line.
                let rest = self.start..self.buffer.len();
                self.start = rest.end;
                return match rest.is_empty() || self.skipping {
                    true => Line::End,
                    false => Line::Whole(&self.buffer[rest]),
                };
            }
        }
    }

    /// Reads some more; `false` at the end of the input.
    async fn fill(&mut self) -> bool {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.searched -= self.start;
            self.start = 0;
        }
        // A buffer that one huge line blew up is not kept.
        if self.buffer.is_empty() {
            self.buffer.shrink_to(64 << 10);
        }
        self.buffer.reserve(8 << 10);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => false,
            Ok(_) => true,
            Err(error) => {
                tracing::warn!(%error, "the input cannot be read");
                false
            }
        }
    }
}

/// An answer to a line that is no message.
struct Refusal {
    id: Value,
    code: i32,
    message: String,
}

impl Refusal {
    fn too_long() -> Self {
        let message = format!("a message must not be longer than {MAX_LINE} bytes");
        Self { id: Value::Null, code: -32600, message }
    }

    fn to_line(&self) -> String {
        let Self { id, code, message } = self;
        let message = Value::from(message.as_str());
        format!(
            r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":{code},"message":{message}}}}}{}"#,
            '\n'
        )
    }
}

/// Reads a message out of a line, or says how to answer the line. What asks for no answer (a blank
/// line, a notification or response that makes no sense) gets none.
fn decode(line: &[u8]) -> Result<ClientJsonRpcMessage, Option<Refusal>> {
    let line = line.trim_ascii();
    if line.is_empty() {
        return Err(None);
    }
    let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
    serde_json::from_slice(line).map_err(|problem| refuse(line, &problem))
}

/// The id of a line that cannot be read as a whole: nested too deep, or with text that is no Unicode.
fn legible_id(line: &[u8]) -> Value {
    #[derive(serde::Deserialize)]
    struct Envelope {
        id: Value,
    }
    match serde_json::from_slice(line) {
        Ok(Envelope { id: id @ (Value::String(_) | Value::Number(_)) }) => id,
        Ok(_) | Err(_) => Value::Null,
    }
}

#[cold]
fn refuse(line: &[u8], problem: &serde_json::Error) -> Option<Refusal> {
    let value: Value = match serde_json::from_slice(line) {
        Ok(value) => value,
        Err(error) => {
            let message = format!("this line is no JSON: {error}");
            return Some(Refusal { id: legible_id(line), code: -32700, message });
        }
    };
    let id = match value.get("id") {
        Some(id @ (Value::String(_) | Value::Number(_))) => id.clone(),
        // Without an id, what has a method is a notification and is not to be answered.
        None if value.get("method").is_some() => return None,
        None | Some(_) => Value::Null,
    };
    if value.get("method").is_none()
        && (value.get("result").is_some() || value.get("error").is_some())
    {
        return None;
    }
    let (code, what) = match value.get("method") {
        Some(Value::String(method)) => (-32602, format!("invalid parameters of `{method}`")),
        _ => (-32600, "this is no JSON-RPC 2.0 message".to_owned()),
    };
    Some(Refusal { id, code, message: format!("{what}: {problem}") })
}
