//! A raw client: it writes lines and reads lines, and believes nothing.
#![allow(dead_code, reason = "each test binary uses a part of it")]

pub(crate) mod garbage;

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use mcpc::Server;
use serde_json::{Value, json};
use tokio::io::{
    AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf,
    WriteHalf,
};
use tokio::process::Command;
use tokio::task::JoinHandle;

pub(crate) const CALLBACK: &str = "MCPC_CALLBACK";

pub(crate) const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":"init","method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{},"clientInfo":{"name":"raw","version":"1"}}}"#;

/// One connection to a server in this process.
pub(crate) struct Wire {
    pub(crate) lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    pub(crate) input: WriteHalf<DuplexStream>,
    pub(crate) server: JoinHandle<mcpc::Result>,
}

impl Wire {
    /// Connects without a word.
    pub(crate) fn open(server: Server) -> Self {
        Self::open_with_buffer(server, 1 << 16)
    }

    /// Connects over a pipe that holds `bytes` bytes.
    pub(crate) fn open_with_buffer(server: Server, bytes: usize) -> Self {
        Self::open_with_writer(server, bytes, |writer| writer)
    }

    /// The same with a writer around the pipe.
    pub(crate) fn open_with_writer<W: AsyncWrite + Send + Unpin + 'static>(
        server: Server,
        bytes: usize,
        around: impl FnOnce(WriteHalf<DuplexStream>) -> W,
    ) -> Self {
        Self::over(bytes, |reader, writer| server.serve_io(reader, around(writer)))
    }

    /// Connects to what serves the other end of a pipe.
    fn over<S: Future<Output = mcpc::Result> + Send + 'static>(
        bytes: usize,
        serve: impl FnOnce(ReadHalf<DuplexStream>, WriteHalf<DuplexStream>) -> S,
    ) -> Self {
        let (ours, theirs) = tokio::io::duplex(bytes);
        let (reader, writer) = tokio::io::split(theirs);
        let server = tokio::spawn(serve(reader, writer));
        let (reader, input) = tokio::io::split(ours);
        Self { lines: BufReader::new(reader).lines(), input, server }
    }

    /// Connects over a transport of rmcp's, which reads and writes lines of its own.
    pub(crate) fn open_over_rmcp(server: Server) -> Self {
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let server = tokio::spawn(server.serve(tokio::io::split(theirs)));
        let (reader, input) = tokio::io::split(ours);
        Self { lines: BufReader::new(reader).lines(), input, server }
    }

    /// Connects and initializes.
    pub(crate) async fn connect(server: Server) -> Self {
        let mut wire = Self::open(server);
        wire.initialize().await;
        wire
    }

    /// Connects to a server of `tests/servers`, and initializes: the one of this process, or, if
    /// `tests/outside/run` says so, the one of that program.
    pub(crate) async fn connect_to(
        name: &str,
        setting: &str,
        server: impl FnOnce() -> Server,
    ) -> Self {
        let Some(outside) = std::env::var_os("MCPC_OUTSIDE") else {
            return Self::connect(server()).await;
        };
        let mut program = Command::new(outside);
        program.args([name, setting]);
        let mut wire = Self::over(1 << 16, |reader, writer| through(program, reader, writer));
        wire.initialize().await;
        wire
    }

    pub(crate) async fn initialize(&mut self) {
        self.send(INITIALIZE).await;
        assert_eq!(self.value().await["id"], "init");
        self.send(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#).await;
    }

    pub(crate) async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads");
    }

    pub(crate) async fn call(&mut self, id: impl Into<Value>, tool: &str, arguments: Value) {
        self.send(&call(id, tool, arguments)).await;
    }

    /// Calls a tool as task `task_id` of session `s`.
    pub(crate) async fn start(&mut self, task_id: &str, tool: &str, mut arguments: Value) {
        arguments["_metadata"] = json!({"mcpc_session_id": "s", "mcpc_task_id": task_id});
        self.call(task_id, tool, arguments).await;
    }

    pub(crate) async fn cancel(&mut self, id: impl Into<Value>) {
        let params = json!({"requestId": id.into()});
        let method = "notifications/cancelled";
        self.send(&json!({"jsonrpc": "2.0", "method": method, "params": params}).to_string()).await;
    }

    /// The next line; panics at the end of the stream.
    pub(crate) async fn line(&mut self) -> String {
        self.try_line().await.expect("a line")
    }

    pub(crate) async fn try_line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(Duration::from_secs(60), self.lines.next_line()).await;
        line.expect("the server says something").expect("the server writes UTF-8")
    }

    pub(crate) async fn value(&mut self) -> Value {
        parse(&self.line().await)
    }

    /// The tools as `tools/list` shows them.
    pub(crate) async fn list(&mut self) -> Vec<Value> {
        self.send(r#"{"jsonrpc":"2.0","id":"list","method":"tools/list"}"#).await;
        self.value().await["result"]["tools"].as_array().expect("a list").clone()
    }

    /// Calls a tool and returns the texts of its reply, one below the other, and whether it is an error.
    pub(crate) async fn ask(&mut self, tool: &str, arguments: Value) -> (String, bool) {
        self.call("ask", tool, arguments).await;
        let reply = self.value().await;
        assert_eq!(reply["id"], "ask", "{reply}");
        (texts(&reply).join("\n"), reply["result"]["isError"] == true)
    }

    /// The next line as an MCPC message, whether it came as a reply or as a callback.
    pub(crate) async fn message(&mut self) -> Value {
        parse(&text(&self.value().await))
    }

    /// Every message up to the first terminal one, as pairs of event and result.
    pub(crate) async fn task(&mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        loop {
            let message = self.message().await;
            let event = message["event"].as_str().expect("an event").to_owned();
            let ended = event == "complete" || event == "failed";
            events.push((event, message["result"].clone()));
            if ended {
                return events;
            }
        }
    }

    /// Ends the input and reads what is left; then the server must have ended well.
    pub(crate) async fn finish(mut self) -> Vec<String> {
        self.input.shutdown().await.expect("the server reads");
        let mut rest = Vec::new();
        while let Some(line) = self.try_line().await {
            rest.push(line);
        }
        self.server.await.expect("no panic").expect("no error");
        rest
    }
}

