//! A client of any kind.

use std::process::ExitStatus;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::{AbortHandle, JoinHandle};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::answers::{Answers, Asked, Reply};
use super::clock;
use super::outcome::Outcome;
use super::persona::{As, Facts};
use super::process::{Ended, Process};
use super::rules;
use super::running::Running;
use super::wire::{Line, Person, Side, Wire, cancelled, written};
use crate::error::Result as Served;
use crate::message::{Message, ProtocolInfo};
use crate::names::{CHECK_TASK, Dialect, STOP_TASK};

/// How long a server may take to answer what it answers at once, or to end.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client of one kind, connected to a server. A test drops it, or lets it [leave](Self::leave).
#[derive(Debug)]
pub struct Client(pub(super) Arc<Session>);

/// What a client and its calls share.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) persona: As,
    pub(super) wire: Wire,
    pub(super) answers: Answers,
    next_id: AtomicU64,
    /// Whether each request says who the client is, as there is no session.
    is_stateless: Mutex<bool>,
    /// The tools as they were listed last.
    tools: Mutex<Vec<Value>>,
    /// What came of the calls, in the order in which they were made.
    calls: Mutex<Vec<Called>>,
    /// Cancelled when the client has gone away in the middle.
    pub(super) left: CancellationToken,
    server: Mutex<Server>,
    /// Whether the other end of the wire is written to by this crate alone.
    is_ours: bool,
    /// How the client left, once it has.
    has_left: Mutex<Option<Result<Left, String>>>,
}

/// What serves a client.
#[derive(Debug, Default)]
pub(super) enum Server {
    /// A service in this process.
    Here(JoinHandle<Served>),
    Process(Process),
    #[default]
    Elsewhere,
}

/// A call, and what came of it.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) tool: String,
    pub(super) arguments: Value,
    pub(super) outcome: Option<Outcome>,
    /// Whether the client left out answers that its person gave meanwhile.
    pub(super) is_without_answers: bool,
}

/// How a client left its server.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Left {
    /// How long the server took to end, by tokio's clock.
    pub after: Duration,
    /// Whether the host killed it, as it took too long. Never so with [`connect_io`](super::connect_io), which has nothing
    /// to kill: the client only stops to read.
    pub was_killed: bool,
    /// How the process ended, with [`connect_process`](super::connect_process).
    pub status: Option<ExitStatus>,
    /// The processes that it left behind, each with its name and id: of those that it started, who were still there half a
    /// second after its end, and had not left its group of processes. They have been killed. Only on Unix, with
    /// [`connect_process`](super::connect_process).
    pub left_behind: Vec<String>,
}

impl Left {
    /// Whether the server ended by itself, without an error, and left nothing behind.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let succeeded = self.status.is_none_or(|status| status.success());
        succeeded && !self.was_killed && self.left_behind.is_empty()
    }
}

impl Client {
    /// The kind of client that this is.
    #[must_use]
    pub fn persona(&self) -> As {
        self.0.persona
    }

    /// Calls a tool and waits for what comes of it, however this kind of client learns of that: it reads callbacks, polls a
    /// task, or does what a ticket says, as a model would. `null` arguments are none.
    pub async fn call(&self, tool: &str, arguments: Value) -> Outcome {
        self.start(tool, arguments).result().await
    }

    /// Calls a tool, and goes on: what is returned tells of it.
    #[must_use = "what is heard of the call is read from this"]
    pub fn start(&self, tool: &str, arguments: Value) -> Running {
        Running::new(Arc::clone(&self.0), tool, arguments)
    }

    /// Answers what the server asks from now on, and what it has asked and is not answered yet: the same closure for every
    /// kind of client, which brings the answer to the server in its own way ([`As`] says which has which).
    ///
    /// - In a form that the server shows (`elicitation/create`), at once. [`As::Codex`] accepts without what was asked.
    /// - In a second call, which goes on with the first (`input_required` of MCP 2026-07-28).
    /// - In a task (`inputRequests`, `tasks/update`).
    /// - By `message_task`, as a model that read the question in an update or in a ticket.
    ///
    /// All but the first only while a call [goes on](Running::next). What is refused is answered three times at most; then the
    /// call ends with the refusal as its error.
    ///
    /// Where no answers were given, nobody is there ([`Reply::Away`]): the question stays open for ten minutes, unless
    /// its task gives it up before, and is dismissed then (a model, which cannot, declines). So the call returns in any case,
    /// with what the tool makes of [`NoAnswer`](crate::question::NoAnswer).
    ///
    #[doc = include_str!("../../docs/testing_answers.md")]
    pub fn answers<R: Into<Reply>>(&self, answers: impl FnMut(&Asked) -> R + Send + 'static) {
        self.0.answers.give(answers);
    }

