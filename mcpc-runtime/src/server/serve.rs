//! A server that is built, and serves any number of connections.

use std::fmt;
use std::sync::Arc;

#[cfg(feature = "http")]
use rmcp::model::ClientJsonRpcMessage;
#[cfg(feature = "http")]
use rmcp::service::serve_directly;
use rmcp::service::{RunningService, ServerInitializeError};
use rmcp::transport::IntoTransport;
use rmcp::{RoleServer, Service as _};
use tokio::io::{AsyncRead, AsyncWrite};

use super::start::check_runtime;
use super::{Plan, build};
use crate::argument::Reading;
use crate::error::{Error, Result};
use crate::events::Events;
use crate::log::Boxed;
#[cfg(feature = "http")]
use crate::outbox::Layout;
use crate::registry::Registry;
use crate::schema::Schemas;
use crate::service::{Connection, Shared};
use crate::tool::{AnyTool, IntoTools, Kind, Tools};
use crate::transport::{
    AnyTransport, Bounds, End, Erased, Flush, Lines, Process, Reader, Stdio, Watch, Why, Wiring,
    Wrapped, Writer,
};
#[cfg(feature = "http")]
use crate::transport::{Lent, Post, Posted};

/// A server that was checked and built: what [`Server::build`](super::Server::build) returns.
///
/// A clone is another handle to the same server. It serves any number of connections, one after the other or at
/// once, each of them a client of its own:
///
#[doc = include_str!("../../docs/service.md")]
///
/// Connections share the tools, their states, a handler, and the limits that count per server
/// ([`max_tasks`](super::Server::max_tasks), and what is kept of tasks that ended). A task belongs to the connection
/// that started it: no other one can ask about it or stop it, whatever id it names, and two may use the same id. The
/// end of a connection stops its own tasks, and nothing of it is kept. Over HTTP, a task may belong to a principal
/// instead, or to whoever knows its id: the [guide](https://docs.rs/mcpc/latest/mcpc/guide/http/index.html) says when.
#[derive(Clone)]
pub struct Service(Arc<dyn Serve>);

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").finish_non_exhaustive()
    }
}

impl Service {
    pub(super) fn new(built: Built) -> Self {
        Self(Arc::new(built))
    }

    /// Adds tools, all or none: every call from now on finds them, and connected clients are told that the list has
    /// changed (`notifications/tools/list_changed`, once for several changes that follow one another).
    ///
    /// # Errors
    ///
    /// When the server was not built with [`dynamic_tools`](super::Server::dynamic_tools), and for what
    /// [`build`](super::Server::build) says of tools: a name that is taken or malformed, a state that the server was not
    /// given.
    pub fn add(&self, tools: impl IntoTools) -> Result {
        self.0.add(tools.into_tools())
    }

    /// Removes a tool, unless there is none of this name; returns whether there was. Connected clients are told. A task of
    /// it goes on, and can be asked about, told and stopped; a call that runs goes on, too.
    ///
    /// # Errors
    ///
    /// When the server was not built with [`dynamic_tools`](super::Server::dynamic_tools).
    pub fn remove(&self, name: &str) -> Result<bool> {
        self.0.remove(name)
    }

    #[cfg(feature = "http")]
    pub(crate) fn built(&self) -> Arc<Built> {
        Arc::clone(&self.0).built()
    }

    /// What tells connected clients what happens: events, and that resources or prompts have changed. It may be used from
    /// anywhere, before the service is served and after.
    ///
    /// Make the first handle before clients connect: the server declares then that it logs, without which a session that
    /// knows no MCPC is sent no event.
    #[must_use]
    pub fn events(&self) -> Events {
        self.0.events()
    }

    /// Serves the client at the process's stdin and stdout, as [`Server::serve_stdio`](super::Server::serve_stdio)
    /// does. The process ends with this client, and with it every other connection, unless
    /// [`ends_process(false)`](super::Server::ends_process) was set; a signal that asks the process to end stops the tasks
    /// of this client alone.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime, when stdin and stdout were served before, or when the transport fails, or the
    /// client does not speak MCP, before the connection is initialized. A client that leaves is not an error.
    pub fn serve_stdio(&self) -> impl Future<Output = Result> + Send + use<> {
        Arc::clone(&self.0).stdio()
    }

