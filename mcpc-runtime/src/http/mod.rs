//! A server over HTTP: MCP's Streamable HTTP, in the revisions with sessions and in the one without.
//!
//! [`Service::serve_http`] and [`Service::into_router`] are the short ways, [`Service::http`] the one with options.

mod alone;
mod body;
mod events;
mod front;
mod headers;
mod options;
mod origin;
mod refused;
mod serve;
mod sessions;
mod simple;
#[cfg(feature = "http-sse")]
mod sse_2024;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError, Weak};
use std::time::Duration;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::time::sleep;

use self::body::Bodies;
use self::front::Front;
use self::options::Options;
use self::origin::Allowed;
use self::sessions::Sessions;
use crate::error::Result;
use crate::log::Boxed;
use crate::server::{Built, Service};

impl Service {
    /// Serves clients over HTTP at an address, as `127.0.0.1:8080` or `127.0.0.1:8080/mcp`, until a signal asks the
    /// process to end. Without a path, that is `/mcp`; [`http`](Self::http) has more to set.
    ///
    /// # Errors
    ///
    /// As [`HttpServer::serve`].
    pub fn serve_http<A: Into<String>>(
        &self,
        address: A,
    ) -> impl Future<Output = Result> + Send + use<A> {
        self.http().serve(address)
    }

    /// The server as a router of axum, with MCP at `/mcp`, to be nested into another, with layers of one's own around
    /// it. [`http`](Self::http) has more to set.
    ///
    /// # Errors
    ///
    /// As [`HttpServer::into_router`].
    pub fn into_router(self) -> Result<Router> {
        self.http().into_router()
    }

    /// A server over HTTP that is yet to be served, and how it is.
    pub fn http(&self) -> HttpServer {
        HttpServer { built: self.built(), options: Options::default(), until: Mutex::default() }
    }
}

/// A server over HTTP that is yet to be served: what [`Service::http`] returns.
#[must_use = "it does nothing until it is served"]
pub struct HttpServer {
    built: Arc<Built>,
    options: Options,
    /// What ends the server, beside signals. Behind a lock, as a future can be sent to another thread and need be no more.
    until: Mutex<Option<Boxed<'static, ()>>>,
}

impl fmt::Debug for HttpServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpServer").field("options", &self.options).finish_non_exhaustive()
    }
}