/// Serves a pipe by a program, which must end well.
async fn through(
    mut program: Command,
    mut reader: ReadHalf<DuplexStream>,
    mut writer: WriteHalf<DuplexStream>,
) -> mcpc::Result {
    let program = program.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
    let mut child = program.spawn().expect("the program runs");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = child.stdout.take().expect("a pipe");
    let send = async move { tokio::io::copy(&mut reader, &mut input).await };
    let receive = async move {
        let copied = tokio::io::copy(&mut output, &mut writer).await;
        writer.shutdown().await.and(copied)
    };
    tokio::try_join!(send, receive).expect("the program reads and writes");
    assert!(child.wait().await.expect("the program ends").success(), "it ended badly");
    Ok(())
}

/// The program of an example: cargo puts examples beside the folder of the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test has a path");
    let folder = test.ancestors().nth(2).expect("target/<profile>/deps/<test>");
    folder.join("examples").join(format!("{name}{}", std::env::consts::EXE_SUFFIX))
}

pub(crate) fn call(id: impl Into<Value>, tool: &str, arguments: Value) -> String {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": id.into(), "method": "tools/call", "params": params}).to_string()
}

pub(crate) fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// The text of a reply or callback.
pub(crate) fn text(reply: &Value) -> String {
    texts(reply).swap_remove(0)
}

/// The texts of a reply, of which there is at least one.
pub(crate) fn texts(reply: &Value) -> Vec<String> {
    let blocks = reply["result"]["content"].as_array().filter(|blocks| !blocks.is_empty());
    let blocks = blocks.unwrap_or_else(|| panic!("no content in {reply}"));
    let text = |block: &Value| block["text"].as_str().map(str::to_owned);
    blocks.iter().map(|block| text(block).unwrap_or_else(|| panic!("no text in {reply}"))).collect()
}
