//! What a body talks to its client with.

use std::fmt;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures::future::BoxFuture;
use serde::Serialize;

use super::Task;
use super::quantity::{Quantity, Total};
use crate::events::named;
use crate::log::{Amount, MaybeLater, Progress, Said};
use crate::message::Json;
use crate::question::{Answer, Asked, NoAnswer, Question, Response, in_time};

/// Talks to the client about a running task.
///
/// A background tool takes one as a parameter. No method but those that ask fails: the runtime ends a task whose client left or
/// that was told to stop. A clone is another handle to the same task; one that outlives its task sends nothing
/// any more and waits for nobody, which is logged once for each task.
///
/// What is sent and emitted leaves in the order in which the calls are first polled, also where several of them
/// are joined; of calls that are not async, in the order of the calls. To send from several threads at once,
/// clone.
///
#[doc = include_str!("../../docs/sender.md")]
#[derive(Clone)]
pub struct Sender {
    pub(super) task: Arc<Task>,
}

impl fmt::Debug for Sender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("tool", &self.task.tool_name)
            .field("task_id", &self.task.ids.task_id)
            .finish_non_exhaustive()
    }
}

impl Sender {
    /// Sends an update that holds `value`. Updates are never dropped and never reordered; while the
    /// client is slow, this waits.
    ///
    /// `value` is serialized before this returns, so it may borrow what it likes. A value that
    /// cannot be written as JSON ends the task as `failed`; the body is dropped where it awaits this.
    ///
    /// # Cancel safety
    ///
    /// The update is sent when the future completes, and not at all if it is dropped while it waits for the client. It
    /// may have been sent already where it waits for a task log outside of this process.
    pub fn send<T: Serialize>(&self, value: T) -> Sending<'_> {
        self.sending(update(&value))
    }

    /// Like [`send`](Self::send), for code that is not async: `spawn_blocking`, rayon, plain threads.
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_send<T: Serialize>(&self, value: T) {
        self.block_on_update(update(&value));
    }

    /// Sends a part of the task's output: what a person who watches wants to see, and what the result says again
    /// or is not about. Like [`send`](Self::send), it is never dropped, in order, and waits while the client is slow.
    ///
    /// An MCPC client gets it as an update. Any other hears of it while the task runs, as its progress or its status;
    /// `check_task` shows what came since the last check, and where the task fails, the end of its output goes with
    /// the error. A result comes without: so a tool that streams the lines of a build and returns what came of it
    /// does not say everything twice.
    ///
    /// # Cancel safety
    ///
    /// As [`send`](Self::send).
    pub fn output<T: AsRef<str>>(&self, text: T) -> Sending<'_> {
        self.sending(Ok(output(text.as_ref())))
    }

    /// Like [`output`](Self::output), for code that is not async.
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_output(&self, text: impl AsRef<str>) {
        self.block_on_update(Ok(output(text.as_ref())));
    }

    /// Sends how far the task has come: `done` of `total`, in whatever units it counts (files, bytes, steps), and what
    /// it is doing. A total that is not known is `None`.
    ///
    /// Never waits, and may be called from anywhere. While the client is slow the latest progress
    /// replaces the one before, so a client may miss some but always sees the last. Nothing that is sent
    /// after it overtakes it; it may itself overtake a [`send`](Self::send) that still waits.
    ///
    /// A client with a progress token gets both numbers as they are. An MCPC client gets an update
    /// `{"status": text, "progress": percent}`, as the reference has it: `done` of `total` in percent, from 0 to 100, to
    /// two decimals; of a `total` of 0, everything is done. Without a total it gets `{"status": text}`.
    pub fn progress(&self, done: impl Quantity, total: impl Total, text: impl AsRef<str>) {
        let amount = Amount::new(done.to_f64(), total.to_f64());
        self.task.progression().amount = amount;
        self.send_state(amount, text.as_ref());
    }

    /// Sends what the task is doing, like [`progress`](Self::progress), and as far as that said it was.
    pub fn status(&self, text: impl AsRef<str>) {
        let amount = self.task.progression().amount;
        self.send_state(amount, text.as_ref());
    }

    /// Sends a server event, which belongs to the session rather than to this task: `event` is its
    /// name, `data` what it carries. Waits while the client is slow.
    ///
    /// An MCPC client gets it as such. Any other gets a logging notification of level `info` whose `data`
    /// holds `event` and `data`, if it wants these: up to MCP 2025-11-25 unless it set a higher level, later
    /// if the call asked for such a level, and until its reply. A client of the Tasks extension hears of
    /// none. Of eight hosts that were measured, none shows such a notification: what a person is to see goes through
    /// [`send`](Self::send), [`status`](Self::status) or [`progress`](Self::progress).
    ///
    /// # Cancel safety
    ///
    /// The event is sent when the future completes, and not at all if it is dropped before.
    pub fn emit<T: Serialize>(&self, event: &str, data: T) -> Sending<'_> {
        self.emitting(session_event(event, &data))
    }

    /// Like [`emit`](Self::emit), for code that is not async.
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_emit<T: Serialize>(&self, event: &str, data: T) {
        self.block_on_event(session_event(event, &data));
    }

    /// Asks something, and waits for the answer.
    ///
    /// `T` is what is asked for: `bool` is a yes or no, an enum without data a choice, a `String` or a number a value, a
    /// struct of these a form ([`Answer`]). The question reaches whoever can answer it: a client that shows forms shows
    /// one (elicitation, in a session, in the reply to a call or of a task, as its protocol has it); any other client's
    /// model is told of it, by an update or in the reply to its call, and answers with `message_task`. The body waits where
    /// it is, and nothing of it is done twice.
    ///
    /// An answer is checked before it gets here: one that does not fit is refused with what was expected, and the question
    /// stays open. Several may be asked at once (`tokio::join!`).
    ///
    /// What should not be read by a model, or kept in a log, such as a password, is asked for with
    /// [`ask_url`](Self::ask_url).
    ///
    #[doc = include_str!("../../docs/ask.md")]
    ///
    /// # Errors
    ///
    /// Why there is no answer ([`NoAnswer`]): the user declined or dismissed it, nobody answered in time, the task was asked
    /// to stop, nobody can be asked, or as much waits for an answer as may.
    ///
    /// # Cancel safety
    ///
    /// Dropped, it withdraws the question: an answer that comes later is refused.
    // Boxed, as rustc reports a type that cannot be asked for once more for each use of an opaque one.
    pub fn ask<T: Answer>(
        &self,
        question: impl Into<Question>,
    ) -> BoxFuture<'_, Result<T, NoAnswer>> {
        let Question { text, timeout } = question.into();
        Box::pin(in_time(timeout, async move {
            let ask = async |asked: Asked| self.asking(&asked).await;
            T::asked(text)?.until_it_is_read(ask).await
        }))
    }

    /// Like [`ask`](Self::ask), for code that is not async: `spawn_blocking`, rayon, plain threads.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask).
    ///
    /// # Panics
    ///
    /// When it is called from async code, as it would block the runtime.
    pub fn blocking_ask<T: Answer>(&self, question: impl Into<Question>) -> Result<T, NoAnswer> {
        self.task.runtime.block_on(self.ask(question))
    }

    /// Has the user open an address, and waits until that is agreed to: for what no model should read and no log keep, as
    /// a password or a payment. What comes of it, the server behind the address knows.
    ///
    /// # Errors
    ///
    /// As [`ask`](Self::ask); [`NoAnswer::Unreachable`] where the client shows no addresses, which are never put into a
    /// form instead. A client that shows them and has had its [ticket] is not asked any more: its model finds the address in
    /// the text of `check_task`, and says when the user has opened it.
    ///
    /// [ticket]: https://docs.rs/mcpc/latest/mcpc/guide/clients/index.html#tickets
    ///
    /// # Cancel safety
    ///
    /// Dropped, it withdraws the question.
    pub async fn ask_url(
        &self,
        question: impl Into<Question>,
        url: impl Into<String>,
    ) -> Result<(), NoAnswer> {
        let Question { text, timeout } = question.into();
        in_time(timeout, self.asking(&Asked::at(text, url.into()))).await?.agreed()
    }

    /// Waits until the task is asked to stop. It then has the server's grace to end by itself,
    /// before it is dropped at its next await. Cancel safe.
    pub async fn stopped(&self) {
        self.task.stop.cancelled().await;
    }

    /// Whether the task was asked to stop.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.task.stop.is_cancelled()
    }

    /// The task's id: the client's own, or one made for it.
    #[must_use]
    pub fn task_id(&self) -> &str {
        &self.task.ids.task_id
    }

    /// The session the task belongs to, as the client named it; `default` where it named none.
    #[must_use]
    pub fn session_id(&self) -> &str {
        &self.task.ids.session_id
    }

    // What follows has no type of a user's in it, so it is compiled once, here.

    pub(crate) fn asking<'a>(
        &'a self,
        asked: &'a Asked,
    ) -> BoxFuture<'a, Result<Response, NoAnswer>> {
        Box::pin(self.task.ask(asked))
    }

    /// A handle that keeps nothing.
    #[cfg(feature = "testing")]
    pub(crate) fn downgrade(&self) -> WeakSender {
        WeakSender(Arc::downgrade(&self.task))
    }

    fn send_state(&self, amount: Amount, status: &str) {
        self.task.append_latest(Progress { amount, status: status.into() });
    }

    /// Says again what another task said. A question stays that one's.
    pub(crate) async fn repeat(&self, said: Said) {
        match said {
            Said::Progress(progress) => self.task.append_latest(progress),
            Said::Update(_) | Said::Output(_) => self.sending(Ok(said)).await,
            Said::Question(_) => {}
        }
    }

    fn sending(&self, update: Result<Said, String>) -> Sending<'_> {
        match update {
            Ok(said) => Sending(State::New(&self.task, said)),
            Err(reason) => Sending(State::Waiting(Box::pin(self.task.break_off_here(reason)))),
        }
    }

    /// Emits an event whose name and data are right.
    pub(crate) async fn emit_named(&self, event: &str, data: &Json) {
        self.task.emit(event, data).await;
    }

    fn emitting(&self, event: Result<(String, Json), String>) -> Sending<'_> {
        Sending(State::Waiting(match event {
            Ok((name, data)) => Box::pin(async move { self.task.emit(&name, &data).await }),
            Err(reason) => Box::pin(self.task.break_off_here(reason)),
        }))
    }

    fn block_on_update(&self, update: Result<Said, String>) {
        match update {
            Ok(said) => self.task.runtime.block_on(Sending(State::New(&self.task, said))),
            Err(reason) => self.task.break_off(reason),
        }
    }

    fn block_on_event(&self, event: Result<(String, Json), String>) {
        match event {
            Ok((name, data)) => self.task.runtime.block_on(self.task.emit(&name, &data)),
            Err(reason) => self.task.break_off(reason),
        }
    }
}

