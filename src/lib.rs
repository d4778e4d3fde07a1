//! [asking]: guide::asking
//! [clients]: guide::clients
//! [demo]: https://raw.githubusercontent.com/mcpc-rs/mcpc/main/docs/demo.svg
//! [guide]: guide
//! [http]: guide::http
//! [testing]: guide::testing
//!
// These are the links of the README, whose own lead to files: of two definitions the first one counts.
#![doc = include_str!("../README.md")]
// docs.rs, which builds with nightly, then marks what needs a feature.
#![cfg_attr(docsrs, feature(doc_cfg))]

/// Turns a free `async fn` into a tool whose call is answered when the function returns.
///
/// The function's name is the tool's name, its doc comment the description, and its parameters the
/// arguments, each with its own doc comment. The function itself is left as it is; beside it stands an
/// empty type of the same name, for [`tools!`].
///
/// | key | is | means |
/// |---|---|---|
/// | `name` | a string | its name, in place of the function's |
/// | `title`, `description` | a string, a constant, or a macro like `include_str!(..)` | a name for people; a description in place of the doc comment (which may have macros, too: `#[doc = include_str!(..)]`) |
/// | `read_only`, `destructive`, `idempotent`, `open_world` | flags: alone, or `= false` | MCP's tool annotations |
/// | `timeout` | a duration like `"50s"` or `"1h 30m"` | how long a call may take; then its body is dropped at its next await, and the call is answered with an error that says so |
/// | `icons` | the address of one (`"https://.."`, `"data:.."`), or an array or a `Vec` of [`Icon`]s | what clients may show |
/// | `meta` | `serde_json::json!({ .. })`, a map, or the text of an object | the tool's `_meta` |
/// | `input_schema` | a schema | it is listed as it is, for a tool with one parameter that is [all arguments](guide::arguments#several-arguments-in-one-parameter) |
/// | `crate` | a path | this crate, where it is not called `mcpc`, in `Cargo.toml` or behind a path like `framework::mcpc`: `#[m::tool(crate = m)]` |
///
/// `icons` and `meta` are evaluated when the server is built.
///
/// `#[arg(..)]` on a parameter takes `default`, `rename`, `range`, `length`, `pattern`, `example`, `header`, `flatten`
/// and `all`, which [`guide::arguments`] explains.
///
/// ```
/// const MOST: u32 = 6;
///
/// /// Rolls some dice.
/// #[mcpc::tool(title = "Dice", idempotent = false, open_world = false)]
/// async fn roll(
///     /// How many dice to roll
///     #[arg(default = 1, range = 1..=MOST)]
///     dice: u32,
///     /// Who rolls them
///     #[arg(length = 1..=20, pattern = "^[A-Z][a-z]*$", example = "Ada")]
///     player: Option<String>,
/// ) -> Vec<u32> {
///     drop(player);
///     vec![4; dice as usize]
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// assert_eq!(roll(2, None).await, [4, 4]);
/// # }
/// ```
pub use mcpc_macros::tool;

/// Turns a free `async fn` into a tool whose call starts a task.
///
/// Takes what [`tool`](macro@tool) takes, a [`Sender`] among its parameters, with which the function
/// talks to the client while it runs, and these keys. The first three are durations like `"50s"` or `"1h 30m"`:
///
/// - `timeout`: here a task that still runs then is [asked to stop](guide::ends#a-task). Without it a task may run forever.
/// - `patience`: how long a call waits for the result before it is answered with a
///   [ticket](guide::clients#tickets), or with a task of MCP if this is shorter than [`Server::task_patience`]; `"0s"` is
///   at once. Without it, [`Server::patience`].
/// - `retention`: how long the task can be asked about after its end. Without it, [`Server::retention`].
/// - `check`: a function that looks at the [arguments together](guide::arguments#arguments-that-go-together) before the task
///   starts.
/// - `join`: a call that equals one that its client has running [joins it](guide::clients#equal-calls).
/// - `required`: a client that speaks MCP 2026-07-28 has to take [tasks](guide::clients), or is refused (-32021), and one of
///   2025-11-25 has to ask for one with its call (-32601). One of an older protocol, which has no way to say so, and one of
///   MCPC are served as ever.
///
/// [`guide::clients`] has what each kind of client gets.
///
/// ```
/// /// Builds a project.
/// #[mcpc::background]
/// async fn build(target: String, updates: mcpc::Sender) -> Result<String, std::io::Error> {
///     for (done, step) in ["fetching", "compiling", "linking"].into_iter().enumerate() {
///         updates.progress(done, 3, step);
///     }
///     Ok(format!("{target} is built"))
/// }
/// ```
pub use mcpc_macros::background;

