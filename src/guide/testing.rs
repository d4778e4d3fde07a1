//! Tests of tools: of a function, of what each client gets, and of a server as a whole.
//!
//! A function without a [`Sender`](crate::Sender) is tested as any other; its state is
//! [`State::new`](crate::State::new) of a value. The rest needs the feature `testing`, among the dev-dependencies:
//!
//! ```text
//! cargo add --dev mcpc --path ../mcpc --features testing
//! ```
//!
//! # A function alone
//!
//! [`sender`] makes a `Sender`, and what tells what was sent with it and asks the function to stop:
//!
//! ```
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # stops_between_two_steps().await;
//! # }
//! async fn stops_between_two_steps() {
//!     let (updates, mut sent) = mcpc::testing::sender();
//!     let build = tokio::spawn(build(updates));
//!     sent.next().await;
//!     sent.stop();
//!     assert_eq!(build.await.unwrap(), Err("stopped after step 0".to_owned()));
//!     assert_eq!(sent.updates(), ["step 0"]);
//! }
//! #
//! # /// Builds.
//! # #[mcpc::background]
//! # async fn build(updates: mcpc::Sender) -> Result<(), String> {
//! #     for step in 0..3 {
//! #         updates.send(format!("step {step}")).await;
//! #         tokio::time::sleep(std::time::Duration::from_secs(1)).await;
//! #         if updates.is_stopped() {
//! #             return Err(format!("stopped after step {step}"));
//! #         }
//! #     }
//! #     Ok(())
//! # }
//! ```
//!
//! It is [told](crate::testing::Sent::tell) what its [receiver](crate::testing::Sent::receiver) takes, and [asks](crate::testing::Sent::answers) the test.
//!
//! # What a client gets
//!
//! [`connect`] connects a client to a server in this process. It is one of a kind ([`As`] lists them): what a protocol says,
//! or a host that people use, which gives up, takes calls back, polls, and cuts what is too long for its model, as that host
//! was measured to. Its calls look the same whatever the kind: it reads callbacks, polls a task, or goes on with `check_task`
//! as a model would.
//!
//! ```
//! use mcpc::testing::{self, As, json};
//! use mcpc::{Sender, Server, tools};
//!
//! /// Imports a table, which takes an hour.
//! #[mcpc::background]
//! async fn import(table: String, updates: Sender) -> Result<String, String> {
//!     updates.progress(1, 2, "reading");
//!     tokio::time::sleep(std::time::Duration::from_secs(3600)).await;
//!     updates.send("no row is empty").await;
//!     Ok(format!("`{table}` is imported"))
//! }
//!
//! fn server() -> Server {
//!     Server::new("importer").tools(tools![import])
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # codex_gets_the_result_after_tickets().await;
//! # }
//! async fn codex_gets_the_result_after_tickets() {
//!     let client = testing::connect(server, As::Codex).await;
//!     let outcome = client.call("import", json!({ "table": "users" })).await;
//!     assert_eq!(outcome.result(), Ok("`users` is imported"));
//!     assert_eq!(outcome.texts().last(), Some(&"no row is empty"));
//!     client.leave().await;
//! }
//! ```
//!
//! | to know | ask |
//! |---|---|
//! | what came of a call | [`Outcome::result`], as a type [`Outcome::value`] |
//! | what the client heard before | [`Outcome::updates`], [`Outcome::texts`], [`Client::events`] |
//! | which pictures, sounds and resources are in the result | [`Outcome::blocks`] |
//! | what its model gets to see | [`Outcome::seen`], [`Client::model_sees`] |
//! | how a running call is doing, and whether it stops | [`Client::start`] |
//! | what its task does with an instruction | [`Running::message`] |
//! | what it was asked | [`Client::questions`] |
//! | whether the server ends in order, and broke no rule; of a process also its status, and what it left | [`Client::leave`] |
//! | what went over the wire | [`Client::transcript`] |
//!
//! # Questions
//!
//! [`Client::answers`] takes a closure that answers what the server asks: the same for every kind of client, which brings the
//! answer to the server in its own way. It shows a form, calls again, updates its task, or its model reads the question in a
//! ticket or an update and calls `message_task`.
//!
//! ```
//! use mcpc::testing::{self, As, Reply, json};
//! use mcpc::{NoAnswer, Sender, Server, tools};
//!
//! #[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
//! #[serde(rename_all = "snake_case")]
//! enum Target {
//!     Staging,
//!     Production,
//! }
//!
//! /// Deploys the latest build.
//! #[mcpc::background]
//! async fn deploy(updates: Sender) -> Result<String, NoAnswer> {
//!     let target = updates.ask::<Target>("Where to?").await?;
//!     match updates.ask::<bool>(format!("Deploy to {target:?}?")).await? {
//!         true => Ok(format!("it runs on {target:?}")),
//!         false => Ok("nothing was deployed".to_owned()),
//!     }
//! }
//!
//! fn server() -> Server {
//!     Server::new("deployer").tools(tools![deploy])
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # copilot_deploys_what_is_agreed_to().await;
//! # deploys_nothing_where_nobody_answers().await;
//! # }
//! async fn copilot_deploys_what_is_agreed_to() {
//!     let client = testing::connect(server, As::Copilot).await;
//!     client.answers(|asked| match asked.text() {
//!         "Where to?" => Reply::from("production"),
//!         _ => Reply::from(true),
//!     });
//!     let outcome = client.call("deploy", json!({})).await;
//!     assert_eq!(outcome.result(), Ok("it runs on Production"));
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! async fn deploys_nothing_where_nobody_answers() {
//!     let (updates, _sent) = testing::sender();
//!     assert_eq!(deploy(updates).await, Err(NoAnswer::Unreachable));
//!     let (updates, sent) = testing::sender();
//!     sent.answers(|_| Reply::Decline);
//!     assert_eq!(deploy(updates).await, Err(NoAnswer::Declined));
//! }
//! ```
//!
//! - A [`Reply`] is a value, `true` or `false`, an object of the fields of a form, or that there is none: declined, dismissed,
//!   or that nobody is there.
//! - Codex shows only whether to agree, so there a question that has to be filled in ends as
//!   [`NoAnswer::OnlyYesOrNo`](crate::NoAnswer::OnlyYesOrNo), whatever the closure says.
//! - Without answers a person is away. A question waits for its timeout, and is dismissed after ten minutes, so a call
//!   always returns. A [`sender`] without answers reaches nobody: `Unreachable`, at once.
//!
//! # Every client
//!
//! [`every_client`] runs one test under every kind of client, one of which stops reading and one goes away in the middle. It
//! compares the results, looks for rules of the protocols that were broken, and names the client that got something else.
//! This is most often all that a tool needs:
//!
//! ```
//! use mcpc::testing::{every_client, json};
//! use mcpc::{Server, tools};
//!
//! /// Looks for a tag.
//! #[mcpc::background]
//! async fn tag(version: String) -> Result<String, String> {
//!     match version.strip_prefix('v') {
//!         Some(number) => Ok(format!("{number} is there")),
//!         None => Err(format!("`{version}` is not a tag")),
//!     }
//! }
//!
//! fn server() -> Server {
//!     Server::new("deployer").tools(tools![tag])
//! }
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # what_is_not_a_tag_is_refused().await;
//! # }
//! async fn what_is_not_a_tag_is_refused() {
//!     every_client(server, async |client| {
//!         let outcome = client.call("tag", json!({ "version": "1.0" })).await;
//!         assert_eq!(outcome.result(), Err("`1.0` is not a tag"));
//!     })
//!     .await;
//! }
//! ```
//!
//! Clients that fail alike are told of once, with the last lines of the first of them; of further failures there is the beginning, and a
//! client that is content is shown beside them. Results are compared by what a model
//! reads of them, and by what is not a text, so a tool whose result has a time or an id in it differs from itself;
//! give it a state that a test can set. What a client hears before the end is not compared: each hears of it in its own way.
//!
//! # Time
//!
//! [`connect`] and [`every_client`] pause tokio's clock, so an hour passes at once: [the module](crate::testing#the-clock) says
//! what that means for a tool that waits for a process or a socket. [`sender`] leaves the clock as it is: a test of a
//! function that sleeps has `#[tokio::test(start_paused = true)]`.
//!
//! # Another process
//!
//! [`connect_process`] starts a server and connects the same clients to its stdin and stdout, in real time. A client that leaves
//! ends the process as its host does: Claude Code with SIGINT, SIGTERM a tenth of a second later, and SIGKILL after half a
//! second; Codex with SIGTERM and the end of the input at once, Gemini with SIGTERM, others with the end of the input alone
//! ([`As`] has them all). Then it tells how the process ended, and which processes it left behind:
//!
//! ```no_run
//! use mcpc::testing::{self, As, json};
//! use tokio::process::Command;
//!
//! # /*
//! #[tokio::test]
//! # */
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! # claude_code_ends_it_without_a_trace().await;
//! # }
//! async fn claude_code_ends_it_without_a_trace() {
//!     # /*
//!     let server = Command::new(env!("CARGO_BIN_EXE_deployer"));
//!     # */
//!     # let server = Command::new("deployer");
//!     let client = testing::connect_process(server, As::ClaudeCode).await;
//!     let mut deploy = client.start("deploy", json!({ "service": "api" }));
//!     deploy.next().await;
//!     let left = client.leave().await;
//!     assert!(left.is_clean(), "{left:?}");
//! }
//! ```
//!
//! [`connect_io`] connects to whatever is at the other end of two byte streams, such as a socket.
//!
//! # What hosts object to
//!
//! A test that asks for [`Server::lint`](crate::Server::lint) finds what hosts and models' APIs object to in the tools.
//!
//! [`As`]: crate::testing::As
//! [`Client::answers`]: crate::testing::Client::answers
//! [`Client::events`]: crate::testing::Client::events
//! [`Client::leave`]: crate::testing::Client::leave
//! [`Client::model_sees`]: crate::testing::Client::model_sees
//! [`Client::questions`]: crate::testing::Client::questions
//! [`Client::start`]: crate::testing::Client::start
//! [`Client::transcript`]: crate::testing::Client::transcript
//! [`Outcome::blocks`]: crate::testing::Outcome::blocks
//! [`Outcome::result`]: crate::testing::Outcome::result
//! [`Outcome::seen`]: crate::testing::Outcome::seen
//! [`Outcome::texts`]: crate::testing::Outcome::texts
//! [`Outcome::updates`]: crate::testing::Outcome::updates
//! [`Outcome::value`]: crate::testing::Outcome::value
//! [`Reply`]: crate::testing::Reply
//! [`Running::message`]: crate::testing::Running::message
//! [`connect_process`]: crate::testing::connect_process
//! [`connect_io`]: crate::testing::connect_io
//! [`connect`]: crate::testing::connect
//! [`every_client`]: crate::testing::every_client
//! [`sender`]: crate::testing::sender()
