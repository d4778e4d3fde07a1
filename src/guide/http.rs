//! A server over HTTP: many clients at once, who their tasks belong to, and how it is deployed.
//!
//! # Serve
//!
//! With the feature `http`, [`Service::serve_http`](crate::Service::serve_http) serves MCP's Streamable HTTP at an address, at
//! `/mcp` unless the address has a path, until a signal asks the process to end:
//!
//! ```no_run
//! use mcpc::{Server, tools};
//!
//! /// Adds two numbers.
//! #[mcpc::tool]
//! async fn add(a: i64, b: i64) -> i64 {
//!     a + b
//! }
//!
//! #[tokio::main]
//! async fn main() -> mcpc::Result {
//!     let server = Server::new("my-server").tools(tools![add]);
//!     match std::env::args().skip_while(|argument| argument != "--http").nth(1) {
//!         Some(address) => server.serve_http(address).await, // as 127.0.0.1:8080/mcp
//!         None => server.serve_stdio().await,
//!     }
//! }
//! ```
//!
//! [`Service::http`](crate::Service::http) has what can be set. [`Service::into_router`](crate::Service::into_router) is the
//! same as an `axum::Router`, to be nested into another, with your own layers around it; then the connections, their
//! timeouts, and the end of the process are yours:
//!
//! ```
//! use std::time::Duration;
//!
//! # fn main() -> mcpc::Result {
//! let service = mcpc::Server::new("my-server").build()?;
//! let router = service
//!     .http()
//!     .allowed_hosts(["mcp.example.com"])
//!     .session_idle(Duration::from_secs(3600))
//!     .into_router()?;
//! # let _: axum::Router = router;
//! # Ok(())
//! # }
//! ```
//!
//! A router alone has no end in order, and `with_graceful_shutdown` of axum would wait for ever for the open streams of
//! sessions. [`into_router_and_end`](crate::http::HttpServer::into_router_and_end) has a future beside it that ends them:
//! new requests are refused, calls in flight answered, tasks told their end, and streams closed after their last words.
//! While it does, axum accepts connections still, so a load balancer gets an answer (503 and `Retry-After`):
//!
//! ```no_run
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let service = mcpc::Server::new("my-server").build()?;
//! let (router, ended) = service
//!     .http()
//!     .until(async { drop(tokio::signal::ctrl_c().await) }) // and SIGTERM, where there is one
//!     .into_router_and_end()?;
//! let app = axum::Router::new().nest("/tools", router);
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! axum::serve(listener, app).with_graceful_shutdown(ended).await?;
//! # Ok(())
//! # }
//! ```
//!
//! axum waits after that until each client has read its last response, or has left; a client that does neither is yours
//! to give up, with a timeout around the last line.
//!
//! # What each client gets
//!
//! | the client | has | and hears of its tasks by |
//! |---|---|---|
//! | up to MCP 2025-11-25 | a session, begun by `initialize` | callbacks and events on the stream of its session (GET), and what follows from the [table of clients](super::clients) on the stream of each call |
//! | of MCP 2026-07-28 | requests that stand alone | the reply to its call, `tasks/get`, `subscriptions/listen` |
//!
//! On the stream of a session, a task's `created` comes first, too, since a client may read it before the reply to its call,
//! which is on another stream. Whoever loses a stream comes back with `Last-Event-ID` and misses nothing, as far as what was
//! sent is kept: four times [`max_queued_bytes`](crate::Server::max_queued_bytes) of it, for two minutes after the last. That is more
//! than is on its way to a client, of which 256 KiB are in the server's system and the rest in the client's. While nobody reads
//! for more than 5 seconds, what is said holds up no task: as many bytes wait for who comes back, the oldest updates go first,
//! `created` and ends last, and a logging notification says how many messages were dropped. Nothing can follow the reply to a
//! request that stands alone: no callbacks, and the handshake of MCPC says so.
//!
//! # Clients of MCP 2024-11-05
//!
//! With the feature `http-sse`, HTTP+SSE is served as well, at `/sse` and `/messages`
//! ([`sse_paths`](crate::http::HttpServer::sse_paths)), with the same checks and bounds: for clients that know nothing newer,
//! among them those of the reference of MCPC. Everything comes on the one stream, as over stdio; when that is closed, its
//! session ends.
//!
//! # Who a task belongs to
//!
//! To its session, with which it ends; or to a principal, if the server tells whose a request is, by what a layer around it
//! found out:
//!
//! ```
//! # fn main() -> mcpc::Result {
//! #[derive(Clone)]
//! struct User(String); // put there by your layer, which answers everybody else with 401
//!
//! let service = mcpc::Server::new("my-server").build()?;
//! let router = service
//!     .http()
//!     .principal(|request| request.extensions.get::<User>().map(|user| user.0.clone()))
//!     .into_router()?;
//! # let _: axum::Router = router;
//! # Ok(())
//! # }
//! ```
//!
//! [`examples/protected`](https://github.com/mcpc-rs/mcpc/tree/main/examples/protected) is such a server: it checks bearer
//! tokens (JWTs) of one issuer, and tells clients where to get one, as MCP's authorization has it.
//!
//! A principal's tasks outlive its sessions: it finds them from the next one, and without one. A session can be used by the
//! principal alone that began it. Where no principal is told and there is no session, whoever knows a task's id may ask for
//! the task. Such ids are random, chosen by the server, and listed to nobody; the result of a task that is not for everybody
//! needs a principal. A tool finds the principal and the head of the request in its [`Call`](crate::Call).
//!
//! Of a request without a session (MCP 2026-07-28), a client that closes the stream before the answer has cancelled it, as that
//! revision says, and with it the task, whoever that belongs to: so does a host that is killed meanwhile. A call that was
//! answered with a task, or with a ticket, has no stream to close, and a call of a session goes on.
//!
//! # Who may ask
//!
//! By default, whoever reaches the address by a name of this machine: `Host` and `Origin` are checked, and anything else is
//! answered with 403, so that no page in a browser reaches a server that is meant for this machine. A server for others names
//! its hosts (`allowed_hosts`; clients name no default port), and has a layer that asks who they are. For a page in a browser, an
//! allowed origin is not enough: put a layer around the router that answers for CORS (as `CorsLayer` of `tower-http`) and
//! exposes `Mcp-Session-Id`.
//!
//! # Behind a proxy
//!
//! Let the proxy do TLS, pass on `Host`, `Origin`, `Last-Event-ID` and all that begins with `Mcp-`, buffer nothing (responses
//! ask for that with `X-Accel-Buffering: no`), and wait for longer than the 15 seconds after which a silent stream says that it
//! is there (`keep_alive`). For nginx:
//!
//! ```text
//! location /mcp {
//!     proxy_pass http://127.0.0.1:8080;
//!     proxy_http_version 1.1;
//!     proxy_set_header Host $host;
//!     proxy_set_header Connection "";
//!     proxy_buffering off;
//!     proxy_read_timeout 1h;
//! }
//! ```
//!
//! # How many processes
//!
//! One has all of its sessions and tasks in memory. With several, a request has to reach the one that knows its session
//! (`Mcp-Session-Id`) or its task: of a request that stands alone, `Mcp-Name` is the task's id in `tasks/get` and its like, and
//! a principal's requests go to one process if the proxy chooses by what identifies it.
//!
//! A process that is asked to end (SIGTERM, Ctrl-C, or [`HttpServer::until`](crate::http::HttpServer::until)) takes no more connections, answers what is new on those that are open with
//! 503 and `Retry-After`, asks every task to stop, answers every call, and ends when its streams are read, at most 5 seconds
//! after the [grace](crate::Server::grace) is over. So have the proxy send it nothing more first, where it can. What dies with a process
//! that is killed: its sessions, whose clients are answered with 404 by the next process and begin new ones, its tasks with
//! all that they said, and calls that were not answered.
//!
//! # Bounds
//!
//! | | default | beyond it |
//! |---|---|---|
//! | sessions (`max_sessions`) | 10,000 | 503, `Retry-After` |
//! | connections (`max_connections`) | 20,000 | they wait to be accepted |
//! | a session that nobody uses (`session_idle`) | 30 minutes | it ends; 404 |
//! | a message ([`max_message_bytes`](crate::Server::max_message_bytes)) | 16 MiB | 413 |
//! | bodies that do not arrive in one piece, of all requests together (`max_buffered_bytes`) | 256 MiB | 503, `Retry-After` |
//! | a body that arrives (`body_timeout`) | 30 seconds | 408 |
//! | a head that arrives, an idle connection (`header_timeout`) | a minute | the connection is closed |
//! | a client that does not read (`write_timeout`) | a minute | the connection is closed |
//! | requests of a session, or that stand alone, at once ([`max_requests`](crate::Server::max_requests)) | 20,000 | -32000 or 503 |
//! | what waits for who is away ([`max_queued_bytes`](crate::Server::max_queued_bytes)) | 1 MiB of updates a session, 8 MiB of the rest | the oldest goes |
//! | what was sent and is kept (four times that) | 4 MiB a session | the oldest goes |
//!
//! A connection beyond the last waits in the system's queue of a thousand or so, where it costs the process nothing, and gets its
//! turn when another ends. So does one for which the process has no descriptor: where the system grants fewer than connections
//! may be (`ulimit -n`, `LimitNOFILE=` of systemd), they are the bound.
