//! What is to be done, and to be known, before a server is served.

use std::time::Duration;

use tokio::runtime::Handle;

use crate::error::{Error, Result};
use crate::transport;

/// Takes stdout for the protocol at once, and stdin with it: the first line of a `main` that prints or logs
/// anything before [`Server::serve_stdio`](super::Server::serve_stdio), which finds what was taken here.
///
/// On Unix, what the program prints from here on goes to stderr, as it does while it serves: a line of a library's,
/// a log that is written to stdout. stdin is empty for everyone else. Elsewhere this does nothing, and nothing may
/// be printed.
///
/// Needs no tokio runtime. A second call does nothing, nor does one after `serve_stdio`. A program that is not served
/// after all ends as any other, with everything it printed on stderr; so one that also answers on stdout, to
/// `--help` for instance, does that before.
///
#[doc = include_str!("../../docs/take_stdio.md")]
pub fn take_stdio() {
    transport::take_stdio();
}

/// Fails where a server cannot be served, and not in the middle of a call.
pub(crate) fn check_runtime() -> Result {
    Handle::try_current().map_err(Error::Runtime)?;
    // Whether a runtime has timers, only its panic tells.
    drop(tokio::time::sleep(Duration::ZERO));
    Ok(())
}
