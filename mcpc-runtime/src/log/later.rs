//! What a log answers: at once where it can, so that nothing is boxed and nobody waits.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::Either;

use super::{Boxed, LogError};

/// How long a log may take to answer before it counts as unavailable.
pub(crate) const PATIENCE_WITH_THE_LOG: Duration = Duration::from_secs(10);

/// A value that is there, or that comes later.
#[must_use = "what comes later does not come unless it is awaited"]
pub enum MaybeLater<'a, T> {
    /// It is there.
    Now(T),
    /// It has to be waited for.
    Later(Boxed<'a, T>),
}

impl<T> fmt::Debug for MaybeLater<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Now(_) => "Now(..)",
            Self::Later(_) => "Later(..)",
        })
    }
}

impl<'a, T: Send + 'a> MaybeLater<'a, T> {
    /// What comes later.
    pub fn later(work: impl Future<Output = T> + Send + 'a) -> Self {
        Self::Later(Box::pin(work))
    }

    /// The same of another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U + Send + 'a) -> MaybeLater<'a, U> {
        match self {
            Self::Now(value) => MaybeLater::Now(change(value)),
            Self::Later(work) => MaybeLater::Later(Box::pin(async move { change(work.await) })),
        }
    }

    /// What `next` makes of the value.
    pub fn then<U: Send + 'a>(
        self,
        next: impl FnOnce(T) -> MaybeLater<'a, U> + Send + 'a,
    ) -> MaybeLater<'a, U> {
        match self {
            Self::Now(value) => next(value),
            Self::Later(work) => MaybeLater::Later(Box::pin(async move { next(work.await).await })),
        }
    }
}

impl<'a, T: Send + 'a, E: From<LogError> + Send + 'a> MaybeLater<'a, Result<T, E>> {
    /// The same, but that a log that takes too long counts as unavailable.
    pub(crate) fn in_time(self) -> Self {
        match self {
            Self::Now(answer) => Self::Now(answer),
            Self::Later(work) => Self::Later(in_time(work)),
        }
    }
}

/// What comes later, but that a log that takes too long counts as unavailable.
pub(crate) fn in_time<'a, T: Send + 'a, E: From<LogError> + Send + 'a>(
    work: Boxed<'a, Result<T, E>>,
) -> Boxed<'a, Result<T, E>> {
    Box::pin(async move {
        let answer = tokio::time::timeout(PATIENCE_WITH_THE_LOG, work).await;
        answer.unwrap_or_else(|_| Err(LogError::late().into()))
    })
}

impl<'a, T> IntoFuture for MaybeLater<'a, T> {
    type Output = T;
    type IntoFuture = Either<Ready<T>, Boxed<'a, T>>;

    fn into_future(self) -> Self::IntoFuture {
        match self {
            Self::Now(value) => Either::Left(ready(value)),
            Self::Later(work) => Either::Right(work),
        }
    }
}

/// An answer on its way from where a request is read to its handler, among the request's extensions. Dropped on the
/// way, it is answered for nobody.
pub(crate) struct Parcel<T>(Arc<Mutex<Option<MaybeLater<'static, T>>>>);

impl<T> Clone for Parcel<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Parcel<T> {
    pub(crate) fn new(answer: MaybeLater<'static, T>) -> Self {
        Self(Arc::new(Mutex::new(Some(answer))))
    }

    /// The answer, for the first who takes it.
    pub(crate) fn take(&self) -> Option<MaybeLater<'static, T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}