impl HttpServer {
    /// The path of MCP's endpoint; by default `/mcp`.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.options.path = path.into();
        self
    }

    /// The paths of HTTP+SSE, the transport of MCP 2024-11-05: of the stream, and of what clients post; by default `/sse`
    /// and `/messages`. Both are served wherever the feature `http-sse` is on. A session ends with its stream.
    #[cfg(feature = "http-sse")]
    pub fn sse_paths(mut self, stream: impl Into<String>, messages: impl Into<String>) -> Self {
        (self.options.sse_path, self.options.messages_path) = (stream.into(), messages.into());
        self
    }

    /// The hosts by which clients may reach the server, with a port or for all ports; by default names of this machine
    /// alone. Others are answered with 403, so that no page in a browser leads its own name to a server that only this
    /// machine is to reach. Behind a proxy that passes on `Host`, it is the name that clients know.
    pub fn allowed_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.options.hosts = Allowed::These(hosts.into_iter().map(Into::into).collect());
        self
    }

    /// Lets clients reach the server by any name: for one that asks each request who it is from.
    pub fn any_host(mut self) -> Self {
        self.options.hosts = Allowed::Any;
        self
    }

    /// The origins (`https://app.example.com`) of the pages that may ask, by default those of this machine alone. A
    /// client that is no page sends no origin, and is always let through.
    pub fn allowed_origins<O: Into<String>>(
        mut self,
        origins: impl IntoIterator<Item = O>,
    ) -> Self {
        self.options.origins = Allowed::These(origins.into_iter().map(Into::into).collect());
        self
    }

    /// Lets pages of any origin ask.
    pub fn any_origin(mut self) -> Self {
        self.options.origins = Allowed::Any;
        self
    }

    /// Tells to whom a request belongs, by a name that no two have: from a header, or from an extension that a layer
    /// around the router put there when it checked who asks. Whoever may not ask at all is refused there.
    ///
    /// A principal's tasks belong to it, whichever of its sessions started them, and outlive them all. Where there is
    /// none, they belong to the session; without a session (MCP 2026-07-28), whoever knows the id of a task may ask for
    /// it, so the id is a secret, and nobody is told of one that did not start the task.
    pub fn principal(
        mut self,
        principal: impl Fn(&Parts) -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.options.principal = Some(Arc::new(principal));
        self
    }

    /// How many sessions there may be at once; by default 10,000. One more is answered with 503 and `Retry-After`.
    pub fn max_sessions(mut self, sessions: usize) -> Self {
        self.options.max_sessions = sessions;
        self
    }

    /// How many connections there may be at once; by default 20,000, two for each session. More wait to be accepted until
    /// one ends, and cost nothing meanwhile. Only where the server itself is served, and not as a router.
    pub fn max_connections(mut self, connections: usize) -> Self {
        self.options.max_connections = connections;
        self
    }

    /// How many bytes may be held of bodies that are yet to be read and understood, of all requests together; by default
    /// 256 MiB, or one [message](crate::server::Server::max_message_bytes) if that may be longer. A request for whose body
    /// there is no room is answered with 503 and `Retry-After`. Bodies that arrive in one piece, as those of most requests
    /// do, are not counted. What is counted is what has arrived: the buffer of a body that grows may be twice as large.
    pub fn max_buffered_bytes(mut self, bytes: usize) -> Self {
        self.options.max_buffered_bytes = Some(bytes);
        self
    }

    /// After how long a session ends that nobody uses and in which nothing runs; by default half an hour.
    pub fn session_idle(mut self, time: Duration) -> Self {
        self.options.session_idle = time;
        self
    }

    /// How long the head of a request may take to arrive, and a connection be idle; by default a minute. Only where the
    /// server itself is served, and not as a router.
    pub fn header_timeout(mut self, time: Duration) -> Self {
        self.options.header_timeout = time;
        self
    }

    /// How long the body of a request may take to arrive; by default 30 seconds.
    pub fn body_timeout(mut self, time: Duration) -> Self {
        self.options.body_timeout = time;
        self
    }

    /// How long a client may read nothing of what is written to it until its connection is closed; by default a minute.
    /// Only where the server itself is served, and not as a router.
    pub fn write_timeout(mut self, time: Duration) -> Self {
        self.options.write_timeout = time;
        self
    }

    /// How often something is sent on a stream on which nothing is said; by default every 15 seconds. What is between
    /// client and server, and the server itself, learn from it that the other side is there.
    pub fn keep_alive(mut self, time: Duration) -> Self {
        self.options.keep_alive = time;
        self
    }

    /// Ends the stream of a call of a session on which nothing was said for so long; its client comes back for the rest
    /// (SEP-1699). By default it stays open. Only clients as of MCP 2025-11-25 know how.
    pub fn poll_after(mut self, time: Duration) -> Self {
        self.options.poll_after = Some(time);
        self
    }

    /// Ends the server in order when this is done, as a signal does. [`Server::signals`](crate::server::Server::signals) says
    /// whether signals end it, too. A future that serves and is dropped leaves its connections and sessions as they are.
    pub fn until(mut self, ends: impl Future<Output = ()> + Send + 'static) -> Self {
        self.until = Mutex::new(Some(Box::pin(ends)));
        self
    }

    /// The server as a router of axum, to be nested into another, with layers of one's own around it. It may be called
    /// outside of a runtime, and must be served inside of one. What ends the process is whoever serves it: what sessions
    /// run, goes with the process. [`into_router_and_end`](Self::into_router_and_end) has an end in order.
    ///
    /// # Errors
    ///
    /// When what was set lets nothing through, and when [`until`](Self::until) was set, of which a router alone would
    /// not hear.
    pub fn into_router(mut self) -> Result<Router> {
        if self.take_until().is_some() {
            return Err(options::limit(
                "until",
                "set",
                "`into_router_and_end`, whose future ends it",
            ));
        }
        Ok(self.into_front()?.1)
    }

    /// The server as a router, as [`into_router`](Self::into_router), and a future that ends it in order: for
    /// `with_graceful_shutdown` of axum, which alone would wait for ever for the open streams of sessions.
    ///
    /// The future waits for what [`until`](Self::until) names, or begins at once if nothing does; before it is first
    /// polled, nothing happens. Then new requests are refused (503), every task is asked to stop, every call is
    /// answered, and streams end after their last words. It is done when all that is handed over, at most 5 seconds after
    /// the [grace](crate::server::Server::grace) is over. Signals are the caller's to hear of. The
    /// [guide](https://docs.rs/mcpc/latest/mcpc/guide/http/index.html#serve) has an example.
    ///
    /// # Errors
    ///
    /// When what was set lets nothing through.
    pub fn into_router_and_end(
        mut self,
    ) -> Result<(Router, impl Future<Output = ()> + Send + use<>)> {
        let until = self.take_until();
        let (front, router) = self.into_front()?;
        Ok((router, serve::end_after(front, until)))
    }

    /// Serves clients at an address, as `127.0.0.1:8080` or `127.0.0.1:8080/mcp`, until a signal asks the process to
    /// end; then every task is asked to stop, and every call is answered.
    ///
    /// # Errors
    ///
    /// When there is no tokio runtime, when the address is not one, is taken or may not be used, and when what was set
    /// lets nothing through.
    pub fn serve<A: Into<String>>(
        self,
        address: A,
    ) -> impl Future<Output = Result> + Send + use<A> {
        serve::serve_at(self, address.into())
    }

    /// Serves clients that connect to this listener, as [`serve`](Self::serve): for one that the caller has made, whose
    /// port it knows.
    ///
    /// # Errors
    ///
    /// When what was set lets nothing through.
    pub fn serve_on(self, listener: TcpListener) -> impl Future<Output = Result> + Send + use<> {
        serve::serve_on(self, listener)
    }

    fn take_until(&mut self) -> Option<Boxed<'static, ()>> {
        self.until.get_mut().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn into_front(self) -> Result<(Arc<Front>, Router)> {
        let Self { built, options, .. } = self;
        let longest = built.bounds.message_bytes;
        options.check(longest)?;
        let options = options.bounded();
        let bodies = Bodies::new(longest, options.body_timeout, options.buffered_bytes(longest));
        let sessions = Arc::new(Sessions::new(Arc::clone(&built.shared)));
        let paths = options.clone();
        let front = Arc::new(Front { built, options, bodies, sessions, reaper: Once::new() });
        let handle = |State(front): State<Arc<Front>>, request: Request| front.handle(request);
        let router = Router::new().route(&paths.path, any(handle));
        #[cfg(feature = "http-sse")]
        let router = router.merge(sse_router(&paths));
        Ok((Arc::clone(&front), router.with_state(front)))
    }
}

/// The part of a router that is HTTP+SSE.
#[cfg(feature = "http-sse")]
fn sse_router(paths: &Options) -> Router<Arc<Front>> {
    let stream = |State(front): State<Arc<Front>>, request: Request| front.handle_stream(request);
    let message = |State(front): State<Arc<Front>>, request: Request| front.handle_message(request);
    Router::new().route(&paths.sse_path, any(stream)).route(&paths.messages_path, any(message))
}

/// Ends sessions that nobody uses, as long as there are any.
async fn reap(front: Weak<Front>) {
    while let Some(front) = front.upgrade() {
        let limit = front.options.session_idle;
        front.sessions.reap(limit);
        drop(front);
        sleep((limit / 4).clamp(Duration::from_millis(10), Duration::from_secs(30))).await;
    }
}
