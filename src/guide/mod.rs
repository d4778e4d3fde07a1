//! The reference of `mcpc`: a page for each question.
//!
//! | to | look at |
//! |---|---|
//! | take ids, options, defaults and limits; read what a refused call was told | [`arguments`] |
//! | return a value, content or an error; know what a model reads of it | [`results`] |
//! | know what a host or another client gets of a task, and how it asks for more | [`clients`] |
//! | ask the user while a task runs, and tell a task what to do next | [`asking`] |
//! | set times and bounds; serve several clients | [`limits`] |
//! | say who the server is; prefix, filter, make, add and remove tools; tell clients what happens; run code around every call | [`servers`] |
//! | serve over HTTP: sessions, owners, a proxy, how many processes | [`http`] |
//! | stop in order: a task with its child process, a server that is asked to end | [`ends`] |
//! | see what a server does | [`logs`] |
//! | test a tool, under every kind of client | [`testing`] |
//! | start tasks on a server, and hear what they say | [`client`] |
//!
//! [`tool`](macro@crate::tool) and [`background`](macro@crate::background) list the keys of the attributes,
//! [`Sender`](crate::Sender) what a task can send, and [`Server`](crate::Server) what can be set.
//!
//! # A server that deploys
//!
//! It runs a program of the operator and shows its output, deploys a service once at a time, and ends the program when
//! the task is asked to stop. It is the example `deploy` of the repository:
//! `cargo build --example deploy`, with the path of the program in `DEPLOY_PROGRAM`.
//!
//! ```no_run
#![doc = include_str!("../../examples/deploy.rs")]
//! ```
//!
//! The settings come from the environment, which a host sets in the file that starts the server. Whatever a tool takes
//! from its caller goes to the program as an argument of its own, and never through a shell.
//!
//! # More servers
//!
//! - [`examples/watch_directory.rs`](https://github.com/mcpc-rs/mcpc/blob/main/examples/watch_directory.rs) watches a directory
//!   until it is stopped: its caller hears of each file that appears by an update, every client by an [event](servers#events).
//! - [`examples/roll_out.rs`](https://github.com/mcpc-rs/mcpc/blob/main/examples/roll_out.rs)
//!   [asks](crate::Sender::ask) where to and whether to go on, and while it works it can be
//!   [told](crate::Receiver) to skip what it is at.
//!
//! The first lines of each say what its user types. Each has a client beside it, for a terminal and for scripts:
//! [`watch_client`](https://github.com/mcpc-rs/mcpc/blob/main/examples/watch_client.rs) and
//! [`roll_out_client`](https://github.com/mcpc-rs/mcpc/blob/main/examples/roll_out_client.rs).
//!
//! # A test of a tool
//!
//! A function without a [`Sender`](crate::Sender) is tested as any other function. For one with a `Sender`, and for what each
//! client gets of it, there is the feature `testing`, and a page on it: [`testing`].
//!
//! # If something is not as expected
//!
//! - **The client reports lines that are not JSON.** Something was printed to stdout before the server was served, or, where
//!   the system is not a Unix, at any time. Call [`take_stdio`](crate::take_stdio) in the first line of `main`.
//! - **A host does not list a tool, or its model calls it badly.** Ask for [`Server::lint`](crate::Server::lint) in a test: it finds what hosts
//!   and models' APIs object to.
//! - **An update reaches nobody.** Most hosts show progress and status to people alone; a model reads what was sent with its
//!   result, or by `check_task`. Server events (`emit`) are for clients of MCPC. See [`clients`].
//! - **A call never returns, or other calls wait for it.** The function blocks its thread: synchronous code belongs on
//!   `spawn_blocking`. See [`ends`].
//! - **A task does not finish when the client leaves.** It is asked to stop then, and dropped after 5 seconds
//!   (`Server::grace`). See [`ends`].
//! - **Nothing is logged.** Give `tracing` a subscriber that writes to stderr, and that does not panic once nobody reads it:
//!   `tracing_subscriber::fmt().with_writer(std::io::stderr).log_internal_errors(false).init()`. See [`logs`].

pub mod arguments;
pub mod asking;
pub mod client;
pub mod clients;
pub mod ends;
pub mod http;
pub mod limits;
pub mod logs;
pub mod results;
pub mod servers;
pub mod testing;
