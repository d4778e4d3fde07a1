//! What a client knows of one task: what it said, how it ended, and how to reach it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rmcp::model::{ProgressToken, RequestId};
use tokio::sync::Notify;

use super::kept::Kept;
use super::questions::Answering;
use super::reply::Ended;
use super::said::Said;
use super::status::Status;
use crate::message::Message;

/// One task of a client, shared by its handle, what drives it, and the transport.
#[derive(Debug)]
pub(super) struct Heard {
    pub(super) said: Kept<Said>,
    facts: Mutex<Facts>,
    /// The result, or the stage, or a status is new.
    changed: Notify,
}

#[derive(Debug, Default)]
struct Facts {
    stage: Stage,
    ended: Option<Ended>,
    /// Whether the user asked it to stop.
    is_stopped: bool,
    /// Whether somebody waits for the result and so cannot read a question.
    is_awaited: bool,
    statuses: VecDeque<Status>,
    /// What it said by MCPC before its call is known to be a task, and how many bytes that are: over HTTP they come
    /// on two connections.
    held: Vec<(Message, usize)>,
    held_bytes: usize,
    /// What it asked by MCPC.
    asked: VecDeque<Answering>,
    keys: Keys,
}

/// Under what the transport knows a task.
#[derive(Clone, Debug, Default)]
pub(super) struct Keys {
    pub(super) request: Option<RequestId>,
    pub(super) token: Option<ProgressToken>,
    pub(super) task_id: Option<String>,
}

/// How far a call is.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Stage {
    /// Its reply is yet to come.
    #[default]
    Unanswered,
    /// Its reply is its end.
    Over,
    /// It goes on as a task of MCPC.
    Callbacks,
    /// It goes on as a task of MCP.
    Task,
}

impl Heard {
    pub(super) fn new(kept: usize) -> Arc<Self> {
        let said = Kept::new(kept);
        Arc::new(Self { said, facts: Mutex::default(), changed: Notify::new() })
    }

    fn facts(&self) -> MutexGuard<'_, Facts> {
        self.facts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn keys(&self) -> Keys {
        self.facts().keys.clone()
    }

    pub(super) fn set_keys(&self, set: impl FnOnce(&mut Keys)) {
        set(&mut self.facts().keys);
    }

    pub(super) fn task_id(&self) -> Option<String> {
        self.facts().keys.task_id.clone()
    }

    pub(super) fn stage(&self) -> Stage {
        self.facts().stage
    }

    /// The call goes on as a task of MCPC; returns what it said before that was known, or `None` if it was.
    pub(super) fn begin_callbacks(&self) -> Option<Vec<(Message, usize)>> {
        let mut facts = self.facts();
        if facts.stage != Stage::Unanswered {
            return None;
        }
        facts.stage = Stage::Callbacks;
        let held = std::mem::take(&mut facts.held);
        drop(facts);
        self.changed.notify_waiters();
        Some(held)
    }

    /// Holds what it said until its call is known to be a task; returns what there is no room for.
    pub(super) fn hold(&self, message: Message, bytes: usize) -> Vec<(Message, usize)> {
        let mut facts = self.facts();
        facts.held.push((message, bytes));
        facts.held_bytes += bytes;
        if facts.held_bytes <= self.said.most() {
            return Vec::new();
        }
        facts.held_bytes = 0;
        std::mem::take(&mut facts.held)
    }

    pub(super) fn set_stage(&self, stage: Stage) {
        self.facts().stage = stage;
        self.changed.notify_waiters();
    }

    /// The task asks something, which is dropped if nobody can hear it.
    pub(super) fn ask(&self, question: Said, bytes: usize) {
        // Held until it is pushed, so that who begins to wait finds it.
        let facts = self.facts();
        if !facts.is_awaited {
            self.said.push(question, bytes);
        }
    }

    /// Says whether somebody waits for the result; questions are dropped then.
    pub(super) fn set_awaited(&self, is_awaited: bool) {
        let mut facts = self.facts();
        facts.is_awaited = is_awaited;
        if is_awaited {
            let asking = self.said.take_asking();
            drop(facts);
            drop(asking);
        }
    }

    pub(super) fn set_stopped(&self) {
        self.facts().is_stopped = true;
        self.changed.notify_waiters();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.facts().is_stopped
    }

    /// The task has ended; the first end counts.
    pub(super) fn end(&self, ended: Ended) {
        self.facts().ended.get_or_insert(ended);
        self.said.end();
        self.changed.notify_waiters();
    }

    pub(super) fn ended(&self) -> Option<Ended> {
        self.facts().ended.clone()
    }

    /// A notification told how the task is doing.
    pub(super) fn push_status(&self, status: Status) {
        self.facts().statuses.push_back(status);
        self.changed.notify_waiters();
    }

    /// Waits for something that is true of the task sooner or later. Cancel safe.
    pub(super) async fn until<T>(&self, is_there: impl Fn(&Self) -> Option<T>) -> T {
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(there) = is_there(self) {
                return there;
            }
            changed.await;
        }
    }

    /// The next status that a notification told. Cancel safe.
    pub(super) async fn next_status(&self) -> Status {
        self.until(|heard| heard.facts().statuses.pop_front()).await
    }

    /// The task asked something, and somebody is to answer.
    pub(super) fn push_asked(&self, asked: Answering) {
        self.facts().asked.push_back(asked);
        self.changed.notify_waiters();
    }

    /// The next question that the task asked. Cancel safe.
    pub(super) async fn next_asked(&self) -> Answering {
        self.until(|heard| heard.facts().asked.pop_front()).await
    }
}
