//! Room for what tasks say, out of a connection's budget.
//!
//! A body that runs takes room for several updates at once and gives back what is left when its turn is over,
//! that is, when it awaits something that is not there. With room for one update at a time, ten thousand tasks
//! that send to a client slower than they are would each be woken for every single update, and most of what
//! an update costs would be the way of a task's memory into the cache (measured: 0.38 million updates a
//! second, and 1.1 million in turns).

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::Outbox;

/// Room for a callback, taken from the budget. Given back when it is dropped unused.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    outbox: Option<&'a Outbox>,
    bytes: usize,
}

impl<'a> Room<'a> {
    /// Room for a callback that needs none, because nothing of it will wait.
    pub(crate) const NONE: Self = Self { outbox: None, bytes: 0 };

    /// So many bytes that were taken from the budget.
    pub(super) fn new(outbox: &'a Outbox, bytes: usize) -> Self {
        Self { outbox: Some(outbox), bytes }
    }

    /// Uses the room: whoever writes the callback gives it back.
    pub(super) fn spend(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Room<'_> {
    fn drop(&mut self) {
        if let Some(outbox) = self.outbox
            && self.bytes > 0
        {
            outbox.0.room.add_permits(self.bytes);
        }
    }
}

/// What is left of the room that was taken in advance, for callbacks of one outbox.
struct Advance {
    outbox: Outbox,
    bytes: usize,
}

impl Drop for Advance {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.outbox.0.room.add_permits(self.bytes);
        }
    }
}

/// What a turn of this thread has taken.
enum Turn {
    /// No body runs.
    None,
    /// One does, and has taken nothing.
    Empty,
    Ahead(Advance),
}

thread_local! {
    static TURN: RefCell<Turn> = const { RefCell::new(Turn::None) };
}

/// A body that takes room in advance when it runs.
pub(crate) struct InTurns<F>(pub(crate) F);

impl<F: Future + Unpin> Future for InTurns<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        // The one before, as a body may run another on its own thread.
        struct Outer(Turn);
        impl Drop for Outer {
            fn drop(&mut self) {
                let outer = std::mem::replace(&mut self.0, Turn::None);
                let ended = TURN.replace(outer);
                drop(ended);
            }
        }
        let _outer = Outer(TURN.replace(Turn::Empty));
        Pin::new(&mut self.0).poll(context)
    }
}

/// Takes some of the room that this turn has in advance, if it has so much.
pub(super) fn take_ahead(outbox: &Outbox, bytes: usize) -> bool {
    TURN.with_borrow_mut(|turn| match turn {
        Turn::Ahead(ahead) if ahead.outbox.is(outbox) && ahead.bytes >= bytes => {
            ahead.bytes -= bytes;
            true
        }
        Turn::None | Turn::Empty | Turn::Ahead(_) => false,
    })
}

/// Whether a body runs.
pub(super) fn has_turn() -> bool {
    TURN.with_borrow(|turn| !matches!(turn, Turn::None))
}

/// Keeps room that was taken in advance until the turn is over; if there is none, it is given back at once.
pub(super) fn keep_ahead(outbox: &Outbox, bytes: usize) {
    let ahead = Advance { outbox: outbox.clone(), bytes };
    // What was there is dropped outside of the borrow.
    let _left = TURN.with_borrow_mut(|turn| match turn {
        Turn::None => Turn::Ahead(ahead),
        Turn::Empty | Turn::Ahead(_) => std::mem::replace(turn, Turn::Ahead(ahead)),
    });
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use futures::FutureExt as _;

    use super::*;
    use crate::outbox::{ADVANCES, Form};

    const BUDGET: usize = 1 << 20;

    fn free(outbox: &Outbox) -> usize {
        outbox.0.room.available_permits()
    }

    #[tokio::test]
    async fn a_turn_gives_back_what_it_did_not_use() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let other = Outbox::new(Form::Lines, BUDGET);
        let mut body = Box::pin(InTurns(Box::pin(async {
            let rooms = (outbox.room(100).await, outbox.room(100).await);
            let ahead = BUDGET / ADVANCES as usize;
            assert_eq!(free(&outbox), BUDGET - ahead, "both come out of one piece");
            assert!(outbox.try_room(BUDGET - ahead + 1).is_none(), "which is nobody else's");
            let _of_another = other.room(100).await;
            assert_eq!(free(&outbox), BUDGET - 200);
            let mut first = true;
            poll_fn(|_| if std::mem::take(&mut first) { Poll::Pending } else { Poll::Ready(()) })
                .await;
            rooms
        })));
        assert!(body.as_mut().now_or_never().is_none());
        assert_eq!((free(&outbox), free(&other)), (BUDGET - 200, BUDGET - 100));
        let rooms = body.await;
        assert_eq!((free(&outbox), free(&other)), (BUDGET - 200, BUDGET));
        drop(rooms);
        assert_eq!(free(&outbox), BUDGET);
        // Nobody has a turn here.
        let _room = outbox.room(100).await;
        assert_eq!(free(&outbox), BUDGET - 100);
    }

    #[tokio::test]
    async fn a_turn_within_a_turn_is_its_own() {
        let outbox = Outbox::new(Form::Lines, BUDGET);
        let outer = InTurns(Box::pin(async {
            let _room = outbox.room(100).await;
            let before = free(&outbox);
            let inner = InTurns(Box::pin(async { drop(outbox.room(100).await) }));
            assert_eq!(inner.now_or_never(), Some(()));
            assert_eq!(free(&outbox), before);
            let _another = outbox.room(100).await;
            assert_eq!(free(&outbox), before, "the rest is still there");
        }));
        assert_eq!(outer.now_or_never(), Some(()));
        assert_eq!(free(&outbox), BUDGET);
    }
}
