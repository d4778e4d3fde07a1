//! The builder that users see.

mod limits;
mod serve;
mod start;

pub use serve::Service;
pub use start::take_stdio;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{Icon, Implementation, JsonObject, ServerCapabilities, ServerConfig};
use rmcp::transport::IntoTransport;
use rmcp::{RoleServer, ServerHandler, ServiceExt as _};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::argument::Reading;
use crate::around::{Failed, Layer, Next, Success, ToolCall};
use crate::control::Control;
use crate::delivery::PATIENCE;
use crate::error::Result;
use crate::events::{Events, Listeners};
use crate::lint::{self, Finding};
use crate::log::{Limits, MemoryLog, TaskLog};
use crate::parameter::States;
use crate::question::MOST_OPEN;
use crate::registry::{LiveRegistry, Registry};
use crate::schema::Schemas;
use crate::service::{ServerTimes, Shadowed, Shared, add_tasks, list_changes};
use crate::task::TaskPermits;
use crate::tool::{AnyTool, Definition, IntoTools, Kind};
use crate::transport::{Bounds, Process};

#[cfg(not(feature = "http"))]
use self::serve::Built;
#[cfg(feature = "http")]
pub(crate) use self::serve::{Built, serve_session};
#[cfg(feature = "http")]
pub(crate) use self::start::check_runtime;

/// What can be served over HTTP: nothing, without the feature.
#[cfg(not(feature = "http"))]
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`Server::serve_http` needs the feature `http` of `mcpc`",
    label = "needs the feature `http`",
    note = "`cargo add mcpc --features http`"
)]
pub trait OfHttp {}

/// An MCP server made of tools. It is served to one client at once, or [built](Self::build) into a [`Service`] for many.
///
/// Nothing is checked before it is built, which serving it does, and [`check`](Self::check) and [`lint`](Self::lint).
///
#[doc = include_str!("../docs/server.md")]
pub struct Server(Box<dyn Plan>);

/// What a server is to be made of.
struct Parts {
    config: ServerConfig,
    tools: Vec<Definition>,
    states: States,
    grace: Duration,
    patience: Option<Duration>,
    task_patience: Duration,
    retention: Duration,
    heartbeat: Duration,
    control_tools: bool,
    control_prefix: String,
    result_bytes: usize,
    max_tasks: usize,
    bytes_per_task: usize,
    log: Option<Arc<dyn TaskLog>>,
    bounds: Bounds,
    max_requests: usize,
    max_questions: usize,
    process: Process,
    schemas: Schemas,
    reading: Reading,
    inner: Option<Inner>,
    has_dynamic_tools: bool,
    around: Vec<Layer>,
    listeners: Arc<Listeners>,
}

/// Hides [`Parts`] behind a pointer. The owner of a value compiles the code that drops it; behind a
/// trait object, that is this crate and not the user's.
trait Plan: Send {
    fn listeners(&self) -> Arc<Listeners>;
    fn parts(&mut self) -> &mut Parts;
    fn into_parts(self: Box<Self>) -> Box<Parts>;
}

impl Plan for Parts {
    fn listeners(&self) -> Arc<Listeners> {
        Arc::clone(&self.listeners)
    }

    fn parts(&mut self) -> &mut Parts {
        self
    }

    fn into_parts(self: Box<Self>) -> Box<Parts> {
        self
    }
}

type Inner = Arc<dyn rmcp::service::DynService<RoleServer>>;

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server").finish_non_exhaustive()
    }
}

/// How many ended tasks are kept.
const ENDED_TASKS: usize = 10_000;
/// How many bytes of results all of them may have.
const ENDED_BYTES: usize = 64 << 20;

