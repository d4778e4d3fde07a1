//! A server as a process, and what a client has of it: two pipes or sockets, its stderr and its end.

use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
    Lines,
};
use tokio::process::{Child, Command};

use super::messages::{self, INITIALIZE, parse};

pub(crate) struct Process {
    pub(crate) child: Child,
    pub(crate) input: Option<Box<dyn AsyncWrite + Unpin>>,
    pub(crate) lines: Lines<BufReader<Box<dyn AsyncRead + Unpin>>>,
}

impl Process {
    /// Starts a server over pipes, as most clients do.
    pub(crate) fn spawn(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().expect("it starts");
        let input = child.stdin.take().expect("piped");
        let output = child.stdout.take().expect("piped");
        Self::over(child, Box::new(input), Box::new(output))
    }

    /// A server that was started, and what it reads from and writes to.
    pub(crate) fn over(
        child: Child,
        input: Box<dyn AsyncWrite + Unpin>,
        output: Box<dyn AsyncRead + Unpin>,
    ) -> Self {
        Self { child, input: Some(input), lines: BufReader::new(output).lines() }
    }

    pub(crate) async fn initialize(&mut self) {
        self.send(INITIALIZE).await;
        assert_eq!(self.value().await["id"], "init");
    }

    pub(crate) async fn send(&mut self, line: &str) {
        let input = self.input.as_mut().expect("open");
        input.write_all(format!("{line}\n").as_bytes()).await.expect("it reads");
        input.flush().await.expect("it reads");
    }

    /// Calls a tool, and does not wait for the reply.
    pub(crate) async fn call(&mut self, id: impl Into<Value>, tool: &str, arguments: Value) {
        self.send(&messages::call(id, tool, arguments)).await;
    }

    pub(crate) async fn value(&mut self) -> Value {
        parse(&self.try_line().await.expect("a line"))
    }

    pub(crate) async fn try_line(&mut self) -> Option<String> {
        let line = tokio::time::timeout(Duration::from_secs(30), self.lines.next_line()).await;
        line.expect("it says something").expect("UTF-8")
    }

    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().expect("it runs").to_string();
        let status = std::process::Command::new("kill").arg(format!("-{name}")).arg(id).status();
        assert!(status.expect("kill runs").success());
    }

    /// Waits for the end; what it still said, its stderr if that is a pipe, and how it ended.
    pub(crate) async fn end(mut self) -> (Vec<Value>, String, ExitStatus) {
        let mut rest = Vec::new();
        while let Some(line) = self.try_line().await {
            rest.push(parse(&line));
        }
        let mut errors = String::new();
        if let Some(stderr) = self.child.stderr.as_mut() {
            stderr.read_to_string(&mut errors).await.expect("UTF-8");
        }
        (rest, errors, self.child.wait().await.expect("it ends"))
    }

    /// Ends the input, and waits for the end in the same way.
    pub(crate) async fn finish(mut self) -> (Vec<Value>, String, ExitStatus) {
        self.input = None;
        self.end().await
    }
}
