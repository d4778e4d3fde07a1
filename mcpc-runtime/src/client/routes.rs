//! Which message goes to whom.

use std::collections::HashMap;
use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::task::{Context, Poll};

use std::future::poll_fn;

use futures::Stream;
use rmcp::model::{ClientCapabilities, ProgressToken, RequestId};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::error::TaskError;
use super::heard::{Heard, Stage};
use super::kept::Kept;
use super::questions::{Answering, Callback, Questions, Told};
use super::reply::{Ended, Outcome};
use super::said::{Event, Said};
use super::status::Status;
use crate::message::{Message, TaskEvent};

/// How many bytes of events one listener has that does not read.
const KEPT_EVENTS: usize = 1 << 20;

/// Everyone who listens on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes(Arc<Shared>);

#[derive(Default)]
struct Shared {
    listeners: Mutex<Listeners>,
    closed: CancellationToken,
    /// What answers questions in place of who reads a stream.
    callback: RwLock<Option<Callback>>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

#[derive(Debug, Default)]
struct Listeners {
    calls: HashMap<RequestId, Arc<Heard>>,
    tokens: HashMap<ProgressToken, Arc<Heard>>,
    tasks: HashMap<String, Arc<Heard>>,
    /// Every task that goes on.
    going_on: Vec<Weak<Heard>>,
    events: Vec<Weak<Kept<Event>>>,
    /// What the client said of itself, and what rmcp does not read of what the server says.
    capabilities: ClientCapabilities,
    unread: Unread,
    /// Whether some arguments may have to be said in headers, which the list of tools tells.
    has_headers: bool,
}

/// What a server declares of the tasks of MCP 2025-11-25, which rmcp does not read.
#[derive(Clone, Debug, Default)]
pub(super) struct Unread {
    pub(super) has_tasks: bool,
    /// What tools say of it, as far as they were listed.
    pub(super) tools: HashMap<String, bool>,
}

impl Routes {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Fires when the connection has ended.
    pub(super) fn closed(&self) -> &CancellationToken {
        &self.0.closed
    }

    pub(super) fn callback(&self) -> &RwLock<Option<Callback>> {
        &self.0.callback
    }

    pub(super) fn capabilities(&self) -> ClientCapabilities {
        self.listeners().capabilities.clone()
    }

    pub(super) fn set_capabilities(&self, capabilities: ClientCapabilities) {
        self.listeners().capabilities = capabilities;
    }

    pub(super) fn unread(&self) -> Unread {
        self.listeners().unread.clone()
    }

    pub(super) fn set_unread(&self, set: impl FnOnce(&mut Unread)) {
        set(&mut self.listeners().unread);
    }

    pub(super) fn has_headers(&self) -> bool {
        self.listeners().has_headers
    }

    #[cfg(feature = "client-http")]
    pub(super) fn set_has_headers(&self) {
        self.listeners().has_headers = true;
    }

    /// A call leaves.
    pub(super) fn call(&self, id: RequestId, token: Option<ProgressToken>, heard: Arc<Heard>) {
        heard.set_keys(|keys| (keys.request, keys.token) = (Some(id.clone()), token.clone()));
        let task_id = heard.task_id();
        let mut listeners = self.listeners();
        if let Some(token) = token {
            listeners.tokens.insert(token, Arc::clone(&heard));
        }
        // A client of MCPC chooses the id.
        if let Some(task_id) = task_id {
            listeners.tasks.insert(task_id, Arc::clone(&heard));
        }
        listeners.going_on.retain(|heard| heard.strong_count() > 0);
        listeners.going_on.push(Arc::downgrade(&heard));
        listeners.calls.insert(id, heard);
    }

    /// The call that a reply answers.
    pub(super) fn answered(&self, id: &RequestId) -> Option<Arc<Heard>> {
        self.listeners().calls.remove(id)
    }

    /// The call goes on as a task of MCP.
    pub(super) fn task(&self, task_id: String, heard: Arc<Heard>) {
        heard.set_keys(|keys| keys.task_id = Some(task_id.clone()));
        heard.set_stage(Stage::Task);
        self.listeners().tasks.insert(task_id, heard);
    }

    /// Nothing more is to be heard of a task.
    pub(super) fn forget(&self, heard: &Heard) {
        let keys = heard.keys();
        let mut listeners = self.listeners();
        keys.request.map(|id| listeners.calls.remove(&id));
        keys.token.map(|token| listeners.tokens.remove(&token));
        keys.task_id.map(|task_id| listeners.tasks.remove(&task_id));
        listeners.going_on.retain(|other| !std::ptr::eq(other.as_ptr(), heard));
    }

    /// The call that was made with a request and is not answered.
    pub(super) fn calling(&self, id: &RequestId) -> Option<Arc<Heard>> {
        self.listeners().calls.get(id).cloned()
    }

    /// The task that asks: the one that is named, or else the only one that goes on.
    pub(super) fn asking(&self, task_id: Option<&str>) -> Option<Arc<Heard>> {
        let listeners = self.listeners();
        if let Some(task_id) = task_id {
            return listeners.tasks.get(task_id).cloned();
        }
        let mut going_on = listeners.going_on.iter().filter_map(Weak::upgrade);
        going_on.next().filter(|_| going_on.next().is_none())
    }

