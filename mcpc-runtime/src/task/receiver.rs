//! What a body is told while it runs.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Sender, Task};
use crate::log::{Json, MaybeLater};
use crate::logging::event;
use crate::question::read_instruction;

/// Takes the instructions that a model gives to a running task.
///
/// A background tool takes one as a parameter. `M` is what can be said: an enum, a struct or a text, which is
/// `serde::Deserialize` and `schemars::JsonSchema`. A model says it with the tool `message_task`, which tells it what each
/// of the server's tools takes; what does not fit is refused there, with what was expected, and never gets here.
///
#[doc = include_str!("../../docs/receiver.md")]
///
/// At most 100 instructions (256 KiB) wait to be read; what comes then is refused.
pub struct Receiver<M> {
    task: Arc<Task>,
    /// How many were taken out of the log.
    taken: usize,
    /// Those of them that were not read yet.
    waiting: VecDeque<Json>,
    read: Read<M>,
}

/// Reads an instruction, or says what is wrong with it.
enum Read<M> {
    Typed(fn(&Value) -> Result<M, String>),
    Given(Box<Given<M>>),
}

type Given<M> = dyn Fn(&Value) -> Result<M, String> + Send + Sync;

impl<M> Read<M> {
    fn read(&self, value: &Value) -> Result<M, String> {
        match self {
            Self::Typed(read) => read(value),
            Self::Given(read) => read(value),
        }
    }
}

impl<M> fmt::Debug for Receiver<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("task_id", &self.task.ids.task_id).finish_non_exhaustive()
    }
}

impl Receiver<Value> {
    /// One of instructions that a schema describes.
    pub(crate) fn reading(
        sender: &Sender,
        read: impl Fn(&Value) -> Result<Value, String> + Send + Sync + 'static,
    ) -> Self {
        Self::by(sender, Read::Given(Box::new(read)))
    }
}

impl<M> Receiver<M> {
    pub(crate) fn new(sender: &Sender) -> Self
    where
        M: DeserializeOwned + JsonSchema,
    {
        Self::by(sender, Read::Typed(read_instruction::<M>))
    }

    fn by(sender: &Sender, read: Read<M>) -> Self {
        Self { task: Arc::clone(&sender.task), taken: 0, waiting: VecDeque::new(), read }
    }

    /// The next instruction, in the order in which they were given; `None` as soon as the task is asked to stop, or is over.
    /// Cancel safe.
    pub async fn recv(&mut self) -> Option<M> {
        loop {
            if self.task.stop.is_cancelled() {
                return None;
            }
            if let Some(instruction) = self.read() {
                return Some(instruction);
            }
            let came = self.task.instructions(self.taken).await;
            if came.is_empty() {
                return None;
            }
            self.take(came);
        }
    }

    /// An instruction that is there, if any is. (In a log outside of this process, one that [`recv`](Self::recv) has
    /// fetched.)
    pub fn try_recv(&mut self) -> Option<M> {
        if self.task.stop.is_cancelled() {
            return None;
        }
        if self.waiting.is_empty() {
            let came = {
                let progression = self.task.progression();
                progression.created.as_ref().map(|it| it.writer().instructions(self.taken))
            };
            if let Some(MaybeLater::Now(Ok(came))) = came {
                self.take(came);
            }
        }
        self.read()
    }

    fn take(&mut self, came: Vec<Json>) {
        self.taken += came.len();
        self.waiting.extend(came);
    }

    /// The first that waits and can be read; each was checked before it was given to the task.
    fn read(&mut self) -> Option<M> {
        while let Some(instruction) = self.waiting.pop_front() {
            let value = serde_json::from_str(instruction.as_str());
            let read = value.map_err(|error| error.to_string()).and_then(|it| self.read.read(&it));
            match read {
                Ok(instruction) => return Some(instruction),
                Err(problem) => event!(
                    warn,
                    tool = &*self.task.tool_name,
                    task_id = &*self.task.ids.task_id,
                    problem = &*problem,
                    "an instruction cannot be read"
                ),
            }
        }
        None
    }
}
