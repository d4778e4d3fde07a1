//! A connection, and every line that went over it.

use std::collections::HashMap;
use std::fmt;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::answers::{AWAY, Answers, Asked, Forms, Reply};

/// Who wrote a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

/// A line that went over the wire.
#[derive(Clone, Debug)]
pub(super) struct Line {
    pub(super) from: Side,
    /// Counted from the beginning of the connection.
    pub(super) at: Duration,
    pub(super) text: Arc<str>,
    /// `None` if it is not JSON.
    pub(super) value: Option<Arc<Value>>,
}

impl Line {
    /// What stands at a key; `null` if there is nothing.
    pub(super) fn get(&self, key: &str) -> &Value {
        self.value.as_ref().map_or(&Value::Null, |value| &value[key])
    }

    /// Whether it answers the request of this id.
    pub(super) fn answers(&self, id: u64) -> bool {
        self.get("id") == id && self.get("method").is_null()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Of a longer line nobody reads more in a message.
        const MOST: usize = 300;
        let from = match self.from {
            Side::Client => "client",
            Side::Server => "server",
        };
        let text: String = self.text.chars().take(MOST).collect();
        let more = if text.len() < self.text.len() { " [cut]" } else { "" };
        write!(f, "{:>9.3} s {from}: {text}{more}", self.at.as_secs_f64())
    }
}

/// All lines of a connection, in order.
#[derive(Debug)]
pub(super) struct Transcript {
    began: Instant,
    lines: Mutex<Vec<Line>>,
    /// How many lines there are; closed once the server will say nothing more.
    count: watch::Sender<(usize, bool)>,
}

impl Transcript {
    fn new() -> Self {
        let (lines, count) = (Mutex::default(), watch::Sender::new((0, false)));
        Self { began: Instant::now(), lines, count }
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, Vec<Line>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, from: Side, text: String) -> Option<Arc<Value>> {
        let value: Option<Arc<Value>> = serde_json::from_str(&text).ok().map(Arc::new);
        let line = Line { from, at: self.began.elapsed(), text: text.into(), value: value.clone() };
        let count = {
            let mut lines = self.lines();
            lines.push(line);
            lines.len()
        };
        self.count.send_modify(|(lines, _)| *lines = count);
        value
    }

    /// Whether a message is the reply to a call.
    fn is_reply_to_call(&self, message: &Value) -> bool {
        let is_asked = |line: &&Line| line.from == Side::Client && line.get("id") == &message["id"];
        // Most replies come soon.
        let asked = |lines: &[Line]| {
            lines.iter().rev().find(is_asked).is_some_and(|it| it.get("method") == "tools/call")
        };
        message["method"].is_null() && !message["id"].is_null() && asked(&self.lines())
    }

    fn close(&self) {
        self.count.send_modify(|(_, is_closed)| *is_closed = true);
    }

    /// The first line of the server from `seen` on, and where the next one may be; `None` if there will be none. Cancel safe.
    pub(super) async fn heard(&self, seen: usize) -> Option<(usize, Line)> {
        let mut count = self.count.subscribe();
        loop {
            let (_, is_closed) = *count.borrow_and_update();
            let found = {
                let lines = self.lines();
                let mut rest = lines.iter().enumerate().skip(seen);
                rest.find(|(_, line)| line.from == Side::Server)
                    .map(|(at, line)| (at + 1, line.clone()))
            };
            if found.is_some() || is_closed || count.changed().await.is_err() {
                return found;
            }
        }
    }

    /// Waits until the server will say nothing more. Cancel safe.
    pub(super) async fn closed(&self) {
        let mut count = self.count.subscribe();
        // The sender is part of this, so it is there.
        let _ = count.wait_for(|(_, is_closed)| *is_closed).await;
    }
}

/// A connection to a server. It is read all the time, unless that is [held back](Self::read).
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) transcript: Arc<Transcript>,
    /// `None` once the client has left.
    input: Mutex<Option<UnboundedSender<String>>>,
    is_reading: watch::Sender<bool>,
    reader: AbortHandle,
}

impl Wire {
    /// Must be called inside of a tokio runtime.
    pub(super) fn new(
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        person: Person,
        takes_back: bool,
    ) -> Self {
        let transcript = Arc::new(Transcript::new());
        let (input, lines) = mpsc::unbounded_channel();
        let is_reading = watch::Sender::new(true);
        let read = Reading {
            transcript: Arc::clone(&transcript),
            answers: input.downgrade(),
            is_reading: is_reading.subscribe(),
            person,
            takes_back,
            waiting: HashMap::new(),
        };
        tokio::spawn(write(writer, lines));
        let reader = tokio::spawn(read.run(reader)).abort_handle();
        Self { transcript, input: Mutex::new(Some(input)), is_reading, reader }
    }

    fn input(&self) -> MutexGuard<'_, Option<UnboundedSender<String>>> {
        self.input.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says something, if the client has not left.
    pub(super) fn send(&self, message: &Value) {
        if let Some(input) = &*self.input() {
            say(&self.transcript, input, message);
        }
    }

    /// Whether what the server writes is read.
    pub(super) fn read(&self, is_reading: bool) {
        self.is_reading.send_replace(is_reading);
    }

    /// Ends what the client says. What the server still says is read.
    pub(super) fn end_input(&self) {
        self.input().take();
    }

