//! Calls of a tool that joins equal ones, where another one has started the task.

use std::sync::Arc;

use rmcp::model::{CallToolResponse, JsonObject};

use super::calls::{Leave, Own, Refusal};
use super::intake::refusal;
use super::{ToolService, trace};
use crate::context::Context;
use crate::delivery::Mode;
use crate::log::{Cursor, End, EndKind, Json, LogError, Said, TaskReader, after};
use crate::metadata::Ids;
use crate::output::{Body, Failed, Outcome, Success};
use crate::task::{Created, Sender, Share};
use crate::tool::Definition;

/// A call that joins the task of an equal one.
pub(super) struct Joining {
    pub(super) ids: Ids,
    pub(super) share: Share,
    /// A task of its own, if it has an id that the client chose.
    pub(super) created: Option<Created>,
}

impl ToolService {
    /// Answers a call with the task of an equal one. If that one was refused, so is this one, by its own arguments.
    pub(super) async fn call_joined(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        joining: Joining,
        mode: Mode<'_>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let Joining { ids, mut share, created } = joining;
        if !share.has_started().await {
            let created = self.created_for(tool, &ids, &arguments, created).await?;
            let own = Own { ids, created, shared: None };
            return self.call_own(tool, arguments, own, mode, context).await;
        }
        let reader = self.reader(share.task_id()).await?;
        match self.wait_in(tool, mode) {
            Ok(wait) => self.wait(tool, Leave::Share(share), &*reader, None, context, wait).await,
            Err(gate) => {
                let created = self.created_for(tool, &ids, &arguments, created).await?;
                let own = Own { ids: ids.clone(), created, shared: None };
                // It has ids of its own, by which its client knows what it hears.
                let (task, _, leave) = self.create(tool, own, Self::callbacks(tool, &ids, gate));
                let body = relay(share, reader, task.sender());
                let span = trace::of_task(context, &tool.about.name, &ids.task_id);
                task.inside(span).spawn(body);
                self.stop_if_cancelled(leave, gate);
                Ok(Self::created(tool, &ids, context).into())
            }
        }
    }

    /// A task of its own for a call.
    async fn created_for(
        &self,
        tool: &Definition,
        ids: &Ids,
        arguments: &JsonObject,
        created: Option<Created>,
    ) -> Result<Created, String> {
        match created {
            Some(created) => Ok(created),
            None => {
                let created = self.intake.create(tool, ids, arguments).await;
                created.map_err(|error| refusal(&error, ids))
            }
        }
    }
}

/// The body of a task that says what another one says, until it is asked to stop.
fn relay(share: Share, reader: Box<dyn TaskReader>, sender: Sender) -> Body {
    Box::pin(async move {
        let said = tokio::select! {
            biased;
            () = sender.stopped() => None,
            end = follow(&*reader, &sender) => Some(end),
        };
        match said {
            Some(Ok(Some(end))) => again(&end),
            Some(Ok(None)) => Err("the task ended without a result".to_owned().into()),
            Some(Err(error)) => Err(error.to_string().into()),
            None => {
                let _asked = share.leave().await;
                Err("stopped".to_owned().into())
            }
        }
    })
}

/// Says what a task says, from what its log has of it to its end.
async fn follow(reader: &dyn TaskReader, sender: &Sender) -> Result<Option<Arc<End>>, LogError> {
    let mut seen = Cursor::START;
    while let Some(page) = after(reader, seen).await? {
        seen = page.next;
        for text in page.output.texts {
            sender.repeat(Said::Output(Json::written(text))).await;
        }
        for said in page.said {
            sender.repeat(said).await;
        }
        if page.end.is_some() {
            return Ok(page.end);
        }
    }
    Ok(None)
}

/// The same end once more.
fn again(end: &End) -> Outcome {
    let (json, written) = (end.result.clone(), end.written.clone());
    match end.kind {
        EndKind::Complete => Ok(Success::again(json, written)),
        EndKind::Failed | EndKind::Stopped | EndKind::Dropped => {
            let text = serde_json::from_str(json.as_str());
            let text = text.unwrap_or_else(|_| json.as_str().to_owned());
            Err(Failed { text, written, is_panic: false })
        }
    }
}
