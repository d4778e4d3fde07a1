//! How streams of events are opened, read and left.

use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use rmcp::model::{ProgressToken, RequestId};
use tokio::time::sleep;

use super::streams::{AWAY, First, Freed, OF_SESSION, Sending};
use super::{Form, Layout, Outbox, State};

/// Reads one stream of an outbox, until somebody else does. Dropped, it leaves the stream.
#[derive(Debug)]
pub(crate) struct EventReader {
    outbox: Outbox,
    number: u64,
    reader: u64,
}

impl EventReader {
    /// The number of its stream.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The number of the last event before those that it is handed.
    #[cfg(feature = "http")]
    pub(crate) fn after(&self) -> u64 {
        let queue = self.outbox.queue();
        queue.streams.as_ref().map_or(0, |streams| streams.after(self.number))
    }

    /// Appends the message that is there, as it is.
    #[cfg(feature = "http")]
    pub(crate) fn take_json(&mut self, out: &mut Vec<u8>) {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut events = Vec::new();
        let _goes_on = self.poll_events(&mut context, &mut events);
        if let Some(at) = memchr::memmem::find(&events, b"data: ") {
            out.extend_from_slice(events[at + b"data: ".len()..].trim_ascii_end());
        }
    }

    /// Appends what is there; returns whether that is all there will ever be.
    #[cfg(feature = "http")]
    pub(crate) fn take_all(&mut self, out: &mut Vec<u8>) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        self.poll_events(&mut context, out) == Poll::Ready(false)
    }

    /// Waits for what comes first, without taking it. Cancel safe.
    pub(crate) async fn first(&mut self) -> First {
        poll_fn(|context| {
            let queue = &mut *self.outbox.queue();
            let is_over = queue.state != State::Open;
            match &mut queue.streams {
                Some(streams) => streams.poll_first(self.number, self.reader, is_over, context),
                None => Poll::Ready(First::Over),
            }
        })
        .await
    }

    /// Appends the events that are there; `false` if there will be none after them.
    pub(crate) fn poll_events(
        &mut self,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<bool> {
        let before = out.len();
        let sending = {
            let queue = &mut *self.outbox.queue();
            let is_over = queue.state != State::Open;
            match &mut queue.streams {
                Some(streams) => streams.poll(self.number, self.reader, is_over, context, out),
                None => Poll::Ready(Sending::Over),
            }
        };
        match sending {
            Poll::Ready(Sending::Events { freed, is_last }) => {
                self.outbox.progressed(out.len() - before);
                self.outbox.give_back(freed);
                Poll::Ready(!is_last)
            }
            Poll::Ready(Sending::Over) => Poll::Ready(false),
            Poll::Pending => {
                self.outbox.reclaim();
                Poll::Pending
            }
        }
    }
}

impl Drop for EventReader {
    fn drop(&mut self) {
        let is_to_be_watched = match &mut self.outbox.queue().streams {
            Some(streams) => streams.detach(self.number, self.reader),
            None => false,
        };
        if is_to_be_watched {
            self.outbox.watch_the_absent();
        }
        // Who waits until everybody has read waits no longer for this one.
        self.outbox.0.written.notify_waiters();
    }
}

impl Outbox {
    /// Whether something can follow the reply to a call.
    pub(crate) fn can_follow(&self) -> bool {
        !matches!(self.0.form, Form::Events(Layout::Request))
    }

    /// Whether a reply leaves on another stream than what follows it.
    pub(crate) fn splits_replies_off(&self) -> bool {
        matches!(self.0.form, Form::Events(Layout::Session))
    }

    /// Whether somebody reads the stream of the session, as far as is known.
    pub(crate) fn session_is_read(&self) -> bool {
        self.queue().streams.as_ref().is_some_and(|streams| streams.is_read(OF_SESSION))
    }

    /// Opens the stream of a request; `None` if one of the same id is yet to be answered.
    pub(crate) fn open_stream(
        &self,
        id: &RequestId,
        token: Option<ProgressToken>,
    ) -> Option<EventReader> {
        let (number, reader) = {
            let mut queue = self.queue();
            let streams = queue.streams.as_mut()?;
            let number = streams.open(id, token)?;
            (number, streams.attach(number, None)?.0)
        };
        Some(EventReader { outbox: self.clone(), number, reader })
    }

    /// Ends the stream of a request that will not be answered.
    pub(crate) fn close_stream(&self, id: &RequestId) {
        let waker = self.queue().streams.as_mut().and_then(|streams| streams.close(id));
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Reads a stream from after an event on, or what was never sent, in place of who did before. `None` if there is no
    /// such stream.
    pub(crate) fn read_stream(&self, number: u64, after: Option<u64>) -> Option<EventReader> {
        let (reader, before) = self.queue().streams.as_mut()?.attach(number, after)?;
        if let Some(before) = before {
            before.wake();
        }
        Some(EventReader { outbox: self.clone(), number, reader })
    }

    /// Forgets what was sent, if nothing was for so long, and answers that nobody came for, for longer.
    pub(crate) fn forget_sent(&self, limit: Duration, unsent: Duration) {
        let freed = self.queue().streams.as_mut().map(|streams| streams.forget_sent(limit, unsent));
        self.give_back(freed.unwrap_or_default());
    }

    /// Whether so many answers are unread that no other request is to be taken.
    #[cfg(feature = "http")]
    pub(crate) fn is_full_of_answers(&self) -> bool {
        let queue = self.queue();
        queue.answer_bytes > super::REPLY_LIMIT && queue.state != State::Dead
    }

    /// Waits until few enough answers are unread to take another request. Cancel safe.
    #[cfg(feature = "http")]
    pub(crate) async fn answer_room_available(&self) {
        loop {
            let written = self.0.written.notified();
            if !self.is_full_of_answers() {
                return;
            }
            written.await;
        }
    }

    /// Waits until everybody who reads has read everything. Cancel safe.
    pub(crate) async fn drained(&self) {
        loop {
            let written = self.0.written.notified();
            if !self.queue().streams.as_ref().is_some_and(|streams| streams.waits_for_readers()) {
                return;
            }
            written.await;
        }
    }

    /// Gives back what was taken by what is sent, or waits for somebody who is away.
    pub(super) fn give_back(&self, freed: Freed) {
        self.0.free.add_permits(freed.permits);
        if freed.reply_bytes > 0 {
            let mut queue = self.queue();
            queue.reply_bytes -= freed.reply_bytes;
            queue.answer_bytes -= freed.answer_bytes;
        }
        if freed.permits > 0 || freed.reply_bytes > 0 {
            self.0.written.notify_waiters();
        }
    }

    /// Takes back what threads hold in advance, if nothing that is sent will give anything back.
    pub(super) fn reclaim_if_all_is_sent(&self) {
        let hold_no_room =
            self.queue().streams.as_ref().is_some_and(|streams| streams.hold_no_room());
        if hold_no_room {
            self.reclaim();
        }
    }

    /// Sees to it that what waits for somebody who has left does not hold up others for ever.
    pub(super) fn watch_the_absent(&self) {
        let Some(runtime) = &self.0.runtime else { return };
        let outbox = self.clone();
        runtime.spawn(async move {
            loop {
                sleep(AWAY).await;
                let let_go = outbox.queue().streams.as_mut().map(|streams| streams.let_go());
                let Some((freed, is_left)) = let_go else { return };
                outbox.give_back(freed);
                outbox.reclaim();
                if !is_left {
                    return;
                }
            }
        });
    }
}
