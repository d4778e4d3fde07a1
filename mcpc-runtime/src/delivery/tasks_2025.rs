//! Tasks of MCP 2025-11-25 (SEP-1686): the client asks for one with its call, asks how it is doing, and fetches the result.

use rmcp::model::{CallToolResult, CreateTaskResult, ErrorData, MetaObject, Task, TaskStatus};
use serde_json::json;

use super::reply::{final_reply, until_the_end};
use super::{Shows, tasks_extension};
use crate::log::{EndKind, LogError, Status, TaskReader};
use crate::output::Written;

/// What says which task a message is about.
pub(crate) const RELATED_TASK: &str = "io.modelcontextprotocol/related-task";

/// Where hosts look for what a model is to read while the task runs.
const NOTE_FOR_THE_MODEL: &str = "io.modelcontextprotocol/model-immediate-response";

/// The reply to the call that asked for a task, with a note for the model if there is something to say.
pub(crate) async fn created(
    task_id: &str,
    reader: &dyn TaskReader,
    note: Option<String>,
) -> Result<CreateTaskResult, LogError> {
    // Whatever has become of it meanwhile, it begins as one that works.
    let status = Status { end: None, ..reader.status().in_time().await? };
    let mut created = CreateTaskResult::new(tasks_extension::task(task_id, &status));
    created.meta = note.map(|note| {
        let mut meta = MetaObject::new();
        meta.insert(NOTE_FOR_THE_MODEL.to_owned(), note.into());
        meta
    });
    Ok(created)
}

/// How a task is doing.
pub(crate) fn task(task_id: &str, status: &Status, shows: Shows) -> Task {
    let mut task = tasks_extension::task(task_id, status);
    task.status = match status.end.as_ref() {
        // One that was cancelled stays so, whatever it makes of that.
        _ if status.was_stopped => TaskStatus::Cancelled,
        None if shows.requests(&status.questions).is_empty() => TaskStatus::Working,
        None => TaskStatus::InputRequired,
        Some(end) => match (end.kind, &end.written) {
            (EndKind::Stopped | EndKind::Dropped, _) => TaskStatus::Cancelled,
            // Of a task that has failed, VS Code does not ask for the result, so its model would never read a tool's own
            // error. That is a result like any other.
            (EndKind::Failed, Some(Written::Error(_))) => TaskStatus::Failed,
            (EndKind::Complete | EndKind::Failed, _) => TaskStatus::Completed,
        },
    };
    task
}

/// What comes of a task, once it has ended: all of it, as the client asks for it. Cancel safe.
pub(crate) async fn result(
    task_id: &str,
    reader: &dyn TaskReader,
) -> Result<Result<CallToolResult, ErrorData>, LogError> {
    until_the_end(reader).await?;
    let reply = final_reply(reader, None).await?;
    Ok(reply.map(|mut reply| {
        let meta = reply.meta.get_or_insert_default();
        meta.insert(RELATED_TASK.to_owned(), json!({ "taskId": task_id }));
        reply
    }))
}
