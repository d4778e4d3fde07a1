//! A client of HTTP/1.1, written out: what it sends are bytes, and what it reads is as it came.

use std::fmt;

use anyhow::{Context as _, Result, bail, ensure};
use memchr::memmem;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The latest revision of MCP with sessions, and the first without.
const WITH_SESSIONS: &str = "2025-11-25";
const WITHOUT: &str = "2026-07-28";

/// In what a request is made.
#[derive(Clone, Debug)]
pub enum Era {
    /// In a session, of this id.
    Session(String),
    /// In none (MCP 2026-07-28).
    Alone,
}

/// One connection to a server.
pub struct Connection {
    stream: TcpStream,
    /// What was read, from `at` on.
    read: Vec<u8>,
    at: usize,
    /// What is left of the body that is read.
    rest: Rest,
    /// What of that body is read and not taken.
    body: Vec<u8>,
}

#[derive(Debug)]
enum Rest {
    Bytes(usize),
    /// So many bytes of a chunk, and then more chunks.
    Chunk(usize),
    UntilTheEnd,
}

/// The head of a response.
#[derive(Debug)]
pub struct Head {
    /// Its status.
    pub status: u16,
    /// Its lines.
    pub text: String,
}

/// An event of a stream that has data.
#[derive(Debug)]
pub struct Event {
    /// Its id, or nothing.
    pub id: String,
    /// Its data, which is JSON.
    pub data: String,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("rest", &self.rest).finish_non_exhaustive()
    }
}

impl Head {
    /// The value of a header, whose name is given in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| {
            let (known, value) = line.split_once(':')?;
            known.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

impl Era {
    fn headers(&self, method: &str, name: &str) -> String {
        match self {
            Self::Session(id) => {
                format!("mcp-session-id: {id}\r\nmcp-protocol-version: {WITH_SESSIONS}\r\n")
            }
            Self::Alone => format!(
                "mcp-protocol-version: {WITHOUT}\r\nmcp-method: {method}\r\nmcp-name: {name}\r\n"
            ),
        }
    }

    /// The bytes of a request.
    #[must_use]
    pub fn request(&self, id: u64, method: &str, mut params: Value) -> Vec<u8> {
        if let Self::Alone = self {
            params["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!(WITHOUT);
            params["_meta"]["io.modelcontextprotocol/clientInfo"] =
                json!({"name": "load", "version": "1"});
            let capabilities = &mut params["_meta"]["io.modelcontextprotocol/clientCapabilities"];
            if capabilities.is_null() {
                *capabilities = json!({});
            }
        }
        let headers = self.headers(method, params["name"].as_str().unwrap_or_default());
        let body = json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params});
        post(&headers, body.to_string().as_bytes())
    }

    /// The bytes of a call.
    #[must_use]
    pub fn call(&self, id: u64, tool: &str, arguments: Value) -> Vec<u8> {
        self.request(id, "tools/call", json!({"name": tool, "arguments": arguments}))
    }

    /// The bytes of a notification.
    #[must_use]
    pub fn notification(&self, method: &str, params: Value) -> Vec<u8> {
        let body = json!({"jsonrpc": "2.0", "method": method, "params": params});
        post(&self.headers(method, ""), body.to_string().as_bytes())
    }

    /// The bytes of a request for the stream of the session, from after an event on.
    #[must_use]
    pub fn listen(&self, after: Option<&str>) -> Vec<u8> {
        let headers = self.headers("", "");
        let after = after.map(|id| format!("last-event-id: {id}\r\n")).unwrap_or_default();
        format!(
            "GET /mcp HTTP/1.1\r\nhost: localhost\r\naccept: text/event-stream\r\n{headers}{after}\r\n"
        )
        .into_bytes()
    }

    /// The bytes of a request that ends the session.
    #[must_use]
    pub fn delete(&self) -> Vec<u8> {
        let headers = self.headers("", "");
        format!("DELETE /mcp HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").into_bytes()
    }
}

/// The arguments of a call as a client of MCPC makes it.
#[must_use]
pub fn of_mcpc(task_id: &str, mut arguments: Value) -> Value {
    arguments["_metadata"] = json!({"mcpc_session_id": "s", "mcpc_task_id": task_id});
    arguments
}

