//! What can go wrong outside a tool.

use std::fmt;

use crate::phrases;

/// The result of building or serving a server.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a server could not be built, or could not go on serving; or why an event could not be emitted.
///
/// What goes wrong inside a call never ends a server: it is answered, and the server goes on.
///
/// Its `Debug` form, which is what a `main` that returns it prints, is the sentence that says what is
/// wrong, with its sources.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Two tools have one name.
    #[error("two tools are called `{name}`: {first} and {second}")]
    #[non_exhaustive]
    DuplicateTool {
        /// The name.
        name: String,
        /// Where the first of them is declared.
        first: String,
        /// Where the second of them is declared.
        second: String,
    },
    /// A tool takes a `State<T>` that the server was not given.
    #[error(
        "the tool `{tool}` takes `State<{state}>`; give the server one with `Server::state`{}",
        other_states(given)
    )]
    #[non_exhaustive]
    MissingState {
        /// The tool.
        tool: String,
        /// The type that is missing.
        state: &'static str,
        /// The types of the states that the server was given.
        given: Vec<&'static str>,
    },
    /// A server was given two states of one type.
    #[error(
        "the server was given two states of the type `{state}`; a tool finds its state by the type, so \
         give one of them a type of its own"
    )]
    #[non_exhaustive]
    DuplicateState {
        /// The type.
        state: &'static str,
    },
    /// What `#[arg(..)]` says about an argument does not fit its type, or does not go together.
    #[error("the argument `{argument}` of the tool `{tool}`: {problem}")]
    #[non_exhaustive]
    Argument {
        /// The tool.
        tool: String,
        /// The argument.
        argument: &'static str,
        /// What does not fit.
        problem: String,
    },
    /// What an attribute says of a tool cannot be meant.
    #[error("the tool `{tool}`: {problem}")]
    #[non_exhaustive]
    Attribute {
        /// The tool.
        tool: String,
        /// What cannot be.
        problem: String,
    },
    /// A tool returns a `Result` under another name, so that an error would look like a value.
    #[error(
        "the tool `{tool}` returns a `Result` under another name; write `Result` in its signature"
    )]
    #[non_exhaustive]
    HiddenResult {
        /// The tool.
        tool: String,
    },
    /// A tool takes a `Sender` but is not a background tool.
    #[error("the plain tool `{tool}` takes a `Sender`; declare it with `#[mcpc::background]`")]
    #[non_exhaustive]
    SenderInPlainTool {
        /// The tool.
        tool: String,
    },
    /// A tool has a name that clients do not take, or that is taken.
    #[error("the tool `{tool}` cannot have this name: {problem}")]
    #[non_exhaustive]
    ToolName {
        /// The tool.
        tool: String,
        /// What is wrong with its name.
        problem: String,
    },
    /// A schema that was written for a tool is not one of objects, or refers to what it does not have.
    #[error("the {which} schema of the tool `{tool}`: {problem}")]
    #[non_exhaustive]
    Schema {
        /// The tool.
        tool: String,
        /// Whether it is that of the input or of the output.
        which: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A tool was to be added to, or removed from, a server whose tools do not change.
    #[error("the tools of this server do not change; build it with `Server::dynamic_tools(true)`")]
    FixedTools,
    /// A server event has no name, or carries what cannot be written as JSON.
    #[error("{problem}")]
    #[non_exhaustive]
    Event {
        /// What is wrong with it.
        problem: String,
    },
    /// A limit is set to a value with which the server could not work, or an address of its icons or website to
    /// what is not one.
    #[error("`Server::{setting}` is {value}; expected {expected}")]
    #[non_exhaustive]
    Limit {
        /// The method of `Server` that set it.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// What was set for a server over HTTP lets nothing through, or is not what it has to be.
    #[cfg(feature = "http")]
    #[error("`HttpServer::{setting}` is {value}; expected {expected}")]
    #[non_exhaustive]
    Http {
        /// The method of `HttpServer` that set it.
        setting: &'static str,
        /// What it was set to.
        value: String,
        /// What it may be.
        expected: String,
    },
    /// A server was to be served at an address at which it cannot be.
    #[cfg(feature = "http")]
    #[error("cannot serve at `{address}`")]
    #[non_exhaustive]
    Address {
        /// The address.
        address: String,
        /// Why not.
        #[source]
        error: std::io::Error,
    },
    /// A server was served outside of a tokio runtime.
    #[error("a server must be served inside a tokio runtime, like the one of `#[tokio::main]`")]
    Runtime(#[source] tokio::runtime::TryCurrentError),
    /// The process's stdin and stdout were served before; they have one client.
    #[error("stdin and stdout were served before; call `serve_stdio` once in a process")]
    StdioServed,
    /// The transport failed, or the client did not speak MCP, before the connection was set up. (A client that leaves
    /// before is not an error.)
    #[error("the connection ended before it was initialized")]
    Initialize(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The server's loop ended with a panic or was aborted.
    #[error("the server's loop ended early")]
    Serve(#[source] tokio::task::JoinError),
}

/// What a server has in place of a state.
fn other_states(given: &[&str]) -> String {
    match given {
        [] => String::new(),
        given => format!("; it has {}", phrases::list(given.iter().copied())),
    }
}

impl fmt::Debug for Error {
    // Not derived, also because a derived one is compiled into every crate that uses it, and with it
    // those of every message of rmcp.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")?;
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            write!(f, ": {error}")?;
            source = error.source();
        }
        Ok(())
    }
}

impl From<rmcp::service::ServerInitializeError> for Error {
    fn from(error: rmcp::service::ServerInitializeError) -> Self {
        Self::Initialize(Box::new(error))
    }
}
