//! What the runtime logs, which must not end anything.
//!
//! A subscriber is the user's, and may panic: that of `tracing-subscriber` does when it writes to a stderr that
//! nobody reads any more, unless it is told not to report that on stderr.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::task::JoinHandle;

/// Logs an event: the name of `tracing`'s macro, and what that takes.
macro_rules! event {
    ($level:ident, $($event:tt)+) => {
        $crate::logging::contain(|| tracing::$level!($($event)+))
    };
}

pub(crate) use event;

/// Does something whose panic is nobody's business.
pub(crate) fn contain(log: impl FnOnce()) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(log)) {
        // Dropping it would be the next thing to panic.
        std::mem::forget(panic);
    }
}

/// Logs on a thread of its own: one that nobody reads a log of may be held up for ever, and what ends a server must
/// not be. Must be called inside of a tokio runtime.
pub(crate) fn aside(log: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    tokio::task::spawn_blocking(log)
}
