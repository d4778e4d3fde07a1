//! A connection over HTTP: each message comes with a request of its own, and what is said leaves as events.

use std::fmt;
use std::sync::Arc;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::FusedStream as _;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification,
    ClientRequest, GetMeta as _, JsonRpcMessage, JsonRpcRequest, RequestId,
};

use super::direct::answered;
use super::requests::Requests;
use super::{Answers, End, Ending, Flush, Why, Wiring, rmcp_quirks};
use crate::outbox::{EventReader, Form, Layout, Outbox};

/// A server's end of a connection over HTTP.
pub(crate) struct Posted {
    inbox: UnboundedReceiver<ClientJsonRpcMessage>,
    outbox: Outbox,
    requests: Requests,
    end: End,
}

impl fmt::Debug for Posted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Posted").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// Where messages of such a connection are handed in. Once all of its clones are dropped, there is nothing more to
/// read.
#[derive(Clone)]
pub(crate) struct Post {
    inbox: UnboundedSender<ClientJsonRpcMessage>,
    outbox: Outbox,
    requests: Requests,
    answers: Arc<dyn Answers>,
    ending: Ending,
}

impl fmt::Debug for Post {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Post").field("outbox", &self.outbox).finish_non_exhaustive()
    }
}

/// What answers a message that was handed in, if anything does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum By {
    /// It is answered, or will be, or is to be ignored.
    Us,
    /// rmcp's loop, which is to read it.
    TheLoop,
}

impl Posted {
    /// A connection that is heard on such streams.
    pub(crate) fn new(layout: Layout, wiring: Wiring) -> (Self, Post, Flush) {
        let Wiring { bounds, versions, end, intake, answers } = wiring;
        let outbox = Outbox::new(Form::Events(layout), bounds.queued_bytes);
        let flush = Flush::new(end.ending().clone(), outbox.clone(), None);
        let requests = Requests::new(outbox.clone(), versions, intake);
        // One of tokio's holds room for 32 messages: 15 KiB in a session in which nothing happens.
        let (sender, inbox) = unbounded();
        let post = Post {
            inbox: sender,
            outbox: outbox.clone(),
            requests: requests.clone(),
            answers,
            ending: end.ending().clone(),
        };
        (Self { inbox, outbox, requests, end }, post, flush)
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when nothing more comes and the connection's tasks have ended. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        let ending = self.end.ending().clone();
        loop {
            let has_begun = ending.has_begun();
            tokio::select! {
                biased;
                // What was taken before the end is still handled.
                message = self.inbox.next(), if !self.inbox.is_terminated() => {
                    match message {
                        Some(message) => return Some(message),
                        None => ending.begin(Why::ClientLeft),
                    }
                }
                () = ending.begun(), if !has_begun => {}
                () = self.end.reached(&self.requests), if has_begun => return None,
            }
        }
    }

    /// Has those that read what is left, for as long as they do.
    pub(super) async fn close(&mut self) {
        let ending = self.end.ending().clone();
        ending.write_rest(&self.outbox, self.outbox.drained()).await;
    }
}

impl Drop for Posted {
    fn drop(&mut self) {
        // What was said is still read.
        self.requests.give_up();
    }
}

impl Post {
    pub(crate) fn outbox(&self) -> &Outbox {
        &self.outbox
    }

    /// How many requests are yet to be answered.
    pub(crate) fn unanswered(&self) -> usize {
        self.requests.unanswered()
    }

    /// How the connection ends.
    pub(crate) fn ending(&self) -> &Ending {
        &self.ending
    }

    /// Waits until the grace is over, and answers what is unanswered then.
    pub(crate) async fn force(&self) {
        self.ending.force(&self.requests).await;
    }

    /// Has those that read what is left, for as long as they do.
    pub(crate) async fn finish(&self) {
        self.ending.write_rest(&self.outbox, self.outbox.drained()).await;
    }

    /// Takes a request, of which this is the body; returns what reads its answer and what
    /// answers, or nothing if one of the same id is yet to be answered.
    pub(crate) fn request(
        &self,
        request: JsonRpcRequest<ClientRequest>,
        body: &[u8],
    ) -> Option<(EventReader, By)> {
        let token = request.request.get_meta().get_progress_token();
        let reader = self.outbox.open_stream(&request.id, token)?;
        Some((reader, self.read(JsonRpcMessage::Request(request), body)))
    }

    /// Takes a message, of which this is the body, whose answer leaves where everything does.
    pub(crate) fn read(&self, mut message: ClientJsonRpcMessage, body: &[u8]) -> By {
        rmcp_quirks::subscribe(&mut message, body, &self.outbox);
        self.tell(message)
    }

    /// Takes a message. What is wrong with a request is answered on its stream.
    pub(crate) fn tell(&self, message: ClientJsonRpcMessage) -> By {
        let cancelled = match &message {
            JsonRpcMessage::Notification(notification) => match &notification.notification {
                ClientNotification::CancelledNotification(cancelled) => {
                    cancelled.params.request_id.clone()
                }
                _ => None,
            },
            _ => None,
        };
        let message = self.requests.read(message);
        let message = message.and_then(|it| answered(&self.answers, &self.requests, it));
        let by = if message.is_some() { By::TheLoop } else { By::Us };
        if let Some(message) = message.filter(|message| self.requests.is_wanted(message)) {
            // Nobody takes it once the connection has ended.
            let _is_taken = self.inbox.unbounded_send(message);
        }
        if let Some(id) = cancelled {
            self.outbox.close_stream(&id);
        }
        by
    }

    /// Cancels a request.
    pub(crate) fn cancel(&self, id: &RequestId) {
        let params = CancelledNotificationParam::new(Some(id.clone()), None);
        let notification = CancelledNotification::new(params);
        let notification = ClientNotification::CancelledNotification(notification);
        let _by = self.tell(JsonRpcMessage::notification(notification));
    }
}
