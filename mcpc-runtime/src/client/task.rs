//! The handle to a task.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::Stream;
use rmcp::model::CallToolResult;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use tokio::task::JoinHandle;

use super::Way;
use super::error::{ClientError, TaskError};
use super::heard::{Heard, Stage};
use super::link::Link;
use super::reply::{Ended, reply};
use super::said::Said;
use crate::names::MESSAGE_TASK;

/// A task on the server: a stream of what it says, and its result.
///
/// What is not read is kept, up to a number of bytes
/// ([`ClientBuilder::kept`](super::ClientBuilder::kept), 16 MiB): after that the oldest goes, and the stream says how
/// much that was ([`Said::Missed`]). Questions are never dropped for room. The result is kept in any case, and a handle that
/// is not read holds up nobody.
///
/// Dropping the handle ends the stream and not the task.
#[derive(Debug)]
pub struct Task {
    pub(super) link: Arc<Link>,
    pub(super) heard: Arc<Heard>,
    pub(super) way: Way,
    pub(super) driver: JoinHandle<()>,
}

impl Task {
    /// The id of the task, once there is one: at once with MCPC, with the first answer of a server that has tasks of MCP.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.heard.task_id()
    }

    /// How the server runs the task.
    #[must_use]
    pub fn way(&self) -> Way {
        self.way
    }

    /// The next thing that the task says; `None` after its end. Cancel safe.
    pub async fn next(&mut self) -> Option<Said> {
        poll_fn(|context| self.heard.said.poll_next(context)).await
    }

    /// Waits for the result, after the stream or instead of it, any number of times. Cancel safe.
    ///
    /// Who waits here cannot read questions: those of the stream are answered with
    /// [`Answer::Cancel`](super::Answer::Cancel).
    ///
    /// A result that is JSON is read as it is, structured content before a text; a text that is not JSON is a string.
    ///
    /// # Errors
    ///
    /// When the task failed or was stopped, when the server went away, or when the result is not of the type.
    pub async fn result<T: DeserializeOwned>(&mut self) -> Result<T, TaskError> {
        self.ended().await?.read()
    }

    /// Waits for the result as the reply to a call, which may be the error of a tool.
    pub(super) async fn reply(&self) -> Result<CallToolResult, TaskError> {
        reply(self.ended().await)
    }

    async fn ended(&self) -> Ended {
        let _awaited = Awaited::new(&self.heard);
        self.heard.until(Heard::ended).await
    }

    /// Asks the task to stop. How it ends is heard as ever: [`TaskError::Stopped`], unless it had a result first.
    ///
    /// A call that is not answered yet is taken back. A task of MCP is cancelled, and one of MCPC stopped with the tool
    /// `stop_task`, whatever prefix that has.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoTool`] when a server of MCPC has no such tool; otherwise when the server refuses, or went away.
    pub async fn stop(&self) -> Result<(), ClientError> {
        self.link.stop(&self.heard, self.way).await
    }

    /// Gives the task an instruction, with the tool `message_task`.
    ///
    /// # Errors
    ///
    /// [`ClientError::NoTool`] when the server has no such tool, which is so with all but MCPC; otherwise when the task takes
    /// none, or the server went away.
    pub async fn message(&self, message: impl Serialize) -> Result<(), ClientError> {
        let message = serde_json::to_value(message).map_err(|_| ClientError::Arguments)?;
        let task_id = match self.heard.stage() {
            Stage::Unanswered if self.way != Way::Mcpc => None,
            _ => self.heard.task_id(),
        };
        let Some(task_id) = task_id else {
            return Err(ClientError::NoTool { tool: MESSAGE_TASK });
        };
        let arguments = json!({"task_id": task_id, "message": message});
        self.link.control(MESSAGE_TASK, arguments).await
    }
}

impl Stream for Task {
    type Item = Said;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Said>> {
        self.heard.said.poll_next(context)
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.heard.said.abandon();
        // Its call was taken back, and may be a task by now, which nobody else would stop.
        if self.heard.is_stopped() && self.heard.ended().is_some() {
            return;
        }
        self.driver.abort();
        self.link.routes.forget(&self.heard);
    }
}

/// Somebody waits for the result.
struct Awaited<'a>(&'a Heard);

impl<'a> Awaited<'a> {
    fn new(heard: &'a Heard) -> Self {
        heard.set_awaited(true);
        Self(heard)
    }
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.0.set_awaited(false);
    }
}

/// A task whose call stops with the future that waits for it.
pub(super) struct Called(pub(super) Option<Task>);

impl Drop for Called {
    fn drop(&mut self) {
        let Some(mut task) = self.0.take().filter(|task| task.heard.ended().is_none()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move {
                if task.stop().await.is_ok() {
                    // It may have become a task when it was taken back.
                    let _ = (&mut task.driver).await;
                }
            });
        }
    }
}
