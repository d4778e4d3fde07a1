//! Calls of a tool that joins equal ones, where another one has started the task.

use std::convert::Infallible;
use std::future::pending;
use std::sync::Arc;

use rmcp::model::{CallToolResponse, JsonObject};
use tokio::time::Instant;

use super::calls::{Leave, Own, Refusal, Wait};
use super::intake::refusal;
use super::{ToolService, trace};
use crate::context::Context;
use crate::delivery::{Progress, Questions};
use crate::log::{Cursor, End, EndKind, Json, LogError, Said, TaskReader, after};
use crate::metadata::Ids;
use crate::outbox::Gate;
use crate::output::{Body, Failed, Outcome, Success};
use crate::task::{Among, Created, Sender, Share};
use crate::tool::Definition;

/// A call that joins the task of an equal one.
pub(super) struct Joining {
    pub(super) ids: Ids,
    pub(super) share: Share,
    /// A task of its own, if it has an id that the client chose.
    pub(super) created: Option<Created>,
}

impl ToolService {
    /// Answers a call with the task of an equal one. If that one was refused, the first of those that wait for it
    /// starts a task, and the others wait for that.
    pub(super) async fn call_joined(
        &self,
        tool: &Arc<Definition>,
        arguments: JsonObject,
        joining: Joining,
        mut wait: Result<Wait<'_>, &Gate>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let Joining { ids, mut share, created } = joining;
        while !self.has_started(&mut share, &mut wait, context).await? {
            let of_the_model = tool.of_the_model(&arguments);
            share = match self.tasks().join(&tool.about.name, &ids.task_id, &of_the_model) {
                Among::Joins(share) => share,
                Among::First(shared) => {
                    let created = self.created_for(tool, &ids, &of_the_model, created).await?;
                    drop(of_the_model);
                    let own = Own { ids, created, shared: Some(shared) };
                    return self.call_own(tool, arguments, own, wait, context).await;
                }
            };
        }
        let reader = self.reader(share.task_id()).await?;
        match wait {
            Ok(wait) => self.wait(tool, Leave::Share(share), &*reader, None, context, wait).await,
            Err(gate) => {
                let of_the_model = tool.of_the_model(&arguments);
                let created = self.created_for(tool, &ids, &of_the_model, created).await?;
                let own = Own { ids: ids.clone(), created, shared: None };
                // It has ids of its own, by which its client knows what it hears.
                // The other task's questions are answered there.
                let reaches = (Self::callbacks(tool, &ids, gate), Questions::UNREACHABLE);
                let (task, _, leave) = self.create(tool, own, reaches);
                let body = relay(share, reader, task.sender());
                let span = trace::of_task(context, &tool.about.name, &ids.task_id);
                task.inside(span).spawn(body);
                self.stop_if_cancelled(leave, gate);
                Ok(Self::created(tool, &ids, context).into())
            }
        }
    }

    /// Waits until the task of an equal call was started, or that call refused; a log that is not in memory takes its
    /// time. The call hears of it as of the task, and the time is a part of its patience.
    async fn has_started(
        &self,
        share: &mut Share,
        wait: &mut Result<Wait<'_>, &Gate>,
        context: &Context,
    ) -> Result<bool, Refusal> {
        let began = Instant::now();
        let progress = wait.as_mut().ok().and_then(|wait| wait.progress.as_mut());
        let started = tokio::select! {
            biased;
            started = share.has_started() => started,
            () = context.cancelled.cancelled() => return Err(trace::cancelled(context).into()),
            never = still_running(progress) => match never {},
        };
        if let Ok(Wait { patience: Some(patience), .. }) = wait {
            *patience = patience.saturating_sub(began.elapsed());
        }
        Ok(started)
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

/// Tells a client from time to time that its call is not forgotten; never ends.
async fn still_running(progress: Option<&mut Progress<'_>>) -> Infallible {
    match progress {
        Some(progress) => progress.still_running().await,
        None => pending().await,
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
