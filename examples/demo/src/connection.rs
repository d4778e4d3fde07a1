//! A server as a child process, and the lines that go to and fro.

use std::collections::HashMap;
use std::io;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

/// How long a server may take to end once its input has ended, before it is killed.
const EXIT_LIMIT: Duration = Duration::from_secs(2);

/// Why the demo did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("a server cannot be started: {0}")]
    Start(#[source] io::Error),
    #[error("the server of `{client}` ended before its time: {how}")]
    Ended { client: &'static str, how: String },
    #[error("the server of `{client}` refuses `{request}`: {reply}")]
    Refused { client: &'static str, request: String, reply: Value },
    #[error("the server of `{client}` says what nobody expects: {message}")]
    Unexpected { client: &'static str, message: Value },
    #[error("stdout cannot be written: {0}")]
    Output(#[from] io::Error),
}

/// What a server says without being asked.
pub(crate) type Notes = mpsc::UnboundedReceiver<Value>;

pub(crate) struct Connection {
    client: &'static str,
    input: tokio::sync::Mutex<ChildStdin>,
    replies: Arc<Replies>,
    last_id: AtomicU64,
    /// Reads until the server has ended, and kills it where it is dropped before.
    reader: JoinHandle<()>,
}

/// Who waits for which reply, until the server has ended.
#[derive(Default)]
struct Replies {
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    /// How the server ended; nobody waits from then on.
    ended: OnceLock<String>,
}

impl Connection {
    /// Starts this program once more, as the server that the argument names.
    pub(crate) fn start(client: &'static str, server: &str) -> Result<(Self, Notes), Error> {
        let program = std::env::current_exe().map_err(Error::Start)?;
        let mut command = Command::new(program);
        command.arg(server).stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        apart(&mut command);
        let mut child = command.spawn().map_err(Error::Start)?;
        let pipes = child.stdin.take().zip(child.stdout.take());
        let (input, output) = pipes.expect("both were just asked for");
        let (note, notes) = mpsc::unbounded_channel();
        let replies = Arc::<Replies>::default();
        let reader = tokio::spawn(read(child, output, replies.clone(), note));
        let input = input.into();
        Ok((Self { client, input, replies, last_id: AtomicU64::new(0), reader }, notes))
    }

    /// Sends a request; its id, and where its reply comes.
    pub(crate) async fn send(
        &self,
        method: &str,
        params: Value,
    ) -> (u64, oneshot::Receiver<Value>) {
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let (reply, receiver) = oneshot::channel();
        self.replies.expect(id, reply);
        self.write(json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})).await;
        (id, receiver)
    }

    /// The result of a request.
    pub(crate) async fn request(&self, method: &str, params: Value) -> Result<Value, Error> {
        let (_, receiver) = self.send(method, params).await;
        self.result(method, receiver).await
    }

    /// What a request that was sent is answered with.
    pub(crate) async fn result(
        &self,
        method: &str,
        receiver: oneshot::Receiver<Value>,
    ) -> Result<Value, Error> {
        let mut reply = receiver.await.map_err(|_| self.ended())?;
        match reply["result"].take() {
            Value::Null => {
                let reply = reply["error"].take();
                Err(Error::Refused { client: self.client, request: method.to_owned(), reply })
            }
            result => Ok(result),
        }
    }

    pub(crate) async fn notify(&self, method: &str, params: Value) {
        self.write(json!({"jsonrpc": "2.0", "method": method, "params": params})).await;
    }

    /// Begins a session, as every client does but those of MCP 2026-07-28.
    pub(crate) async fn initialize(&self) -> Result<(), Error> {
        let params = json!({
            "protocolVersion": "2025-06-18",
            "capabilities": {},
            "clientInfo": {"name": self.client, "version": env!("CARGO_PKG_VERSION")},
        });
        self.request("initialize", params).await?;
        self.notify("notifications/initialized", json!({})).await;
        Ok(())
    }

    async fn write(&self, message: Value) {
        let mut input = self.input.lock().await;
        // A server that does not read has ended. How it did is more to the point: the reader tells that.
        let _ = input.write_all(format!("{message}\n").as_bytes()).await;
    }

    /// The next thing that the server says without being asked.
    pub(crate) async fn next(&self, notes: &mut Notes) -> Result<Value, Error> {
        notes.recv().await.ok_or_else(|| self.ended())
    }

    pub(crate) fn unexpected(&self, message: Value) -> Error {
        Error::Unexpected { client: self.client, message }
    }

    fn ended(&self) -> Error {
        let how = self.replies.ended.get().cloned().unwrap_or_default();
        Error::Ended { client: self.client, how }
    }

    /// Ends the input and waits for the server to end.
    pub(crate) async fn close(self) {
        drop(self.input);
        let abort = self.reader.abort_handle();
        if tokio::time::timeout(EXIT_LIMIT, self.reader).await.is_err() {
            abort.abort();
        }
    }
}

impl Replies {
    fn expect(&self, id: u64, reply: oneshot::Sender<Value>) {
        let mut waiting = self.waiting();
        if self.ended.get().is_none() {
            waiting.insert(id, reply);
        }
    }

    fn end(&self, how: String) {
        let mut waiting = self.waiting();
        let _ = self.ended.set(how);
        waiting.clear();
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<u64, oneshot::Sender<Value>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A Ctrl-C is for the demo alone, which ends its servers itself.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    command.process_group(0);
    #[cfg(windows)]
    {
        const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
        command.creation_flags(CREATE_NEW_PROCESS_GROUP);
    }
}

/// Hands over each message to the request that it answers, or else as a note, until the server has ended.
async fn read(
    mut child: Child,
    output: ChildStdout,
    replies: Arc<Replies>,
    notes: mpsc::UnboundedSender<Value>,
) {
    let mut lines = BufReader::new(output).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let message = serde_json::from_str(&line).unwrap_or(Value::String(line));
        let waiting = message["id"].as_u64().and_then(|id| replies.waiting().remove(&id));
        // Who has given up waiting has no use for it.
        let _ = match waiting {
            Some(waiting) => waiting.send(message).is_ok(),
            None => notes.send(message).is_ok(),
        };
    }
    replies.end(match child.wait().await {
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    });
}
