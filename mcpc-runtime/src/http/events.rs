//! The body of a response that is a stream of events.

use std::convert::Infallible;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use futures::Stream;
use tokio::time::{Sleep, sleep};

use crate::outbox::{EventReader, OF_SESSION};

/// What a stream of events is like.
pub(super) struct Manner {
    /// What it begins with.
    pub(super) opening: Vec<u8>,
    /// After how long without an event something is sent that says nothing, so that all between notice who is gone.
    pub(super) keep_alive: Duration,
    /// After how long without an event it ends, for the client to come back.
    pub(super) poll_after: Option<Duration>,
}

/// The events of one reader. What is held until it is dropped goes with it.
struct Events<H> {
    reader: EventReader,
    opening: Vec<u8>,
    keep_alive: Duration,
    poll_after: Option<Duration>,
    /// Until when nothing is said.
    silence: Option<Pin<Box<Sleep>>>,
    /// How long nothing was said before that.
    silent_for: Duration,
    is_over: bool,
    held: Option<H>,
}

impl<H> fmt::Debug for Events<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("reader", &self.reader).finish_non_exhaustive()
    }
}

/// A response of the events that a reader reads. Most answers are there as a whole, and leave in one piece whose length is
/// known.
pub(super) fn response<H: Send + Unpin + 'static>(
    mut reader: EventReader,
    manner: Manner,
    held: H,
) -> Response {
    static BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");
    let Manner { mut opening, keep_alive, poll_after } = manner;
    // What waits in a session is taken when it is about to leave: who has none of it cannot say what comes next.
    let is_all = reader.number() != OF_SESSION && reader.take_all(&mut opening);
    let body = match is_all {
        true => Body::from(until_written(opening, held)),
        false => Body::from_stream(Events {
            reader,
            opening,
            keep_alive,
            poll_after,
            silence: None,
            silent_for: Duration::ZERO,
            is_over: false,
            held: Some(held),
        }),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-transform"));
    // What keeps back a response until it is whole would keep back all of its events.
    headers.insert(&BUFFERING, HeaderValue::from_static("no"));
    response
}

/// Bytes with which something is held until they are written.
fn until_written<H: Send + 'static>(bytes: Vec<u8>, held: H) -> Bytes {
    struct Owner<H>(Vec<u8>, H);

    impl<H> AsRef<[u8]> for Owner<H> {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }

    Bytes::from_owner(Owner(bytes, held))
}

impl<H: Send + Unpin + 'static> Stream for Events<H> {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.is_over {
            return Poll::Ready(None);
        }
        let mut out = std::mem::take(&mut this.opening);
        let poll = this.reader.poll_events(context, &mut out);
        this.is_over = poll == Poll::Ready(false);
        let held = if this.is_over { this.held.take() } else { None };
        if !out.is_empty() {
            (this.silence, this.silent_for) = (None, Duration::ZERO);
            return Poll::Ready(Some(Ok(until_written(out, held))));
        }
        match poll {
            Poll::Ready(_) => Poll::Ready(None),
            Poll::Pending => this.poll_silence(context),
        }
    }
}

impl<H> Events<H> {
    /// What is sent where nothing is said.
    fn poll_silence(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        loop {
            let left = self.poll_after.map(|limit| limit.saturating_sub(self.silent_for));
            let next = left.map_or(self.keep_alive, |left| left.min(self.keep_alive));
            let silence = self.silence.get_or_insert_with(|| Box::pin(sleep(next)));
            if silence.as_mut().poll(context).is_pending() {
                return Poll::Pending;
            }
            self.silence = None;
            self.silent_for += next;
            if self.poll_after.is_some_and(|limit| self.silent_for >= limit) {
                self.is_over = true;
                self.held = None;
                return Poll::Ready(None);
            }
            if next == self.keep_alive {
                return Poll::Ready(Some(Ok(Bytes::from_static(b":\n\n"))));
            }
        }
    }
}
