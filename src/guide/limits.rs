//! How far a server is bounded, and for how long it waits.
//!
//! A [`Server`] that is served directly ([`serve_stdio`], [`serve_io`], [`serve`]) has one client, and what counts for the
//! server counts for that. [`Server::build`] returns a [`Service`], which serves any number of clients: what counts per
//! connection, each of them has for itself, and what counts per server they have together. What a program does in all is
//! for itself to bound (below).
//!
//! # Bounds
//!
//! | method | bounds | counts | without it |
//! |---|---|---|---|
//! | [`max_tasks`] | the tasks that run at once; one more call is told to try again later | per server | 10,000 |
//! | [`max_requests`] | the requests that are unanswered at once; one more is refused | per connection | 20,000 |
//! | [`max_questions`] | the [questions](super::asking) that are open at once; one more is `NoAnswer::TooMany`, at once | per task, and per call of a plain tool | 100 |
//! | [`max_kept_bytes`] | what is kept of a task's updates, and of its output; the oldest goes first | per task, each | 16 KiB |
//! | [`max_result_bytes`] | how much of a result is in one reply of a call that waits, or of `check_task` | per reply | 100,000 bytes |
//! | [`max_queued_bytes`] | the updates that wait for a client that reads slowly; then [`Sender::send`] waits, too | per connection | 1 MiB |
//! | [`max_message_bytes`] | a message of the client, over stdio and [`serve_io`]; a longer one is refused | per message | 16 MiB |
//!
//! These cannot be set:
//!
//! - Ended tasks: 10,000 of them and 64 MiB of what they said are kept per server, within their retention; those that
//!   would go first go first. Those of a connection are forgotten when it ends.
//! - Replies: no further call is read while more than 1 MiB of replies is unread.
//!
//! Nothing runs a failed task again: `retries` would need a task log that outlives the process, which mcpc does not have yet.
//!
//! # Times
//!
//! | method | is | without it | a tool's own |
//! |---|---|---|---|
//! | [`patience`] | how long a call waits for the result before it is answered with a [ticket](super::clients#tickets); no time is at once | 50 seconds, or 240 where the client hears of progress | `patience` |
//! | [`task_patience`] | the same where the client takes [MCP's tasks](super::clients#mcps-tasks) | 1 second | `patience`, if that is shorter |
//! | [`heartbeat`] | how long a client that hears of progress may hear nothing | 15 seconds | |
//! | [`retention`] | how long an ended task can be asked about | 10 minutes | `retention` |
//! | [`grace`] | how long a task that was [asked to stop](super::ends) may go on | 5 seconds | |
//! | | how long a task may run before it is asked to stop; a plain call, before its body is dropped and it is answered with an error | forever | `timeout` |
//!
//! A tool's own are keys of [`background`]; `timeout` is one of [`tool`], too.
//!
//! # What is checked when a server is built
//!
//! A server is built by [`Server::build`], and when it is served, [checked](crate::Server::check) or
//! [linted](crate::Server::lint). What cannot be meant is an [`Error`] that says so:
//! two tools of one name, an alias that hides a `Result`, an `#[arg(..)]` that does not fit its type, a
//! [`State`] that is missing or given twice, and a limit that lets nothing through. A background tool without a
//! description is logged as a warning, as a model cannot tell what it starts, and so is a server without tools.
//!
//! ```
//! use mcpc::{Error, Server, tools};
//!
//! /// Deploys a version.
//! #[mcpc::background]
//! async fn deploy(version: String, updates: mcpc::Sender) {
//! #     drop((version, updates));
//!     // ..
//! }
//!
//! let error = Server::new("deployer").tools(tools![deploy]).max_tasks(0).lint().unwrap_err();
//! assert!(matches!(error, Error::Limit { setting: "max_tasks", .. }));
//! assert_eq!(error.to_string(), "`Server::max_tasks` is 0; expected at least 1");
//! ```
//!
//! # Several clients
//!
//! Connections of one [`Service`] share its tools and their states. Here one deployment runs at once, for all clients,
//! over connections to a socket:
//!
//! ```
//! use std::sync::Arc;
//!
//! use mcpc::{Server, State, tools};
//! use tokio::net::TcpListener;
//! use tokio::sync::Semaphore;
//!
//! struct Turns(Semaphore);
//!
//! /// Deploys a version.
//! #[mcpc::background]
//! async fn deploy(version: String, turns: State<Turns>, updates: mcpc::Sender) -> Result<String, String> {
//!     let Ok(_turn) = turns.0.try_acquire() else {
//!         return Err("another deployment runs; try again later".to_owned());
//!     };
//!     updates.status(format!("deploying {version}"));
//!     Ok(format!("{version} is deployed"))
//! }
//!
//! async fn serve(listener: TcpListener) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let server = Server::new("deployer").state(Turns(Semaphore::new(1))).tools(tools![deploy]);
//!     let service = server.max_tasks(1_000).build()?;
//!     // No more connections than this at once.
//!     let connections = Arc::new(Semaphore::new(100));
//!     loop {
//!         let permit = Arc::clone(&connections).acquire_owned().await?;
//!         let (reader, writer) = listener.accept().await?.0.into_split();
//!         let served = service.serve_io(reader, writer);
//!         tokio::spawn(async move {
//!             if let Err(error) = served.await {
//!                 eprintln!("{error:?}");
//!             }
//!             drop(permit);
//!         });
//!     }
//! }
//! # #[tokio::main]
//! # async fn main() {
//! #     use mcpc::client::{Client, text};
//! #     let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
//! #     let address = listener.local_addr().unwrap();
//! #     tokio::spawn(serve(listener));
//! #     for _ in 0..2 {
//! #         let stream = tokio::net::TcpStream::connect(address).await.unwrap();
//! #         let client = Client::connect(stream.into_split()).await.unwrap();
//! #         let reply = client.call("deploy", serde_json::json!({ "version": "v1" })).await.unwrap();
//! #         assert_eq!(text(&reply), "v1 is deployed");
//! #         client.close().await;
//! #     }
//! # }
//! ```
//!
//! Nothing in MCP or MCPC says who is at the other end of a socket: a program that listens on one has to find out.
//!
//! [`Error`]: crate::Error
//! [`Sender::send`]: crate::Sender::send
//! [`Server::build`]: crate::Server::build
//! [`Server`]: crate::Server
//! [`Service`]: crate::Service
//! [`State`]: crate::State
//! [`background`]: macro@crate::background
//! [`tool`]: macro@crate::tool
//! [`grace`]: crate::Server::grace
//! [`heartbeat`]: crate::Server::heartbeat
//! [`max_kept_bytes`]: crate::Server::max_kept_bytes
//! [`max_message_bytes`]: crate::Server::max_message_bytes
//! [`max_questions`]: crate::Server::max_questions
//! [`max_queued_bytes`]: crate::Server::max_queued_bytes
//! [`max_requests`]: crate::Server::max_requests
//! [`max_result_bytes`]: crate::Server::max_result_bytes
//! [`max_tasks`]: crate::Server::max_tasks
//! [`patience`]: crate::Server::patience
//! [`retention`]: crate::Server::retention
//! [`serve`]: crate::Server::serve
//! [`serve_io`]: crate::Server::serve_io
//! [`serve_stdio`]: crate::Server::serve_stdio
//! [`task_patience`]: crate::Server::task_patience