/// The bytes of a POST of this body.
#[must_use]
pub fn post(headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = post_head(headers, body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The head of a POST whose body has so many bytes.
#[must_use]
pub fn post_head(headers: &str, length: usize) -> String {
    format!(
        "POST /mcp HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n\
         accept: application/json, text/event-stream\r\n{headers}content-length: {length}\r\n\r\n"
    )
}

/// The bytes of what begins a session.
#[must_use]
pub fn initialize() -> Vec<u8> {
    let client = json!({"name": "load", "version": "1"});
    let params =
        json!({"protocolVersion": WITH_SESSIONS, "capabilities": {}, "clientInfo": client});
    let body = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
    post("", body.to_string().as_bytes())
}

impl Connection {
    /// Connects to a server.
    ///
    /// # Errors
    ///
    /// When that fails.
    pub async fn open(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("no connection")?;
        stream.set_nodelay(true)?;
        let (read, body) = (Vec::new(), Vec::new());
        Ok(Self { stream, read, at: 0, rest: Rest::Bytes(0), body })
    }

    /// Writes bytes.
    ///
    /// # Errors
    ///
    /// When the server has closed the connection.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).await.context("not written")
    }

    /// Leaves without a word: what is sent and not read yet is void.
    pub fn vanish(self) {
        // Without it, the connection ends in order.
        let _is_set = self.stream.set_zero_linger();
    }

    /// Reads more; returns whether there was more.
    async fn read_more(&mut self) -> Result<bool> {
        if self.at == self.read.len() {
            self.read.clear();
            self.at = 0;
        } else if self.at > 1 << 16 {
            self.read.drain(..self.at);
            self.at = 0;
        }
        // A connection of a thousand that is idle is not to hold this.
        self.read.reserve(if self.read.capacity() == 0 { 4 << 10 } else { 64 << 10 });
        Ok(self.stream.read_buf(&mut self.read).await.context("not read")? > 0)
    }

    /// Reads the head of the next response.
    ///
    /// # Errors
    ///
    /// When the server closes the connection before.
    pub async fn head(&mut self) -> Result<Head> {
        let end = loop {
            if let Some(end) = memmem::find(&self.read[self.at..], b"\r\n\r\n") {
                break end;
            }
            ensure!(self.read_more().await?, "closed before the head of a response");
        };
        let text = String::from_utf8(self.read[self.at..self.at + end].to_vec())?;
        self.at += end + 4;
        let status = text.get(9..12).and_then(|status| status.parse().ok());
        let head = Head { status: status.context("no status")?, text };
        self.body.clear();
        self.rest = match (head.header("content-length"), head.header("transfer-encoding")) {
            _ if matches!(head.status, 202 | 204 | 304)
                && head.header("content-length").is_none() =>
            {
                Rest::Bytes(0)
            }
            (Some(length), _) => Rest::Bytes(length.parse()?),
            (None, Some(_)) => Rest::Chunk(0),
            (None, None) => Rest::UntilTheEnd,
        };
        Ok(head)
    }

    /// Reads more of the body; returns whether there was more.
    ///
    /// # Errors
    ///
    /// When the connection fails, or ends before the body does.
    pub async fn part(&mut self) -> Result<bool> {
        loop {
            match self.rest {
                Rest::Bytes(0) => return Ok(false),
                Rest::Chunk(0) => {
                    if !self.begin_chunk().await? {
                        return Ok(false);
                    }
                }
                Rest::Bytes(left) if self.at < self.read.len() => {
                    self.rest = Rest::Bytes(left - self.take(left));
                    return Ok(true);
                }
                Rest::Chunk(left) if self.at < self.read.len() => {
                    // Its own end of the line goes with it.
                    let left = left - self.take(left);
                    self.rest = Rest::Chunk(left);
                    if left == 0 {
                        self.body.truncate(self.body.len() - 2);
                    }
                    return Ok(true);
                }
                Rest::UntilTheEnd if self.at < self.read.len() => {
                    self.take(usize::MAX);
                    return Ok(true);
                }
                _ => {
                    if !self.read_more().await? {
                        ensure!(matches!(self.rest, Rest::UntilTheEnd), "closed within a body");
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// Takes up to so many bytes into the body; returns how many there were.
    fn take(&mut self, most: usize) -> usize {
        let taken = most.min(self.read.len() - self.at);
        self.body.extend_from_slice(&self.read[self.at..self.at + taken]);
        self.at += taken;
        taken
    }

    /// Reads the size of a chunk; returns whether it has one.
    async fn begin_chunk(&mut self) -> Result<bool> {
        loop {
            if let Some(end) = memmem::find(&self.read[self.at..], b"\r\n") {
                let size = std::str::from_utf8(&self.read[self.at..self.at + end])?;
                let size = usize::from_str_radix(size, 16).context("the size of a chunk")?;
                if size > 0 {
                    self.at += end + 2;
                    self.rest = Rest::Chunk(size + 2);
                    return Ok(true);
                }
                if self.read.len() >= self.at + end + 4 {
                    self.at += end + 4;
                    self.rest = Rest::Bytes(0);
                    return Ok(false);
                }
            }
            ensure!(self.read_more().await?, "closed within a body");
        }
    }

    /// Reads the whole body.
    ///
    /// # Errors
    ///
    /// As [`part`](Self::part).
    pub async fn body(&mut self) -> Result<String> {
        while self.part().await? {}
        Ok(String::from_utf8(std::mem::take(&mut self.body))?)
    }

    /// Reads the next event that has data; `None` at the end of the body.
    ///
    /// # Errors
    ///
    /// As [`part`](Self::part).
    pub async fn event(&mut self) -> Result<Option<Event>> {
        loop {
            let Some((end, next)) = end_of_event(&self.body) else {
                if !self.part().await? {
                    return Ok(None);
                }
                continue;
            };
            let event = Event::read(std::str::from_utf8(&self.body[..end])?);
            self.body.drain(..next);
            if !event.data.is_empty() {
                return Ok(Some(event));
            }
        }
    }

    /// Reads so many events that have this in them, and looks at nothing else.
    ///
    /// # Errors
    ///
    /// As [`part`](Self::part), and when the body ends before.
    pub async fn skip(&mut self, mut events: usize, with: &[u8]) -> Result<()> {
        let finder = memmem::Finder::new(with);
        loop {
            let (mut at, mut seen) = (0, 0);
            while let Some(found) = finder.find(&self.body[at..]) {
                at += found + with.len();
                seen += 1;
                if seen == events {
                    break;
                }
            }
            events -= seen;
            if events == 0 {
                self.body.drain(..at);
                return Ok(());
            }
            // One may be torn.
            let kept = at.max(self.body.len().saturating_sub(with.len() - 1));
            self.body.drain(..kept);
            ensure!(self.part().await?, "the stream ends with {events} events to come");
        }
    }

    /// Sends a request and reads its answer: the last message of its response.
    ///
    /// # Errors
    ///
    /// When there is none, or its status is not 200.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Value> {
        self.write(request).await?;
        self.answer().await
    }

    /// Reads an answer, as [`ask`](Self::ask).
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn answer(&mut self) -> Result<Value> {
        let head = self.head().await?;
        let body = self.body().await?;
        ensure!(head.status == 200, "{}: {body}", head.status);
        let data = match head.header("content-type") {
            Some(kind) if kind.starts_with("text/event-stream") => {
                let mut data = body.lines().filter_map(|line| line.strip_prefix("data:"));
                data.rfind(|data| !data.trim().is_empty()).unwrap_or_default()
            }
            _ => &body,
        };
        serde_json::from_str(data).with_context(|| format!("no JSON in {body:?}"))
    }

    /// Sends something that is not answered with a message; returns the status.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn tell(&mut self, request: &[u8]) -> Result<u16> {
        Ok(self.exchange(request).await?.0)
    }

    /// Sends a request; returns the status and the body of its response, as it is.
    ///
    /// # Errors
    ///
    /// When the connection fails.
    pub async fn exchange(&mut self, request: &[u8]) -> Result<(u16, String)> {
        self.write(request).await?;
        let head = self.head().await?;
        Ok((head.status, self.body().await?))
    }

    /// Begins a session.
    ///
    /// # Errors
    ///
    /// When the server refuses one.
    pub async fn begin(&mut self) -> Result<Era> {
        self.write(&initialize()).await?;
        let head = self.head().await?;
        let body = self.body().await?;
        ensure!(head.status == 200, "{}: {body}", head.status);
        let Some(id) = head.header("mcp-session-id") else { bail!("no session: {}", head.text) };
        let session = Era::Session(id.to_owned());
        let status =
            self.tell(&session.notification("notifications/initialized", json!({}))).await?;
        ensure!(status == 202, "initialized: {status}");
        Ok(session)
    }

    /// Opens the stream of a session, from after an event on.
    ///
    /// # Errors
    ///
    /// When the server refuses that.
    pub async fn listen(&mut self, session: &Era, after: Option<&str>) -> Result<()> {
        self.write(&session.listen(after)).await?;
        let head = self.head().await?;
        ensure!(head.status == 200, "{}", head.text);
        Ok(())
    }

    /// Whether there is anything to read, without waiting for it.
    pub fn has_answer(&mut self) -> bool {
        self.read.reserve(4 << 10);
        // The end of the connection is an answer, too; an error is found by who reads.
        match self.stream.try_read_buf(&mut self.read) {
            Ok(_) => true,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        }
    }

    /// Whether the server has closed the connection, once it does.
    pub async fn is_closed(&mut self) -> bool {
        loop {
            match self.read_more().await {
                Ok(true) => self.at = self.read.len(),
                Ok(false) | Err(_) => return true,
            }
        }
    }
}

impl Event {
    fn read(text: &str) -> Self {
        let field = |name: &str| {
            let value = text.lines().find_map(|line| line.strip_prefix(name));
            value.unwrap_or_default().trim().to_owned()
        };
        Self { id: field("id:"), data: field("data:") }
    }

    /// What it tells of a task of MCPC, if it does.
    #[must_use]
    pub fn callback(&self) -> Option<Value> {
        let message: Value = serde_json::from_str(&self.data).ok()?;
        serde_json::from_str(message["result"]["content"][0]["text"].as_str()?).ok()
    }
}

/// Where the first event ends, and the next begins.
fn end_of_event(body: &[u8]) -> Option<(usize, usize)> {
    let plain = memmem::find(body, b"\n\n").map(|end| (end, end + 2));
    let with_returns = memmem::find(body, b"\r\n\r\n").map(|end| (end, end + 4));
    match (plain, with_returns) {
        (Some(plain), Some(other)) => Some(plain.min(other)),
        (plain, other) => plain.or(other),
    }
}

/// The text of the reply to a call.
///
/// # Errors
///
/// When it is not one.
pub fn text(reply: &Value) -> Result<&str> {
    reply["result"]["content"][0]["text"].as_str().with_context(|| format!("no text in {reply}"))
}
