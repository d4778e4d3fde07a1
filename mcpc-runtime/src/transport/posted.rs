//! A connection over HTTP: each message comes with a request of its own, and what is said leaves as events.
//!
//! rmcp's loop is there while something needs it. It is lent the connection, and gives it back when it rests.

use std::fmt;
use std::future::pending;
use std::mem;
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt as _;
use futures::channel::mpsc::{UnboundedReceiver, UnboundedSender, unbounded};
use futures::stream::FusedStream as _;
use rmcp::model::{
    CancelledNotification, CancelledNotificationParam, ClientJsonRpcMessage, ClientNotification,
    ClientRequest, JsonRpcMessage, JsonRpcRequest, RequestId,
};
use tokio::sync::oneshot;
use tokio::time::sleep;

use super::direct::answered;
use super::lines::ShortRequest;
use super::requests::{Requests, Rest};
use super::simple::answered_at;
use super::{Answers, End, Ending, Flush, Why, Wiring, rmcp_quirks};
use crate::context::meta_of;
use crate::outbox::{EventReader, Form, Layout, Outbox};

/// For how long a loop has nothing to read before it is looked for whether anything needs it.
const LINGERING: Duration = Duration::from_secs(1);

/// A server's end of a connection over HTTP.
pub(crate) struct Posted {
    /// What was read already, to be read again.
    next: Option<Box<ClientJsonRpcMessage>>,
    inbox: UnboundedReceiver<ClientJsonRpcMessage>,
    outbox: Outbox,
    requests: Requests,
    answers: Arc<dyn Answers>,
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
            answers: Arc::clone(&answers),
            ending: end.ending().clone(),
        };
        (Self { next: None, inbox, outbox, requests, answers, end }, post, flush)
    }

    /// Has a message, if there is one, be read again before any other.
    pub(crate) fn put_back(&mut self, message: Option<ClientJsonRpcMessage>) {
        self.next = message.map(Box::new);
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when nothing more comes and the connection's tasks have ended. Cancel safe.
    pub(crate) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        if let Some(next) = self.next.take() {
            return Some(*next);
        }
        let Self { inbox, requests, end, .. } = self;
        let ending = end.ending().clone();
        loop {
            let has_begun = ending.has_begun();
            // On the heap: a session that waits would hold its room.
            let reached = async { Box::pin(end.reached(requests)).await };
            tokio::select! {
                biased;
                // What was taken before the end is still handled.
                message = inbox.next(), if !inbox.is_terminated() => {
                    match message {
                        Some(message) => return Some(message),
                        None => ending.begin(Why::ClientLeft),
                    }
                }
                () = ending.begun(), if !has_begun => {}
                () = reached, if has_begun => return None,
            }
        }
    }

    /// Has a message answered that was left to the loop while there was none, if all that it needs is what a loop hands
    /// out; else returns it. So what a task asks never comes before the reply to its call.
    fn answered(&self, message: ClientJsonRpcMessage) -> Option<ClientJsonRpcMessage> {
        let message = Some(message).filter(|message| self.requests.is_wanted(message));
        message.and_then(|message| answered(&self.answers, &self.requests, message))
    }

    /// Has those that read what is left, for as long as they do.
    pub(crate) async fn close(&mut self) {
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

/// What a loop has of such a connection.
pub(crate) struct Lent {
    requests: Requests,
    posted: Place,
    back: Option<oneshot::Sender<Posted>>,
    /// How many messages are yet to be read until the loop lingers where nothing more comes. Of a session that has just
    /// begun, most is answered without a loop.
    of_the_beginning: usize,
}

/// Where the connection is that a loop was lent.
enum Place {
    /// It will be there.
    Coming(oneshot::Receiver<Posted>),
    Here(Posted),
    /// It was given back, or will never be there.
    Gone,
}

/// What lends a connection, and gets it back.
#[derive(Debug)]
pub(crate) struct Lending {
    there: oneshot::Sender<Posted>,
    back: oneshot::Receiver<Posted>,
}

impl fmt::Debug for Lent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lent").field("requests", &self.requests).finish_non_exhaustive()
    }
}

impl Lent {
    /// What a loop is to have of a connection, and what lends that.
    pub(crate) fn of(posted: &Posted) -> (Self, Lending) {
        let (there, coming) = oneshot::channel();
        let (give_back, back) = oneshot::channel();
        let requests = posted.requests.clone();
        let lent = Self {
            requests,
            posted: Place::Coming(coming),
            back: Some(give_back),
            of_the_beginning: if posted.next.is_none() { 2 } else { 0 },
        };
        (lent, Lending { there, back })
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// The next message, or `None` when the connection was given back, or has ended. Cancel safe.
    pub(super) async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        if let Place::Coming(coming) = &mut self.posted {
            self.posted = coming.await.map_or(Place::Gone, Place::Here);
        }
        let Place::Here(posted) = &mut self.posted else { return None };
        let mut lingering = Some(match self.of_the_beginning {
            0 => LINGERING,
            _ => Duration::ZERO,
        });
        loop {
            tokio::select! {
                biased;
                message = posted.receive() => {
                    self.of_the_beginning = self.of_the_beginning.saturating_sub(1);
                    if let Some(message) = posted.answered(message?) {
                        return Some(message);
                    }
                }
                () = passed(lingering) => match self.requests.rest() {
                    Rest::Rests => break,
                    Rest::NotYet => {}
                    Rest::Never => {
                        lingering = None;
                        continue;
                    }
                },
            }
            lingering = lingering.and(Some(LINGERING));
        }
        let posted = mem::replace(&mut self.posted, Place::Gone);
        if let (Place::Here(posted), Some(back)) = (posted, self.back.take()) {
            // Where nobody waits for it, it ends.
            drop(back.send(posted));
        }
        None
    }

    /// Has those that read what is left, unless the connection goes on.
    pub(super) async fn close(&mut self) {
        if let Place::Here(posted) = &mut self.posted {
            posted.close().await;
        }
    }
}

/// Waits for so long, or for ever. (tokio's timer waits a millisecond also for no time at all.)
async fn passed(time: Option<Duration>) {
    match time {
        None => pending().await,
        Some(Duration::ZERO) => {}
        Some(time) => sleep(time).await,
    }
}

impl Lending {
    /// Lends the connection. It comes back when it rests, and not at all when it has ended.
    pub(crate) fn lend(self, posted: Posted) -> oneshot::Receiver<Posted> {
        // A loop that is gone has ended it.
        drop(self.there.send(posted));
        self.back
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

    /// Whether somebody waits for the answer to a request.
    pub(crate) fn awaits(&self, id: &RequestId) -> bool {
        self.requests.awaits(id)
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
        let token = meta_of(&request.request).get_progress_token();
        let reader = self.outbox.open_stream(&request.id, token)?;
        Some((reader, self.read(JsonRpcMessage::Request(request), body)))
    }

    /// Takes a [simple](super::simple) request; returns what reads its answer, or nothing, and does nothing, if it is none.
    pub(crate) fn simple(&self, read: &mut ShortRequest<'_>) -> Option<EventReader> {
        let open = |id: &RequestId| self.outbox.open_stream(id, None);
        answered_at(&self.answers, &self.requests, read, &open)
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
        let message = self.requests.read(message).filter(|message| match message {
            JsonRpcMessage::Notification(it) => !self.answers.hear(&it.notification),
            _ => true,
        });
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
