//! The clock by which a server says when it sent something, and a client when it read that.

use std::time::{SystemTime, UNIX_EPOCH};

/// The time in nanoseconds, on a clock that all processes of a machine share.
#[must_use]
pub fn now() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
