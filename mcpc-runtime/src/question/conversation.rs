//! What a plain tool asks, where its client is asked by the reply to its call.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio_util::sync::CancellationToken;

use super::{Asked, NoAnswer, Response, in_tries};
use crate::log;

/// The questions of one call, which goes on however many requests it takes. A clone is another handle to them.
#[derive(Clone)]
pub(crate) struct Conversation(Arc<Inner>);

struct Inner {
    /// By which the client goes on with it: as hard to guess as the id of a task.
    id: Box<str>,
    tool_name: Arc<str>,
    state: Mutex<State>,
    /// Notified whenever something is asked.
    asked: Notify,
    /// Cancelled when nobody waits for the call any more.
    cancelled: CancellationToken,
}

#[derive(Default)]
struct State {
    count: u32,
    /// Whether nobody will answer any more.
    is_closed: bool,
    open: Vec<Open>,
}

/// A question, and where its answer goes.
struct Open {
    id: String,
    asked: Asked,
    answer: oneshot::Sender<Response>,
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation").field("tool", &self.0.tool_name).finish_non_exhaustive()
    }
}

impl Conversation {
    pub(crate) fn new(tool_name: Arc<str>) -> Self {
        Self(Arc::new(Inner {
            id: uuid::Uuid::new_v4().to_string().into(),
            tool_name,
            state: Mutex::default(),
            asked: Notify::new(),
            cancelled: CancellationToken::new(),
        }))
    }

    pub(crate) fn id(&self) -> &str {
        &self.0.id
    }

    pub(crate) fn tool_name(&self) -> &str {
        &self.0.tool_name
    }

    /// What is cancelled when nobody waits for the call any more.
    pub(crate) fn cancelled(&self) -> &CancellationToken {
        &self.0.cancelled
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks, and waits for the answer. Dropped, the question is withdrawn.
    pub(crate) async fn ask(&self, asked: &Asked) -> Result<Response, NoAnswer> {
        in_tries(asked, async |asked| Ok(self.ask_once(asked).await?.fits())).await
    }

    async fn ask_once(&self, asked: Asked) -> Result<Response, NoAnswer> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state();
            if state.is_closed {
                return Err(NoAnswer::Stopped);
            }
            state.open.retain(|open| !open.answer.is_closed());
            state.count += 1;
            let id = format!("q{}", state.count);
            state.open.push(Open { id, asked, answer });
        }
        self.0.asked.notify_waiters();
        answered.await.map_err(|_| NoAnswer::Stopped)
    }

    /// What is asked and not answered, as soon as there is any.
    pub(crate) async fn questions(&self) -> Vec<log::Question> {
        loop {
            let asked = self.0.asked.notified();
            let open = self.open();
            if !open.is_empty() {
                return open;
            }
            asked.await;
        }
    }

    /// What is asked and not answered.
    pub(crate) fn open(&self) -> Vec<log::Question> {
        let mut state = self.state();
        state.open.retain(|open| !open.answer.is_closed());
        state.open.iter().map(|open| open.asked.to_log(&open.id, None)).collect()
    }

    /// Gives up what is asked, and what will be: nobody answers any more.
    pub(crate) fn close(&self) {
        let mut state = self.state();
        state.is_closed = true;
        state.open.clear();
    }

    /// Answers a question, unless it was answered before.
    pub(crate) fn answer(&self, id: &str, response: Response) {
        let mut state = self.state();
        if let Some(at) = state.open.iter().position(|open| open.id == id) {
            // Nobody may wait for it any more.
            let _ = state.open.remove(at).answer.send(response);
        }
    }
}
