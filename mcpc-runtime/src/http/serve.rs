//! Serves a listener, until a signal asks the process to end.

use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;

use super::HttpServer;
use super::front::Front;
use super::watch::Watch;
use crate::error::{Error, Result};
use crate::log::Boxed;
use crate::logging::event;
use crate::server::check_runtime;
use crate::transport::Why;

/// How long a client has to read what it is answered with at the end.
const LAST_READ: Duration = Duration::from_secs(2);

/// How much longer than the grace of tasks the end may take.
const LONGEST_END: Duration = Duration::from_secs(5);

/// How much of what is written waits for a client, in the system and before: what it loses with a connection is kept for
/// it only as far as that goes, and systems would let megabytes wait.
const SEND_BUFFER: usize = 256 << 10;
const WRITE_BUFFER: usize = 64 << 10;

/// How long to wait where no connection can be accepted, as the process has too many.
const OUT_OF_DESCRIPTORS: Duration = Duration::from_millis(100);

pub(super) fn serve_at(mut server: HttpServer, address: String) -> Boxed<'static, Result> {
    Box::pin(async move {
        check_runtime()?;
        let (authority, path) = split(&address)?;
        if let Some(path) = path {
            server.options.path = path;
        }
        server.options.check(server.built.bounds.message_bytes)?;
        let listener = TcpListener::bind(&authority).await;
        let listener = listener.map_err(|error| Error::Address { address, error })?;
        serve(server, listener).await
    })
}

pub(super) fn serve_on(server: HttpServer, listener: TcpListener) -> Boxed<'static, Result> {
    Box::pin(async move {
        check_runtime()?;
        serve(server, listener).await
    })
}

async fn serve(mut server: HttpServer, listener: TcpListener) -> Result {
    let longest_end = server.built.shared.times.grace + LONGEST_END + 2 * LAST_READ;
    let mut watch = Watch::start(server.built.process, longest_end);
    let until = server.take_until().unwrap_or_else(|| Box::pin(pending()));
    let (front, router) = server.into_front()?;
    if let Ok(address) = listener.local_addr() {
        event!(info, %address, path = &*front.options.path, "serving over HTTP");
    }
    let graceful = GracefulShutdown::new();
    let why = tokio::select! {
        signal = watch.signal() => Why::Signal(signal),
        () = until => Why::Asked,
        () = accept(&front, &router, &listener, &graceful) => unreachable!("it accepts for ever"),
    };
    drop(listener);
    end(&front, graceful, why, &mut watch).await;
    Ok(())
}

/// Ends what is served, and the connections that serve it.
async fn end(front: &Front, graceful: GracefulShutdown, why: Why, watch: &mut Watch) {
    let ends = async {
        end_sessions(front, why).await;
        let _in_time = timeout(LAST_READ, graceful.shutdown()).await;
    };
    tokio::pin!(ends);
    tokio::select! {
        () = &mut ends => return,
        _ = watch.signal() => front.sessions.end_grace(),
    }
    tokio::select! {
        () = ends => {}
        _ = watch.signal() => {}
    }
}

/// Ends what a router serves that somebody else accepts connections for, once this is done.
pub(super) fn end_after(
    front: Arc<Front>,
    until: Option<Boxed<'static, ()>>,
) -> Boxed<'static, ()> {
    Box::pin(async move {
        if let Some(until) = until {
            until.await;
        }
        end_sessions(&front, Why::Asked).await;
    })
}

/// Answers all that was asked in sessions and without, and ends what runs.
async fn end_sessions(front: &Front, why: Why) {
    event!(info, %why, "the server ends");
    // Whoever does not read its answer holds up the end for no longer than what still works.
    let longest = front.sessions.shared().times.grace + LONGEST_END;
    let _in_time = timeout(longest, front.sessions.end_all(why)).await;
}

/// Accepts connections for ever.
async fn accept(
    front: &Arc<Front>,
    router: &Router,
    listener: &TcpListener,
    graceful: &GracefulShutdown,
) {
    let places = front.options.max_connections.min(Semaphore::MAX_PERMITS);
    let places = Arc::new(Semaphore::new(places));
    // What goes on is told of once.
    let (mut is_full, mut fails) = (false, false);
    loop {
        let place = place(&places, &mut is_full).await;
        match listener.accept().await {
            Ok((stream, _)) => {
                fails = false;
                serve_connection(front, router.clone(), stream, graceful, place);
            }
            Err(error) if is_of_the_client(&error) => {}
            Err(error) => {
                if !std::mem::replace(&mut fails, true) {
                    event!(warn, %error, "no connection can be accepted");
                }
                sleep(OUT_OF_DESCRIPTORS).await;
            }
        }
    }
}

/// A place for a connection, before it is accepted: until there is one, it waits in the system, where it costs neither a
/// descriptor nor memory of the process. Refused, it would come back at once.
async fn place(places: &Arc<Semaphore>, is_full: &mut bool) -> OwnedSemaphorePermit {
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        *is_full = false;
        return place;
    }
    if !std::mem::replace(is_full, true) {
        event!(warn, "there are as many connections as there may be; more wait to be accepted");
    }
    let place = Arc::clone(places).acquire_owned().await;
    place.expect("it is never closed")
}

/// Whether it was the client that gave up its connection.
fn is_of_the_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

fn serve_connection(
    front: &Arc<Front>,
    router: Router,
    stream: TcpStream,
    graceful: &GracefulShutdown,
    place: OwnedSemaphorePermit,
) {
    // What is written is written in one piece, and is not to wait for more.
    if let Err(error) = stream.set_nodelay(true) {
        event!(debug, %error, "answers may be late");
    }
    if let Err(error) = SockRef::from(&stream).set_send_buffer_size(SEND_BUFFER) {
        event!(debug, %error, "much may wait for a client");
    }
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(front.options.write_timeout));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(front.options.header_timeout);
    http.max_buf_size(WRITE_BUFFER);
    let (endpoint, others) = (Arc::clone(front), TowerToHyperService::new(router));
    let service = service_fn(move |request| answer(&endpoint, &others, request));
    let connection = http.serve_connection(TokioIo::new(Box::pin(stream)), service);
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            event!(debug, %error, "a connection of HTTP has ended");
        }
        drop(place);
    });
}

/// Answers a request; one for the endpoint goes there straight, which the router would find out in four boxes.
fn answer(
    front: &Arc<Front>,
    others: &TowerToHyperService<Router>,
    request: Request<Incoming>,
) -> Boxed<'static, Result<Response, Infallible>> {
    if request.uri().path() != front.options.path {
        return Box::pin(others.call(request));
    }
    let answered = Arc::clone(front).handle(request.map(Body::new));
    Box::pin(async move { Ok(answered.await) })
}

/// What to listen at, and the path of the endpoint, of an address as people write one.
fn split(address: &str) -> Result<(String, Option<String>)> {
    let expected =
        "a host and a port, as `127.0.0.1:8080`, and the path of the endpoint, if it is not `/mcp`";
    let wrong = || super::options::limit("serve", &format!("{address:?}"), expected);
    let rest = address.strip_prefix("http://").unwrap_or(address);
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = authority.rsplit_once(':').ok_or_else(wrong)?;
    if host.is_empty() || rest.contains("://") || port.parse::<u16>().is_err() {
        return Err(wrong());
    }
    let path = path.trim_end_matches('/');
    Ok((authority.to_owned(), (!path.is_empty()).then(|| path.to_owned())))
}
