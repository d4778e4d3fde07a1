//! What one connection asks of a log that takes its time, in order.

use std::sync::PoisonError;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::log::MaybeLater;
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

    /// Waits for all that had its turn before. Cancel safe.
    pub(super) async fn settled(&self) {
        let last = self.last().clone();
        if let Some(last) = last {
            last.cancelled().await;
        }
    }
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

    /// Begins something, when everything before is done.
    pub(super) fn begin<T: Send + 'static>(
        self,
        work: impl FnOnce() -> MaybeLater<'static, T> + Send + 'static,
    ) -> MaybeLater<'static, T> {
        match (*self.last).clone() {
            None => self.follow(work()),
            Some(before) => self.follow(MaybeLater::later(async move {
                before.cancelled().await;
                work().await
            })),
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
                            // The runtime is shutting down, and whoever waits with it.
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
