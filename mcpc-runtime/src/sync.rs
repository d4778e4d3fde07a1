//! What the log and tasks synchronize with; the model test (`model`) has its own, under which others may come
//! in between.

#[cfg(not(all(test, shuttle)))]
pub(crate) use {
    std::sync::{Condvar, Mutex, MutexGuard},
    tokio::sync::Notify,
};

#[cfg(all(test, shuttle))]
pub(crate) use {
    modelled::Notify,
    shuttle::sync::{Condvar, Mutex, MutexGuard},
};

#[cfg(all(test, shuttle))]
mod modelled {
    use shuttle::sync::atomic::{AtomicBool, Ordering};
    use tokio::sync::futures::Notified;

    /// tokio's, but that others have a turn before anything is done with it.
    #[derive(Debug, Default)]
    pub(crate) struct Notify {
        inner: std::sync::Arc<tokio::sync::Notify>,
        turn: AtomicBool,
    }

    impl Notify {
        pub(crate) fn new() -> Self {
            Self::default()
        }

        fn after_others(&self) -> &tokio::sync::Notify {
            self.turn.load(Ordering::SeqCst);
            &self.inner
        }

        pub(crate) fn notified(&self) -> Notified<'_> {
            self.after_others().notified()
        }

        pub(crate) fn notified_owned(
            self: std::sync::Arc<Self>,
        ) -> impl Future<Output = ()> + Send + 'static {
            let notified = std::sync::Arc::clone(&self.inner).notified_owned();
            self.turn.load(Ordering::SeqCst);
            notified
        }

        pub(crate) fn notify_waiters(&self) {
            self.after_others().notify_waiters();
        }

        pub(crate) fn notify_one(&self) {
            self.after_others().notify_one();
        }
    }
}
