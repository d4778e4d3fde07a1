//! What each kind of client gets of a background tool, and what it can ask.
//!
//! The same function serves every client, in the best way that the client shows it understands. These are the ways, the
//! best first; a plain tool is answered with its result by all of them.
//!
//! # MCPC
//!
//! A call is one of MCPC if it carries ids, or if its connection saw a handshake. It is answered with `created` at once;
//! every update and the result follow as callbacks while the conversation goes on. Each callback is a line with the id
//! `MCPC_CALLBACK`; [`Message`] is what it holds. A server answers each handshake in its own
//! [dialect](crate::protocol::Dialect) and takes ids in either form:
//!
//! | | handshake | ids of a call |
//! |---|---|---|
//! | MCPC 0.2.1 | `is_mcpc_enabled` | `_metadata: {mcpc_session_id, mcpc_task_id}` |
//! | MCPC 0.2.3, 0.2.4 | `_is_mcpc_enabled` | the same |
//! | MCPC 0.2.6 | `_mcpc_init` | `mcpc_params: {session_id, task_id}` |
//!
//! None of these tools and arguments is listed, and none reaches a function; an argument of one of these names that is
//! an object is MCPC, whatever is in it. An id that the client leaves out is made for it ([`Sender::task_id`]), and a
//! session that it leaves out is `default`. A client without MCPC never gets a callback.
//!
//! The client of this crate is such a client, and has [a page of its own](super::client).
//!
//! # MCP's tasks
//!
//! A client that declares the Tasks extension of MCP 2026-07-28 (SEP-2663), and speaks that protocol, gets the result of
//! what is over within [`Server::task_patience`]. Of anything else it gets a task:
//!
//! - `tasks/get` returns its latest update, output or progress as its status message and, in the end, the result;
//! - `notifications/tasks` says the same to a client that listens for it (`subscriptions/listen`), over stdio and
//!   [`Server::serve_io`];
//! - `tasks/cancel` asks it to stop.
//!
//! A task that ended because it was asked to stop is `cancelled`, with its error as the status message. One that failed
//! by itself is `completed`, with a result that has `isError`, as SEP-2663 keeps `failed` for errors of the protocol.
//! `pollIntervalMs` is a tenth of the task's age, from 1 to 5 seconds.
//!
//! # Tasks of MCP 2025-11-25
//!
//! There a client asks for a task with its call (`task` among the parameters, SEP-1686). A session of that revision, over
//! stdio, HTTP and [`Server::serve_io`], is told that the server has such tasks, and which tools start them
//! (`execution.taskSupport`, `required` for a tool with [`required`](crate::background)). A call with `task` is answered with
//! the task at once, whatever comes of it; a call without is served as any other.
//!
//! - `tasks/get` returns how it is doing, `tasks/list` all tasks of the connection, in the order of their creation, 100 at once;
//! - `tasks/result` waits for the end and returns the result, all of it; meanwhile the client is asked what the
//!   [task asks](super::asking);
//! - `notifications/tasks/status` tells each change, ten a second at most, and progress notifications go on under the token of
//!   the call until the end;
//! - `tasks/cancel` asks it to stop: the task is `cancelled` from then on, also while it cleans up, and whatever it returns.
//!
//! `ttl` is `null` while it runs, whatever the client wished, and then counts to the end of the
//! [retention](crate::Server::retention). As above, an error of the tool's own is `completed` with `isError`, so that hosts let their
//! model read it; bad arguments are such an error. A tool that starts no task refuses one (-32601).
//!
//! # Progress
//!
//! A client that gives a progress token with its call waits for the result. Meanwhile it gets progress notifications, ten
//! a second at most, in the units of [`Sender::progress`], and one whenever the task was silent for
//! [`Server::heartbeat`]. When the patience runs out, it gets a [ticket](#tickets).
//!
//! # No progress
//!
//! Any other client waits for the result, or for a ticket when the patience runs out.
//!
//! # What follows a result
//!
//! Where there are no callbacks, what the task sent with [`Sender::send`] follows its result in one text: the latest
//! 4 KiB, and nothing that the result says again. What it sent with [`Sender::output`] follows an error alone. Both are
//! kept up to [`Server::max_kept_bytes`].
//!
//! # Tickets
//!
//! The patience is the tool's own (`patience` of [`background`]), or [`Server::patience`]. A ticket is a text that a
//! model can act on:
//!
//! ```text
//! `import` is still running after 50s, 40 %: importing, and goes on as task `0d3b..`. Call `check_task` with
//! {"task_id": "0d3b..", "wait_seconds": 50} to wait for news of it or for its result, or `stop_task` to stop it.
//! ```
//!
//! It also names a task that was started before with the same arguments and still runs. `check_task`, `stop_task` and
//! [`message_task`](super::asking) are tools that every server with a background tool has, for every client ([`Server::control_tools`],
//! [`Server::control_prefix`]). A client can ask about the tasks of its own connection.
//!
//! | argument of `check_task` | means |
//! |---|---|
//! | `task_id` | the task; without it all tasks are listed, and one that is not quite right is answered with the nearest |
//! | `wait_seconds` | how long to wait for something worth a model's turn: the end, ten percent more, ten updates or 2 KiB of them. 50 seconds at most, or [`Server::patience`] if that is from 10 to 50 seconds |
//! | `offset` | the byte from which on to read a [long result](super::results#long-results) |
//!
//! `check_task` returns how far the task is, what it sent since the last check and, once it has ended, its result.
//!
//! ```
//! # use mcpc::client::{Client, Way, text};
//! use std::time::Duration;
//!
//! use mcpc::{Sender, Server, tools};
//! use serde_json::json;
//!
//! /// Imports a table.
//! #[mcpc::background(patience = "100ms")]
//! async fn import(table: String, updates: Sender) -> String {
//!     updates.progress(40, 100, "importing");
//!     tokio::time::sleep(Duration::from_millis(500)).await;
//!     updates.send("checking").await;
//!     format!("`{table}` is imported")
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! # let server = Server::new("s").tools(tools![import]);
//! # let (ours, theirs) = tokio::io::duplex(1 << 16);
//! # let (reader, writer) = tokio::io::split(theirs);
//! # tokio::spawn(server.serve_io(reader, writer));
//! # let client = Client::builder().best(Way::Result).connect(ours).await.unwrap();
//! # let call = async |tool: &str, arguments| text(&client.call(tool, arguments).await.unwrap());
//! let ticket = call("import", json!({ "table": "users" })).await;
//! assert!(ticket.starts_with("`import` is still running after 100ms, 40 %: importing, and goes on as task `"));
//! # let task_id = ticket.split('`').nth(3).unwrap();
//! let check = json!({ "task_id": task_id, "wait_seconds": 50 });
//! let news = call("check_task", check).await;
//! assert!(news.ends_with(
//!     "(`import`) is complete. The result:\n`users` is imported\n\nNew since the last check:\nchecking"
//! ));
//! # }
//! ```
//!
//! # Equal calls
//!
//! Of a tool with `#[mcpc::background(join)]`, a call joins the task of the same client that runs with equal arguments, and
//! starts none. It gets what it would get of a task of its own: the result, with all updates that are kept; progress from
//! then on; the same task of MCP; a ticket for the same task. A client of MCPC gets a task with the id that it chose, which
//! says again what the other one says. A call that is cancelled leaves the task to the others, and so does `stop_task` with
//! such an id; the last one stops it. Stopping the task itself stops it for all. Calls with a number that is larger than
//! 2⁵³ and not written as an integer of 64 bits do not join. [`Server::around`] sees the call that starts the task,
//! and not those that join it.
//! Equal is what was written: a default that is written out, or `"1"` for `1`, is another call; the order of keys is not.
//!
//! # Server events
//!
//! What [`Sender::emit`] sends is a server event to a client of MCPC. To another it is a logging notification of level
//! `info`: up to MCP 2025-11-25 unless the client set a higher level (`logging/setLevel`); from 2026-07-28 on if the call
//! asked for that level, and until its reply. The Tasks extension has no place for them. A plain tool emits with
//! [`Call::emit`](crate::Call::emit), and what happens outside of calls is told with [`Events`](super::servers#events).
//!
//! # What hosts make of it
//!
//! Measured with the real programs on 29 November 2026, each against a server of this crate over stdio:
//!
//! | host | calls a background tool with | its model sees | gives up |
//! |---|---|---|---|
//! | Claude Code 2.1.332, in the terminal | a task: the conversation goes on, and the end wakes it; its user sees the status message | the result and what was sent before; how far it is, by `check_task` | not within 650 s |
//! | Claude Code 2.1.332, `-p` | progress | the result and what was sent before, or a ticket after 240 s | not within 650 s |
//! | Codex CLI 0.171 | progress | the same; of a long text about 12 kB, without its middle | after 300 s |
//! | Copilot CLI 1.0.102 | progress | the same; of a long text the first 500 characters and a file | not while it hears of progress |
//! | opencode 1.18 | progress | the same; of a long text the first 50 kB and a file | not while it hears of progress |
//! | Gemini CLI 0.61 | progress | the same; of a long text 8,000 and 32,000 characters | after 600 s |
//! | Qwen Code 0.24 | progress | the same; of a long text the beginning and a file | after 600 s |
//! | Cline CLI 3.0.65 | nothing | the same, or a ticket after 50 s; of a long text 8,000 characters | after 60 s |
//! | Continue CLI 1.5 | nothing | the same, or a ticket after 50 s | not within 50 s |
//!
//! None of them shows a logging notification, so [`Sender::emit`] is for clients of MCPC. Each is a client of
//! [`testing`](super::testing), too, with which a tool's own tests see what it makes of a reply.
//!
//! # MCP
//!
//! MCP itself is rmcp's: the revisions from 2024-11-05 to 2026-07-28. [`Server::handler`] takes an `rmcp::ServerHandler`
//! of yours that answers what is not about tools: prompts, resources, completion.
//!
//! [`Message`]: crate::protocol::Message
//! [`Sender::emit`]: crate::Sender::emit
//! [`Sender::output`]: crate::Sender::output
//! [`Sender::progress`]: crate::Sender::progress
//! [`Sender::send`]: crate::Sender::send
//! [`Sender::task_id`]: crate::Sender::task_id
//! [`Server::control_prefix`]: crate::Server::control_prefix
//! [`Server::control_tools`]: crate::Server::control_tools
//! [`Server::handler`]: crate::Server::handler
//! [`Server::around`]: crate::Server::around
//! [`Server::heartbeat`]: crate::Server::heartbeat
//! [`Server::max_kept_bytes`]: crate::Server::max_kept_bytes
//! [`Server::patience`]: crate::Server::patience
//! [`Server::serve_io`]: crate::Server::serve_io
//! [`Server::task_patience`]: crate::Server::task_patience
//! [`background`]: macro@crate::background