/// A handle to a task that keeps nothing of it.
#[cfg(feature = "testing")]
#[derive(Debug)]
pub(crate) struct WeakSender(std::sync::Weak<Task>);

#[cfg(feature = "testing")]
impl WeakSender {
    /// The sender, if there is another still.
    pub(crate) fn upgrade(&self) -> Option<Sender> {
        self.0.upgrade().map(|task| Sender { task })
    }
}

/// The future of [`Sender::send`], [`Sender::output`] and [`Sender::emit`], which completes when it is sent.
// It has a name, as rustc reports a value that cannot be sent once more for each use of an opaque type with its type in it. And
// the code of an `async fn` is compiled again in each crate that awaits it (a third of what a server's crate took to
// build), and its state is part of every body that does.
#[must_use = "nothing is sent unless it is awaited"]
pub struct Sending<'a>(State<'a>);

enum State<'a> {
    New(&'a Task, Said),
    Waiting(BoxFuture<'a, ()>),
    Done,
}

impl fmt::Debug for Sending<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sending").finish_non_exhaustive()
    }
}

impl Future for Sending<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let state = &mut self.0;
        if let State::New(..) = state {
            // A body that only ever sends must let others have their turn.
            ready!(pin!(tokio::task::coop::consume_budget()).poll(context));
            if let State::New(task, said) = std::mem::replace(state, State::Done) {
                if task.is_over() {
                    return Poll::Ready(());
                }
                match task.reserve_now(&said) {
                    Some(permit) => match task.append(said, permit) {
                        MaybeLater::Now(Ok(())) => {}
                        stored => *state = State::Waiting(Box::pin(task.stored(stored))),
                    },
                    None => *state = State::Waiting(Box::pin(task.send(said))),
                }
            }
        }
        if let State::Waiting(future) = state {
            ready!(future.as_mut().poll(context));
            *state = State::Done;
        }
        Poll::Ready(())
    }
}

fn update<T: Serialize>(value: &T) -> Result<Said, String> {
    match Json::new(value) {
        Ok(value) => Ok(Said::Update(value)),
        Err(error) => Err(format!("an update cannot be written as JSON: {error}")),
    }
}

fn output(text: &str) -> Said {
    Said::Output(Json::text(text))
}

/// A server event's name and data.
fn session_event<T: Serialize>(event: &str, data: &T) -> Result<(String, Json), String> {
    named(event, data).map_err(|error| error.to_string())
}
