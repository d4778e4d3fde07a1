//! What the runtime logs, which must not end anything.
//!
//! A subscriber is the user's, and may panic: that of `tracing-subscriber` does when it writes to a stderr that
//! nobody reads any more, unless it is told not to report that on stderr. It may block as well, on a log that is full.
//! So what it does is contained, and nothing is logged, and no span made, entered or dropped, on the thread that ends
//! a server or under a lock that this may need.

use std::cmp::Ordering;
use std::collections::{HashMap, VecDeque};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;
use tracing::dispatcher::{self, Dispatch};

/// Logs an event: the name of `tracing`'s macro, and what that takes.
macro_rules! event {
    ($level:ident, $($event:tt)+) => {{
        let _logged = $crate::logging::contain(|| tracing::$level!(target: "mcpc", $($event)+));
    }};
}

/// Makes a [`Span`]: its name, and its fields as `tracing`'s macros take them, which are looked at only if somebody
/// wants to know.
macro_rules! span {
    ($($span:tt)+) => {
        $crate::logging::Span::new(|| tracing::info_span!(target: "mcpc", $($span)+))
    };
}

pub(crate) use {event, span};

/// Does something whose panic is nobody's business.
pub(crate) fn contain<T>(log: impl FnOnce() -> T) -> Option<T> {
    let done = catch_unwind(AssertUnwindSafe(log));
    // Dropping the panic would be the next thing to panic.
    done.map_err(std::mem::forget).ok()
}

/// Logs on a thread that nobody waits for: one that nobody reads a log of may be held up forever, and what ends a
/// server must not be. There is one such thread for a runtime, which logs in the order of the calls; what is too much
/// for it is left out. The receiver hears when this was logged, or that it will not be. Must be called inside of a
/// tokio runtime.
pub(crate) fn aside(log: impl FnOnce() + Send + 'static) -> oneshot::Receiver<()> {
    let (logged, is_logged) = oneshot::channel();
    let log = move || {
        log();
        let _nobody_waits = logged.send(());
    };
    let subscriber = dispatcher::get_default(Clone::clone);
    let runtime = Handle::current();
    let message = Message { log: Box::new(log), subscriber };
    if let Some(writer) = Writer::give(runtime.id(), message) {
        runtime.spawn_blocking(move || writer.write());
    }
    is_logged
}

/// How many messages wait to be logged aside. More have piled up in a log that nobody reads.
const MOST_WAITING: usize = 1_000;

struct Message {
    log: Box<dyn FnOnce() + Send>,
    /// Who is to hear it.
    subscriber: Dispatch,
}

/// What waits to be logged aside, for each runtime that has a [`Writer`].
static WAITING: LazyLock<Mutex<HashMap<runtime::Id, VecDeque<Message>>>> =
    LazyLock::new(Mutex::default);

/// Logs what waits in a runtime until nothing does. A thread for each message would take the whole of the runtime's
/// pool, of which tools need some.
struct Writer(runtime::Id);

impl Writer {
    /// Lets a message wait; returns the writer that is to be started if there is none yet.
    fn give(runtime: runtime::Id, mut message: Message) -> Option<Self> {
        let mut all = waiting();
        let is_new = !all.contains_key(&runtime);
        let messages = all.entry(runtime).or_default();
        let left_out = match messages.len().cmp(&MOST_WAITING) {
            Ordering::Less => {
                messages.push_back(message);
                None
            }
            Ordering::Equal => {
                let notice = || event!(warn, "the log is held up: messages are left out");
                let left_out = std::mem::replace(&mut message.log, Box::new(notice));
                messages.push_back(message);
                Some(left_out)
            }
            Ordering::Greater => Some(message.log),
        };
        // What is the user's, such as a subscriber, is dropped where it may log.
        drop(all);
        drop(left_out);
        is_new.then(|| Self(runtime))
    }

    fn write(self) {
        while let Some(Message { log, subscriber }) = self.next() {
            contain(move || dispatcher::with_default(&subscriber, log));
        }
        // Another one may have begun.
        std::mem::forget(self);
    }

    fn next(&self) -> Option<Message> {
        let mut all = waiting();
        let message = all.get_mut(&self.0)?.pop_front();
        if message.is_none() {
            all.remove(&self.0);
        }
        message
    }
}

impl Drop for Writer {
    /// The runtime ended before this began.
    fn drop(&mut self) {
        let messages = waiting().remove(&self.0);
        drop(messages);
    }
}

fn waiting() -> MutexGuard<'static, HashMap<runtime::Id, VecDeque<Message>>> {
    WAITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The same, if anybody listens at the level `info`, and wherever it is called.
pub(crate) fn mention(log: impl FnOnce() + Send + 'static) -> Option<oneshot::Receiver<()>> {
    (listens() && Handle::try_current().is_ok()).then(|| aside(log))
}

/// Whether anybody listens to what is logged at the level `info`.
pub(crate) fn listens() -> bool {
    contain(|| tracing::enabled!(target: "mcpc", tracing::Level::INFO)).unwrap_or_default()
}

/// A span, if the subscriber wants one. Whatever that does about it is contained.
#[derive(Debug)]
pub(crate) struct Span(Option<Box<tracing::Span>>);

impl Span {
    pub(crate) const NONE: Self = Self(None);

    pub(crate) fn new(span: impl FnOnce() -> tracing::Span) -> Self {
        Self(contain(span).filter(|span| !span.is_disabled()).map(Box::new))
    }

    /// The one that this thread is in.
    pub(crate) fn current() -> Self {
        Self::new(tracing::Span::current)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn id(&self) -> Option<tracing::Id> {
        contain(|| self.0.as_ref()?.id()).flatten()
    }

    /// Does something inside of it.
    pub(crate) fn inside<T>(&self, work: impl FnOnce() -> T) -> T {
        let _entered = self.enter();
        work()
    }

    fn enter(&self) -> Option<Entered<'_>> {
        let span = self.0.as_deref()?;
        // A subscriber that panics half way in is to be led out again.
        let entered = Entered(span);
        contain(|| span.with_subscriber(|(id, subscriber)| subscriber.enter(id)));
        Some(entered)
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        contain(|| drop(self.0.take()));
    }
}

/// A span that this thread is in.
struct Entered<'a>(&'a tracing::Span);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        contain(|| self.0.with_subscriber(|(id, subscriber)| subscriber.exit(id)));
    }
}

/// A future that is polled and dropped inside of a span.
#[derive(Debug)]
pub(crate) struct Inside<'a, F> {
    span: &'a Span,
    work: Option<F>,
}

impl<'a, F> Inside<'a, F> {
    pub(crate) fn new(span: &'a Span, work: F) -> Self {
        Self { span, work: Some(work) }
    }
}

impl<F: Future + Unpin> Future for Inside<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Self { span, work } = &mut *self;
        let work = work.as_mut().expect("it is dropped with this alone");
        span.inside(|| Pin::new(work).poll(context))
    }
}

impl<F> Drop for Inside<'_, F> {
    fn drop(&mut self) {
        let Self { span, work } = self;
        span.inside(|| drop(work.take()));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    #[test]
    fn a_span_that_nobody_wants_costs_nothing() {
        let is_looked_at = Cell::new(false);
        let look = || is_looked_at.replace(true);
        let span = span!("span", field = look());
        assert!(span.is_none() && span.id().is_none() && !is_looked_at.get());
    }
}
