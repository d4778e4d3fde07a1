//! What a server logs, and how to see it.
//!
//! A server logs to `tracing`. Give it a subscriber that writes to stderr and does not panic when nobody reads that any
//! more, as a host may close it:
//!
//! ```
//! # fn main() {
//! tracing_subscriber::fmt()
//!     .with_writer(std::io::stderr)
//!     .log_internal_errors(false)
//!     // Where a host writes stderr into a file: no colours.
//!     .with_ansi(false)
//!     .init();
//! # }
//! ```
//!
//! At `info` that shows also what rmcp says, whole notifications among it (and whole requests with their arguments at
//! `debug`), so you may want less of it: `.with_env_filter("info,rmcp=warn")`, with the feature `env-filter` of
//! `tracing-subscriber`. Then an operator reads this (the times left out):
//!
//! ```text
//! INFO task{tool="process_data" task_id="d1" request="2" client="claude-code 2.0.1"}: mcpc: started
//! INFO task{tool="process_data" task_id="d1" request="2" client="claude-code 2.0.1"}: my_server: half-way pass=2
//! INFO task{tool="process_data" task_id="d1" request="2" client="claude-code 2.0.1"}: mcpc: ended outcome=complete took=603.326534ms
//! INFO task{tool="process_data" task_id="d2" request="3" client="claude-code 2.0.1"}: mcpc: started
//! INFO call{tool="stop_task" request="4" client="claude-code 2.0.1"}: mcpc: asked to stop task_id="d2" by="stop_task"
//! INFO task{tool="process_data" task_id="d2" request="3" client="claude-code 2.0.1"}: mcpc: ended outcome=dropped took=1.408637124s
//! INFO mcpc: the connection ends: its tasks are asked to stop tasks=1
//! INFO mcpc: the connection has ended why=the input ended
//! ```
//!
//! The second line is a `tracing::info!` in the function: what a body logs is inside of the span of its task, or of its
//! call if it is a plain tool. A thread that the body starts is outside, unless it enters `tracing::Span::current()`,
//! taken before:
//!
//! ```
//! use mcpc::Sender;
//!
//! /// Counts slowly.
//! #[mcpc::background]
//! async fn count(to: u64, updates: Sender) -> anyhow::Result<u64> {
//!     let span = tracing::Span::current();
//!     let counted = tokio::task::spawn_blocking(move || {
//!         let _inside = span.enter();
//!         (1..=to).inspect(|at| tracing::info!(at, "counting")).count() as u64
//!     });
//!     updates.status("counting");
//!     Ok(counted.await?)
//! }
//! # let _tools = mcpc::tools![count];
//! ```
//!
//! The target of what the server itself logs is `mcpc`:
//!
//! | level | what |
//! |---|---|
//! | `error` | a tool or a handler that panicked; what cannot be written as JSON; the end of a task that its log did not take |
//! | `warn` | a body that blocked its thread when its timeout and its grace were over, as soon as it gives way; tasks that were cut off at the end; a client that does not read; a [`Sender`] that outlived its task |
//! | `info` | that a task started, was asked to stop (`by` whom) and ended, with its `outcome`: the last column of the table of [its ends](super::ends#a-task); that a connection has ended, and `why` |
//! | `debug` | that a call was read and answered: `complete`, `failed`, `panicked`, `refused`, `cancelled`, `created` (a task), `ticket`; a [`Sender::emit`] that the client does not take, once for each task |
//!
//! A message repeats at most 200 characters of what a client or a tool says. Where nobody listens, no span is made. A
//! subscriber that panics or blocks in a span holds up or ends no more than one that does so in an event: the calls of its
//! thread while it blocks, and never the end of the server.
//!
//! [`Sender`]: crate::Sender
//! [`Sender::emit`]: crate::Sender::emit