    /// What the client was asked so far, in order; again what it was asked again.
    #[must_use]
    pub fn questions(&self) -> Vec<Asked> {
        self.0.answers.asked()
    }

    /// The tools, as the server lists them now.
    ///
    /// # Panics
    ///
    /// When the server does not answer with a list.
    pub async fn list_tools(&self) -> Vec<Value> {
        self.0.list_tools().await
    }

    /// Sends a request of any method, and waits for its reply: a message with a `result` or an `error`.
    ///
    /// # Panics
    ///
    /// When the server does not answer within a minute, or ends before.
    pub async fn request(&self, method: &str, params: Value) -> Value {
        let reply = self.0.request(method, params).await;
        reply.unwrap_or_else(|error| self.0.fail(&error))
    }

    /// What the model of this kind of client gets to see of the result of a call: `{"content": [..], ..}`.
    ///
    /// # Errors
    ///
    /// Why its host makes an error of it.
    pub fn model_sees(&self, result: &Value) -> Result<String, String> {
        self.0.model_sees(result, false)
    }

    /// The server events that came so far ([`Sender::emit`](crate::task::Sender::emit)), as this kind of client hears of
    /// them: a callback, or a logging notification; the name of each, and what it carries.
    #[must_use]
    pub fn events(&self) -> Vec<(String, Value)> {
        let lines = self.0.wire.transcript.lines();
        lines.iter().filter(|line| line.from == Side::Server).filter_map(event).collect()
    }

    /// Every line that went over the wire, one a line, each with its time and who wrote it.
    #[must_use]
    pub fn transcript(&self) -> String {
        let lines = self.0.wire.transcript.lines();
        lines.iter().map(|line| format!("{line}\n")).collect()
    }

    /// The rules of the protocols that the server broke so far, in a sentence each.
    #[must_use]
    pub fn broken_rules(&self) -> Vec<String> {
        self.0.broken_rules(false)
    }

    /// Leaves as this kind of client does, and waits until the server has ended.
    ///
    /// # Panics
    ///
    /// When the server broke a rule of the protocols, ended with an error, or does not end within a minute. Unless the
    /// client killed it, every call that was not cancelled must have been answered. How a process ended is not judged:
    /// a test looks at [`Left::is_clean`]; one that a signal ended need not have answered.
    pub async fn leave(self) -> Left {
        self.0.leave().await.unwrap_or_else(|error| self.0.fail(&error))
    }
}

/// A server event, as MCPC has it or as a logging notification.
fn event(line: &Line) -> Option<(String, Value)> {
    if line.get("method") == "notifications/message" {
        let data = &line.get("params")["data"];
        return Some((data["event"].as_str()?.to_owned(), data["data"].clone()));
    }
    let message = message(line)?;
    message.task_id.is_none().then_some((message.event, message.result))
}

/// The message of MCPC that a line brings.
pub(super) fn message(line: &Line) -> Option<Message> {
    Message::parse(line.get("result")["content"][0]["text"].as_str()?)
}

/// How long a server may take to end: where the clock is paused, however long its grace is.
fn longest_end() -> Duration {
    const HOUR: Duration = Duration::from_secs(3_600);
    if clock::is_paused() { HOUR } else { PATIENCE }
}

