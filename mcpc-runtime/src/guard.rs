//! The guard around code of users, which may panic wherever it is called, polled or dropped.
//!
//! The body of a task has that of `futures` (`task/runner.rs`): if it panics when it is dropped, its runner has to hear of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::thread;

use crate::logging::event;

/// Calls something that may panic. What it changed by then is not looked at again.
pub(crate) fn guarded<T>(call: impl FnOnce() -> T) -> thread::Result<T> {
    catch_unwind(AssertUnwindSafe(call))
}

/// A future that may panic when it is polled or dropped.
pub(crate) struct Guarded<F>(Option<F>);

impl<F> Guarded<F> {
    pub(crate) fn new(work: F) -> Self {
        Self(Some(work))
    }
}

impl<F: Future + Unpin> Future for Guarded<F> {
    type Output = thread::Result<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let work = self.0.as_mut().expect("it is not polled again after its end");
        match guarded(|| Pin::new(work).poll(context)) {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(panic) => Poll::Ready(Err(panic)),
        }
    }
}

impl<F> Drop for Guarded<F> {
    fn drop(&mut self) {
        let Some(work) = self.0.take() else { return };
        if guarded(|| drop(work)).is_err() {
            event!(error, "a tool panicked while it was dropped");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::FutureExt as _;

    use super::*;

    struct PanicsWhenDropped;

    impl Drop for PanicsWhenDropped {
        fn drop(&mut self) {
            panic!("dropped");
        }
    }

    #[test]
    fn a_panic_is_what_comes_of_a_future_however_it_panics() {
        let text = |panic: Box<dyn std::any::Any + Send>| panic.downcast_ref::<&str>().copied();
        let polled = Guarded::new(Box::pin(async { panic!("polled") })).now_or_never();
        let panic: Result<(), _> = polled.expect("it is over");
        assert_eq!(panic.err().and_then(text), Some("polled"));
        assert_eq!(
            Guarded::new(Box::pin(async { 1 })).now_or_never().and_then(Result::ok),
            Some(1)
        );
        // Its end, and that it is given up, are both outlived.
        let held = PanicsWhenDropped;
        let mut never = Box::pin(async move {
            let _held = held;
            poll_fn(|_| Poll::<()>::Pending).await;
        });
        assert!(never.as_mut().now_or_never().is_none());
        drop(Guarded::new(never));
    }
}
