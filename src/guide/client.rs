//! How a program starts tasks on a server: the client of this crate, [`Client`], the same from the other side.
//!
//! It needs the feature `client`, which is not a default, as it doubles the time that dependencies take to build; over HTTP
//! `client-http`.
//!
//! [`Client::start`] starts a tool on any server and returns a [`Task`]: a stream of what the tool says, and its result as a
//! type of yours. It takes the best way that client and server both have ([`Task::way`] says which), and says the same
//! things in all of them:
//!
//! | the server | a task | says | ends, if it is stopped |
//! |---|---|---|---|
//! | speaks MCPC | [`Way::Mcpc`] | every update as the value it is, and progress in percent | by the tool `stop_task` |
//! | has the Tasks extension of MCP 2026-07-28 | [`Way::Tasks`] | its status, as it is told (`notifications/tasks`), or else asked for at the server's interval | by `tasks/cancel` |
//! | has the tasks of MCP 2025-11-25, and the tool takes them | [`Way::TasksOf2025`] | its status, in the same way | by `tasks/cancel` |
//! | has none of these | [`Way::Progress`] | progress, if the tool reports some | by `notifications/cancelled` |
//!
//! A tool that takes no time is a task that says nothing. [`ClientBuilder::best`] leaves out what is above a way.
//!
//! ```
//! use mcpc::client::{Client, Said};
//! # use mcpc::{Sender, Server, tools};
//! # use serde_json::json;
//!
//! #[derive(Debug, PartialEq, serde::Deserialize)]
//! struct Deployed {
//!     version: String,
//!     machines: u32,
//! }
//!
//! # #[derive(serde::Serialize, schemars::JsonSchema)]
//! # struct Done { version: String, machines: u32 }
//! # #[mcpc::background]
//! # async fn deploy(version: String, updates: Sender) -> Done {
//! #     for i in 1..=3 { updates.send(format!("machine {i} runs {version}")).await; }
//! #     Done { version, machines: 3 }
//! # }
//! # #[tokio::main]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let (transport, theirs) = tokio::io::duplex(1 << 16);
//! # let (reader, writer) = tokio::io::split(theirs);
//! # tokio::spawn(Server::new("s").tools(tools![deploy]).serve_io(reader, writer));
//! let client = Client::connect(transport).await?; // or `Client::spawn(command)`
//! let mut task = client.start("deploy", json!({ "version": "v2" })).await?;
//! let mut heard = Vec::new();
//! while let Some(said) = task.next().await {
//!     match said {
//!         Said::Update(value) => heard.push(value),
//!         Said::Progress { done, .. } => println!("{done} %"),
//!         other => println!("{other:?}"),
//!     }
//! }
//! let deployed: Deployed = task.result().await?;
//! assert_eq!(deployed, Deployed { version: "v2".into(), machines: 3 });
//! assert_eq!(heard[0], "machine 1 runs v2");
//! # Ok(())
//! # }
//! ```
//!
//! # How it connects
//!
//! The newest is tried first: `server/discover` of MCP 2026-07-28, and `initialize` where a server does not know that; then
//! the handshakes of MCPC from the newest on. Ids of MCPC go only to a server that has answered one of these, and that the
//! client has the Tasks extension is said only in the requests about tasks.
//!
//! [`Client::spawn`] starts a child process, and once more if it does not answer `server/discover` within three seconds, as
//! servers on old SDKs die of that ([`ClientBuilder::initialize`] leaves it out). [`Client::connect`] takes any client transport of rmcp; what a server
//! declares of the tasks of MCP 2025-11-25 is not to be read there, and [`ClientBuilder::connect_io`] reads it. A program
//! that has an rmcp client already [wraps](crate::client::wrap) the transport of that.
//!
//! # Over HTTP
//!
//! [`Client::connect_http`] connects to an address, and [`ClientBuilder::connect_http`](crate::client::ClientBuilder::connect_http),
//! which has an example, says who asks.
//!
//! A server of this crate runs tasks by MCPC there, too, in a session: what they say comes as it happens. Connections break:
//! a stream is gone on with after its last event, without a gap or a repeat, as long as the server is back within two minutes and has it still.
//! A server that has forgotten the session, as after a restart, gets a new one; the tasks of MCPC end with
//! [`TaskError::ServerGone`], and those of the Tasks extension go on, as they belong to no session, and are asked about again for half a minute. A call whose answer is
//! lost for good fails, and may have been done.
//!
//! Calls take as long as they need, and all else a minute ([`ClientBuilder::answer_limit`]). TLS is rustls, and trusts what the
//! platform trusts (on Linux, `SSL_CERT_FILE` may name more); `HTTPS_PROXY` and its like are heeded. What needs more than that, as
//! certificates of the client or OAuth, is a transport of rmcp's, for [`Client::connect`].
//!
//! # Results and ends
//!
//! [`Task::result`] reads structured content, or else the text, as JSON where it is that. It can be awaited after the stream
//! or in its place, and again. A task without a result has a [`TaskError`]: `Failed` with what the tool said, `Stopped`,
//! `Refused` with a protocol error, or `ServerGone` where the connection ended first. A wrong argument is how the task ends,
//! and no error of `start`.
//!
//! [`Task::stop`] asks a task to stop; what it says then is its end. Dropping a [`Task`] stops nothing. [`Client::call`] waits
//! for the reply of a tool, whatever runs it, and stops what it started if it is dropped.
//!
//! # Who reads slowly
//!
//! Nobody who reads slowly, or not at all, holds up a connection or another listener. What a task said is kept for its
//! handle, up to 16 MiB ([`ClientBuilder::kept`]): after that the oldest goes, and the stream says how much that was
//! (`Said::Missed`); a question never goes, nor does the result. Each stream of [`Client::events`] has 1 MiB of its own.
//!
//! # Questions
//!
//! A server asks with `elicitation/create`, with a result or a task that is `input_required`, or, one of this crate by MCPC,
//! with an update that the tool `message_task` answers. [`Client::on_question`] gives the client what answers all of them;
//! without it a question is a [`Said::Question`] in the stream of the task that asks,
//! and an [`Event::Question`] where nobody can tell which that is. A question that is dropped, or that nobody can read as
//! the result is awaited, is answered with [`Answer::Cancel`]. An answer that the server refuses is asked for again, up to
//! three times, with what is wrong with it.
//!
//! [`Task::message`] gives a task an instruction, at a server of this crate by MCPC.
//!
//! # Events
//!
//! [`Client::events`] has what is no task's: what tools send with [`Sender::emit`](crate::Sender::emit), what the server logs,
//! that its tools changed, and MCPC's messages about tasks, whoever started them.
//!
//! [`Answer::Cancel`]: crate::client::Answer::Cancel
//! [`ClientBuilder::answer_limit`]: crate::client::ClientBuilder::answer_limit
//! [`ClientBuilder::best`]: crate::client::ClientBuilder::best
//! [`ClientBuilder::connect_io`]: crate::client::ClientBuilder::connect_io
//! [`ClientBuilder::initialize`]: crate::client::ClientBuilder::initialize
//! [`ClientBuilder::kept`]: crate::client::ClientBuilder::kept
//! [`Client::call`]: crate::client::Client::call
//! [`Client::connect_http`]: crate::client::Client::connect_http
//! [`Client::connect`]: crate::client::Client::connect
//! [`Client::events`]: crate::client::Client::events
//! [`Client::on_question`]: crate::client::Client::on_question
//! [`Client::spawn`]: crate::client::Client::spawn
//! [`Client::start`]: crate::client::Client::start
//! [`Client`]: crate::client::Client
//! [`Event::Question`]: crate::client::Event::Question
//! [`Said::Question`]: crate::client::Said::Question
//! [`TaskError`]: crate::client::TaskError
//! [`TaskError::ServerGone`]: crate::client::TaskError::ServerGone
//! [`Task::message`]: crate::client::Task::message
//! [`Task::result`]: crate::client::Task::result
//! [`Task::stop`]: crate::client::Task::stop
//! [`Task::way`]: crate::client::Task::way
//! [`Task`]: crate::client::Task
//! [`Way::Mcpc`]: crate::client::Way::Mcpc
//! [`Way::Progress`]: crate::client::Way::Progress
//! [`Way::TasksOf2025`]: crate::client::Way::TasksOf2025
//! [`Way::Tasks`]: crate::client::Way::Tasks
