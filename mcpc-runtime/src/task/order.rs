//! What one connection asks of a log that takes its time, in order.

use std::sync::PoisonError;

use tokio::runtime::Handle;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::log::{LogError, MaybeLater, PATIENCE_WITH_THE_LOG};
use crate::sync::{Mutex, MutexGuard};

/// Things that are done one after the other, each at once if it can be.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    /// Cancelled when the last of them is done; `None` if none took its time.
    last: Mutex<Option<CancellationToken>>,
}

impl InOrder {
    fn last(&self) -> MutexGuard<'_, Option<CancellationToken>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if last.as_ref().is_some_and(CancellationToken::is_cancelled) {
            *last = None;
        }
        last
    }

    /// The turn of what comes next; nothing else has one meanwhile.
    pub(super) fn turn(&self) -> Turn<'_> {
        Turn { last: self.last() }
    }

    /// Asks something that takes no turn, once all that had its turn before is done; in time, however long that
    /// waits. Cancel safe.
    pub(super) async fn settled<'a, T: Send + 'a>(
        &self,
        ask: impl FnOnce() -> MaybeLater<'a, Result<T, LogError>> + Send + 'a,
    ) -> Result<T, LogError> {
        let last = self.last().clone();
        match last {
            None => ask().in_time().await,
            Some(last) => after(last, ask).await,
        }
    }
}

/// What comes of something that begins when everything before is done, if that is in time from now on.
fn after<'a, T: Send + 'a, E: From<LogError> + Send + 'a>(
    before: CancellationToken,
    work: impl FnOnce() -> MaybeLater<'a, Result<T, E>> + Send + 'a,
) -> MaybeLater<'a, Result<T, E>> {
    let deadline = Instant::now() + PATIENCE_WITH_THE_LOG;
    MaybeLater::later(async move {
        let work = async {
            before.cancelled().await;
            work().await
        };
        tokio::select! {
            biased;
            // First, as what everything waited for ends at the same time if the log is silent: nothing begins then.
            () = sleep_until(deadline) => Err(LogError::late().into()),
            answer = work => answer,
        }
    })
}

/// The right to be the next.
pub(super) struct Turn<'a> {
    last: MutexGuard<'a, Option<CancellationToken>>,
}

impl Turn<'_> {
    /// Whether everything before is done.
    pub(super) fn is_free(&self) -> bool {
        self.last.is_none()
    }

    /// Begins something, when everything before is done; in time, however long that waits.
    pub(super) fn begin<T: Send + 'static, E: From<LogError> + Send + 'static>(
        self,
        work: impl FnOnce() -> MaybeLater<'static, Result<T, E>> + Send + 'static,
    ) -> MaybeLater<'static, Result<T, E>> {
        match (*self.last).clone() {
            None => self.follow(work().in_time()),
            Some(before) => self.follow(after(before, work)),
        }
    }

    /// Has what comes next wait for this. It goes on whether anybody awaits it or not.
    pub(super) fn follow<T: Send + 'static>(
        mut self,
        answer: MaybeLater<'static, T>,
    ) -> MaybeLater<'static, T> {
        let work = match answer {
            MaybeLater::Now(answer) => return MaybeLater::Now(answer),
            MaybeLater::Later(work) => work,
        };
        let done = CancellationToken::new();
        *self.last = Some(done.clone());
        let done = done.drop_guard();
        let work = async move {
            let answer = work.await;
            drop(done);
            answer
        };
        match Handle::try_current() {
            Ok(runtime) => {
                let work = runtime.spawn(work);
                MaybeLater::later(async move {
                    match work.await {
                        Ok(answer) => answer,
                        Err(error) => match error.try_into_panic() {
                            Ok(panic) => std::panic::resume_unwind(panic),
                            // The runtime is shutting down, and those who wait with it.
                            Err(_) => std::future::pending().await,
                        },
                    }
                })
            }
            // At the end of a process, from a thread that watches over it.
            Err(_) => MaybeLater::later(work),
        }
    }
}
