//! The client half: start tasks on any server, hear what they say, stop them, and read their results.
//!
#![doc = include_str!("../../docs/client.md")]

mod drive;
mod error;
mod handshake;
mod heard;
#[cfg(feature = "client-http")]
mod http;
mod kept;
mod link;
mod questions;
mod reply;
mod routes;
mod said;
mod status;
mod task;
mod transport;
mod way;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{
    CallToolResult, ClientCapabilities, ClientConfig, ElicitationCapability,
    FormElicitationCapability, Implementation, JsonObject, ProtocolVersion, Tool,
    UrlElicitationCapability,
};
use rmcp::service::{ClientInitializeError, RunningService};
use rmcp::transport::IntoTransport;
use rmcp::{Peer, RoleClient};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;
use uuid::Uuid;

use crate::log::Boxed;
use crate::logging::event;
use crate::message::ProtocolInfo;
pub use crate::transport::AnyError;
use crate::transport::Erased;
use drive::Driver;
use handshake::{discover, handshake};
use heard::Heard;
use link::Link;
use questions::{Callback, Handler, Questions};
use routes::Routes;
use task::Called;
use transport::Tap;

pub use error::{ClientError, TaskError};
#[cfg(feature = "client-http")]
pub use http::HttpError;
pub use reply::text;
pub use routes::Events;
pub use said::{Answer, Event, Question, Said};
pub use task::Task;
pub use transport::Wrapped;
pub use way::Way;

/// How long a child process may take to end once its input has ended, before it is killed.
const EXIT_LIMIT: Duration = Duration::from_secs(15);

/// When a child process that does not answer `server/discover` is started once more.
const SECOND_TRY: Duration = Duration::from_secs(3);

/// How long the first process has when the second has answered, as what it speaks is newer.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long a server may take to answer `server/discover`, unless another one shows when that would be.
const DISCOVER_LIMIT: Duration = Duration::from_secs(10);

/// How many bytes are kept of what a task said and nobody has read.
const KEPT: usize = 16 << 20;

/// A connection to an MCP server.
///
/// Dropping it ends the connection, and with it every stream and every task that has not ended.
///
/// # Cancel safety
///
/// A [`call`](Self::call) that is dropped before it completes is cancelled, and stops what it started. A
/// [`start`](Self::start) that is dropped starts nothing.
#[derive(Debug)]
pub struct Client {
    link: Arc<Link>,
    running: Option<RunningService<RoleClient, Handler>>,
    child: Option<Child>,
}