    /// Serves one client over a pair of byte streams, as [`Server::serve_io`](super::Server::serve_io) does. The future
    /// borrows nothing, so it may be spawned.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime, or when the transport fails, or the client does not speak MCP, before the
    /// connection is initialized. A client that leaves is not an error.
    pub fn serve_io<R, W>(
        &self,
        reader: R,
        writer: W,
    ) -> impl Future<Output = Result> + Send + use<R, W>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        Arc::clone(&self.0).io(Box::new(reader), Box::new(writer))
    }

    /// Serves one client over any transport of rmcp, as [`Server::serve`](super::Server::serve) does. The future
    /// borrows nothing, so it may be spawned.
    ///
    /// # Errors
    ///
    /// As [`serve_io`](Self::serve_io).
    pub fn serve<T, E, A>(&self, transport: T) -> impl Future<Output = Result> + Send + use<T, E, A>
    where
        T: IntoTransport<RoleServer, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        Arc::clone(&self.0).erased(Erased::new(transport.into_transport()))
    }
}

/// What connections are made of.
pub(crate) struct Built {
    pub(crate) shared: Arc<Shared>,
    pub(crate) bounds: Bounds,
    pub(crate) process: Process,
    pub(super) schemas: Schemas,
    pub(super) reading: Reading,
}

/// Hides [`Built`] behind a pointer, as `Plan` hides what it is built of: what drops it, and what serves it, is
/// compiled here, once, and not in each user's crate.
trait Serve: Send + Sync {
    #[cfg(feature = "http")]
    fn built(self: Arc<Self>) -> Arc<Built>;
    fn events(&self) -> Events;
    fn add(&self, tools: Tools) -> Result;
    fn remove(&self, name: &str) -> Result<bool>;
    fn stdio(self: Arc<Self>) -> Boxed<'static, Result>;
    fn io(self: Arc<Self>, reader: Reader, writer: Writer) -> Boxed<'static, Result>;
    fn erased(self: Arc<Self>, transport: Erased<RoleServer>) -> Boxed<'static, Result>;
}

impl Serve for Built {
    #[cfg(feature = "http")]
    fn built(self: Arc<Self>) -> Arc<Built> {
        self
    }

    fn events(&self) -> Events {
        Events::new(Arc::clone(&self.shared.listeners))
    }

    fn add(&self, tools: Tools) -> Result {
        let mut more: Vec<_> = tools.into_iter().map(|AnyTool(tool)| tool).collect();
        let registry = self.shared.registry.changing().ok_or(Error::FixedTools)?;
        for tool in &mut more {
            tool.reading = self.reading;
        }
        registry.change(|now| {
            let next = now.with(more, &self.shared.states, self.schemas)?;
            self.looked_after(next).map(Some)
        })?;
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<bool> {
        let registry = self.shared.registry.changing().ok_or(Error::FixedTools)?;
        registry.change(|now| now.without(name).map(|next| self.looked_after(next)).transpose())
    }

    fn stdio(self: Arc<Self>) -> Boxed<'static, Result> {
        Box::pin(async move {
            check_runtime()?;
            let mut watch = Watch::start(self.process);
            let served = self.serve_process(&mut watch).await;
            if served.is_err() {
                watch.fail();
            }
            served
        })
    }

    fn io(self: Arc<Self>, reader: Reader, writer: Writer) -> Boxed<'static, Result> {
        Box::pin(async move {
            check_runtime()?;
            let lines = |wiring| {
                let (lines, flush) = Lines::new(reader, writer, wiring);
                (AnyTransport::Lines(lines), flush)
            };
            self.serve(self.connection(), lines).await
        })
    }

    fn erased(self: Arc<Self>, transport: Erased<RoleServer>) -> Boxed<'static, Result> {
        Box::pin(async move {
            check_runtime()?;
            let wrapped = |wiring| {
                let (wrapped, flush) = Wrapped::new(transport, wiring);
                (AnyTransport::Wrapped(wrapped), flush)
            };
            self.serve(self.connection(), wrapped).await
        })
    }
}

/// Builds a server and serves stdin and stdout. Signals are heard while it is built.
pub(super) fn serve_stdio(mut plan: Box<dyn Plan>) -> Boxed<'static, Result> {
    Box::pin(async move {
        check_runtime()?;
        let mut watch = Watch::start(plan.parts().process);
        let served = match build(plan) {
            Ok(built) => built.serve_process(&mut watch).await,
            Err(error) => Err(error),
        };
        if served.is_err() {
            watch.fail();
        }
        served
    })
}

impl Built {
    /// Tools, and those that look after their tasks, which tell what these can be told. Once they are there, they stay.
    fn looked_after(&self, tools: Registry) -> Result<Registry> {
        let needs_them = tools.has(Kind::Control) || tools.has(Kind::Background);
        let Some(control) = self.shared.control.filter(|_| needs_them) else { return Ok(tools) };
        let tools = tools.without_control();
        let mut control = control.tools(tools.tools(), self.schemas);
        for tool in &mut control {
            tool.reading = self.reading;
        }
        tools.with(control, &self.shared.states, self.schemas)
    }

