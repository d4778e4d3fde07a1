//! What a function may return, and what a client gets of it.
//!
//! | result | a client that waits gets | `complete` carries |
//! |---|---|---|
//! | `()`, `None` | an empty reply (of an `Option` of a number or a list, `{"result": null}`) | `null` |
//! | `String`, `&'static str` | the text as it is | the string |
//! | numbers, `bool`, lists | JSON as text, and `{"result": ..}` as structured content; a plain tool lists an output schema that says so | the value |
//! | a struct or map: `T: serde::Serialize + schemars::JsonSchema` | JSON as text and as structured content; a plain tool lists its output schema | the value |
//! | [`ContentBlock`], [`ImageContent`], [`CallToolResult`], .. of [`content`](crate::content), which are rmcp's | the content as it is; a task whose `CallToolResult` has `isError` has failed | the value |
//! | `Result<T, E>` of any of these, where `E: Display` | the value, or an error reply | the value; `failed` carries the error |
//! | `Result<T, CallToolResult>`, `Result<T, ErrorData>` | the value, or the error as the tool wrote it: a reply, or an error of the protocol | the value; `failed` carries the text of the error |
//!
//! `complete` and `failed` are the last messages of a task to a [client of MCPC](super::clients#mcpc). An alias of
//! `Result` must be called `Result`, as `anyhow::Result` and `std::io::Result` are; with another name the server is not
//! built ([`Error::HiddenResult`]).
//!
//! # Errors
//!
//! An error is shown with its sources, joined by `: `; a source that the error's own text ends with is not repeated.
//! `anyhow::Error`, `thiserror` enums, boxed errors and `String` work as they are. A panic is an error, too, and the
//! server goes on.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     let reply = client.call(tool, arguments).await.unwrap();
//! #     assert_eq!(reply.is_error, Some(true));
//! #     text(&reply)
//! # }
//! use anyhow::Context as _;
//! use mcpc::tools;
//! use serde_json::json;
//!
//! /// Reads the settings of a service.
//! #[mcpc::tool(read_only)]
//! async fn settings(service: String) -> anyhow::Result<String> {
//!     let path = format!("/no/such/{service}.toml");
//!     std::fs::read_to_string(&path).with_context(|| format!("cannot read `{path}`"))
//! }
//!
//! /// Asks for more than there is.
//! #[mcpc::tool]
//! async fn nth(of: Vec<u8>, n: usize) -> u8 {
//!     of[n]
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let reply = call(tools![settings], "settings", json!({ "service": "billing" })).await;
//! assert_eq!(
//!     reply,
//!     "cannot read `/no/such/billing.toml`: No such file or directory (os error 2)"
//! );
//! let reply = call(tools![nth], "nth", json!({ "of": [1], "n": 7 })).await;
//! assert_eq!(
//!     reply,
//!     "tool `nth` panicked: index out of bounds: the len is 1 but the index is 7"
//! );
//! # }
//! ```
//!
//! # Structured content
//!
//! Most hosts show their model structured content alone where there is some, and Gemini CLI refuses a reply whose text is
//! JSON and not an object. So there is none where a model has to read something beside it, such as what a task
//! [sent](super::clients#what-follows-a-result), and there is some wherever a text alone would be taken for JSON.
//!
//! Structured content is an object. What is none, such as `5` or a list, is the `result` of one, and the output schema that
//! is listed says so: an object with a `result`, and `"x-fastmcp-wrap-result": true`. By this key the clients of FastMCP,
//! which wraps in the same way, know that they may take the value out again; others ignore it.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str) -> mcpc::content::CallToolResult {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     client.call(tool, serde_json::json!({})).await.unwrap()
//! # }
//! use mcpc::tools;
//! use serde_json::json;
//!
//! #[derive(serde::Serialize, schemars::JsonSchema)]
//! struct Version {
//!     major: u32,
//! }
//!
//! /// The latest version.
//! #[mcpc::tool]
//! async fn latest() -> Version {
//!     Version { major: 3 }
//! }
//!
//! /// All versions.
//! #[mcpc::tool]
//! async fn all() -> Vec<u32> {
//!     vec![1, 3]
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let reply = call(tools![latest], "latest").await;
//! assert_eq!(text(&reply), r#"{"major":3}"#);
//! assert_eq!(reply.structured_content, Some(json!({ "major": 3 })));
//! let reply = call(tools![all], "all").await;
//! assert_eq!(text(&reply), "[1,3]");
//! assert_eq!(reply.structured_content, Some(json!({ "result": [1, 3] })));
//! # }
//! ```
//!
//! # Content of your own
//!
//! ```
//! use mcpc::content::{CallToolResult, ContentBlock, ErrorData, ImageContent};
//!
//! /// Draws how a service is used, as a PNG.
//! #[mcpc::tool(read_only)]
//! async fn usage(service: String) -> Result<ImageContent, String> {
//!     let png_in_base64 = draw(&service).ok_or("nothing is known of it")?;
//!     Ok(ImageContent::new(png_in_base64, "image/png"))
//! }
//! # fn draw(_: &str) -> Option<String> { None }
//!
//! /// Checks a version; what is wrong with it is a reply with two parts.
//! #[mcpc::tool(read_only)]
//! async fn check(version: String) -> Result<String, CallToolResult> {
//!     let problems = ["it has no tag", "its build failed"];
//!     Err(CallToolResult::error(problems.map(ContentBlock::text).to_vec()))
//! }
//!
//! /// Fails with an error of the protocol, which a host may not show to its model.
//! #[mcpc::tool]
//! async fn refuse() -> Result<(), ErrorData> {
//!     Err(ErrorData::invalid_params("not here", None))
//! }
//! # let _tools = mcpc::tools![usage, check, refuse];
//! ```
//!
//! # Numbers
//!
//! JSON has no NaN and no infinity, and structured content holds integers of 64 bits. So of a plain tool:
//!
//! - a number that is NaN or infinite, anywhere in the result, is an error that names the field;
//! - a larger integer in an object is an error that names the field, too; alone or in a list it is in the text, and the
//!   `result` of the structured content is that text.
//!
//! A value of more than 120 levels, which many readers of JSON refuse, is not structured content either.
//!
//! Text and callbacks of a task hold any integer. What is NaN or infinite is `null` there, but where it is the whole
//! result the text is `NaN`, `infinity` or `-infinity`.
//!
//! # Long results
//!
//! To a client that waits for a task, a result of more than [`Server::max_result_bytes`] is shown by its beginning and its
//! end; `check_task` reads the rest of it, 7,000 bytes at a time. A plain tool's reply is whole.
//!
//! [`CallToolResult`]: crate::content::CallToolResult
//! [`ContentBlock`]: crate::content::ContentBlock
//! [`Error::HiddenResult`]: crate::Error::HiddenResult
//! [`ImageContent`]: crate::content::ImageContent
//! [`Server::max_result_bytes`]: crate::Server::max_result_bytes