    /// Goes away without reading another word.
    pub(super) fn vanish(&self) {
        self.end_input();
        self.reader.abort();
        self.transcript.close();
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// A message without the keys that it does not need, in the order in which the SDKs write them.
pub(super) fn written(method: &str, params: Value, id: Option<u64>) -> Value {
    let mut message = json!({ "method": method });
    if !params.is_null() {
        message["params"] = params;
    }
    message["jsonrpc"] = json!("2.0");
    if let Some(id) = id {
        message["id"] = json!(id);
    }
    message
}

/// Takes back a request.
pub(super) fn cancelled(id: &Value, reason: &str) -> Value {
    written("notifications/cancelled", json!({"requestId": id, "reason": reason}), None)
}

fn say(transcript: &Transcript, input: &UnboundedSender<String>, message: &Value) {
    let line = message.to_string();
    transcript.add(Side::Client, line.clone());
    // Nobody takes it where the server has gone, as a test will see.
    let _ = input.send(line);
}

async fn write(
    mut writer: impl AsyncWrite + Send + Unpin + 'static,
    mut lines: UnboundedReceiver<String>,
) {
    while let Some(line) = lines.recv().await {
        let written = writer.write_all(format!("{line}\n").as_bytes()).await;
        if written.is_err() || writer.flush().await.is_err() {
            return;
        }
    }
    // A server that has gone hears of no end either.
    let _ = writer.shutdown().await;
}

/// Who sits before a client.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) forms: Forms,
    pub(super) answers: Answers,
}

/// Reads what the server says.
struct Reading {
    transcript: Arc<Transcript>,
    answers: WeakUnboundedSender<String>,
    is_reading: watch::Receiver<bool>,
    person: Person,
    /// Whether calls are taken back that have been answered.
    takes_back: bool,
    /// The questions before a person who is away, by their ids as JSON.
    waiting: HashMap<String, AbortHandle>,
}

impl Reading {
    async fn run(mut self, reader: impl AsyncRead + Send + Unpin + 'static) {
        let mut lines = BufReader::new(reader).split(b'\n');
        loop {
            if self.is_reading.wait_for(|is_reading| *is_reading).await.is_err() {
                break;
            }
            let Ok(Some(line)) = lines.next_segment().await else { break };
            let line = String::from_utf8_lossy(&line).into_owned();
            if let Some(value) = self.transcript.add(Side::Server, line) {
                self.answer(&value);
                self.take_back(&value);
            }
        }
        self.transcript.close();
    }

    /// Takes back a call that has been answered, as some clients do.
    fn take_back(&self, reply: &Value) {
        if !self.takes_back || !self.transcript.is_reply_to_call(reply) {
            return;
        }
        if let Some(input) = self.answers.upgrade() {
            let cancelled = cancelled(&reply["id"], "AbortError: The operation was aborted.");
            say(&self.transcript, &input, &cancelled);
        }
    }

    /// Answers what the server asks its client.
    fn answer(&mut self, message: &Value) {
        let (Some(method), id) = (message["method"].as_str(), &message["id"]) else { return };
        if method == "notifications/cancelled" {
            let withdrawn = self.waiting.remove(&message["params"]["requestId"].to_string());
            withdrawn.inspect(AbortHandle::abort);
        }
        let Some(answers) = self.answers.upgrade().filter(|_| !id.is_null()) else { return };
        let answer = match method {
            "ping" => json!({"jsonrpc": "2.0", "id": id, "result": {}}),
            "roots/list" => json!({"jsonrpc": "2.0", "id": id, "result": {"roots": []}}),
            "elicitation/create" if self.person.forms != Forms::None => {
                return self.elicit(id, &message["params"], &answers);
            }
            _ => json!({
                "jsonrpc": "2.0",
                "id": id,
                "error": {"code": -32601, "message": "this client does not know the method"},
            }),
        };
        say(&self.transcript, &answers, &answer);
    }

    /// Shows a form, and answers when the person before it does.
    fn elicit(&mut self, id: &Value, params: &Value, input: &UnboundedSender<String>) {
        let Person { forms, answers } = &self.person;
        let (forms, answers) = (*forms, answers.clone());
        let asked = Asked::elicited(id.as_str().unwrap_or(&id.to_string()), params);
        answers.note(&asked);
        let answer = {
            let id = id.clone();
            move |result| json!({"jsonrpc": "2.0", "id": id, "result": result})
        };
        let mut given = answers.given();
        if let Some(result) = asked.result(forms, answers.reply(&asked)) {
            if forms == Forms::YesOrNo {
                answers.note_said(&asked, &result);
            }
            return say(&self.transcript, input, &answer(result));
        }
        let (transcript, input) = (Arc::clone(&self.transcript), input.downgrade());
        let waits = tokio::spawn(async move {
            let mut back = pin!(AWAY.end(Instant::now()));
            let result = loop {
                let reply = tokio::select! {
                    biased;
                    _ = given.changed() => answers.reply(&asked),
                    () = &mut back => Reply::Cancel,
                };
                if let Some(result) = asked.result(forms, reply) {
                    break result;
                }
            };
            if forms == Forms::YesOrNo {
                answers.note_said(&asked, &result);
            }
            if let Some(input) = input.upgrade() {
                say(&transcript, &input, &answer(result));
            }
        });
        self.waiting.insert(id.to_string(), waits.abort_handle());
    }
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.waiting.values().for_each(AbortHandle::abort);
    }
}
