//! The gate of a call.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::ServerJsonRpcMessage;

use super::{Outbox, Outgoing, Pending, Room};

/// Keeps back everything about a task until the reply to the call that started it is pushed.
///
/// Made when the call is read, so that a cancellation read right behind it finds the gate. A clone is
/// another handle to the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<GateShared>);

struct GateShared {
    outbox: Outbox,
    /// Whether the connection had shown MCPC when the call was read.
    after_handshake: bool,
    /// Whether the gate is open, for a look without a lock; never goes back.
    open: AtomicBool,
    state: Mutex<GateState>,
}

enum GateState {
    Closed {
        held: Pending,
        on_cancel: Option<Box<dyn FnOnce() + Send>>,
    },
    Open,
    /// The call was cancelled before its reply: nothing of its task ever leaves.
    Cancelled,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("open", &self.0.open).finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new(outbox: Outbox, after_handshake: bool) -> Self {
        let state = GateState::Closed { held: Pending::new(outbox.0.form), on_cancel: None };
        let (open, state) = (AtomicBool::new(false), Mutex::new(state));
        Self(Arc::new(GateShared { outbox, after_handshake, open, state }))
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Whether an MCPC handshake was read on the connection before the call, or is the call.
    pub(crate) fn is_after_handshake(&self) -> bool {
        self.0.after_handshake
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a callback, now or when the gate opens.
    pub(crate) fn push(&self, callback: &impl Outgoing, room: Room<'_>) {
        if self.0.open.load(Ordering::Acquire) {
            return self.0.outbox.push(callback, room);
        }
        let mut state = self.state();
        match &mut *state {
            GateState::Closed { held, .. } => {
                held.items.push(callback);
                held.room += room.spend();
            }
            GateState::Open => self.0.outbox.push(callback, room),
            GateState::Cancelled => {}
        }
    }

    /// Pushes a message that only makes sense before the reply, unless that is out, the call was
    /// cancelled, or the client reads too slowly; whether it was pushed.
    pub(crate) fn push_before_reply(&self, message: ServerJsonRpcMessage) -> bool {
        // Held while pushing, so that the reply cannot get in between.
        let state = self.state();
        let is_due = matches!(*state, GateState::Closed { .. }) && !self.0.outbox.is_full();
        if is_due {
            self.0.outbox.push_message(message);
        }
        is_due
    }

    /// Pushes the reply, and behind it everything the gate held back.
    pub(crate) fn open(&self, reply: ServerJsonRpcMessage) {
        let mut state = self.state();
        let held = match mem::replace(&mut *state, GateState::Open) {
            GateState::Closed { held, .. } => Some(held),
            GateState::Open => None,
            GateState::Cancelled => {
                *state = GateState::Cancelled;
                return;
            }
        };
        self.0.outbox.push_message_and(reply, held);
        self.0.open.store(true, Ordering::Release);
    }

    /// The call was cancelled: drops what was held back and will be, and stops the task.
    pub(crate) fn cancel(&self) {
        let mut state = self.state();
        let GateState::Closed { held, on_cancel } = &mut *state else {
            return;
        };
        let (room, on_cancel) = (held.room, on_cancel.take());
        *state = GateState::Cancelled;
        drop(state);
        self.0.outbox.0.room.add_permits(room);
        if let Some(on_cancel) = on_cancel {
            on_cancel();
        }
    }

    /// Runs `action` if the call is cancelled before its reply is pushed, at once if it already was.
    pub(crate) fn on_cancel(&self, action: impl FnOnce() + Send + 'static) {
        let mut state = self.state();
        match &mut *state {
            GateState::Closed { on_cancel, .. } => *on_cancel = Some(Box::new(action)),
            GateState::Open => {}
            GateState::Cancelled => {
                drop(state);
                action();
            }
        }
    }
}