/// A value that is only ever copied or replaced under its lock.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Connects, opens the connection as this kind of client does, and lists the tools.
    pub(super) async fn open(
        persona: As,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
        server: Server,
    ) -> Arc<Self> {
        let answers = Answers::default();
        let Facts { forms, cancels, .. } = persona.facts();
        let person = Person { forms: *forms, answers: answers.clone() };
        let session = Arc::new(Self {
            persona,
            wire: Wire::new(reader, writer, person, cancels.answered),
            answers,
            next_id: AtomicU64::new(0),
            is_stateless: Mutex::new(persona.facts().is_stateless()),
            tools: Mutex::default(),
            calls: Mutex::default(),
            left: CancellationToken::new(),
            is_ours: matches!(server, Server::Here(_)),
            server: Mutex::new(server),
            has_left: Mutex::default(),
        });
        if let Err(error) = session.begin().await {
            session.fail(&error);
        }
        session.list_tools().await;
        if let Err(error) = session.shake_hands().await {
            session.fail(&error);
        }
        session
    }

    async fn begin(&self) -> Result<(), String> {
        /// How long Claude Code waits for an answer to what only newer servers know.
        const SILENCE: Duration = Duration::from_millis(2_600);
        let facts = self.facts();
        if facts.is_stateless() {
            let discovered = timeout(SILENCE, self.request("server/discover", json!({}))).await;
            match discovered {
                Ok(Ok(reply)) if reply["result"].is_object() => return Ok(()),
                _ => *lock(&self.is_stateless) = false,
            }
        }
        let reply = self.request("initialize", facts.initialize()).await?;
        if !reply["result"].is_object() {
            return Err(format!("the server did not accept the connection: {reply}"));
        }
        self.wire.send(&written("notifications/initialized", Value::Null, None));
        Ok(())
    }

    /// The handshake of MCPC, for its clients.
    async fn shake_hands(&self) -> Result<(), String> {
        let Some(dialect) = self.facts().dialect else { return Ok(()) };
        let info = ProtocolInfo::new(dialect, "py-client");
        let arguments = match dialect {
            Dialect::V0_2_6 => json!({ "mcpc_info": info }),
            Dialect::V0_2_1 | Dialect::V0_2_3 => json!({}),
        };
        let call = json!({"name": dialect.handshake(), "arguments": arguments});
        let reply = self.request("tools/call", call).await?;
        let text = reply["result"]["content"][0]["text"].as_str().unwrap_or_default();
        match serde_json::from_str::<ProtocolInfo>(text) {
            Ok(info) if info.mcpc_enabled => Ok(()),
            _ => Err(format!("the server does not speak MCPC: {reply}")),
        }
    }

    pub(super) fn facts(&self) -> &'static Facts {
        self.persona.facts()
    }

    /// Sends a request and returns its id.
    pub(super) fn send(&self, method: &str, params: Value) -> u64 {
        self.send_as(self.next_id.fetch_add(1, Ordering::Relaxed), method, params)
    }

    fn send_as(&self, id: u64, method: &str, mut params: Value) -> u64 {
        if *lock(&self.is_stateless) {
            let mut meta = self.facts().meta();
            if let Value::Object(given) = params["_meta"].take() {
                meta.as_object_mut().into_iter().for_each(|meta| meta.extend(given.clone()));
            }
            params["_meta"] = meta;
        }
        self.wire.send(&written(method, params, Some(id)));
        id
    }

    /// Sends the call of a tool and returns its id, and that of its task, where the client names it.
    pub(super) fn send_call(&self, tool: &str, mut arguments: Value) -> (u64, Option<String>) {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let mut task_id = None;
        if let Some(dialect) = self.facts().dialect {
            let (keys, named) = (dialect.metadata(), Uuid::new_v4().to_string());
            arguments[keys.argument] = json!({ keys.session_id: "sess-1", keys.task_id: named });
            task_id = Some(named);
        }
        let mut call = json!({"name": tool, "arguments": arguments});
        if self.facts().has_token {
            // As the SDKs do, which count both by one number.
            call["_meta"] = json!({ "progressToken": id });
        }
        if self.facts().asks_for_tasks && self.starts_tasks(tool) {
            call["task"] = json!({});
        }
        (self.send_as(id, "tools/call", call), task_id)
    }

    /// Makes a call again that was answered with a question, with what answers it.
    pub(super) fn send_call_again(&self, call: usize, answers: Value) -> u64 {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        let Some(Called { tool, arguments, .. }) = lock(&self.calls).get(call).cloned() else {
            unreachable!("a call is noted before it is made");
        };
        let mut params = json!({"name": tool, "arguments": arguments});
        if self.facts().has_token {
            params["_meta"] = json!({ "progressToken": id });
        }
        for key in ["inputResponses", "requestState"] {
            params[key] = answers[key].clone();
        }
        self.send_as(id, "tools/call", params)
    }

    /// Sends the call of a control tool, as a model makes it, and returns its id.
    pub(super) fn send_control(&self, tool: &str, arguments: Value) -> u64 {
        self.send("tools/call", self.control_call(tool, arguments))
    }

    /// The same, and waits for the reply.
    pub(super) async fn ask_control(&self, tool: &str, arguments: Value) -> Result<Value, String> {
        self.request("tools/call", self.control_call(tool, arguments)).await
    }

    fn control_call(&self, tool: &str, arguments: Value) -> Value {
        let mut call = json!({"name": tool, "arguments": arguments});
        if let Some(dialect) = self.facts().dialect {
            let keys = dialect.metadata();
            call["arguments"][keys.argument] = json!({ keys.session_id: "sess-1" });
        }
        call
    }

    /// Takes back a request.
    pub(super) fn cancel(&self, id: u64, reason: &str) {
        self.wire.send(&cancelled(&json!(id), reason));
    }

    async fn request(&self, method: &str, params: Value) -> Result<Value, String> {
        self.wire.read(true);
        let mut seen = self.wire.transcript.lines().len();
        let id = self.send(method, params);
        let reply = async {
            loop {
                let (next, line) = self.wire.transcript.heard(seen).await?;
                if let Some(value) = line.value.as_ref().filter(|_| line.answers(id)) {
                    return Some(Value::clone(value));
                }
                seen = next;
            }
        };
        match timeout(PATIENCE, reply).await {
            Ok(Some(reply)) => Ok(reply),
            Ok(None) => Err(format!("the server ended, and did not answer `{method}`")),
            Err(_) => Err(format!("the server does not answer `{method}`")),
        }
    }

    async fn list_tools(&self) -> Vec<Value> {
        let list = match self.request("tools/list", Value::Null).await {
            Ok(list) => list,
            Err(error) => self.fail(&error),
        };
        let Some(tools) = list["result"]["tools"].as_array() else {
            self.fail(&format!("the server lists no tools: {list}"))
        };
        lock(&self.tools).clone_from(tools);
        tools.clone()
    }

    /// Whether a tool is listed as one that may be called as a task of MCP 2025-11-25.
    fn starts_tasks(&self, tool: &str) -> bool {
        let tools = lock(&self.tools);
        let listed = tools.iter().find(|listed| listed["name"] == tool);
        let support = listed.map(|listed| &listed["execution"]["taskSupport"]);
        support.is_some_and(|support| support == "optional" || support == "required")
    }

    /// The name of a control tool, which may have something before it.
    pub(super) fn control_tool(&self, name: &str) -> Option<String> {
        let tools = lock(&self.tools);
        let names: Vec<&str> = tools.iter().filter_map(|tool| tool["name"].as_str()).collect();
        let prefixes = || names.iter().filter_map(|listed| listed.strip_suffix(name));
        let has_both = |prefix: &&str| {
            [CHECK_TASK, STOP_TASK].iter().all(|it| names.contains(&&*format!("{prefix}{it}")))
        };
        // A tool of the server's own may end like one of them.
        let prefix = prefixes().filter(has_both).min_by_key(|prefix| prefix.len())?;
        Some(format!("{prefix}{name}"))
    }

    /// What the model sees of the result of a call, or of a task of MCP.
    pub(super) fn model_sees(&self, result: &Value, is_of_task: bool) -> Result<String, String> {
        let Facts { view, cut, cut_of_task, .. } = self.facts();
        let cut = if is_of_task { cut_of_task } else { cut };
        Ok(cut.of(view.of(result)?))
    }

    /// Notes a call, and returns its place among the calls.
    pub(super) fn note_call(&self, tool: &str, arguments: &Value) -> usize {
        let mut calls = lock(&self.calls);
        let (tool, arguments) = (tool.to_owned(), arguments.clone());
        calls.push(Called { tool, arguments, outcome: None, is_without_answers: false });
        calls.len() - 1
    }

    /// Notes what came of a call.
    pub(super) fn note_outcome(&self, call: usize, outcome: &Outcome, is_without_answers: bool) {
        if let Some(called) = lock(&self.calls).get_mut(call) {
            called.outcome = Some(outcome.clone());
            called.is_without_answers = is_without_answers;
        }
    }

    pub(super) fn calls(&self) -> Vec<Called> {
        lock(&self.calls).clone()
    }

    /// Goes away in the middle.
    pub(super) fn vanish(&self) {
        self.wire.vanish();
        self.left.cancel();
    }

    /// The rules that the server broke; with `is_over`, everything must have its answer.
    pub(super) fn broken_rules(&self, is_over: bool) -> Vec<String> {
        let lines = self.wire.transcript.lines();
        let (facts, tools, is_ours) = (self.facts(), &*lock(&self.tools), self.is_ours);
        let calls = self.calls();
        let has_ended = |call: &Called| call.outcome.as_ref().is_some_and(Outcome::is_answered);
        let is_at_rest = !calls.is_empty() && calls.iter().all(has_ended);
        let of = rules::Of { facts, tools, is_ours, is_at_rest };
        let mut broken = rules::broken(&lines, of, is_over);
        broken.extend(self.answers.problem());
        broken
    }

    /// Leaves, and waits until the server has ended. It does so once: what came of it is said again.
    pub(super) async fn leave(&self) -> Result<Left, String> {
        if let Some(left) = lock(&self.has_left).clone() {
            return left;
        }
        let left = self.end().await;
        *lock(&self.has_left) = Some(left.clone());
        left
    }

    async fn end(&self) -> Result<Left, String> {
        self.wire.read(true);
        let server = std::mem::take(&mut *lock(&self.server));
        let (left, is_whole) = match server {
            Server::Process(process) => self.end_process(process).await?,
            Server::Here(server) => self.end_input(Some(server)).await?,
            Server::Elsewhere => self.end_input(None).await?,
        };
        let broken = self.broken_rules(is_whole && !self.left.is_cancelled());
        match broken.is_empty() {
            true => Ok(left),
            false => Err(format!("the server broke rules:\n- {}", broken.join("\n- "))),
        }
    }

    /// Ends a process; how it ended, and whether it could say all that it had to.
    async fn end_process(&self, process: Process) -> Result<(Left, bool), String> {
        let ended = process.end(&self.wire, self.facts()).await?;
        let Ended { status, after, was_killed, left_behind } = ended;
        let left = Left { after, was_killed, status: Some(status), left_behind };
        // One that a signal ended has no code.
        Ok((left, !was_killed && status.code().is_some()))
    }

    /// Ends what the client says, of which all signals are the end, too.
    async fn end_input(&self, server: Option<JoinHandle<Served>>) -> Result<(Left, bool), String> {
        let began = Instant::now();
        self.wire.end_input();
        let kills_after = self.facts().kills_after;
        let abort = server.as_ref().map(JoinHandle::abort_handle);
        let ended = timeout(kills_after.unwrap_or_else(longest_end), self.ended(server)).await;
        let was_abandoned = ended.is_err() && kills_after.is_some();
        let was_killed = was_abandoned && abort.is_some();
        match ended {
            Ok(ended) => ended?,
            Err(_) if was_abandoned => {
                abort.inspect(AbortHandle::abort);
                self.wire.vanish();
            }
            Err(_) => return Err("the server does not end after its client left".to_owned()),
        }
        let (status, left_behind) = (None, Vec::new());
        let left = Left { after: began.elapsed(), was_killed, status, left_behind };
        Ok((left, !was_abandoned))
    }

    /// Waits until the server has ended.
    async fn ended(&self, server: Option<JoinHandle<Served>>) -> Result<(), String> {
        self.wire.transcript.closed().await;
        match server {
            Some(server) => match server.await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(format!("the server ended with an error: {error}")),
                Err(error) => Err(format!("the server died: {error}")),
            },
            None => Ok(()),
        }
    }

    /// The last lines of the wire.
    pub(super) fn last_lines(&self) -> String {
        const MOST: usize = 8;
        let lines = self.wire.transcript.lines();
        let last = lines.iter().skip(lines.len().saturating_sub(MOST));
        last.map(|line| format!("{line}\n")).collect()
    }

    /// Fails the test.
    pub(super) fn fail(&self, error: &str) -> ! {
        panic!("{}: {error}\nthe last lines:\n{}", self.persona, self.last_lines());
    }
}
