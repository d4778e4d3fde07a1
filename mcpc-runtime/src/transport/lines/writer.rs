//! Writes what waits in an outbox.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite as _;

use super::Writer;
use crate::logging::event;
use crate::outbox::{Form, Items, Outbox, Pending, Taken};
use crate::transport::{Ending, Why};

/// The one writer of a connection; a clone is another handle to it.
///
/// It can be driven from anywhere, by one at a time: what is half written stays here.
#[derive(Clone)]
pub(crate) struct LineWriter(Arc<Shared>);

struct Shared {
    outbox: Outbox,
    ending: Ending,
    state: Mutex<State>,
}

struct State {
    /// `None` once nothing more is to be written.
    writer: Option<Writer>,
    /// What was taken from the outbox and is not written yet.
    pending: Pending,
    /// How many bytes of that are.
    written: usize,
}

impl LineWriter {
    pub(super) fn new(outbox: Outbox, writer: Writer, ending: Ending) -> Self {
        let pending = Pending::new(Form::Lines);
        let state = State { writer: Some(writer), pending, written: 0 };
        Self(Arc::new(Shared { outbox, ending, state: Mutex::new(state) }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes until the outbox is closed and empty, or nobody reads any more.
    pub(super) async fn run(self) {
        // Whatever ends this, nobody must wait for it any more, and the stream is to be closed.
        let end = WriterEnd(self);
        if let Err(error) = end.0.drain().await {
            event!(debug, %error, "the client left");
            end.0.0.ending.begin(Why::ClientLeft);
        }
    }

    /// Writes until the outbox is closed and empty. Cancel safe.
    pub(crate) async fn drain(&self) -> io::Result<()> {
        loop {
            let pushed = self.0.outbox.pushed();
            match self.take() {
                Taken::Something => poll_fn(|context| self.poll_write(context)).await?,
                Taken::Nothing => pushed.await,
                Taken::Closed => return Ok(()),
            }
        }
    }

    /// Takes what waits, unless something is left of what was taken before.
    fn take(&self) -> Taken {
        let state = &mut *self.state();
        match state.pending.items.is_empty() {
            true => self.0.outbox.take_now(&mut state.pending),
            false => Taken::Something,
        }
    }

    /// Writes what was taken.
    fn poll_write(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let state = &mut *self.state();
        let Some(writer) = &mut state.writer else {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        };
        let Items::Lines(lines) = &state.pending.items else {
            unreachable!("the outbox of lines holds lines")
        };
        while state.written < lines.len() {
            let rest = &lines[state.written..];
            match ready!(Pin::new(&mut *writer).poll_write(context, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                bytes => {
                    state.written += bytes;
                    self.0.outbox.progressed(bytes);
                }
            }
        }
        ready!(Pin::new(writer).poll_flush(context))?;
        self.0.outbox.written(&state.pending);
        state.pending.clear();
        state.written = 0;
        Poll::Ready(Ok(()))
    }

    /// Goes on with another way to the same reader.
    pub(crate) fn continue_with(&self, writer: Writer) {
        let before = self.state().writer.replace(writer);
        drop(before);
    }
}

struct WriterEnd(LineWriter);

impl Drop for WriterEnd {
    fn drop(&mut self) {
        self.0.0.ending.begin(match std::thread::panicking() {
            true => Why::Failed,
            false => Why::Dropped,
        });
        self.0.0.outbox.die();
        let writer = self.0.state().writer.take();
        drop(writer);
    }
}
