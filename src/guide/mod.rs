//! The reference of `mcpc`: a page for each question.
//!
//! | to | look at |
//! |---|---|
//! | take ids, options, defaults and limits; read what a refused call was told | [`arguments`] |
//! | return a value, content or an error; know what a model reads of it | [`results`] |
//! | know what a host or another client gets of a task, and how it asks for more | [`clients`] |
//! | set times and bounds; serve several clients | [`limits`] |
//! | say who the server is; prefix, filter, make, add and remove tools; run code around every call | [`servers`] |
//! | stop in order: a task with its child process, a server that is asked to end | [`ends`] |
//! | see what a server does | [`logs`] |
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
//! # A test of a tool
//!
//! A function without a [`Sender`](crate::Sender) is tested as any other function; its state is
//! [`State::new`](crate::State::new) of a value. One with a `Sender` needs a server around it, and so does a test of
//! what a client gets. Both ends fit into one process, with the feature `client`:
//!
//! ```
//! use mcpc::client::{Client, text};
//! use mcpc::{Sender, Server, tools};
//! use serde_json::json;
//!
//! /// Checks a version.
//! #[mcpc::background]
//! async fn check(version: String, updates: Sender) -> Result<String, String> {
//!     updates.send("reading the tags").await;
//!     match version.starts_with('v') {
//!         true => Ok(format!("{version} is there")),
//!         false => Err(format!("`{version}` is not a tag")),
//!     }
//! }
//!
//! fn server() -> Server {
//!     Server::new("deployer").tools(tools![check])
//! }
//!
//! async fn client() -> Client {
//!     let (ours, theirs) = tokio::io::duplex(1 << 16);
//!     let (reader, writer) = tokio::io::split(theirs);
//!     tokio::spawn(server().serve_io(reader, writer));
//!     Client::connect(tokio::io::split(ours)).await.expect("the server answers")
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! async fn a_version_that_is_not_a_tag_is_refused() {
//!     let client = client().await;
//!     // As a client of MCPC: every message of the task.
//!     let mut task = client.start("check", json!({ "version": "1.0" })).await.expect("a task");
//!     let mut messages = Vec::new();
//!     while let Some(message) = task.next().await {
//!         messages.push((message.event, message.result));
//!     }
//!     assert_eq!(messages[1], ("update".into(), json!("reading the tags")));
//!     assert_eq!(messages[2], ("failed".into(), json!("`1.0` is not a tag")));
//!     // As a client that waits: one reply.
//!     let reply = client.call("check", json!({ "version": "v1.0" })).await.expect("a reply");
//!     assert_eq!(text(&reply), "v1.0 is there\n\nUpdates while it ran:\nreading the tags");
//!     client.close().await;
//! }
//! # tokio::runtime::Runtime::new().unwrap().block_on(a_version_that_is_not_a_tag_is_refused());
//! ```
//!
//! A test that asks for [`Server::lint`](crate::Server::lint) finds what hosts and models' APIs object to in the tools.

pub mod arguments;
pub mod clients;
pub mod ends;
pub mod limits;
pub mod logs;
pub mod results;
pub mod servers;