/// Lists tools, by the paths of their functions, for [`Server::tools`].
///
/// Two tools of one name in a list do not compile. A name may have a `#[cfg(..)]` before it. A tool that is a value
/// ([`DynamicTool`]) goes beside the list: `tools![add] + tool`.
///
/// An attribute makes a type of its function's name as well, so a function cannot be brought beside a module of that name by
/// `use deploy::deploy`; list it by its path, `tools![deploy::deploy]`.
///
/// ```
/// mod math {
///     /// Adds two numbers.
///     #[mcpc::tool]
///     pub async fn add(a: i64, b: i64) -> i64 {
///         a + b
///     }
/// }
///
/// let server = mcpc::Server::new("calculator").tools(mcpc::tools![math::add]);
/// ```
#[macro_export]
macro_rules! tools {
    ($($list:tt)*) => {
        $crate::__private::tools! { [$crate] $($list)* }
    };
}

pub mod guide;

pub use ::rmcp::model::{Icon, IconTheme};
pub use mcpc_runtime::error::{Error, Result};
pub use mcpc_runtime::events::{Events, SessionEvents};
#[cfg(feature = "http")]
pub use mcpc_runtime::http;
pub use mcpc_runtime::lint::{Finding, Rule};
pub use mcpc_runtime::output::{Failure, Output};
pub use mcpc_runtime::parameter::{Call, LogLevel, State};
pub use mcpc_runtime::question::{Answer, NoAnswer, Question};
pub use mcpc_runtime::schema::Schemas;
pub use mcpc_runtime::server::{Server, Service, take_stdio};
pub use mcpc_runtime::task::{Quantity, Receiver, Sender, Sending, Total};
pub use mcpc_runtime::tool::{AnyTool, DynamicTool, IntoTools, Tool, Tools};

/// The task log, for tests and for logs outside of this crate; not stable.
#[doc(hidden)]
pub mod log {
    pub use mcpc_runtime::log::*;
}

/// What is around every call; see [`Server::around`].
pub mod around {
    pub use mcpc_runtime::around::{Failed, Next, Success, ToolCall};
}

/// Needs the feature `client`; over HTTP, `client-http`.
#[cfg(feature = "client")]
pub use mcpc_runtime::client;

/// Needs the feature `testing`, which belongs among the dev-dependencies.
#[cfg(feature = "testing")]
pub use mcpc_runtime::testing;

/// What MCPC sends over the wire: its messages and its handshakes.
///
/// A server and the client read and write these themselves. They are here for programs that look at the lines.
pub mod protocol {
    pub use mcpc_runtime::message::{Message, MessageType, ProtocolInfo, TaskEvent};
    pub use mcpc_runtime::names::Dialect;
}

/// rmcp 3, on which this crate is built, as far as it is compiled in.
///
/// For its types in what is public here: the request of a [`Call`], the handler and the transport of a [`Server`].
/// A crate that depends on `rmcp` itself has the same types where its version is 3, too, from 3.9 on.
// Hidden, as rustc writes out `std::string::String` in every message as soon as another `String` can be seen, and rmcp
// has a variant of that name. It does not look into what is hidden.
#[doc(hidden)]
pub mod rmcp {
    #[doc(no_inline)]
    pub use ::rmcp::*;
}

