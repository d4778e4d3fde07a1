//! What a function may take, and what a call may send.
//!
//! # Parameters
//!
//! | parameter | comes from |
//! |---|---|
//! | `T: serde::Deserialize + schemars::JsonSchema`, owned | the argument of the parameter's name |
//! | `Option<T>` | the same; left out or `null` is `None` |
//! | [`State<T>`](crate::State) | the value that [`Server::state`] was given, bare or in an `Arc`, which every call of the server shares; `T` may be a `dyn Trait` |
//! | [`Call`] | the call: its client, its ids, a way to log to the client, and the context of the request, as rmcp has it |
//! | [`Sender`] | the task; of background tools alone |
//! | [`Receiver<M>`](crate::Receiver) | what the task [is told](super::asking#instructions) while it runs; of background tools alone |
//!
//! The derives are those of `serde` 1 and `schemars` 1. `#[cfg(..)]` and `#[cfg_attr(..)]` work on parameters as on
//! tools. A parameter's doc comment is the argument's description, `#[doc = include_str!(..)]` and the like included; inside of your own types, a field's doc comment is
//! that of the field.
//!
//! # What `#[arg(..)]` asks
//!
//! It is checked in every call before the function is called, and written into the schema.
//!
//! | key | means |
//! |---|---|
//! | `default`, `default = 5` | it may be left out, or be `null`, and is `Default::default()` or this value then. The schema shows the value if its type is `serde::Serialize`. For an `Option`, `null` stays `None`, and `default = 5` is `Some(5)`; what is not a literal is written with its `Some` |
//! | `rename = "key"` | its name in JSON, of letters, digits, `_`, `-` and `.`, and at most 64, as models' APIs take no other; a parameter needs it whose name starts with `_` |
//! | `range = 1..=100` | a number in this range; the ends may be constants |
//! | `length = 1..=64` | a string of so many characters (code points), or a list or map of so many items |
//! | `pattern = "^[a-z]+$"` | a string that this regular expression finds something in. It may hold what JSON Schema's patterns, which are ECMAScript's, and the crate `regex-lite` have in common: no flags, no look-around, no `\p{..}` |
//! | `header = "Region"` | over HTTP, clients of MCP 2026-07-28 repeat it in the header `Mcp-Param-Region`, where proxies see it (`x-mcp-header` in the schema): a string, a whole number or a boolean, one per header |
//! | `example = "en"` | what it may look like, for the schema and for errors; of an `Option<T>`, a `T` |
//! | `flatten`, `all` | it is several arguments, or all of them: [below](#several-arguments-in-one-parameter) |
//!
//! What does not fit the argument's type does not compile or, where only the compiled type can tell, is
//! [`Error::Argument`] when the server is built. Limits inside of your own types, like `#[schemars(range(min = 1))]` on
//! a field, are checked in every call, too, and `#[serde(deny_unknown_fields)]` refuses fields that a type does not
//! have.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     text(&client.call(tool, arguments).await.unwrap())
//! # }
//! use mcpc::tools;
//! use serde_json::json;
//!
//! const MOST: u32 = 8;
//!
//! /// Says how a service would be scaled.
//! #[mcpc::tool(read_only)]
//! async fn scale(
//!     /// Which service
//!     #[arg(pattern = "^[a-z-]+$", example = "billing")]
//!     service: String,
//!     /// How many instances
//!     #[arg(default = 2, range = 1..=MOST)]
//!     instances: u32,
//!     /// Where they run
//!     #[arg(rename = "zones", length = 1..=3, default = vec!["a".to_owned()])]
//!     places: Vec<String>,
//!     /// How long each may take to start, in seconds
//!     #[arg(default = 30)]
//!     patience: Option<u32>,
//! ) -> String {
//!     format!("{instances} of {service} in {places:?}, {patience:?}")
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let reply = call(tools![scale], "scale", json!({ "service": "billing" })).await;
//! assert_eq!(reply, r#"2 of billing in ["a"], Some(30)"#);
//! let nothing = json!({ "service": "billing", "instances": null, "patience": null });
//! let reply = call(tools![scale], "scale", nothing).await;
//! assert_eq!(reply, r#"2 of billing in ["a"], None"#);
//! # }
//! ```
//!
//! # Several arguments in one parameter
//!
//! With `#[arg(flatten)]` the fields of a struct are arguments of the tool, so that tools share them; a lone one is
//! rmcp's `Parameters<T>`. They are listed and read like other arguments, and problems are told by their own names. A field
//! is called and left out as serde says (`rename`, `alias`, `default`, `Option`, `flatten` in it), and has the limits of
//! `#[schemars(..)]`: `#[arg(..)]` is for parameters, and rustc does not find it on a field (`#[schemars(range(min = 1))]`
//! is `range = 1..` there, `#[serde(rename = "key")]` is `rename`). What is said of the struct, or of the parameter, stands in the schema of all arguments.
//!
//! A map (`HashMap<String, T>`, `serde_json::Map`) takes whatever arguments are left. A struct with such a map, flattened
//! by serde, does so, too. An enum cannot be flattened, as models' APIs take no alternatives for all arguments, nor
//! an `Option`: make the fields optional. That, two parameters with one field and two that take what is left are
//! [`Error::Argument`] when the server is built. (Another name, `alias`, of a field that is flattened by serde is not
//! known.)
//!
//! `#[arg(all)]` is for a lone parameter that is all arguments as its type reads them: a `serde_json::Value`, a map, a
//! struct or an enum. With `input_schema` the tool is listed with a schema of your own, and the type needs none: it may be
//! any `serde::Deserialize`. The schema is an expression, JSON in a `&str` or a `String`, a `serde_json::Value`, a
//! map, an `Arc` of one, or a `schemars::Schema`, which is evaluated when the server is built and has `"type": "object"`.
//! All limits that it has (lengths, ranges, `multipleOf`, `uniqueItems`, patterns) are checked, also where the type would
//! take more, and so is `"additionalProperties": false` of all arguments; all else is up to the type. A
//! [run-time tool](super::servers#tools-made-at-run-time) is checked by its schema alone.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     text(&client.call(tool, arguments).await.unwrap())
//! # }
//! use mcpc::tools;
//! use serde_json::{Map, Value, json};
//!
//! /// Where something is.
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Place {
//!     zone: String,
//!     #[schemars(range(max = 40))]
//!     rack: Option<u8>,
//! }
//!
//! /// Restarts what is there.
//! #[mcpc::tool]
//! async fn restart(#[arg(flatten)] place: Place, #[arg(default)] force: bool) -> String {
//!     format!("{} {:?} {force}", place.zone, place.rack)
//! }
//!
//! fn schema() -> Value {
//!     json!({ "type": "object", "properties": { "query": { "type": "string" } } })
//! }
//!
//! /// Passes a query on.
//! #[mcpc::tool(input_schema = schema())]
//! async fn forward(#[arg(all)] arguments: Map<String, Value>) -> usize {
//!     arguments.len()
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let reply = call(tools![restart], "restart", json!({ "zone": "a", "rack": 7 })).await;
//! assert_eq!(reply, "a Some(7) false");
//! let reply = call(tools![restart], "restart", json!({ "rack": 70, "force": 1, "zon": "a" })).await;
//! assert_eq!(
//!     reply,
//!     "\
//! argument `zone` is missing
//! argument `rack`: 70 is not in 0..=40
//! argument `force`: expected true or false, got the number 1
//! unknown argument `zon`; did you mean `zone`?"
//! );
//! assert_eq!(call(tools![forward], "forward", json!({ "query": "q", "page": 2 })).await, "2");
//! # }
//! ```
//!
//! # Arguments that go together
//!
//! `#[mcpc::background(check = function)]` has arguments looked at together before a task starts. The function is called
//! with a reference to each parameter but the [`Sender`], in their order, after each was read by itself. It returns
//! `Result<(), E>` with an `E` that is `Display`; an error refuses the call like a bad argument. It blocks the
//! thread, so it only looks at what it is given. A plain tool does so in its body.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     text(&client.call(tool, arguments).await.unwrap())
//! # }
//! use mcpc::{Sender, tools};
//! use serde_json::json;
//!
//! fn is_forward(from: &u32, to: &u32) -> Result<(), String> {
//!     if from < to { Ok(()) } else { Err(format!("`from` ({from}) is not before `to` ({to})")) }
//! }
//!
//! /// Exports rows.
//! #[mcpc::background(check = is_forward)]
//! async fn export(from: u32, to: u32, updates: Sender) -> u32 {
//!     updates.status("exporting");
//!     to - from
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let reply = call(tools![export], "export", json!({ "from": 9, "to": 1 })).await;
//! assert_eq!(reply, "`from` (9) is not before `to` (1)");
//! # }
//! ```
//!
//! # A call that is refused
//!
//! A call that does not fit gets one error that lists what is wrong with it, 20 problems at most, which a model can act
//! on. A background call then starts no task.
//!
//! ```
//! # use mcpc::{Server, Tools, client::{Client, text}};
//! # async fn call(tools: Tools, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, server) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(server);
//! #     tokio::spawn(Server::new("s").tools(tools).serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     text(&client.call(tool, arguments).await.unwrap())
//! # }
//! use mcpc::{Sender, tools};
//! use serde_json::json;
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Filter {
//!     min: u32,
//! }
//!
//! /// Processes a data set.
//! #[mcpc::background]
//! async fn process(
//!     data_id: String,
//!     #[arg(range = 1..=100)] passes: u32,
//!     filters: Vec<Filter>,
//!     since: Option<Day>,
//!     updates: Sender,
//! ) {
//! #     drop((data_id, passes, since, updates));
//! #     for filter in filters { drop(filter.min) }
//!     // ..
//! }
//! # /// A date.
//! # #[derive(serde::Deserialize)]
//! # #[serde(try_from = "String")]
//! # struct Day;
//! # impl TryFrom<String> for Day {
//! #     type Error = &'static str;
//! #     fn try_from(_: String) -> Result<Self, Self::Error> { Err("not a date") }
//! # }
//! # impl schemars::JsonSchema for Day {
//! #     fn schema_name() -> std::borrow::Cow<'static, str> { "Day".into() }
//! #     fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
//! #         schemars::json_schema!({ "type": "string", "format": "date" })
//! #     }
//! # }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let arguments = json!({
//!     "data_i": "d1",
//!     "passes": 1000,
//!     "filters": [{ "min": 1 }, { "min": 2 }, { "min": "many" }],
//!     "since": "yesterday",
//! });
//! assert_eq!(
//!     call(tools![process], "process", arguments).await,
//!     "\
//! argument `data_id` is missing
//! argument `passes`: 1000 is not in 1..=100
//! argument `filters[2].min`: expected a whole number, got the string \"many\"
//! argument `since`: expected a date like \"2026-11-29\", got the string \"yesterday\"
//! unknown argument `data_i`; did you mean `data_id`?"
//! );
//! # }
//! ```
//!
//! By the `format` in the type's schema it shows what a date, a time, a duration, a UUID, an IP address, a URL, an email
//! address or a decimal number looks like. An example of yours (`#[arg(example = ..)]`, `#[schemars(example = ..)]`)
//! comes first.
//!
//! # What is taken for what
//!
//! Models and hosts do not always write what a schema asks for. What a type refuses is read once more, by its schema,
//! at the top and inside of an argument:
//!
//! | written | is taken for | but not where |
//! |---|---|---|
//! | `"5"`, `"true"`, `"[1,2]"`, `"{\"a\":1}"` | the value that the text is, where that is asked for | a string may be meant: a `String`, a name of an enum, a `serde_json::Value` |
//! | `null`, `"null"`, `""` | nothing: `None`, the `default`, a field's `#[serde(default)]` | a string may be meant (then `null` alone is `None`) |
//! | `"a"`, `{"a": 1}` | the only item of a list that is asked for | a tuple or an array of a fixed length is asked for, or the text says nothing (`""`), begins with `[`, or with `{` and is not JSON |
//! | `sessionId`, `action`, `chatInput`, `toolCallId` | what n8n adds to every call: dropped | one of the four is missing, or the tool has an argument of that name |
//!
//! A text must be one value of JSON from its first character to its last: not `"5 "`, `"05"`, `"+5"` or `"0x5"`. What is
//! read so is checked as any other value. [`Server::exact_arguments`] turns all of it off.
//!
//! ```
//! # use mcpc::{Server, client::{Client, text}};
//! # async fn call(server: Server, tool: &str, arguments: serde_json::Value) -> String {
//! #     let (client, theirs) = tokio::io::duplex(1 << 16);
//! #     let (reader, writer) = tokio::io::split(theirs);
//! #     tokio::spawn(server.serve_io(reader, writer));
//! #     let client = Client::connect(tokio::io::split(client)).await.unwrap();
//! #     text(&client.call(tool, arguments).await.unwrap())
//! # }
//! use mcpc::tools;
//! use serde_json::json;
//!
//! /// Adds numbers.
//! #[mcpc::tool]
//! async fn sum(numbers: Vec<i64>) -> i64 {
//!     numbers.iter().sum()
//! }
//!
//! # #[tokio::main]
//! # async fn main() {
//! let server = || Server::new("calculator").tools(tools![sum]);
//! assert_eq!(call(server(), "sum", json!({ "numbers": "[1, 2]" })).await, "3");
//! assert_eq!(call(server(), "sum", json!({ "numbers": 5 })).await, "5");
//! let exact = server().exact_arguments(true);
//! assert_eq!(
//!     call(exact, "sum", json!({ "numbers": 5 })).await,
//!     "argument `numbers`: expected an array, got the number 5"
//! );
//! # }
//! ```
//!
//! An argument that a tool does not know is refused; with [`Server::ignore_unknown_arguments`] it is dropped.
//!
//! # Numbers
//!
//! Whole numbers arrive as they were written, or the call is refused: integers of 128 bits, too, and `1e19` or `20.0`
//! where an integer is asked for. Over [`Server::serve`] an integer has 64 bits at most.
//!
//! # Schemas
//!
//! The schemas of a server's tools are [`Schemas::Portable`], which says what that is, unless [`Server::schemas`] says
//! otherwise. [`Server::lint`] finds what hosts and models' APIs object to all the same. It knows names that are refused
//! or that are too long once a host has put the server's name before them, missing descriptions, unions, references,
//! formats, depth, and how much a model has to read. A [`Finding`] says who objects, what happens and what to do; one
//! that does not matter to you goes by its [`Rule`].
//!
//! ```
//! use mcpc::{Rule, Server, tools};
//!
//! /// Says hello.
//! #[mcpc::tool]
//! async fn greet(name: String) -> String {
//!     format!("Hello {name}")
//! }
//!
//! # fn main() -> mcpc::Result {
//! let mut findings = Server::new("greeter").tools(tools![greet]).lint()?;
//! assert_eq!(
//!     findings[0].to_string(),
//!     "tool `greet`, argument `name`: it has no description, so a model has to guess from its name; write a doc \
//!      comment before it"
//! );
//! findings.retain(|finding| finding.rule != Rule::Description);
//! assert_eq!(findings, []);
//! # Ok(())
//! # }
//! ```
//!
//! [`Call`]: crate::Call
//! [`Error::Argument`]: crate::Error::Argument
//! [`Finding`]: crate::Finding
//! [`Rule`]: crate::Rule
//! [`Schemas::Portable`]: crate::Schemas::Portable
//! [`Sender`]: crate::Sender
//! [`Server::exact_arguments`]: crate::Server::exact_arguments
//! [`Server::ignore_unknown_arguments`]: crate::Server::ignore_unknown_arguments
//! [`Server::lint`]: crate::Server::lint
//! [`Server::schemas`]: crate::Server::schemas
//! [`Server::serve`]: crate::Server::serve
//! [`Server::state`]: crate::Server::state
