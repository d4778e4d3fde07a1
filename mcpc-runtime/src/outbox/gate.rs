//! The gate of a call.

use std::fmt;
use std::mem;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{RequestId, ServerJsonRpcMessage};

use super::{Outbox, Outgoing, Pending, Permit, To};
use crate::reply::Reply;

/// Keeps back everything about a task until the reply to the call that started it is pushed.
///
/// Made when the call is read, so that a cancellation read right after it finds the gate. A clone is
/// another handle to the same gate.
#[derive(Clone)]
pub(crate) struct Gate(Arc<GateShared>);

struct GateShared {
    outbox: Outbox,
    /// The call's.
    id: RequestId,
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

/// What became of a message that is to leave before the reply, or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Pushing {
    Pushed,
    /// The client reads too slowly; see [`Outbox::reply_room_available`].
    Full,
    /// The reply is out, where it was to leave before that, or the call was cancelled.
    TooLate,
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate").field("open", &self.0.open).finish_non_exhaustive()
    }
}

impl Gate {
    pub(crate) fn new(outbox: Outbox, id: RequestId, after_handshake: bool) -> Self {
        let state = GateState::Closed { held: Pending::new(outbox.0.form), on_cancel: None };
        let (open, state) = (AtomicBool::new(false), Mutex::new(state));
        Self(Arc::new(GateShared { outbox, id, after_handshake, open, state }))
    }

    pub(crate) fn outbox(&self) -> &Outbox {
        &self.0.outbox
    }

    /// Whether an MCPC handshake was read on the connection before the call, or is the call.
    pub(crate) fn is_after_handshake(&self) -> bool {
        self.0.after_handshake
    }

    /// Whether the call was cancelled before its reply, so that nothing leaves through it.
    pub(crate) fn is_cancelled(&self) -> bool {
        !self.0.open.load(Ordering::Acquire) && matches!(*self.state(), GateState::Cancelled)
    }

    fn state(&self) -> MutexGuard<'_, GateState> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends a callback, now or when the gate opens.
    pub(crate) fn push(&self, callback: &impl Outgoing, permit: Permit<'_>) {
        if self.0.open.load(Ordering::Acquire) {
            return self.0.outbox.push(callback, permit);
        }
        let mut state = self.state();
        match &mut *state {
            GateState::Closed { held, .. } => held.push(callback, permit),
            GateState::Open => self.0.outbox.push(callback, permit),
            GateState::Cancelled => {}
        }
    }

    /// Pushes something that only makes sense before the reply, if that is neither out nor cancelled.
    pub(crate) fn push_while_closed(&self, outgoing: &impl Outgoing, permit: Permit<'_>) {
        // Held while pushing, so that the reply cannot get in between.
        let state = self.state();
        if matches!(*state, GateState::Closed { .. }) {
            self.0.outbox.push_to(Some(To::Request(self.0.id.clone())), outgoing, permit);
        }
    }

    /// The same for a message that waits for no room of its own: not while the client reads too slowly.
    pub(crate) fn push_before_reply(&self, message: ServerJsonRpcMessage) -> Pushing {
        let state = self.state();
        match *state {
            GateState::Open | GateState::Cancelled => Pushing::TooLate,
            GateState::Closed { .. } if self.0.outbox.is_full() => Pushing::Full,
            GateState::Closed { .. } => {
                self.0.outbox.push_message_to(To::Request(self.0.id.clone()), message);
                Pushing::Pushed
            }
        }
    }

    /// The same for what makes sense after the reply alone, and is held back until that is out.
    pub(crate) fn push_after_reply(&self, outgoing: &impl Outgoing) -> Pushing {
        if self.0.outbox.is_full() {
            return Pushing::Full;
        }
        if self.is_cancelled() {
            return Pushing::TooLate;
        }
        self.push(outgoing, Permit::NONE);
        Pushing::Pushed
    }

    /// Drops what is held back, of a task that there will not be after all.
    pub(crate) fn drop_held(&self) {
        let mut state = self.state();
        let GateState::Closed { held, .. } = &mut *state else { return };
        let held = mem::replace(held, Pending::new(self.0.outbox.0.form));
        drop(state);
        self.0.outbox.0.free.add_permits(held.permits);
    }

    /// Pushes the reply, and after it everything the gate held back.
    pub(crate) fn open(&self, reply: ServerJsonRpcMessage) {
        self.open_after(|outbox, held| outbox.push_message_and(reply, held));
    }

