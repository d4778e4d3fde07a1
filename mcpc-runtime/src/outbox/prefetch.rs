//! Prefetch: permits that a thread reserves in advance, for the body that it polls.
//!
//! A body that is polled reserves permits for several updates at once and gives back what is left when it awaits
//! something that is not there. With permits for one update at a time, ten thousand tasks
//! that send to a client slower than they are would each be woken for every single update, and most of what
//! an update costs would be the way of a task's memory into the cache (measured: 0.38 million updates a
//! second, and 1.1 million with prefetch).
//!
//! A poll may last: its thread may block (`block_in_place`, a lock, a computation). So what is prefetched
//! is held where the writer can take it back: once nothing is left to be written and somebody still waits
//! for permits, it does.

use std::cell::RefCell;

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use super::{Outbox, Shared};

/// How many bytes a thread holds in advance.
type Bytes = AtomicUsize;

/// What all threads hold in advance of one outbox.
#[derive(Default)]
pub(super) struct Prefetched(Mutex<Vec<Weak<Bytes>>>);

impl Prefetched {
    fn add(&self, bytes: &Arc<Bytes>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|bytes| bytes.strong_count() > 0);
        all.push(Arc::downgrade(bytes));
    }

    /// Takes all of it from the threads, and returns how many bytes that were.
    pub(super) fn reclaim(&self) -> usize {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).map(|bytes| bytes.swap(0, Ordering::SeqCst)).sum()
    }
}

/// What this thread holds in advance of the outbox it used last.
struct Held {
    outbox: Weak<Shared>,
    bytes: Arc<Bytes>,
}

impl Held {
    fn new(outbox: &Outbox) -> Self {
        let bytes = Arc::new(Bytes::new(0));
        outbox.0.prefetched.add(&bytes);
        Self { outbox: Arc::downgrade(&outbox.0), bytes }
    }

    fn is_of(&self, outbox: &Outbox) -> bool {
        std::ptr::eq(self.outbox.as_ptr(), Arc::as_ptr(&outbox.0))
    }

    /// What is to be given back.
    fn take(&self) -> Option<(Arc<Shared>, usize)> {
        let bytes = self.bytes.swap(0, Ordering::SeqCst);
        (bytes > 0).then(|| Some((self.outbox.upgrade()?, bytes))).flatten()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        give_back(self.take());
    }
}

fn give_back(taken: Option<(Arc<Shared>, usize)>) {
    if let Some((outbox, bytes)) = taken {
        outbox.free.add_permits(bytes);
    }
}

/// What a thread knows of the bodies it runs.
#[derive(Default)]
struct Bodies {
    /// How many bodies run on this thread, one inside of the other.
    depth: usize,
    held: Option<Held>,
}

thread_local! {
    static BODIES: RefCell<Bodies> = RefCell::default();
}

/// Looks at this thread's bodies; `None` where a thread that ends knows of none any more.
fn with_bodies<T>(look: impl FnOnce(&mut Bodies) -> T) -> Option<T> {
    BODIES.try_with(|bodies| look(&mut bodies.borrow_mut())).ok()
}

/// A body that prefetches permits while it is polled.
pub(crate) struct Prefetching<F>(pub(crate) F);

impl<F: Future + Unpin> Future for Prefetching<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        struct Polled;
        impl Drop for Polled {
            fn drop(&mut self) {
                // Given back outside of the borrow, as that wakes others.
                let left = with_bodies(|bodies| {
                    bodies.depth -= 1;
                    bodies.held.as_ref().and_then(Held::take)
                });
                give_back(left.flatten());
            }
        }
        let _polled = with_bodies(|bodies| bodies.depth += 1).map(|()| Polled);
        Pin::new(&mut self.0).poll(context)
    }
}

/// Takes some of what this thread holds in advance, if that is enough.
pub(super) fn take_prefetched(outbox: &Outbox, bytes: usize) -> bool {
    let take = |held: &Held| {
        let take = |left: usize| left.checked_sub(bytes);
        held.bytes.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_ok()
    };
    with_bodies(|bodies| bodies.held.as_ref().is_some_and(|held| held.is_of(outbox) && take(held)))
        .unwrap_or(false)
}

/// Whether a body runs on this thread.
pub(super) fn may_prefetch() -> bool {
    with_bodies(|bodies| bodies.depth > 0).unwrap_or(false)
}