impl Server {
    /// A server that calls itself `name`: in MCP's server information, and as the provider in MCPC's
    /// handshakes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self::named(name.into())
    }

    fn named(name: String) -> Self {
        let capabilities = ServerCapabilities::builder().enable_tools().build();
        let server_info = Implementation::new(name, env!("CARGO_PKG_VERSION"));
        Self(Box::new(Parts {
            config: ServerConfig::new(capabilities).with_server_info(server_info),
            tools: Vec::new(),
            states: States::default(),
            grace: Duration::from_secs(5),
            patience: None,
            task_patience: Duration::from_secs(1),
            retention: Duration::from_secs(600),
            heartbeat: Duration::from_secs(15),
            control_tools: true,
            control_prefix: String::new(),
            result_bytes: 100_000,
            max_tasks: 10_000,
            bytes_per_task: 16 << 10,
            log: None,
            bounds: Bounds { message_bytes: 16 << 20, queued_bytes: 1 << 20 },
            max_requests: 20_000,
            max_questions: MOST_OPEN,
            process: Process { signals: true, is_ours: true },
            schemas: Schemas::default(),
            reading: Reading::default(),
            inner: None,
            has_dynamic_tools: false,
            around: Vec::new(),
            listeners: Arc::default(),
        }))
    }

    /// The server's own version, for MCP's server information; usually `env!("CARGO_PKG_VERSION")`.
    /// Without it, that of `mcpc`.
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.0.parts().config.server_info.version = version.into();
        self
    }

    /// A name of the server for people; its `name` is for programs.
    #[must_use]
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.0.parts().config.server_info.title = Some(title.into());
        self
    }

    /// What the server is for, for people. A model reads its [`instructions`](Self::instructions).
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.0.parts().config.server_info.description = Some(description.into());
        self
    }

    /// The address of a page about the server, which starts with `https://` or `http://`.
    #[must_use]
    pub fn website(mut self, url: impl Into<String>) -> Self {
        self.0.parts().config.server_info.website_url = Some(url.into());
        self
    }

    /// The server's icons, of which a client picks one: `Icon::new("https://example.com/icon.svg")`.
    #[must_use]
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.0.parts().config.server_info.icons = Some(icons.into_iter().collect());
        self
    }

    /// What a model should know about the server before it calls any tool: MCP's `instructions`.
    #[must_use]
    pub fn instructions(mut self, instructions: impl Into<String>) -> Self {
        self.0.parts().config.instructions = Some(instructions.into());
        self
    }

    /// Adds the tools of a `tools![..]` list, or those that were [made at run time](crate::tool::DynamicTool). May be
    /// called several times.
    #[must_use]
    pub fn tools(mut self, tools: impl IntoTools) -> Self {
        self.0.parts().tools.extend(tools.into_tools().into_iter().map(|AnyTool(tool)| tool));
        self
    }

    /// Whether tools may be added and removed while the server runs, by [`Service::add`] and [`Service::remove`]; by default
    /// they may not. If so, clients are told that the list may change (`listChanged`) and that there may be tasks, whether
    /// or not a tool at the start is a background tool. The
    /// [guide](https://docs.rs/mcpc/latest/mcpc/guide/servers/index.html#tools-that-come-and-go) says which subscriptions hear
    /// of it beside a [handler](Self::handler).
    #[must_use]
    pub fn dynamic_tools(mut self, dynamic_tools: bool) -> Self {
        self.0.parts().has_dynamic_tools = dynamic_tools;
        self
    }

    /// What tells connected clients what happens, as [`Service::events`]: a handle for what is made before the server is
    /// built, such as its states.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::new(self.0.listeners())
    }

    /// Runs this around each call that runs a tool: it sees the call before the tool reads its arguments, lets it go on
    /// with `next.run(call).await`, and sees what comes of it; or it refuses the call with an error, or answers it itself.
    /// Of several, the first is the outermost.
    ///
    /// It is around the body of the tool: of a background tool, from before its arguments are read to the end of the task.
    /// A call that fails before anything is waited for, by its arguments or by what is around it, gets no task, unless it
    /// fails with a whole `CallToolResult`, which is the result of a task. Calls of `check_task` and `stop_task`, of tools
    /// of a [handler](Self::handler), of unknown tools, and those that join the task of an equal call, are answered without it. The [guide](https://docs.rs/mcpc/latest/mcpc/guide/servers/index.html#around-every-call)
    /// has examples.
    #[must_use]
    pub fn around<R>(mut self, around: impl Fn(ToolCall, Next) -> R + Send + Sync + 'static) -> Self
    where
        R: Future<Output = Result<Success, Failed>> + Send + 'static,
    {
        self.0.parts().around.push(Box::new(move |call, next| Box::pin(around(call, next))));
        self
    }

    /// Gives the tools that take a `State<T>` this value. One value per type; a second one is an error when
    /// the server is built. An `Arc<T>` is taken for a `T`, also where that is a `dyn Trait`; a bare value of the type
    /// comes before it.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(mut self, value: T) -> Self {
        self.0.parts().states.insert(value);
        self
    }

    /// Has `handler` answer every MCP method that is not about the server's tools: prompts, resources, completion
    /// and so on. If it declares tools of its own, they are listed after the server's, and a call of a name that is not
    /// the server's is for the handler; of two tools of one name, the server's is listed and called. What its `get_info` says about those and about itself (title, description, website, icons) reaches the
    /// client where the server was not given the same; the name and version are this server's. A `subscriptions/listen` that names tasks is answered here, too.
    #[must_use]
    pub fn handler(mut self, handler: impl ServerHandler) -> Self {
        self.0.parts().inner = Some(Arc::from(handler.into_dyn()));
        self
    }

    /// How long a task may go on after it was asked to stop, before it is dropped. 5 seconds by
    /// default.
    #[must_use]
    pub fn grace(mut self, grace: Duration) -> Self {
        self.0.parts().grace = grace;
        self
    }

    /// How long the call of a background tool stays open for its result. If the task then still runs, the call is
    /// answered with its id, and the model goes on with `check_task`. By default that is 240 seconds where the client
    /// hears of the task's progress, as some give up after 300 whatever they hear, and else 50 seconds, as many give
    /// up after 60. A tool's own `patience` comes first. With no time at all every such call is answered at once. A client
    /// that takes MCP's tasks waits for [`task_patience`](Self::task_patience) at most. `check_task` waits for 50 seconds at
    /// most, or for this if it is from 10 to 50 seconds.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.0.parts().patience = Some(patience);
        self
    }

    /// How long the call of a background tool stays open where the client takes MCP's tasks (SEP-2663): what is over within
    /// this time is answered with its result, anything else with a task. 1 second by default; a tool's own `patience`
    /// comes first if it is shorter.
    #[must_use]
    pub fn task_patience(mut self, patience: Duration) -> Self {
        self.0.parts().task_patience = patience;
        self
    }

    /// How long a task can be asked about after it has ended. 10 minutes by default; a tool's own
    /// `retention` comes first. How many are kept at most is in the
    /// [guide](https://docs.rs/mcpc/latest/mcpc/guide/limits/index.html#bounds).
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.0.parts().retention = retention;
        self
    }

    /// How long a client that gave a progress token hears nothing of a task before it is told that the
    /// task still runs, so that it does not give up. 15 seconds by default.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.0.parts().heartbeat = heartbeat;
        self
    }

    /// Whether a server with background tools also lists `check_task` and `stop_task`, with which a model
    /// looks after what it started. It does by default. Without them the call of a client that knows no
    /// better way stays open until the task has ended, however long that takes.
    #[must_use]
    pub fn control_tools(mut self, control_tools: bool) -> Self {
        self.0.parts().control_tools = control_tools;
        self
    }

    /// What goes before the names of the control tools, and of them in what a model is told: with `"git_"` they are
    /// `git_check_task` and `git_stop_task`. Nothing by default; a model that uses several servers, of a host that does
    /// not put their names before those of their tools, is to tell them apart.
    #[must_use]
    pub fn control_prefix(mut self, prefix: impl Into<String>) -> Self {
        self.0.parts().control_prefix = prefix.into();
        self
    }

    /// How many bytes of a task's result go into one reply, of a call that waited for it or of `check_task`. Of a
    /// longer text these are its beginning and its end, with how much is missing and how to read it, by `check_task`
    /// with an `offset`. 100,000 by default, as hosts cut more themselves, and then for good. MCPC callbacks and MCP's
    /// `tasks/get` carry every result as a whole, and so does a server without control tools.
    #[must_use]
    pub fn max_result_bytes(mut self, max_result_bytes: usize) -> Self {
        self.0.parts().result_bytes = max_result_bytes;
        self
    }

    /// How many tasks may run at once, of all connections of a server together; a call beyond it is told to try again
    /// later. 10,000 by default.
    #[must_use]
    pub fn max_tasks(mut self, max_tasks: usize) -> Self {
        self.0.parts().max_tasks = max_tasks;
        self
    }

    /// How many bytes of what a task sent are kept, for each task, for a client that asks for it (`check_task`), or that gets
    /// the latest 4 KiB of it with the result; the oldest updates go first, the latest always stays. 16 KiB by default,
    /// and as much of its output. An MCPC client gets every update as it happens, whatever is kept.
    #[must_use]
    pub fn max_kept_bytes(mut self, max_kept_bytes: usize) -> Self {
        self.0.parts().bytes_per_task = max_kept_bytes;
        self
    }

    /// Keeps tasks in another log than the one in memory.
    #[doc(hidden)]
    #[must_use]
    pub fn log(mut self, log: Arc<dyn TaskLog>) -> Self {
        self.0.parts().log = Some(log);
        self
    }

    /// How many bytes a message of the client may have, over stdio and [`serve_io`](Self::serve_io); a longer
    /// one is answered with an error. 16 MiB by default.
    #[must_use]
    pub fn max_message_bytes(mut self, max_message_bytes: usize) -> Self {
        self.0.parts().bounds.message_bytes = max_message_bytes;
        self
    }

    /// How many requests of one connection may be unanswered at once, calls that wait for their tasks among them;
    /// one beyond it is answered with an error. 20,000 by default.
    #[must_use]
    pub fn max_requests(mut self, max_requests: usize) -> Self {
        self.0.parts().max_requests = max_requests;
        self
    }

    /// How many questions a task may have open at once, and so may the call of a plain tool; what is asked beyond it is not,
    /// and is [`NoAnswer::TooMany`](crate::question::NoAnswer::TooMany), at once. 100 by default. To ask many things in turn,
    /// a tool awaits one before the next.
    #[must_use]
    pub fn max_questions(mut self, max_questions: usize) -> Self {
        self.0.parts().max_questions = max_questions;
        self
    }

    /// How many bytes of updates may wait for a client that reads slowly, before `Sender::send` waits, too;
    /// a single update may be larger. 1 MiB per connection by default. Over HTTP, as much waits for a client that is away, and
    /// up to eight times that of what is not left out before the updates are: `created`, ends and replies.
    #[must_use]
    pub fn max_queued_bytes(mut self, max_queued_bytes: usize) -> Self {
        self.0.parts().bounds.queued_bytes = max_queued_bytes;
        self
    }

    /// Whether SIGTERM, SIGINT and SIGHUP (elsewhere, Ctrl-C) end a server that serves over stdio, or HTTP, in order; they
    /// do by default. Without, they are the application's, and what they do by default ends the process at once.
    ///
    /// Once `serve_stdio`, or `serve_http`, has returned, they are the application's in any case. As it cannot be told whether the
    /// application listens to them, only the second of them then ends the process as the first would by default.
    #[must_use]
    pub fn signals(mut self, signals: bool) -> Self {
        self.0.parts().process.signals = signals;
        self
    }

    /// Whether the process ends with the server that serves over stdio, or that a signal ends over HTTP; it does by default.
    ///
    /// A tool that blocks its thread and does not look at
    /// [`Sender::is_stopped`](crate::task::Sender::is_stopped) would keep the process alive for as long as it
    /// likes, in a worker of tokio as well as in `spawn_blocking`. So the process ends with status 0, once
    /// everything was said, within a second after the grace; and half a second after the runtime was dropped that
    /// served, which is after the end of an async `main`; over HTTP, only if a signal asked the process to end. An
    /// application that goes on after it dropped that runtime says `false` here.
    #[must_use]
    pub fn ends_process(mut self, ends_process: bool) -> Self {
        self.0.parts().process.is_ours = ends_process;
        self
    }

    /// How the schemas in `tools/list` are written: [`Schemas::Portable`], unless this says otherwise.
    #[must_use]
    pub fn schemas(mut self, schemas: Schemas) -> Self {
        self.0.parts().schemas = schemas;
        self
    }

    /// Everything about this server's tools that a host or a model's API is known to object to: names, missing
    /// descriptions, what their schemas ask of an API, and how much a model has to read. For a test of the server:
    ///
    #[doc = include_str!("../docs/lint.md")]
    ///
    /// Whether a finding matters depends on who uses the server: what it is about is its [`Finding::rule`].
    ///
    /// # Errors
    ///
    /// When the server cannot be built, as [`build`](Self::build) says.
    pub fn lint(self) -> Result<Vec<Finding>> {
        lint(self.0)
    }

    /// Whether an argument must be what its schema says. By default it need not: what models and hosts make of it is
    /// taken, too, such as `"5"` for a number, which the
    /// [guide](https://docs.rs/mcpc/latest/mcpc/guide/arguments/index.html#what-is-taken-for-what) lists.
    #[must_use]
    pub fn exact_arguments(mut self, exact_arguments: bool) -> Self {
        self.0.parts().reading.exact = exact_arguments;
        self
    }

    /// Whether arguments that a tool does not know are dropped; by default, they are refused. If they are dropped,
    /// the input schemas of functions do not say `additionalProperties: false`; one that was written for a tool
    /// (`input_schema`, [`DynamicTool`](crate::tool::DynamicTool)) is listed as it is. Inside of an argument, serde decides: it drops
    /// what it does not know, unless the type says `#[serde(deny_unknown_fields)]`.
    #[must_use]
    pub fn ignore_unknown_arguments(mut self, ignore_unknown_arguments: bool) -> Self {
        self.0.parts().reading.ignores_unknown = ignore_unknown_arguments;
        self
    }

    /// Builds the server, for any number of connections.
    ///
    /// The `serve_*` methods below are the short way for one.
    ///
    /// # Errors
    ///
    /// The first of these: when a limit would let nothing through, when the address of an icon or of the website is not one, when the server was given two states of one type, when
    /// two tools have one name, and, of a tool, when its name or a schema that was written for it is malformed or refers to what is not in it, when its `meta` is not an object, an icon has no address, two arguments have one header or a time of a run-time tool
    /// cannot be meant ([`Error::Attribute`](crate::error::Error::Attribute)), when it takes a state the server was not given, when what `#[arg(..)]` asks of an
    /// argument cannot be asked of its type, when a plain tool takes a `Sender`, or when its `Result` has another name.
    pub fn build(self) -> Result<Service> {
        build(self.0).map(Service::new)
    }

    /// Whether the server can be built, for a test of the server, which needs no runtime:
    ///
    #[doc = include_str!("../docs/check.md")]
    ///
    /// What the server's clients may object to is told by [`lint`](Self::lint).
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build).
    pub fn check(self) -> Result {
        build(self.0).map(drop)
    }

    /// Serves one client over stdin and stdout, until the input ends or the process is asked to end
    /// (SIGTERM, SIGINT, SIGHUP, Ctrl-C). Then running calls and tasks get the grace to end by themselves, and what
    /// was said is written. Asked again, they have 250 ms more; asked a third time, the process ends at once.
    ///
    /// On Unix, stdout belongs to the protocol alone from here on: what the program prints goes to stderr,
    /// and child processes get that as their stdout, and an empty stdin. Elsewhere nothing else may be
    /// written to stdout. What was printed before is in the stream; [`take_stdio`] prevents that. A process serves
    /// its stdin and stdout once.
    ///
    /// # Errors
    ///
    /// When the server cannot be built, as [`build`](Self::build) says, or not served; each variant of
    /// [`Error`](crate::error::Error) says when that is. A client that leaves is not
    /// an error, at whatever time. What goes wrong inside a call is answered and is not an error here.
    ///
    /// # Panics
    ///
    /// When the tokio runtime was built without timers or without IO, before anything is read: build it with
    /// `enable_all`, as `#[tokio::main]` does.
    ///
    /// # Cancel safety
    ///
    /// Dropping the future ends the connection at once: tasks are asked to stop, but the client gets nothing more of them.
    ///
    /// # Blocking threads
    ///
    /// tokio waits for the threads of `spawn_blocking` when its runtime is dropped, which is after the end of
    /// an async `main`. The process does not: see [`ends_process`](Self::ends_process).
    pub async fn serve_stdio(self) -> Result {
        serve::serve_stdio(self.0).await
    }

    /// Serves one client that sends and takes a JSON document a line over a pair of byte streams, as
    /// stdio does: a socket, a pipe, an in-memory duplex.
    ///
    /// # Errors
    ///
    /// As [`serve_stdio`](Self::serve_stdio), which also says when this panics and what dropping it does.
    pub async fn serve_io(
        self,
        reader: impl AsyncRead + Send + Unpin + 'static,
        writer: impl AsyncWrite + Send + Unpin + 'static,
    ) -> Result {
        self.build()?.serve_io(reader, writer).await
    }

    /// Serves clients over HTTP at an address, as `127.0.0.1:8080` or `127.0.0.1:8080/mcp`, until a signal asks the process to
    /// end: as [`Service::serve_http`].
    ///
    /// # Errors
    ///
    /// As [`build`](Self::build), and as [`HttpServer::serve`](crate::http::HttpServer::serve).
    #[cfg(feature = "http")]
    pub fn serve_http<A: Into<String>>(
        self,
        address: A,
    ) -> impl Future<Output = Result> + Send + use<A> {
        let service = self.build();
        let address = address.into();
        async move { service?.serve_http(address).await }
    }

    /// Needs the feature `http`.
    #[cfg(not(feature = "http"))]
    #[doc(hidden)]
    pub fn serve_http<A: OfHttp>(self, address: A) -> std::future::Pending<Result> {
        drop(address);
        std::future::pending()
    }

    /// Serves one client over any transport of rmcp, which keeps no text: integers of more than 64 bits are refused, and
    /// [`max_message_bytes`](Self::max_message_bytes) does not apply.
    ///
    /// # Errors
    ///
    /// As [`serve_stdio`](Self::serve_stdio), which also says when this panics and what dropping it does.
    pub async fn serve<T, E, A>(self, transport: T) -> Result
    where
        T: IntoTransport<RoleServer, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.build()?.serve(transport).await
    }
}