impl Client {
    /// Connects over any client transport of rmcp; see [`ClientBuilder::connect`].
    ///
    /// # Errors
    ///
    /// When the server does not answer as MCP asks.
    pub async fn connect<T, E, A>(transport: T) -> Result<Self, ClientError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        Self::builder().connect(transport).await
    }

    /// Starts a server as a child process; see [`ClientBuilder::spawn`].
    ///
    /// # Errors
    ///
    /// When the program cannot be started, or does not answer as MCP asks.
    pub async fn spawn(command: Command) -> Result<Self, ClientError> {
        Self::builder().spawn(command).await
    }

    /// Connects to a server over HTTP; see [`ClientBuilder::connect_http`].
    ///
    /// # Errors
    ///
    /// When the server cannot be reached, or does not answer as MCP asks.
    #[cfg(feature = "client-http")]
    pub async fn connect_http(url: impl AsRef<str>) -> Result<Self, ClientError> {
        Self::builder().connect_http(url).await
    }

    /// Returns what a client can be told before it connects.
    #[must_use]
    pub fn builder() -> ClientBuilder {
        ClientBuilder {
            info: Implementation::new("mcpc", env!("CARGO_PKG_VERSION")),
            best: Way::Mcpc,
            kept: KEPT,
            patience: Some(DISCOVER_LIMIT),
            callback: None,
            #[cfg(feature = "client-http")]
            http: http::Options::default(),
        }
    }

    /// Starts a tool and returns a handle to its task, in the best way that server and client both have. Any tool will do:
    /// one that is over at once is a task that says nothing and has a result. `null` arguments are none.
    ///
    /// What comes of the call is the task's: that the tool does not exist, or refuses its arguments, is how the task
    /// ends.
    ///
    /// # Errors
    ///
    /// When `arguments` is not an object, or the connection has ended.
    pub async fn start(&self, tool: &str, arguments: Value) -> Result<Task, ClientError> {
        let mut arguments = object(arguments)?;
        let way = self.link.way(tool).await?;
        let heard = Heard::new(self.link.kept);
        if let (Way::Mcpc, Some((dialect, _))) = (way, &self.link.mcpc) {
            let keys = dialect.metadata();
            let task_id = Uuid::new_v4().to_string();
            let ids =
                serde_json::json!({ keys.session_id: self.link.session_id, keys.task_id: task_id });
            arguments.insert(keys.argument.to_owned(), ids);
            heard.set_keys(|keys| keys.task_id = Some(task_id));
        }
        let link = Arc::clone(&self.link);
        let driver = Driver { link, heard, tool: tool.to_owned(), arguments, way };
        let handle = driver.send().await?;
        let (link, heard) = (Arc::clone(&driver.link), Arc::clone(&driver.heard));
        let driver = tokio::spawn(driver.drive(handle));
        Ok(Task { link, heard, way, driver })
    }

    /// Calls a tool and waits for its reply: a result, or the error of a tool. A task is waited for to its end.
    ///
    /// # Errors
    ///
    /// When the server answers with a protocol error or goes away, or `arguments` is not an object.
    pub async fn call(&self, tool: &str, arguments: Value) -> Result<CallToolResult, ClientError> {
        let task = self.start(tool, arguments).await?;
        let called = Called(Some(task));
        let task = called.0.as_ref().expect("it was just put there");
        Ok(task.reply().await?)
    }

    /// The tools of the server.
    ///
    /// # Errors
    ///
    /// When the server does not answer.
    pub async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        self.link.tools().await
    }

    /// Returns a stream of what the server says from now on besides what its tasks say to their handles. Each has a queue
    /// of its own.
    #[must_use]
    pub fn events(&self) -> Events {
        self.link.routes.events()
    }

    /// Answers every question of the server from now on, in place of those who read the streams of tasks. A callback that
    /// panics cancels the question that it was asked.
    pub fn on_question<F, A>(&self, answer: F)
    where
        F: Fn(Question) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        self.link.questions.set_callback(callback(answer));
    }

    /// What the server said of itself in the handshake of MCPC; `None` if it does not speak that.
    #[must_use]
    pub fn mcpc(&self) -> Option<&ProtocolInfo> {
        self.link.mcpc.as_ref().map(|(_, info)| info)
    }

    /// The session of MCPC that this client's tasks belong to.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.link.session_id
    }

    /// The connection, for everything else that MCP offers. A background tool that is called over it answers with the
    /// `created` of MCPC, if the server speaks that: the rest is heard by [`events`](Self::events).
    #[must_use]
    pub fn peer(&self) -> &Peer<RoleClient> {
        &self.link.peer
    }

    /// Ends the connection. A child process has 15 seconds to end its tasks and itself, and is killed then. A connection
    /// of another client ([`wrap`]) is that client's to end.
    pub async fn close(self) {
        if let Some(running) = self.running
            && let Err(error) = running.cancel().await
        {
            event!(warn, %error, "the connection's loop died");
        }
        if let Some(mut child) = self.child
            && tokio::time::timeout(EXIT_LIMIT, child.wait()).await.is_err()
        {
            event!(warn, "the server does not end; it is killed");
            let _ = child.kill().await;
        }
    }
}

/// What a client can be told before it connects.
#[derive(Clone)]
pub struct ClientBuilder {
    info: Implementation,
    best: Way,
    kept: usize,
    /// How long the answer to `server/discover` is waited for; `None` if that is not asked.
    patience: Option<Duration>,
    callback: Option<Callback>,
    #[cfg(feature = "client-http")]
    http: http::Options,
}