/// rmcp's types for content that a tool writes itself: images, audio, resources, and whole replies.
///
/// This crate is built on rmcp 3, from 3.9 on. The rest of it can be named as `mcpc::rmcp`, which is left out of these
/// pages: `mcpc::rmcp::ServerHandler`, say.
pub mod content {
    pub use mcpc_runtime::output::content::*;
}

/// Surrounds the definition of a tool with what it names, whatever this crate is called where it stands.
#[doc(hidden)]
#[macro_export]
macro_rules! __definition {
    ($($definition:tt)*) => {{
        use $crate::__private::{
            self as __mcpc, HiddenDefault as _, ShownDefault as _, ViaBox as _, ViaError as _,
            ViaText as _,
        };
        $($definition)*
    }};
}

/// The examples of the runtime's documentation, which are written with this crate and so cannot be compiled in that one.
#[cfg(doctest)]
mod examples_of_the_runtime {
    #[doc = include_str!("../mcpc-runtime/docs/ask.md")]
    pub struct Ask;

    #[doc = include_str!("../mcpc-runtime/docs/call.md")]
    pub struct Call;

    #[doc = include_str!("../mcpc-runtime/docs/check.md")]
    pub struct Check;

    #[cfg(feature = "client")]
    #[doc = include_str!("../mcpc-runtime/docs/client.md")]
    pub struct Client;

    #[cfg(feature = "client")]
    #[doc = include_str!("../mcpc-runtime/docs/client_wrap.md")]
    pub struct ClientWrap;

    #[cfg(feature = "client-http")]
    #[doc = include_str!("../mcpc-runtime/docs/client_http.md")]
    pub struct ClientHttp;

    #[doc = include_str!("../mcpc-runtime/docs/events.md")]
    pub struct Events;

    #[doc = include_str!("../mcpc-runtime/docs/lint.md")]
    pub struct Lint;

    #[doc = include_str!("../mcpc-runtime/docs/receiver.md")]
    pub struct Receiver;

    #[doc = include_str!("../mcpc-runtime/docs/sender.md")]
    pub struct Sender;

    #[doc = include_str!("../mcpc-runtime/docs/server.md")]
    pub struct Server;

    #[doc = include_str!("../mcpc-runtime/docs/service.md")]
    pub struct Service;

    #[doc = include_str!("../mcpc-runtime/docs/state.md")]
    pub struct State;

    #[doc = include_str!("../mcpc-runtime/docs/take_stdio.md")]
    pub struct TakeStdio;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../mcpc-runtime/docs/testing_answers.md")]
    pub struct TestingAnswers;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../mcpc-runtime/docs/testing_connect.md")]
    pub struct TestingConnect;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../mcpc-runtime/docs/testing_connect_process.md")]
    pub struct TestingConnectProcess;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../mcpc-runtime/docs/testing_every_client.md")]
    pub struct TestingEveryClient;

    #[cfg(feature = "testing")]
    #[doc = include_str!("../mcpc-runtime/docs/testing_sender.md")]
    pub struct TestingSender;

    #[doc = include_str!("../mcpc-runtime/docs/tools.md")]
    pub struct Tools;
}

/// What the attributes' code calls. Not covered by semver: only code generated by the same version of
/// the attributes may name it.
#[doc(hidden)]
pub mod __private {
    pub use mcpc_macros::tools;
    pub use mcpc_runtime::output::{
        Fails, Failure, Fallible, MayBeJson, Output, ViaBox, ViaError, ViaText,
    };
    pub use mcpc_runtime::parameter::{
        Arguments, Checked, DefaultKind, Example, FromText, HiddenDefault, InputSchema,
        MayBeOfRequest, MayBeReceiver, Parameter, Range, Settings, ShownDefault,
    };
    pub use mcpc_runtime::tool::{
        About, Definition, Hints, IntoIcons, IntoMeta, Kind, List, Listed, Tool, ToolTimes, Tools,
        body, fallible_body, text,
    };
}
