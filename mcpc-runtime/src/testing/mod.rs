//! Tests of tools and servers: under every kind of client, in milliseconds.
//!
//! Needs the feature `testing`, which belongs among the dev-dependencies. The
//! [guide](https://docs.rs/mcpc/latest/mcpc/guide/testing/index.html) has a page on it.
//!
//! - [`sender()`] is for a test of a function alone.
//! - [`connect`] connects a [`Client`] of one [kind](As) to a server in this process.
//! - [`every_client`] runs one test under all of them, and compares what they get.
//! - [`connect_process`] connects one to a server that is a process, and ends that as the host does.
//!
//! # The clock
//!
//! [`connect`] and [`every_client`] pause tokio's clock: whenever nothing is left to be done, the time is at once that of
//! the next timer, so a task of an hour is over in milliseconds. Whatever waits for something outside of tokio (a child
//! process, a socket, a thread of its own) does not stop the clock meanwhile, and its limits seem to pass at once: a test of
//! such a tool calls `tokio::time::resume()` after it has connected. `spawn_blocking` does stop the clock.

mod answers;
mod client;
mod clock;
mod every;
mod outcome;
mod panics;
mod persona;
mod process;
mod rules;
mod running;
mod sender;
mod view;
mod wire;
mod words;

pub use answers::{Asked, Reply};
pub use client::{Client, Left};
pub use every::every_client;
pub use outcome::{Outcome, Update};
pub use persona::As;
pub use running::Running;
pub use sender::{Item, Sent, sender};
/// serde_json's macro, with which a test writes arguments.
#[doc(no_inline)]
pub use serde_json::json;

use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};

use self::client::Session;
use self::process::Process;
use crate::server::{Server, Service};

/// What serves a client in a test: a [`Server`], a [`Service`], or a function that makes one of them.
pub trait Serves: sealed::Serves {}

impl<S: sealed::Serves> Serves for S {}

mod sealed {
    use super::{Server, Service};

    pub trait Serves {
        /// Makes the service of each connection.
        fn source<'a>(self) -> Box<dyn Fn() -> Service + 'a>
        where
            Self: 'a;
    }

    impl Serves for Service {
        fn source<'a>(self) -> Box<dyn Fn() -> Service + 'a> {
            Box::new(move || self.clone())
        }
    }

    impl Serves for &Service {
        fn source<'a>(self) -> Box<dyn Fn() -> Service + 'a>
        where
            Self: 'a,
        {
            Box::new(move || self.clone())
        }
    }

    impl Serves for Server {
        fn source<'a>(self) -> Box<dyn Fn() -> Service + 'a> {
            match self.build() {
                Ok(service) => service.source(),
                Err(error) => panic!("the server cannot be built: {error}"),
            }
        }
    }

    impl<F: Fn() -> S, S: Serves> Serves for F {
        fn source<'a>(self) -> Box<dyn Fn() -> Service + 'a>
        where
            Self: 'a,
        {
            Box::new(move || self().source()())
        }
    }
}

/// Connects a client of one kind to a server in this process, which is served until the client leaves or is dropped. It has
/// opened the connection as this kind does, and has listed the tools.
///
#[doc = include_str!("../../docs/testing_connect.md")]
///
/// # Panics
///
/// When the server cannot be built, or does not answer as MCP asks, and where tokio's clock cannot be
/// [paused](self#the-clock): outside of a runtime, and in one of many threads.
pub async fn connect(service: impl Serves, persona: As) -> Client {
    clock::pause();
    let service = service.source()();
    Client(open(service, persona).await)
}

/// Connects a client of one kind to whatever serves the other end of a pair of byte streams: a process, a socket, a server
/// that was not made with this crate. The clock goes on as it was.
///
/// # Panics
///
/// When the server does not answer as MCP asks.
pub async fn connect_io(
    reader: impl AsyncRead + Send + Unpin + 'static,
    writer: impl AsyncWrite + Send + Unpin + 'static,
    persona: As,
) -> Client {
    Client(Session::open(persona, reader, writer, client::Server::Elsewhere).await)
}

/// Starts a server as a process, and connects a client of one kind to its stdin and stdout.
///
/// When the client [leaves](Client::leave), it ends the process as its host does ([`As`] says how), and what it returns says how
/// the process ended and what it left behind. Where that does not happen, the process is killed when the client is dropped.
///
/// A process takes real time, so tokio's clock is [resumed](self#the-clock), and a [`connect`] afterwards pauses it. The
/// process leads a group of its own; its stderr is what the command says, by default that of the test. Where there are no
/// signals, as on Windows, all of them are the end of its input, and what it left behind is not known.
///
#[doc = include_str!("../../docs/testing_connect_process.md")]
///
/// # Panics
///
/// When it cannot be started, or does not answer as MCP asks.
pub async fn connect_process(command: tokio::process::Command, persona: As) -> Client {
    clock::resume();
    let (process, output, input) = Process::start(command);
    Client(Session::open(persona, output, input, client::Server::Process(process)).await)
}

async fn open(service: Service, persona: As) -> Arc<Session> {
    /// Of one that stalls, hardly anything is on its way.
    const STALLING: usize = 1 << 10;
    const READING: usize = 1 << 16;
    let bytes = if persona == As::Stalls { STALLING } else { READING };
    // Two pipes: each end is closed by itself when it is dropped.
    let ((ours_to_read, theirs_to_write), (theirs_to_read, ours_to_write)) =
        (tokio::io::duplex(bytes), tokio::io::duplex(READING));
    let server = tokio::spawn(service.serve_io(theirs_to_read, theirs_to_write));
    Session::open(persona, ours_to_read, ours_to_write, client::Server::Here(server)).await
}
