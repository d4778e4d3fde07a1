//! How a task ends, and how a server does.
//!
//! # A task
//!
//! A task ends with exactly one `complete` or `failed`, after everything it sent:
//!
//! | how it ends | a client reads | in the log |
//! |---|---|---|
//! | the function returns a value | the value | `complete` |
//! | it returns an error | the error | `failed` |
//! | it panics; the server goes on | an error with the message of the panic | `failed` |
//! | it sends a value that cannot be written as JSON | an error that says so | `failed` |
//! | it was asked to stop, and returns an error within the grace | that error | `stopped` |
//! | it was asked to stop, and returns a value within the grace | the value | `complete` |
//! | it was asked to stop, and the grace ran out: it is dropped at its next await | the error `stopped` | `dropped` |
//! | its timeout is over; then as if it was asked to stop | an error that begins with `timed out after` | `timed_out` |
//! | the server ends and the body does not give way | the error `stopped` | `cut_off` |
//!
//! A task is asked to stop by `stop_task` or `tasks/cancel`, by its `timeout`, when the client leaves, when the server
//! ends, and when the client cancels a call that is still unanswered. The grace is [`Server::grace`]. A body that waits
//! for something long can wait for [`Sender::stopped`] beside it, in a `tokio::select!`; one that works asks
//! [`Sender::is_stopped`] now and then.
//!
//! A plain tool is not asked: it is dropped at its next await when its `timeout` is over (its call is answered with
//! `timed out after ..` then), when its client cancels the call, and when the server ends.
//!
//! ```
//! # use mcpc::client::{Client, text};
//! use std::time::Duration;
//!
//! use mcpc::{Sender, Server, tools};
//! use serde_json::json;
//!
//! /// Waits until a service is up.
//! #[mcpc::background(timeout = "50ms")]
//! async fn wait_for(service: String, updates: Sender) -> Result<(), String> {
//!     tokio::select! {
//!         () = is_up(&service) => Ok(()),
//!         () = updates.stopped() => {
//!             // What is to be undone, within the grace.
//!             Err(format!("`{service}` was not up yet"))
//!         }
//!     }
//! }
//! # async fn is_up(_: &str) { std::future::pending().await }
//!
//! # #[tokio::main]
//! # async fn main() {
//! # let (ours, theirs) = tokio::io::duplex(1 << 16);
//! # let (reader, writer) = tokio::io::split(theirs);
//! let server = Server::new("watcher").tools(tools![wait_for]).grace(Duration::from_secs(1));
//! # tokio::spawn(server.serve_io(reader, writer));
//! # let client = Client::connect(tokio::io::split(ours)).await.unwrap();
//! # let reply = text(&client.call("wait_for", json!({ "service": "billing" })).await.unwrap());
//! assert_eq!(reply, "timed out after 50ms: `billing` was not up yet");
//! # }
//! ```
//!
//! # A child process
//!
//! Give it `kill_on_drop(true)`, so that it dies with a body that is dropped, and end it when the task is asked to stop:
//! the [server that deploys](super#a-server-that-deploys) does both. `kill_on_drop` kills that process and not those that
//! it started. On Unix a child that inherits stdout writes to the server's stderr while [`Server::serve_stdio`] serves,
//! and its stdin is empty.
//!
//! # Synchronous code
//!
//! `std::thread::sleep`, a loop that computes, most file systems: these belong on `tokio::task::spawn_blocking`, or into
//! `block_in_place`. In the body itself they hold up every other call and the task's own timeout. Nothing can end a thread
//! from outside, so synchronous code should ask [`Sender::is_stopped`].
//!
//! ```
//! use std::io;
//! use std::path::PathBuf;
//!
//! use mcpc::Sender;
//!
//! /// Counts the bytes of files.
//! #[mcpc::background(read_only)]
//! async fn count(files: Vec<PathBuf>, updates: Sender) -> anyhow::Result<u64> {
//!     tokio::task::spawn_blocking(move || count_blocking(&files, &updates)).await?
//! }
//!
//! fn count_blocking(files: &[PathBuf], updates: &Sender) -> anyhow::Result<u64> {
//!     let mut bytes = 0;
//!     for (done, file) in files.iter().enumerate() {
//!         anyhow::ensure!(!updates.is_stopped(), "stopped after {done} files");
//!         match file.metadata() {
//!             Ok(metadata) => bytes += metadata.len(),
//!             // Waits while the client is slow, as `send` does.
//!             Err(error) => updates.blocking_send(format!("{}: {error}", file.display())),
//!         }
//!         updates.progress(done + 1, files.len(), "counting");
//!     }
//!     Ok(bytes)
//! }
//! # let _tools = mcpc::tools![count];
//! ```
//!
//! # A server
//!
//! A server ends in order when its input does: when the client leaves. One on stdio does so, too, at SIGTERM, SIGINT and
//! SIGHUP (elsewhere, Ctrl-C), and its exit status is 0.
//!
//! | asked | what happens |
//! |---|---|
//! | once: the end of the input, or a signal | no more calls are read; tasks have the grace; every task has its terminal event and every call that was read its answer, however many; what was said is written for as long as the client reads |
//! | again: a second signal, or a signal after the end of the input | bodies have 250 ms more and are dropped, so that child processes that are `kill_on_drop` die with them |
//! | a third time | the process ends at once, with status 128 and the number of the signal |
//!
//! Tools that block their threads cannot hold that up: the process then ends without them, within a second after the
//! grace (and some seconds later if there was no signal, as what reads the input may be blocked, too), unless
//! [`Server::ends_process`] says that it has more to do once they give way. A body that a blocked worker should drop is
//! not dropped then, so its children live on.
//!
//! A [`Service`] has no end of its own: each of its connections ends by itself, in order when its input ends. A program that
//! is to end hands each connection a reader that ends then (`tokio::io::AsyncReadExt::take`, a `tokio_util::io::StreamReader`
//! over a stream that is `take_until`, one of its own), and waits for the futures of the connections. Dropping such a future
//! ends its connection at once, without a word to its client.
//!
//! After [`Server::serve_stdio`] has returned, signals are the application's; with [`Server::signals`] they always are.
//!
//! # stdout
//!
//! stdout belongs to the protocol while a server serves stdio. On Unix, whatever else is printed (by a `println!` in a
//! tool, a C library, a child process) goes to stderr instead, as long as somebody reads that. Elsewhere a tool must not
//! print. A program that prints before it serves calls [`take_stdio`] in the first line of its `main`.
//!
//! [`Sender::is_stopped`]: crate::Sender::is_stopped
//! [`Sender::stopped`]: crate::Sender::stopped
//! [`Server::ends_process`]: crate::Server::ends_process
//! [`Server::grace`]: crate::Server::grace
//! [`Server::serve`]: crate::Server::serve
//! [`Server::serve_io`]: crate::Server::serve_io
//! [`Server::serve_stdio`]: crate::Server::serve_stdio
//! [`Server::signals`]: crate::Server::signals
//! [`Service`]: crate::Service
//! [`take_stdio`]: crate::take_stdio
