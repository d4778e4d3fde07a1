//! What happens when a connection brings no more calls.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use crate::log::{Front, Owner};
use crate::logging::event;

/// How much longer than the grace the end may take, for what is to be said about it.
const SLACK: Duration = Duration::from_secs(1);

/// Stops the tasks of a connection and waits for them. Dropping it stops them, too.
pub(crate) struct End {
    log: Arc<dyn Front>,
    owner: Owner,
    grace: Duration,
    /// Cancelled when the end begins, for calls that run no task.
    ending: CancellationToken,
    /// Set when the end was first waited for: then the tasks were asked to stop.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("End").field("owner", &self.owner).finish_non_exhaustive()
    }
}

impl End {
    pub(crate) fn new(
        log: Arc<dyn Front>,
        owner: Owner,
        grace: Duration,
        ending: CancellationToken,
    ) -> Self {
        Self { log, owner, grace, ending, deadline: None }
    }

    /// How long a client may read nothing at the end: as long as its tasks may take, and a moment at least.
    pub(super) fn limit(&self) -> Duration {
        self.grace.max(SLACK)
    }

    /// Waits until every task has ended and every call is answered, but not for ever. Cancel safe. As a
    /// call that is yet unanswered may start another task, this is to be called again after its reply.
    pub(super) async fn reached(&mut self, answered: bool) {
        let Self { log, owner, grace, ending, deadline } = self;
        let deadline = deadline.get_or_insert_with(|| {
            log.stop_all(*owner);
            ending.cancel();
            Box::pin(sleep(*grace + SLACK))
        });
        let settled = async {
            log.idle(*owner).await;
            if !answered {
                std::future::pending().await
            }
        };
        tokio::select! {
            biased;
            () = settled => {}
            () = deadline => event!(warn, "tasks were cut off at the end of the connection"),
        }
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.log.stop_all(self.owner);
    }
}