/// Holds permits that were prefetched, until the poll is over or the writer takes them back.
pub(super) fn keep_prefetched(outbox: &Outbox, bytes: usize) {
    let before = with_bodies(|bodies| {
        let before = match &bodies.held {
            Some(held) if held.is_of(outbox) => None,
            Some(_) | None => bodies.held.replace(Held::new(outbox)),
        };
        if let Some(held) = &bodies.held {
            held.bytes.fetch_add(bytes, Ordering::SeqCst);
        }
        before
    });
    match before {
        // Dropped outside of the borrow.
        Some(before) => drop(before),
        None => outbox.0.free.add_permits(bytes),
    }
    // The writer may have looked for it already.
    if outbox.0.waiting.load(Ordering::SeqCst) > 0 {
        outbox.wake();
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::FutureExt as _;

    use super::*;
    use crate::outbox::{Form, PREFETCHES, Pending, Taken};

    const BUDGET: usize = 1 << 20;
    const PREFETCH: usize = BUDGET / PREFETCHES as usize;

    fn free(outbox: &Outbox) -> usize {
        outbox.0.free.available_permits()
    }

    #[tokio::test]
    async fn a_turn_gives_back_what_it_did_not_use() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let other = Outbox::new(Form::Lines, BUDGET);
        let mut body = Box::pin(Prefetching(Box::pin(async {
            let permits = (outbox.claim(100).reserve().await, outbox.claim(100).reserve().await);
            assert_eq!(free(&outbox), BUDGET - PREFETCH, "both come out of one piece");
            assert!(
                outbox.claim(BUDGET - PREFETCH + 1).try_reserve().is_none(),
                "which nobody else has"
            );
            let _of_another = other.claim(100).reserve().await;
            assert_eq!(free(&outbox), BUDGET - 200);
            let mut first = true;
            poll_fn(|_| if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) })
                .await;
            permits
        })));
        assert!(body.as_mut().now_or_never().is_none());
        assert_eq!((free(&outbox), free(&other)), (BUDGET - 200, BUDGET - 100));
        let permits = body.await;
        assert_eq!((free(&outbox), free(&other)), (BUDGET - 200, BUDGET));
        drop(permits);
        assert_eq!(free(&outbox), BUDGET);
        // No body runs here.
        let _permit = outbox.claim(100).reserve().await;
        assert_eq!(free(&outbox), BUDGET - 100);
    }

    #[tokio::test]
    async fn a_turn_within_a_turn_takes_in_advance_as_well() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let outer = Prefetching(Box::pin(async {
            let _permit = outbox.claim(100).reserve().await;
            let inner = Prefetching(Box::pin(async { drop(outbox.claim(100).reserve().await) }));
            assert_eq!(inner.now_or_never(), Some(()));
            assert_eq!(free(&outbox), BUDGET - 100);
            let _another = outbox.claim(100).reserve().await;
            assert_eq!(free(&outbox), BUDGET - 100 - PREFETCH, "the outer one still runs");
        }));
        assert_eq!(outer.now_or_never(), Some(()));
        assert_eq!(free(&outbox), BUDGET);
    }

    /// A thread that blocks while it is polled holds permits, and another waits for all of it.
    #[tokio::test]
    async fn a_writer_with_nothing_to_write_takes_back_what_others_wait_for() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let (blocked, is_blocked) = std::sync::mpsc::channel();
        let (go_on, goes_on) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn({
            let outbox = outbox.clone();
            move || {
                let body = Prefetching(Box::pin(async {
                    drop(outbox.claim(100).reserve().await);
                    blocked.send(()).expect("somebody waits");
                    goes_on.recv().expect("somebody says so");
                    drop(outbox.claim(100).reserve().await);
                }));
                assert_eq!(body.now_or_never(), Some(()));
            }
        });
        is_blocked.recv().expect("it says so");
        assert_eq!(
            free(&outbox),
            BUDGET - PREFETCH + 100,
            "given back unused, and the rest is held"
        );
        let mut pending = Pending::new(Form::Lines);
        let permit = {
            let writer = async { outbox.take(&mut pending).await };
            tokio::select! {
                permit = outbox.claim(BUDGET).reserve() => permit,
                _ = writer => unreachable!("there is nothing to write"),
            }
        };
        drop(permit);
        go_on.send(()).expect("it waits");
        thread.join().expect("no panic");
        assert_eq!(free(&outbox), BUDGET);
    }

    /// Who waits first takes some in advance after the writer looked, and another waits for all of it.
    #[tokio::test]
    async fn a_writer_looks_again_when_something_is_taken_in_advance_that_others_wait_for() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let all = outbox.claim(BUDGET).try_reserve().expect("it is free");
        let first = Prefetching(Box::pin(async {
            let _permit = outbox.claim(100).reserve().await;
            outbox.pushed().now_or_never().is_some()
        }));
        let (mut first, mut second) = (Box::pin(first), Box::pin(outbox.claim(BUDGET).reserve()));
        assert!(first.as_mut().now_or_never().is_none(), "there is no room");
        assert!(second.as_mut().now_or_never().is_none(), "there is no room");
        drop(all);
        let mut pending = Pending::new(Form::Lines);
        assert_eq!(outbox.pushed().now_or_never(), Some(()), "they said that they wait");
        assert_eq!(outbox.take_now(&mut pending), Taken::Nothing);
        assert!(outbox.pushed().now_or_never().is_none(), "and nobody says so any more");
        assert_eq!(first.now_or_never(), Some(true), "but for the one that holds it");
    }

    #[test]
    fn a_thread_that_ends_gives_back_what_it_holds() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let theirs = outbox.clone();
        let held = std::thread::spawn(move || {
            with_bodies(|bodies| bodies.depth = 1);
            drop(theirs.claim(100).reserve().now_or_never());
            free(&theirs)
        });
        assert_eq!(held.join().expect("no panic"), BUDGET - PREFETCH + 100);
        assert_eq!(free(&outbox), BUDGET);
    }
}