    /// The same with a reply that rmcp's loop does not know of.
    pub(crate) fn open_with(&self, id: RequestId, reply: Reply) {
        self.open_after(|outbox, held| outbox.push_reply_and(id, reply, held));
    }

    fn open_after(&self, push: impl FnOnce(&Outbox, Option<Pending>)) {
        let mut state = self.state();
        let held = match mem::replace(&mut *state, GateState::Open) {
            GateState::Closed { held, .. } => Some(held),
            GateState::Open => None,
            GateState::Cancelled => {
                *state = GateState::Cancelled;
                return;
            }
        };
        push(&self.0.outbox, held);
        self.0.open.store(true, Ordering::Release);
    }

    /// The call was cancelled: drops what was held back and will be, and stops the task.
    pub(crate) fn cancel(&self) {
        let mut state = self.state();
        let GateState::Closed { held, on_cancel } = &mut *state else {
            return;
        };
        let (permit, on_cancel) = (held.permits, on_cancel.take());
        *state = GateState::Cancelled;
        drop(state);
        self.0.outbox.0.free.add_permits(permit);
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

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, JsonRpcMessage, RequestId, ServerResult};

    use super::*;
    use crate::outbox::{Form, Items, JsonNotification, Taken};

    #[tokio::test]
    async fn a_cancelled_call_gives_back_its_room_and_stops_its_task() {
        let outbox = Outbox::new(Form::Lines, 100);
        let gate = Gate::new(outbox.clone(), RequestId::Number(1), false);
        let (stop, stops) = std::sync::mpsc::channel();
        let again = stop.clone();
        gate.on_cancel(move || stop.send("cancelled").expect("somebody listens"));
        let said = JsonNotification("{}".to_owned());
        gate.push(&said, outbox.claim(60).try_reserve().expect("it is free"));
        assert!(outbox.claim(100).try_reserve().is_none());
        gate.cancel();
        assert_eq!(stops.try_recv(), Ok("cancelled"));
        assert!(outbox.claim(100).try_reserve().is_some(), "what was held back takes no room");
        gate.push(&said, outbox.claim(60).try_reserve().expect("it is free"));
        assert!(outbox.claim(100).try_reserve().is_some(), "and what comes later takes none");
        gate.on_cancel(move || again.send("cancelled before").expect("somebody listens"));
        assert_eq!(stops.try_recv(), Ok("cancelled before"));
        assert_eq!(outbox.take_now(&mut Pending::new(Form::Lines)), Taken::Nothing);
    }

    /// Threads say what only makes sense before the reply while that is pushed, or the call cancelled.
    #[tokio::test]
    async fn nothing_of_a_call_follows_its_reply_or_its_cancellation() {
        for round in 0..300 {
            let outbox = Outbox::new(Form::Lines, 1 << 20);
            let gate = Gate::new(outbox.clone(), RequestId::Number(1), false);
            let pushers: Vec<_> = (0..3)
                .map(|_| {
                    let gate = gate.clone();
                    std::thread::spawn(move || {
                        let early = || JsonNotification(r#"{"early":true}"#.to_owned());
                        let parsed = r#"{"jsonrpc":"2.0","method":"notifications/early"}"#;
                        let parsed = || serde_json::from_str(parsed).expect("a notification");
                        while gate.push_before_reply(parsed()) != Pushing::TooLate {
                            gate.push_while_closed(&early(), Permit::NONE);
                        }
                        gate.push_while_closed(&early(), Permit::NONE);
                    })
                })
                .collect();
            std::thread::sleep(std::time::Duration::from_micros(50 * (round % 5)));
            let fence = if round % 2 == 0 {
                let result = ServerResult::CallToolResult(CallToolResult::success(Vec::new()));
                gate.open(JsonRpcMessage::response(result, RequestId::Number(1)));
                r#""id":1"#
            } else {
                gate.cancel();
                outbox.push_line(b"cancelled\n");
                "cancelled"
            };
            pushers.into_iter().for_each(|pusher| pusher.join().expect("no panic"));
            let mut pending = Pending::new(Form::Lines);
            assert!(outbox.take(&mut pending).await);
            let Items::Lines(lines) = &pending.items else { panic!("lines were asked for") };
            let lines = String::from_utf8(lines.clone()).expect("UTF-8");
            let last = lines.lines().last().expect("something was said");
            assert!(last.contains(fence), "round {round}: {last}");
        }
    }
}
