//! What something that is to be sent takes of a connection's budget.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{SemaphorePermit, TryAcquireError};

use super::prefetch::{keep_prefetched, may_prefetch, take_prefetched};
use super::{Outbox, PREFETCHES, Permit};

/// What something to be sent takes of a connection's budget; the permit for it is reserved here and nowhere else.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub(crate) struct Claim<'a>(Option<(&'a Outbox, u32)>);

impl<'a> Claim<'a> {
    /// That of what does not leave: its permit is always there.
    pub(crate) const NOTHING: Self = Self(None);

    /// One that is larger than the whole budget waits until it can go alone.
    pub(super) fn new(outbox: &'a Outbox, bytes: usize) -> Self {
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX).min(outbox.0.budget);
        Self(Some((outbox, bytes)))
    }

    /// Waits for the permit. First come, first served; on a dead connection it is always there. Cancel safe:
    /// dropping the future gives up the place in the line.
    pub(crate) async fn reserve(self) -> Permit<'a> {
        if let Some(permit) = self.reserve_now() {
            return permit;
        }
        let Self(Some((outbox, bytes))) = self else { return Permit::NONE };
        let wanted = wanted(outbox, bytes);
        let _waiting = Waiting::new(&outbox.0.waiting);
        let mut acquired = pin!(outbox.0.free.acquire_many(wanted));
        let acquired = poll_fn(|context| {
            let acquired = acquired.as_mut().poll(context);
            if acquired.is_pending() {
                // If it has nothing to write, what is waited for is held in advance.
                outbox.wake();
            }
            acquired
        });
        match acquired.await {
            Ok(permit) => permit_of(outbox, permit, bytes, wanted),
            Err(_) => Permit::NONE,
        }
    }

    /// The permit as [`reserve`](Self::reserve) gives it, if nothing has to be waited for.
    pub(crate) fn reserve_now(self) -> Option<Permit<'a>> {
        self.take(wanted)
    }

    /// The permit alone, with nothing reserved in advance, if it is there right now.
    pub(crate) fn try_reserve(self) -> Option<Permit<'a>> {
        self.take(|_, bytes| bytes)
    }

    /// Takes the permit out of what was prefetched, or what is `wanted` out of the budget.
    fn take(self, wanted: impl FnOnce(&Outbox, u32) -> u32) -> Option<Permit<'a>> {
        let Self(Some((outbox, bytes))) = self else { return Some(Permit::NONE) };
        if take_prefetched(outbox, bytes as usize) {
            return Some(Permit::new(outbox, bytes as usize));
        }
        let wanted = wanted(outbox, bytes);
        match outbox.0.free.try_acquire_many(wanted) {
            Ok(permit) => Some(permit_of(outbox, permit, bytes, wanted)),
            Err(TryAcquireError::Closed) => Some(Permit::NONE),
            Err(TryAcquireError::NoPermits) => None,
        }
    }
}

/// What is taken at once when a callback needs `bytes` bytes: a body that runs takes some in advance.
fn wanted(outbox: &Outbox, bytes: u32) -> u32 {
    match may_prefetch() {
        true => bytes.max(outbox.0.budget / PREFETCHES),
        false => bytes,
    }
}

/// A permit for a callback, out of what was taken for it.
fn permit_of<'a>(
    outbox: &'a Outbox,
    permit: SemaphorePermit<'_>,
    bytes: u32,
    wanted: u32,
) -> Permit<'a> {
    permit.forget();
    if wanted > bytes {
        keep_prefetched(outbox, (wanted - bytes) as usize);
    }
    Permit::new(outbox, bytes as usize)
}

/// One that waits for a permit, counted.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
