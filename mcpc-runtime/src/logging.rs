//! What the runtime logs, which must not end anything.
//!
//! A subscriber is the user's, and may panic: that of `tracing-subscriber` does when it writes to a stderr that
//! nobody reads any more, unless it is told not to report that on stderr.

use std::panic::{AssertUnwindSafe, catch_unwind};

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
