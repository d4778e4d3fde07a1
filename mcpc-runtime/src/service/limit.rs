//! How many requests of a connection are handled at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use rmcp::model::{ErrorCode, ErrorData, Extensions};

/// The requests that are being handled, and how many may be. A clone is another handle to the same.
#[derive(Clone, Debug)]
pub(super) struct Limit {
    running: Arc<AtomicUsize>,
    /// Those that were answered with a question, and are to go on.
    parked: Arc<AtomicUsize>,
    most: usize,
}

impl Limit {
    pub(super) fn new(most: usize) -> Self {
        Self { running: Arc::default(), parked: Arc::default(), most }
    }

    /// Counts a request until its handler is done, be it cancelled or not. One that does something where it is read was
    /// counted there, or refused.
    pub(super) fn enter(&self, extensions: &mut Extensions) -> Result<Running<'_>, ErrorData> {
        match extensions.remove::<Entered>() {
            Some(Entered(entered)) => entered.map(Running::SinceItWasRead),
            None => {
                let running = Running::SinceNow(&self.running);
                self.count(self.parked.load(Ordering::Relaxed)).map(|()| running)
            }
        }
    }

    /// Counts a request where it is read; what is returned goes to its handler among its extensions.
    pub(super) fn enter_where_it_is_read(&self) -> Entered {
        self.enter_beside(self.parked.load(Ordering::Relaxed))
    }

    /// The same of a request that goes on with one that is counted still.
    pub(super) fn enter_again(&self) -> Entered {
        self.enter_beside(0)
    }

    /// Counts a request that was answered and is to go on, until what is returned is dropped.
    pub(super) fn park(&self) -> Early {
        self.parked.fetch_add(1, Ordering::Relaxed);
        Early(Arc::clone(&self.parked))
    }

    /// Whether no request is being handled.
    #[cfg(feature = "http")]
    pub(super) fn is_idle(&self) -> bool {
        self.running.load(Ordering::Relaxed) == 0
    }

    fn enter_beside(&self, others: usize) -> Entered {
        let running = Arc::new(Early(Arc::clone(&self.running)));
        Entered(self.count(others).map(|()| running))
    }

    fn count(&self, others: usize) -> Result<(), ErrorData> {
        // Reading no further would be no way out: nothing could be cancelled any more.
        let before = self.running.fetch_add(1, Ordering::Relaxed);
        if before.saturating_add(others) >= self.most {
            let problem = format!("{} requests are unanswered; try again later", self.most);
            return Err(ErrorData::new(BUSY, problem, None));
        }
        Ok(())
    }
}

/// The code of an error that says nothing about the request. JSON-RPC leaves it to servers.
const BUSY: ErrorCode = ErrorCode(-32000);

/// Whether a request was counted where it was read.
#[derive(Clone)]
pub(super) struct Entered(Result<Arc<Early>, ErrorData>);

impl Entered {
    pub(super) fn is_let_in(&self) -> bool {
        self.0.is_ok()
    }
}

/// A request whose handler runs.
pub(super) enum Running<'a> {
    SinceNow(&'a AtomicUsize),
    SinceItWasRead(#[expect(dead_code, reason = "it counts until it is dropped")] Arc<Early>),
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if let Self::SinceNow(running) = self {
            running.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// A request that is counted while no handler of it runs.
pub(super) struct Early(Arc<AtomicUsize>);

impl Drop for Early {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