/// How long a check of a task may wait, of whatever client: one that says what clients wait for says so of a check,
/// too, but a server that answers at once means nothing by it.
fn longest_check(patience: Option<Duration>) -> Duration {
    const AT_ONCE: Duration = Duration::from_secs(10);
    patience.filter(|patience| *patience >= AT_ONCE).map_or(PATIENCE, |it| it.min(PATIENCE))
}

fn build(plan: Box<dyn Plan>) -> Result<Built> {
    let parts = *plan.into_parts();
    limits::check(&parts)?;
    let Parts {
        mut config, mut tools, states, grace, retention, heartbeat, schemas, inner, ..
    } = parts;
    let in_memory = Limits {
        bytes_per_task: parts.bytes_per_task,
        ended_tasks: ENDED_TASKS,
        ended_bytes: ENDED_BYTES,
    };
    let log = parts.log.unwrap_or_else(|| Arc::new(MemoryLog::new(in_memory)));
    let places = TaskPermits::new(parts.max_tasks);
    let is_dynamic = parts.has_dynamic_tools;
    let starts_tasks = is_background_among(&tools);
    let has_tasks = starts_tasks || is_dynamic;
    if has_tasks {
        add_tasks(&mut config.capabilities);
    }
    if has_tasks || !parts.around.is_empty() || tools.iter().any(Definition::takes_call) {
        config.capabilities.logging = Some(JsonObject::new());
    }
    if is_dynamic {
        config.capabilities.tools = Some(list_changes());
    }
    let (patience, task_patience) = (parts.patience, parts.task_patience);
    let times = ServerTimes { grace, patience, task_patience, retention, heartbeat }.bounded();
    let longest_check = longest_check(times.patience);
    let control = (parts.control_tools && has_tasks)
        .then(|| Control::new(&parts.control_prefix, longest_check, parts.result_bytes));
    if let Some(control) = control.filter(|_| starts_tasks) {
        let control = control.tools(tools.iter(), schemas);
        tools.extend(control);
    }
    for tool in &mut tools {
        tool.reading = parts.reading;
    }
    let registry = Registry::new(tools, &states, schemas)?.checked(&states, is_dynamic)?;
    registry.warn(&config.server_info.name, inner.is_some() || is_dynamic);
    let registry = LiveRegistry::new(registry, is_dynamic);
    let (max_requests, reading) = (parts.max_requests, parts.reading);
    let shared = Shared {
        registry,
        has_tasks,
        states,
        log,
        places,
        config,
        times,
        control,
        inner,
        shadowed: Shadowed::default(),
        max_requests,
        max_questions: parts.max_questions,
        around: (!parts.around.is_empty()).then(|| parts.around.into()),
        listeners: parts.listeners,
    };
    let (bounds, process) = (parts.bounds, parts.process);
    Ok(Built { shared: Arc::new(shared), bounds, process, schemas, reading })
}

fn is_background_among(tools: &[Definition]) -> bool {
    tools.iter().any(|tool| tool.about.kind == Kind::Background)
}

fn lint(plan: Box<dyn Plan>) -> Result<Vec<Finding>> {
    let Built { shared, .. } = build(plan)?;
    Ok(lint::findings(&shared.config.server_info.name, shared.registry.now().list()))
}