impl fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { info, best, kept, patience, .. } = self;
        f.debug_struct("ClientBuilder")
            .field("info", info)
            .field("best", best)
            .field("kept", kept)
            .field("patience", patience)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// What the server is told of the program that connects; this crate and its version, unless set.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>, version: impl Into<String>) -> Self {
        self.info = Implementation::new(name, version);
        self
    }

    /// The best way that may be taken; [`Way::Mcpc`] unless set.
    #[must_use]
    pub fn best(mut self, best: Way) -> Self {
        self.best = best;
        self
    }

    /// How many bytes are kept of what a task said and nobody has read; 16 MiB unless set.
    #[must_use]
    pub fn kept(mut self, bytes: usize) -> Self {
        self.kept = bytes;
        self
    }

    /// Begins with `initialize` at once. Otherwise a server is asked first whether it has MCP 2026-07-28
    /// (`server/discover`), and one that does not answer that is waited for, for ten seconds.
    #[must_use]
    pub fn initialize(mut self) -> Self {
        self.patience = None;
        self
    }

    /// Answers the questions of the server; see [`Client::on_question`].
    #[must_use]
    pub fn on_question<F, A>(mut self, answer: F) -> Self
    where
        F: Fn(Question) -> A + Send + Sync + 'static,
        A: Future<Output = Answer> + Send + 'static,
    {
        self.callback = Some(callback(answer));
        self
    }

    /// Connects over any client transport of rmcp.
    ///
    /// What a server declares of the tasks of MCP 2025-11-25 cannot be read there, so such a server tells progress;
    /// [`connect_io`](Self::connect_io) and [`spawn`](Self::spawn) read it.
    ///
    /// # Errors
    ///
    /// When the server does not answer as MCP asks.
    pub async fn connect<T, E, A>(self, transport: T) -> Result<Client, ClientError>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        self.over(Erased::new(transport.into_transport()), Routes::default(), None).await
    }

    /// Connects over a pair of streams of lines.
    ///
    /// # Errors
    ///
    /// When the server does not answer as MCP asks.
    pub async fn connect_io<R, W>(self, reader: R, writer: W) -> Result<Client, ClientError>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        self.over_io(Box::new(reader), Box::new(writer), None).await
    }

    /// Sends a header with every request over HTTP, as `Authorization`. Those that say what a request is are the client's
    /// own to set: `Accept`, `Content-Type`, and MCP's.
    #[cfg(feature = "client-http")]
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.http.headers.push((name.into(), value.into()));
        self
    }

    /// Says with every request over HTTP who asks, by a token: `Authorization: Bearer ..`.
    #[cfg(feature = "client-http")]
    #[must_use]
    pub fn bearer(self, token: impl fmt::Display) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// How long a server over HTTP may take to answer; 60 seconds unless set. Calls of tools, and what waits for the end of
    /// a task, may take as long as they need.
    #[cfg(feature = "client-http")]
    #[must_use]
    pub fn answer_limit(mut self, limit: Duration) -> Self {
        self.http.answer_limit = limit;
        self
    }

    /// Connects to a server over HTTP (MCP's Streamable HTTP), at an address as `https://example.com/mcp`. TLS trusts what
    /// the platform trusts, and `HTTPS_PROXY` and its like are heeded.
    ///
    #[doc = include_str!("../../docs/client_http.md")]
    ///
    /// The newest is tried first, as ever. A server of MCP 2026-07-28 has no sessions, in which nothing can follow a reply:
    /// one that says that it speaks MCPC elsewhere is asked for a session.
    ///
    /// A stream that breaks is gone on with after its last event, for as long as two minutes. Where the server has forgotten
    /// the session, the tasks of MCPC end with [`TaskError::ServerGone`], and the next one begins. [`Client::close`] ends it.
    ///
    /// # Errors
    ///
    /// [`ClientError::Http`] when the server cannot be reached, or refuses, as with 401; otherwise when it does not answer as
    /// MCP asks.
    #[cfg(feature = "client-http")]
    pub async fn connect_http(self, url: impl AsRef<str>) -> Result<Client, ClientError> {
        self.over_http(url.as_ref().to_owned()).await
    }

    #[cfg(feature = "client-http")]
    fn over_http(self, url: String) -> Boxed<'static, Result<Client, ClientError>> {
        Box::pin(async move {
            let endpoint = http::Endpoint::new(&url, &self.http)?;
            let client = self.clone().over_endpoint(&endpoint).await?;
            if !client.link.speaks_elsewhere {
                return Ok(client);
            }
            match self.initialize().over_endpoint(&endpoint).await {
                Ok(in_session) if in_session.mcpc().is_some() => {
                    client.close().await;
                    Ok(in_session)
                }
                Ok(neither) => {
                    neither.close().await;
                    Ok(client)
                }
                Err(error) => {
                    event!(debug, %error, "no session began");
                    Ok(client)
                }
            }
        })
    }

    #[cfg(feature = "client-http")]
    async fn over_endpoint(self, endpoint: &http::Endpoint) -> Result<Client, ClientError> {
        let routes = Routes::default();
        let transport = http::Http::new(endpoint, routes.clone());
        let refusal = transport.refusal();
        let connected = self.over(Erased::new(transport), routes, None).await;
        connected.map_err(|error| refusal().map_or(error, ClientError::Http))
    }

    /// Starts a server as a child process and connects over its stdin and stdout. Its stderr is this
    /// process's own, unless `command` says otherwise. The child is killed if the client is dropped;
    /// [`Client::close`] lets it end in order.
    ///
    /// A server that dies of being asked whether it has MCP 2026-07-28, as old ones do, may leave its process behind. So one
    /// that does not answer within three seconds is started once more, beside the first, and asked to `initialize`;
    /// if that one answers, and the first one not within another second, it is taken. The other is killed.
    ///
    /// # Errors
    ///
    /// When the program cannot be started, or does not answer as MCP asks.
    pub async fn spawn(self, mut command: Command) -> Result<Client, ClientError> {
        use std::process::Stdio;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).kill_on_drop(true);
        if self.patience.is_none() {
            return self.over_child(&mut command).await;
        }
        // However long it takes to start: the other one tells whether it should be there.
        let first = Self { patience: Some(Duration::MAX), ..self.clone() };
        let mut first = first.over_child(&mut command);
        let connected = tokio::time::timeout(SECOND_TRY, &mut first).await;
        let first_goes_on = connected.is_err();
        if let Ok(connected) = connected
            && !has_died(&connected)
        {
            return connected;
        }
        event!(debug, "the server is started once more, without server/discover");
        let mut second = self.initialize().over_child(&mut command);
        tokio::select! {
            connected = &mut first, if first_goes_on => match connected {
                Ok(client) => Ok(client),
                Err(_) => second.await,
            },
            connected = &mut second => match connected {
                Err(_) if first_goes_on => first.await,
                Ok(second) if first_goes_on => {
                    let first = tokio::time::timeout(LAST_MOMENT, first).await;
                    Ok(first.ok().and_then(Result::ok).unwrap_or(second))
                }
                connected => connected,
            },
        }
    }

    fn over_child(self, command: &mut Command) -> Boxed<'static, Result<Client, ClientError>> {
        let spawned = command.spawn().map_err(ClientError::Spawn);
        Box::pin(async move {
            let mut child = spawned?;
            let pipes = child.stdout.take().zip(child.stdin.take());
            let (stdout, stdin) = pipes.expect("both were just asked for");
            self.over_io(Box::new(stdout), Box::new(stdin), Some(child)).await
        })
    }

    fn over_io(
        self,
        reader: Box<dyn AsyncRead + Send + Unpin>,
        writer: Box<dyn AsyncWrite + Send + Unpin>,
        child: Option<Child>,
    ) -> Boxed<'static, Result<Client, ClientError>> {
        let routes = Routes::default();
        let pair = (Tap::new(reader, routes.clone()), writer);
        let transport = IntoTransport::<RoleClient, _, _>::into_transport(pair);
        self.over(Erased::new(transport), routes, child)
    }

    /// In a box, so that rmcp's loop is compiled here and not in the crate that awaits this.
    fn over(
        self,
        transport: Erased<RoleClient>,
        routes: Routes,
        child: Option<Child>,
    ) -> Boxed<'static, Result<Client, ClientError>> {
        Box::pin(async move {
            let mut transport = Wrapped::new(transport, routes.clone());
            let questions = self.questions(&routes);
            let handler = Handler {
                questions: questions.clone(),
                routes: routes.clone(),
                info: self.config(),
            };
            let initialize = |error| ClientError::Initialize(Box::new(error));
            let server = match self.patience {
                None => None,
                Some(patience) => {
                    discover(&mut transport, &handler.info, patience).await.map_err(initialize)?
                }
            };
            let running = match server {
                Some(server) => rmcp::service::serve_directly(handler, transport, Some(server)),
                None => rmcp::serve_client(handler, transport).await.map_err(initialize)?,
            };
            let link = self.link(running.peer().clone(), routes, questions).await?;
            Ok(Client { link, running: Some(running), child })
        })
    }

    fn questions(&self, routes: &Routes) -> Questions {
        let questions = Questions::new(routes.clone());
        if let Some(callback) = &self.callback {
            questions.set_callback(Arc::clone(callback));
        }
        questions
    }

    /// What is said of this client.
    fn config(&self) -> ClientConfig {
        let elicitation = ElicitationCapability::new()
            .with_form(FormElicitationCapability::default())
            .with_url(UrlElicitationCapability::default());
        let mut capabilities = ClientCapabilities::default();
        capabilities.elicitation = Some(elicitation);
        ClientConfig::new(capabilities, self.info.clone())
            .with_protocol_version(ProtocolVersion::V_2025_11_25)
    }

    /// Finds out whether the server of a connection speaks MCPC.
    async fn link(
        &self,
        peer: Peer<RoleClient>,
        routes: Routes,
        questions: Questions,
    ) -> Result<Arc<Link>, ClientError> {
        let greeted = match self.best {
            Way::Mcpc => handshake(&peer, &self.info.name).await?,
            _ => None,
        };
        let speaks_elsewhere = greeted.as_ref().is_some_and(|(_, info)| !info.mcpc_enabled);
        let mcpc = greeted.filter(|_| !speaks_elsewhere);
        Ok(Arc::new(Link {
            peer,
            routes,
            questions,
            session_id: Uuid::new_v4().to_string(),
            mcpc,
            best: self.best,
            kept: self.kept,
            #[cfg(feature = "client-http")]
            speaks_elsewhere,
            listed: OnceCell::new(),
        }))
    }
}

