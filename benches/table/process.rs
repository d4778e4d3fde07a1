//! A server as a child process, and a client of it that costs next to nothing.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub(crate) struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    /// Starts a server that waits for its first message.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let input = child.stdin.take();
        let output = child.stdout.take().expect("it was asked for");
        Self { child, input, output: BufReader::with_capacity(256 << 10, output) }
    }

    /// Starts a server and waits until it is initialized.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut process = Self::spawn(command);
        process.initialize();
        process
    }

    pub(crate) fn initialize(&mut self) {
        let client = json!({"name": "bench", "version": "1"});
        let params =
            json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client});
        let call = json!({"jsonrpc": "2.0", "id": "i", "method": "initialize", "params": params});
        self.write(&call);
        self.read_until("\"i\"");
    }

    /// Says that the client is ready, which is not answered.
    pub(crate) fn initialized(&mut self) {
        self.write(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
    }

    pub(crate) fn write(&mut self, message: &Value) {
        self.write_lines(&format!("{message}\n"));
    }

    pub(crate) fn write_lines(&mut self, lines: &str) {
        let input = self.input.as_mut().expect("it is open");
        input.write_all(lines.as_bytes()).expect("the server reads");
    }

    /// Takes the server's input away.
    pub(crate) fn take_input(&mut self) -> ChildStdin {
        self.input.take().expect("it is open")
    }

    pub(crate) fn call(&mut self, id: Value, tool: &str, arguments: Value, meta: Value) {
        self.write(&call(id, tool, arguments, meta));
    }

    pub(crate) fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line).expect("UTF-8");
        (read > 0).then_some(line)
    }

    /// The first line that has `part` in it.
    pub(crate) fn read_until(&mut self, part: &str) -> String {
        loop {
            let line = self.line().expect("the server goes on");
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Reads so many lines and looks at none of them.
    pub(crate) fn skip_lines(&mut self, lines: usize) {
        let mut seen = 0;
        while seen < lines {
            let read = self.output.fill_buf().expect("the server writes");
            assert!(!read.is_empty(), "the server ended after {seen} of {lines} lines");
            let bytes = read.len();
            seen += newlines(read);
            self.output.consume(bytes);
        }
        assert_eq!(seen, lines, "the server says no more than that");
    }

    /// Sends requests, so many of them unanswered at any time, until all are answered by a line each.
    pub(crate) fn converse(&mut self, requests: &[String], in_flight: usize) -> Duration {
        self.converse_and(requests, in_flight, |_| {})
    }

    /// The same, with the answers.
    pub(crate) fn converse_and_keep(
        &mut self,
        requests: &[String],
        in_flight: usize,
    ) -> (Duration, String) {
        let mut answers = Vec::new();
        let took = self.converse_and(requests, in_flight, |read| answers.extend_from_slice(read));
        (took, String::from_utf8(answers).expect("UTF-8"))
    }

    fn converse_and(
        &mut self,
        requests: &[String],
        in_flight: usize,
        mut with_read: impl FnMut(&[u8]),
    ) -> Duration {
        let started = Instant::now();
        let (mut asked, mut answered) = (in_flight.min(requests.len()), 0);
        self.write_lines(&requests[..asked].concat());
        while answered < requests.len() {
            let read = self.output.fill_buf().expect("the server writes");
            assert!(!read.is_empty(), "the server ended");
            with_read(read);
            let bytes = read.len();
            answered += newlines(read);
            self.output.consume(bytes);
            let more = (answered + in_flight).min(requests.len());
            match &requests[asked..more] {
                [] => {}
                [one] => self.write_lines(one),
                several => self.write_lines(&several.concat()),
            }
            asked = more;
        }
        started.elapsed()
    }

    /// A line of the process's status, in KiB.
    pub(crate) fn memory(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id()));
        let status = status.expect("it runs, on Linux");
        let line = status.lines().find(|line| line.starts_with(name)).expect("there is one");
        let size = line.split_whitespace().nth(1).and_then(|size| size.parse().ok());
        size.expect("a number")
    }

    /// What the process holds when it has come to rest, in KiB.
    pub(crate) fn resting_memory(&self) -> u64 {
        let mut memory = self.memory("VmRSS");
        loop {
            std::thread::sleep(Duration::from_millis(300));
            let now = self.memory("VmRSS");
            if now.abs_diff(memory) < 64 {
                return now;
            }
            memory = now;
        }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the server has ended by itself.
    pub(crate) fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("it ends").code()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How many newlines there are.
fn newlines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// A call of a tool.
pub(crate) fn call(id: Value, tool: &str, arguments: Value, meta: Value) -> Value {
    request(id, "tools/call", json!({"name": tool, "arguments": arguments, "_meta": meta}))
}

pub(crate) fn request(id: Value, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

/// The `_meta` of a client of the Tasks extension.
pub(crate) fn tasks_extension() -> Value {
    json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities":
            {"extensions": {"io.modelcontextprotocol/tasks": {}}},
    })
}