    async fn serve_process(&self, watch: &mut Watch) -> Result {
        let Stdio { reader, writer, closed, spare } = Stdio::serve()?;
        let connection = self.connection();
        let ending = connection.ending().clone();
        let lines = |wiring| {
            let (lines, flush) = Lines::new(reader, writer, wiring);
            watch.over(lines.backup(), spare);
            (AnyTransport::Lines(lines), flush)
        };
        let served = self.serve(connection, lines);
        tokio::pin!(served);
        tokio::select! {
            served = &mut served => return served,
            // Nobody hears of anything any more, whether or not there is anything to say.
            () = closed => ending.begin(Why::ClientLeft),
        }
        served.await
    }

    /// The transport of a connection over HTTP, and where its messages are handed in.
    #[cfg(feature = "http")]
    pub(crate) fn posted(&self, connection: &Connection, layout: Layout) -> (Posted, Post, Flush) {
        Posted::new(layout, self.wiring(connection))
    }

    fn wiring(&self, connection: &Connection) -> Wiring {
        let versions = connection.supported_protocol_versions();
        let end = End::new(connection.ending().clone());
        let (intake, answers) = (connection.intake(), connection.answers());
        Wiring { bounds: self.bounds, versions, end, intake, answers }
    }

    fn connection(&self) -> Connection {
        Connection::new(Arc::clone(&self.shared))
    }

    async fn serve(
        &self,
        connection: Connection,
        transport: impl FnOnce(Wiring) -> (AnyTransport, Flush),
    ) -> Result {
        let (transport, flush) = transport(self.wiring(&connection));
        let served = serve_connection(connection, transport).await;
        flush.finish().await;
        served
    }
}

async fn serve_connection(connection: Connection, transport: AnyTransport) -> Result {
    match begin(connection, transport).await? {
        Some(running) => wait(running).await,
        None => Ok(()),
    }
}

type Running = RunningService<RoleServer, Connection>;

/// Has a loop of rmcp's begin a connection; `None` if the client leaves before.
async fn begin(connection: Connection, transport: AnyTransport) -> Result<Option<Running>> {
    // On the heap, as what serves the connection afterwards would hold its room.
    match Box::pin(rmcp::serve_server(connection, transport)).await {
        Ok(running) => Ok(Some(running)),
        // One that leaves without a word has done nothing wrong.
        Err(ServerInitializeError::ConnectionClosed(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn wait(running: Running) -> Result {
    running.waiting().await.map_err(Error::Serve)?;
    Ok(())
}

/// Serves a session over HTTP. A loop of rmcp's begins it; after that there is one only while something needs it, as it
/// holds more than all the rest of a session.
#[cfg(feature = "http")]
pub(crate) async fn serve_session(connection: Connection, posted: Posted) -> Result {
    // On the heap while there is a loop, as what waits for the next would hold its room.
    let mut rests = Box::pin(until_it_rests(connection.clone(), posted, None)).await?;
    while let Some(mut posted) = rests {
        let Some(message) = posted.receive().await else {
            Box::pin(posted.close()).await;
            return Ok(());
        };
        rests = Box::pin(until_it_rests(connection.clone(), posted, Some(message))).await?;
    }
    Ok(())
}

/// Has a loop serve a session, which this message wakes or, without one, which begins; returns it when it rests, and
/// nothing when it has ended.
#[cfg(feature = "http")]
async fn until_it_rests(
    connection: Connection,
    mut posted: Posted,
    wakes: Option<ClientJsonRpcMessage>,
) -> Result<Option<Posted>> {
    let is_woken = wakes.is_some();
    posted.put_back(wakes);
    let (lent, lending) = Lent::of(&posted);
    let (running, back);
    if is_woken {
        let client = connection.session().map(Arc::unwrap_or_clone);
        running = serve_directly(connection.clone(), AnyTransport::Lent(lent), client);
        // Before it reads anything.
        connection.wake(running.peer());
        back = lending.lend(posted);
    } else {
        back = lending.lend(posted);
        let Some(begun) = begin(connection, AnyTransport::Lent(lent)).await? else {
            return Ok(None);
        };
        running = begun;
    }
    match back.await {
        Ok(posted) => Ok(Some(posted)),
        Err(_) => wait(running).await.map(|()| None),
    }
}
