//! Who waits to send something about a task, in the order in which they came.

use std::pin::pin;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard, Notify, oneshot};

use super::Task;
use crate::log::End;
use crate::outbox::{Claim, Permit};

/// A task's line of those that wait.
#[derive(Debug, Default)]
pub(super) struct Line {
    /// Held by the first of them, which waits for a permit. Fair.
    turn: Mutex<()>,
    /// How many there are.
    count: AtomicUsize,
    /// Notified when the task has ended.
    ended: Notify,
    /// Who is told how it ended.
    end: std::sync::Mutex<Option<oneshot::Sender<End>>>,
}

impl Task {
    /// Whether somebody waits to send something, which must not be overtaken.
    pub(super) fn has_line(&self) -> bool {
        self.line.get().is_some_and(|line| line.count.load(Ordering::SeqCst) > 0)
    }

    /// Waits for the turn of this call, and then for what it claims. The next one has its turn once this one's is
    /// dropped. `None` if the task has ended. Cancel safe.
    pub(super) async fn in_line<'a>(&'a self, claim: Claim<'a>) -> Option<(Permit<'a>, Turn<'a>)> {
        let line = self.line.get_or_init(Box::default);
        let queued = Queued::take(line);
        let mut ended = pin!(line.ended.notified());
        ended.as_mut().enable();
        if self.is_over() {
            return None;
        }
        let turn = async {
            let turn = line.turn.lock().await;
            (claim.reserve().await, Turn { _turn: turn, _queued: queued })
        };
        tokio::select! {
            biased;
            turn = turn => Some(turn),
            () = ended => None,
        }
    }

    /// How the task ends, for a call that cannot rely on the log to tell. The latest who asks is told.
    pub(super) fn end_here(&self) -> oneshot::Receiver<End> {
        let (sender, receiver) = oneshot::channel();
        let line = self.line.get_or_init(Box::default);
        *line.end.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        receiver
    }

    /// Tells who wants to know how the task ended.
    pub(super) fn tell_end(&self, end: End) {
        let Some(line) = self.line.get() else { return };
        let sender = line.end.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(sender) = sender {
            // The one that asked may be gone.
            let _ = sender.send(end);
        }
    }

    /// Tells everyone who waits that the task has ended.
    pub(super) fn disperse(&self) {
        if let Some(line) = self.line.get() {
            line.ended.notify_waiters();
        }
    }
}

/// The right to send before everyone else in the line.
#[derive(Debug)]
pub(super) struct Turn<'a> {
    _turn: MutexGuard<'a, ()>,
    _queued: Queued<'a>,
}

#[derive(Debug)]
struct Queued<'a>(&'a Line);

impl<'a> Queued<'a> {
    fn take(line: &'a Line) -> Self {
        line.count.fetch_add(1, Ordering::SeqCst);
        Self(line)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Ordering::SeqCst);
    }
}