    /// How far a call is; `false` if it is nobody's here.
    pub(super) fn progress(&self, token: &ProgressToken, said: Said, bytes: usize) -> bool {
        let heard = self.listeners().tokens.get(token).cloned();
        heard.map(|heard| heard.said.push(said, bytes)).is_some()
    }

    /// How a task is doing; `false` if it is nobody's here.
    pub(super) fn status(&self, task: &Value) -> bool {
        let Some((task_id, status)) = Status::read(task) else { return false };
        let heard = self.listeners().tasks.get(&task_id).cloned();
        heard.map(|heard| heard.push_status(status)).is_some()
    }

    /// A message of MCPC. What a task says before its call is known to be one waits for that.
    pub(super) fn message(&self, message: Message, bytes: usize) {
        let event = message.task_event();
        let heard = message.task_id.as_deref();
        let heard = heard.and_then(|task_id| self.listeners().tasks.get(task_id).cloned());
        match (&heard, event) {
            // Over HTTP it comes twice, as a reply and among what follows, and either may be the first.
            (Some(heard), Some(TaskEvent::Created)) => {
                if let Some(held) = heard.begin_callbacks() {
                    for (message, bytes) in std::iter::once((message, bytes)).chain(held) {
                        self.publish(message, Some(heard), bytes);
                    }
                }
            }
            (Some(heard), Some(_)) if heard.stage() == Stage::Unanswered => {
                for (message, bytes) in heard.hold(message, bytes) {
                    self.publish(message, Some(heard), bytes);
                }
            }
            _ => self.publish(message, heard.as_ref(), bytes),
        }
    }

    /// Tells a message to those whom it is for.
    fn publish(&self, message: Message, heard: Option<&Arc<Heard>>, bytes: usize) {
        let event = message.task_event();
        self.event(|| {
            let event = match event {
                Some(_) => Event::Task(message.clone()),
                None => {
                    Event::Emitted { event: message.event.clone(), data: message.result.clone() }
                }
            };
            (event, bytes)
        });
        let (Some(heard), Some(event)) = (heard, event) else { return };
        match event {
            TaskEvent::Created => {}
            TaskEvent::Update => match Told::read(&message.result) {
                Some(told) => {
                    let answer = Questions::new(self.clone()).ask(&told.params(None), Some(heard));
                    heard.push_asked(Answering(told, answer));
                }
                None => heard.said.push(Said::of_update(message.result), bytes),
            },
            TaskEvent::Complete => self.end(heard, Ok(Outcome::Value(Arc::new(message.result)))),
            TaskEvent::Failed if heard.is_stopped() => {
                self.end(heard, Err(TaskError::Stopped(message.result)));
            }
            TaskEvent::Failed => self.end(heard, Err(TaskError::Failed(message.result))),
        }
    }

    /// A task has ended.
    pub(super) fn end(&self, heard: &Heard, ended: Ended) {
        heard.end(ended);
        self.forget(heard);
    }

    /// Tells every listener of an event, which is made only if there is one.
    pub(super) fn event(&self, event: impl FnOnce() -> (Event, usize)) -> bool {
        let mut listeners = self.listeners();
        listeners.events.retain(|listener| listener.strong_count() > 0);
        let reading: Vec<_> = listeners.events.iter().filter_map(Weak::upgrade).collect();
        drop(listeners);
        if reading.is_empty() {
            return false;
        }
        let (event, bytes) = event();
        for listener in reading {
            listener.push(event.clone(), bytes);
        }
        true
    }

    /// Listens to events from now on.
    pub(super) fn events(&self) -> Events {
        let kept = Arc::new(Kept::new(KEPT_EVENTS));
        let mut listeners = self.listeners();
        listeners.events.push(Arc::downgrade(&kept));
        drop(listeners);
        if self.closed().is_cancelled() {
            kept.end();
        }
        Events(kept)
    }

    /// The tasks of MCPC cannot be heard any more.
    #[cfg(feature = "client-http")]
    pub(super) fn lose_tasks(&self) {
        let listeners = self.listeners();
        let is_heard = |heard: &Arc<Heard>| heard.stage() == Stage::Callbacks;
        let lost: Vec<_> =
            listeners.tasks.values().filter(|heard| is_heard(heard)).cloned().collect();
        drop(listeners);
        for heard in lost {
            self.end(&heard, Err(TaskError::ServerGone));
        }
    }

    /// The connection ended. A call that is unanswered hears of it from rmcp, and a task of MCP from who asks about it.
    pub(super) fn close(&self) {
        self.closed().cancel();
        let listeners = std::mem::take(&mut *self.listeners());
        for listener in listeners.events.iter().filter_map(Weak::upgrade) {
            listener.end();
        }
        for heard in listeners.tasks.into_values() {
            if heard.stage() == Stage::Callbacks {
                heard.end(Err(TaskError::ServerGone));
            }
        }
    }
}

/// What a server says, from [`Client::events`](super::Client::events) on. It ends with the connection.
///
/// Every listener has a queue of its own, of 1 MiB: one that does not read misses the oldest events
/// ([`Event::Missed`]), and holds up nobody.
#[derive(Debug)]
pub struct Events(Arc<Kept<Event>>);

impl Events {
    /// The next event; `None` once there will be none. Cancel safe.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|context| self.0.poll_next(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        self.0.poll_next(context)
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.0.abandon();
    }
}
