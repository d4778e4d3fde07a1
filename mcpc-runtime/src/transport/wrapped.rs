//! Makes any transport of rmcp carry callbacks in order.

use std::fmt;

use rmcp::RoleServer;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::Transport;

use super::erased::{AnyError, Erased};
use super::requests::Requests;
use super::{End, Flush, Why, Wiring};
use crate::log::Boxed;
use crate::logging::event;
use crate::outbox::{Form, Items, Outbox, Pending};

/// A server's end of a connection over a transport that is not ours.
pub(crate) struct Wrapped {
    inner: Erased<RoleServer>,
    outbox: Outbox,
    requests: Requests,
    /// What was taken from the outbox and is yet to be sent.
    pending: Pending,
    /// The one message on its way: the next follows when it has arrived, as a transport may send
    /// several at once in any order.
    sending: Option<Boxed<'static, Result<(), AnyError>>>,
    end: End,
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wrapped").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

impl Wrapped {
    pub(crate) fn new(inner: Erased<RoleServer>, wiring: Wiring) -> (Self, Flush) {
        let Wiring { bounds, versions, end, intake, answers: _ } = wiring;
        let outbox = Outbox::new(Form::Messages, bounds.queued_bytes);
        let flush = Flush::new(end.ending().clone(), outbox.clone(), None);
        let wrapped = Self {
            inner,
            requests: Requests::new(outbox.clone(), versions, intake),
            outbox,
            pending: Pending::new(Form::Messages),
            sending: None,
            end,
        };
        (wrapped, flush)
    }

    /// Hands the next message to the transport, if there is one and none is on its way.
    fn start_sending(&mut self) {
        if self.sending.is_none()
            && let Some(message) = self.next_pending()
        {
            self.sending = Some(Box::pin(self.inner.send(message)));
        }
    }

    /// The next message of what was taken; gives the permits of the batch back after its last one.
    fn next_pending(&mut self) -> Option<ServerJsonRpcMessage> {
        let Items::Messages(messages) = &mut self.pending.items else {
            return None;
        };
        let message = messages.pop_front();
        if message.is_none() {
            self.outbox.written(&self.pending);
            self.pending = Pending::new(Form::Messages);
        }
        message
    }
}

impl Wrapped {
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when the input and the connection's tasks have ended; sends what is
    /// queued meanwhile. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            self.start_sending();
            let Self { inner, outbox, pending, sending, requests, end } = self;
            let ending = end.ending().clone();
            let has_begun = ending.has_begun();
            tokio::select! {
                sent = advance(outbox, pending, sending), if !outbox.is_dead() => if !sent {
                    ending.begin(Why::ClientLeft);
                },
                message = inner.receive(), if !has_begun && !outbox.is_full() => match message {
                    None => ending.begin(Why::InputEnded),
                    Some(message) => {
                        if let Some(message) = requests.read(message) {
                            return Some(message);
                        }
                    }
                },
                () = ending.begun(), if !has_begun => {}
                () = end.reached(requests), if has_begun => return None,
            }
        }
    }

    /// Sends what is left, for a while.
    pub(super) async fn close(&mut self) {
        let (outbox, ending) = (self.outbox.clone(), self.end.ending().clone());
        ending.write_rest(&outbox, self.send_rest()).await;
    }

    async fn send_rest(&mut self) {
        loop {
            self.start_sending();
            if !advance(&self.outbox, &mut self.pending, &mut self.sending).await {
                break;
            }
        }
        if let Err(error) = self.inner.close().await {
            event!(debug, %error, "the transport does not close");
        }
    }
}

impl Drop for Wrapped {
    fn drop(&mut self) {
        self.outbox.die();
    }
}

/// Waits for the message on its way, or else for something to send; `false` when the outbox is closed
/// and empty or the other side is gone. Cancel safe: its state is in its arguments.
async fn advance(
    outbox: &Outbox,
    pending: &mut Pending,
    sending: &mut Option<Boxed<'static, Result<(), AnyError>>>,
) -> bool {
    let Some(message) = sending else {
        return outbox.take(pending).await;
    };
    let sent = message.await;
    *sending = None;
    outbox.progressed(1);
    if let Err(error) = &sent {
        event!(debug, %error, "the client left");
        outbox.die();
    }
    sent.is_ok()
}
