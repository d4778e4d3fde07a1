//! Which message goes to whom.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use futures::Stream;
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::message::{Message, TaskEvent};

/// Everyone who listens on one connection.
#[derive(Clone, Debug, Default)]
pub(super) struct Routes(Arc<Mutex<Listeners>>);

#[derive(Debug, Default)]
struct Listeners {
    tasks: HashMap<String, TaskRoute>,
    all: Vec<UnboundedSender<Message>>,
    closed: bool,
}

#[derive(Debug)]
struct TaskRoute {
    sender: UnboundedSender<Message>,
    started: Arc<AtomicBool>,
}

impl Routes {
    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Listens to one task.
    pub(super) fn task(&self, task_id: String) -> Task {
        let (sender, receiver) = unbounded_channel();
        let started = Arc::new(AtomicBool::new(false));
        let route = TaskRoute { sender, started: Arc::clone(&started) };
        let mut listeners = self.listeners();
        if !listeners.closed {
            listeners.tasks.insert(task_id.clone(), route);
        }
        drop(listeners);
        Task { messages: Messages(receiver), task_id, started, routes: self.clone() }
    }

    /// Listens to everything.
    pub(super) fn all(&self) -> Messages {
        let (sender, receiver) = unbounded_channel();
        let mut listeners = self.listeners();
        if !listeners.closed {
            listeners.all.push(sender);
        }
        Messages(receiver)
    }

    /// Hands a message to its listener.
    pub(super) fn publish(&self, message: Message) {
        let mut listeners = self.listeners();
        listeners.all.retain(|listener| listener.send(message.clone()).is_ok());
        let Some(task_id) = message.task_id.clone() else {
            return;
        };
        let event = message.task_event();
        if let Some(route) = listeners.tasks.get(&task_id) {
            if event == Some(TaskEvent::Created) {
                route.started.store(true, Ordering::Release);
            }
            let _ = route.sender.send(message);
        }
        if event.is_some_and(TaskEvent::is_terminal) {
            listeners.tasks.remove(&task_id);
        }
    }

    /// The connection ended: nobody hears anything any more.
    pub(super) fn close(&self) {
        let mut listeners = self.listeners();
        listeners.tasks.clear();
        listeners.all.clear();
        listeners.closed = true;
    }
}

/// A stream of messages, in the order in which the server sent them. It ends with the connection.
///
/// What is not read is kept, without a bound.
#[derive(Debug)]
pub struct Messages(UnboundedReceiver<Message>);

impl Messages {
    /// The next message; `None` once there will be none. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        self.0.recv().await
    }
}

impl Stream for Messages {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.0.poll_recv(cx)
    }
}

/// A task on the server: a stream of its messages, from `created` to the terminal one.
///
/// What is not read is kept, without a bound. Dropping it ends the stream and not the task, which is stopped with the
/// tool `stop_task` and its [`id`](Self::id).
#[derive(Debug)]
pub struct Task {
    messages: Messages,
    task_id: String,
    started: Arc<AtomicBool>,
    routes: Routes,
}

impl Task {
    /// The task's id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.task_id
    }

    /// Whether the server said that the task was created.
    pub(super) fn is_started(&self) -> bool {
        self.started.load(Ordering::Acquire)
    }

    /// The next message; `None` after the terminal one, or when the connection ended. Cancel safe.
    pub async fn next(&mut self) -> Option<Message> {
        self.messages.next().await
    }

    /// Skips the updates and returns the result, or the error that the task failed with; `None` when the connection ended
    /// before the task.
    pub async fn result(mut self) -> Option<Result<Value, Value>> {
        while let Some(message) = self.next().await {
            match message.task_event() {
                Some(TaskEvent::Complete) => return Some(Ok(message.result)),
                Some(TaskEvent::Failed) => return Some(Err(message.result)),
                Some(TaskEvent::Created | TaskEvent::Update) | None => {}
            }
        }
        None
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.routes.listeners().tasks.remove(&self.task_id);
    }
}
