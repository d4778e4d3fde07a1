//! How many requests of a connection are handled at once.

use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::{ErrorCode, ErrorData};

/// The requests that are being handled, and how many may be.
#[derive(Debug)]
pub(super) struct Limit {
    running: AtomicUsize,
    most: usize,
}

impl Limit {
    pub(super) fn new(most: usize) -> Self {
        Self { running: AtomicUsize::new(0), most }
    }

    /// Counts a request until its handler is done, be it cancelled or not.
    pub(super) fn enter(&self) -> Result<Running<'_>, ErrorData> {
        let running = Running(&self.running);
        // Reading no further would be no way out: nothing could be cancelled any more.
        if self.running.fetch_add(1, Ordering::Relaxed) >= self.most {
            let problem = format!("{} requests are unanswered; try again later", self.most);
            return Err(ErrorData::new(BUSY, problem, None));
        }
        Ok(running)
    }
}

/// The code of an error that says nothing about the request. JSON-RPC leaves it to servers.
const BUSY: ErrorCode = ErrorCode(-32000);

/// A request whose handler runs.
pub(super) struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
