//! The runtime of `mcpc`. Use the `mcpc` crate, which re-exports what is public here.
//!
//! # Layout
//!
//! A call comes in through `transport` and reaches `service`, which takes the `metadata` out of its
//! arguments and finds its tool in the `registry`. A plain tool is run on the spot. For a background
//! tool `delivery` chooses how to reach the client, and `task` runs the body: its `Sender` appends to
//! the task `log` and pushes into the connection's `outbox`, from which the transport writes. The tools
//! of `control` read the log.

pub mod around;
pub mod error;
pub mod events;
pub mod lint;
#[doc(hidden)]
pub mod log;
pub mod message;
pub mod names;
pub mod output;
pub mod parameter;
pub mod question;
pub mod schema;
pub mod server;
pub mod task;
pub mod tool;

#[cfg(feature = "client")]
pub mod client;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "testing")]
pub mod testing;

#[cfg(fuzzing)]
pub mod fuzzing;
#[cfg(all(test, shuttle))]
mod model;

mod argument;
mod context;
mod control;
mod delivery;
mod guard;
mod logging;
mod metadata;
mod numbers;
mod outbox;
mod phrases;
mod registry;
mod reply;
mod service;
mod sync;
mod transport;
