//! A client over HTTP that costs next to nothing and can do what no decent one does: be slow, leave in the middle, read
//! nothing. And a server as a process, with what that holds.

mod client;
mod process;

use std::time::{SystemTime, UNIX_EPOCH};

pub use client::{Connection, Era, Event, Head, initialize, of_mcpc, post, post_head, text};
pub use process::{Process, end_with_input};

/// What an update says: about what a progress message with a path in it has.
pub const TEXT: &str =
    "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";

/// The time in nanoseconds, on a clock that all processes of a machine share.
#[must_use]
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