/// Whether a server went away when it was asked for MCP 2026-07-28.
fn has_died(connected: &Result<Client, ClientError>) -> bool {
    use ClientInitializeError::{ConnectionClosed, TransportError};
    matches!(connected, Err(ClientError::Initialize(error))
        if matches!(**error, ConnectionClosed(_) | TransportError { .. }))
}

fn callback<F, A>(answer: F) -> Callback
where
    F: Fn(Question) -> A + Send + Sync + 'static,
    A: Future<Output = Answer> + Send + 'static,
{
    Arc::new(move |question| Box::pin(answer(question)))
}

/// Wraps a client transport of rmcp for a program that has an rmcp client already.
///
/// The client is to be given the first, and to be connected. The second makes a [`Client`] then, which has its tasks over
/// the same connection. Of what the server sends, only what is about these tasks does not reach the other client;
/// [questions](Client::on_question) that are requests of the server are the other client's to answer.
#[doc = include_str!("../../docs/client_wrap.md")]
pub fn wrap<T, E, A>(transport: T) -> (Wrapped, Wrapping)
where
    T: IntoTransport<RoleClient, E, A>,
    E: std::error::Error + Send + Sync + 'static,
{
    let routes = Routes::default();
    let transport = Erased::new(transport.into_transport());
    (Wrapped::new(transport, routes.clone()), Wrapping { routes })
}

/// A connection of another client, which [`wrap`] hears.
#[derive(Debug)]
pub struct Wrapping {
    routes: Routes,
}

impl Wrapping {
    /// Makes a client over a connection that has begun. `builder` says what it may do.
    ///
    /// # Errors
    ///
    /// When the connection has ended.
    pub async fn client(
        self,
        peer: &Peer<RoleClient>,
        builder: ClientBuilder,
    ) -> Result<Client, ClientError> {
        let Self { routes } = self;
        let questions = builder.questions(&routes);
        let link = builder.link(peer.clone(), routes, questions).await?;
        Ok(Client { link, running: None, child: None })
    }
}

fn object(arguments: Value) -> Result<JsonObject, ClientError> {
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        Value::Null => Ok(JsonObject::new()),
        _ => Err(ClientError::Arguments),
    }
}
