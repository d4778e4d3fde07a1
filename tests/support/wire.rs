//! The raw connection of every client: it writes lines and reads lines, and believes nothing.

use std::process::Stdio;
use std::time::Duration;

use mcpc::{Server, Service};
use serde_json::Value;
use tokio::io::{
    AsyncBufReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader, DuplexStream, Lines, ReadHalf,
    WriteHalf,
};
use tokio::process::Command;
use tokio::task::JoinHandle;

use super::messages::parse;

/// One connection to a server in this process, on which nothing is said that a test does not say.
pub(crate) struct Wire {
    pub(crate) lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    pub(crate) input: WriteHalf<DuplexStream>,
    pub(crate) server: JoinHandle<mcpc::Result>,
}

impl Wire {
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

    /// Connects to a service that others are connected to.
    pub(crate) fn to(service: &Service) -> Self {
        Self::over(1 << 16, |reader, writer| service.serve_io(reader, writer))
    }

    /// Connects over a transport of rmcp's, which reads and writes lines of its own.
    pub(crate) fn open_over_rmcp(server: Server) -> Self {
        Self::over(1 << 16, |reader, writer| server.serve((reader, writer)))
    }

    /// Connects to a server of `tests/servers`: the one of this process, or, if `tests/outside/run` says so, the
    /// one of that program.
    pub(crate) fn open_outside(name: &str, setting: &str, server: impl FnOnce() -> Server) -> Self {
        let Some(outside) = std::env::var_os("MCPC_OUTSIDE") else {
            return Self::open(server());
        };
        let mut program = Command::new(outside);
        program.args([name, setting]);
        Self::over(1 << 16, |reader, writer| through(program, reader, writer))
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

    pub(crate) async fn send(&mut self, line: &str) {
        self.input.write_all(format!("{line}\n").as_bytes()).await.expect("the server reads");
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
