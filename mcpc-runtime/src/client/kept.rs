//! What was said and is not read yet.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::task::AtomicWaker;

/// What can be kept for somebody who reads it later.
pub(super) trait Item {
    /// What stands in the place of so many that were not kept.
    fn missed(count: u64) -> Self;
    /// Whether it waits for an answer, so that it is kept whatever comes.
    fn is_asking(&self) -> bool;
}

/// What one reader has not read yet, up to a number of bytes.
///
/// Who writes never waits: where there is no room the oldest goes, and the reader learns how many did.
#[derive(Debug)]
pub(super) struct Kept<T> {
    unread: Mutex<Unread<T>>,
    reader: AtomicWaker,
    most: usize,
}

#[derive(Debug)]
struct Unread<T> {
    items: VecDeque<(T, usize)>,
    bytes: usize,
    missed: u64,
    has_ended: bool,
}

/// What every item takes besides its text.
const OVERHEAD: usize = 64;

impl<T: Item> Kept<T> {
    pub(super) fn new(most: usize) -> Self {
        let unread = Unread { items: VecDeque::new(), bytes: 0, missed: 0, has_ended: false };
        Self { unread: Mutex::new(unread), reader: AtomicWaker::new(), most }
    }

    /// How many bytes it keeps.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    fn unread(&self) -> MutexGuard<'_, Unread<T>> {
        self.unread.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an item of so many bytes, unless nothing more is to be said.
    pub(super) fn push(&self, item: T, bytes: usize) {
        let bytes = bytes + OVERHEAD;
        let mut unread = self.unread();
        if unread.has_ended {
            return;
        }
        unread.items.push_back((item, bytes));
        unread.bytes += bytes;
        while unread.bytes > self.most {
            let Some(oldest) = unread.items.iter().position(|(item, _)| !item.is_asking()) else {
                break;
            };
            let gone = unread.items.remove(oldest).map_or(0, |(_, bytes)| bytes);
            unread.bytes -= gone;
            unread.missed += 1;
        }
        drop(unread);
        self.reader.wake();
    }

    /// Takes out what waits for an answer.
    pub(super) fn take_asking(&self) -> Vec<T> {
        let mut unread = self.unread();
        let (asking, others): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut unread.items).into_iter().partition(|(item, _)| item.is_asking());
        unread.items = others;
        unread.bytes -= asking.iter().map(|(_, bytes)| bytes).sum::<usize>();
        asking.into_iter().map(|(item, _)| item).collect()
    }

    /// Nothing more will be said; what was is still to be read.
    pub(super) fn end(&self) {
        self.unread().has_ended = true;
        self.reader.wake();
    }

    /// Nobody will read any more.
    pub(super) fn abandon(&self) {
        let mut unread = self.unread();
        unread.has_ended = true;
        // What is dropped may be a question, whose asker is woken then.
        let items = std::mem::take(&mut unread.items);
        drop(unread);
        drop(items);
    }

    /// The next item; `None` after the last.
    pub(super) fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<T>> {
        self.reader.register(context.waker());
        let mut unread = self.unread();
        if unread.missed > 0 {
            return Poll::Ready(Some(T::missed(std::mem::take(&mut unread.missed))));
        }
        match unread.items.pop_front() {
            Some((item, bytes)) => {
                unread.bytes -= bytes;
                Poll::Ready(Some(item))
            }
            None if unread.has_ended => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}
