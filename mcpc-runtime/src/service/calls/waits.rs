//! A call that stays open: how long it does, and what its reply says of a task that goes on.

use std::sync::Arc;
use std::time::Duration;

use rmcp::model::CallToolResponse;
use tokio::sync::oneshot;

use super::{Leave, Refusal};
use crate::context::Context;
use crate::control::Running;
use crate::delivery::{
    Mode, PATIENCE, PATIENCE_WITH_PROGRESS, Progress, Questions, Read, Reading, answer, how_far,
    tasks_extension, within,
};
use crate::log::{End, LastSeen, Question, TaskReader};
use crate::phrases::in_short;
use crate::service::{ToolService, bounded, trace};
use crate::tool::Definition;
use crate::transport::ended_before;

/// How long the log may take to tell what a reply can do without.
const PATIENCE_WITH_A_NOTE: Duration = Duration::from_secs(1);

/// How far a task is, in words. It is noted as shown: a check tells what is new since.
async fn noted_progress(reader: &dyn TaskReader) -> Option<String> {
    let progress = reader.status().await.ok()?.progress?;
    if let Some(percent) = progress.amount.percent()
        && let Ok(last) = reader.last_seen().await
    {
        let _ = reader.set_last_seen(LastSeen { percent, ..last }).await;
    }
    Some(in_short(how_far(&progress)))
}

/// A task that goes on when its call is answered.
#[derive(Clone, Copy)]
struct GoesOn<'a> {
    task_id: &'a str,
    reader: &'a dyn TaskReader,
    /// How long the call waited; `None` if the task asks something.
    waited: Option<Duration>,
    is_task: bool,
    /// Whether the call may stay open at all.
    is_open: bool,
    questions: &'a Questions,
}

/// What the client is given of a task that goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Becomes {
    Ticket,
    /// A task of MCP's Tasks extension.
    Task,
    /// A task of MCP 2025-11-25, whether it takes long or not.
    TaskOf2025,
}

/// A call that stays open.
pub(in crate::service) struct Wait<'a> {
    /// What its client hears meanwhile.
    pub(in crate::service) progress: Option<Progress<'a>>,
    /// How long it stays open, if not to its task's end.
    pub(in crate::service) patience: Option<Duration>,
    /// What comes of a task that takes longer.
    pub(super) becomes: Becomes,
    /// Who may answer what the task asks.
    pub(in crate::service) questions: Questions,
}

impl ToolService {
    /// How long a call stays open in a mode, and what its client hears meanwhile.
    pub(super) fn wait_in<'a>(
        &self,
        tool: &Definition,
        mode: Mode<'a>,
        context: &Context,
    ) -> Wait<'a> {
        let becomes = match mode {
            Mode::Task => Becomes::Task,
            Mode::TaskOf2025 => Becomes::TaskOf2025,
            Mode::Progress(..) | Mode::Waiting | Mode::Callbacks(_) => Becomes::Ticket,
        };
        let (progress, patience) = match mode {
            Mode::Task => (None, self.task_patience(tool)),
            Mode::TaskOf2025 => (None, Some(Duration::ZERO)),
            Mode::Progress(gate, token) => {
                let progress = Progress::new(gate, token, self.shared().times.heartbeat);
                (Some(progress), self.patience(tool, PATIENCE_WITH_PROGRESS))
            }
            Mode::Waiting | Mode::Callbacks(_) => (None, self.patience(tool, PATIENCE)),
        };
        let questions = match becomes {
            Becomes::TaskOf2025 => self.questions_of_2025(context),
            Becomes::Task | Becomes::Ticket => self.questions(context, true),
        };
        Wait { progress, patience, becomes, questions }
    }

    /// How long a call of a tool stays open, if not to its task's end; `others` where neither the tool nor the server
    /// says so.
    fn patience(&self, tool: &Definition, others: Duration) -> Option<Duration> {
        let of_tool = tool.about.times.patience.map(bounded);
        // Without a way to come back, nobody could do anything with a ticket.
        self.shared().control.and(of_tool.or(self.shared().times.patience).or(Some(others)))
    }

    /// The same of a client that takes tasks.
    fn task_patience(&self, tool: &Definition) -> Option<Duration> {
        let (of_tool, of_server) = (tool.about.times.patience, self.shared().times.task_patience);
        Some(of_tool.map(bounded).map_or(of_server, |of_tool| of_tool.min(of_server)))
    }

    /// Answers a call with the end of a task that runs, or with what is said of it when the patience is over.
    pub(in crate::service) async fn wait(
        &self,
        tool: &Definition,
        leave: Leave,
        reader: &dyn TaskReader,
        end_here: Option<oneshot::Receiver<End>>,
        context: &Context,
        wait: Wait<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        match wait.becomes {
            Becomes::TaskOf2025 => self.task_of_2025(tool, leave, reader, context).await,
            Becomes::Task | Becomes::Ticket => {
                self.wait_for_reply(tool, leave, reader, end_here, context, wait).await
            }
        }
    }

    async fn wait_for_reply(
        &self,
        tool: &Definition,
        leave: Leave,
        reader: &dyn TaskReader,
        mut end_here: Option<oneshot::Receiver<End>>,
        context: &Context,
        wait: Wait<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        let Wait { progress, patience, becomes, questions } = wait;
        let is_task = becomes == Becomes::Task;
        let task_id = Arc::clone(leave.task_id());
        let rest = self.shared().control.as_ref().map(|control| control.rest(&task_id));
        let reading = Reading { reader, rest, questions: Some(&questions) };
        let read = tokio::select! {
            biased;
            read = answer(progress, reading, patience, end_here.as_mut()) => read,
            () = context.cancelled.cancelled() => {
                // Nobody reads this reply any more.
                trace::left(&self.ending, &task_id, leave.leave());
                return Err(trace::cancelled(context).into());
            }
        };
        match read {
            Some(Read::Over(reply)) => {
                // Its log may have failed, and the reply says that it goes on.
                let _kept = leave.keep();
                Ok(reply?.into())
            }
            // Nobody could come back.
            _ if self.ending.has_begun() => {
                let reading = Reading { questions: None, ..reading };
                match answer(None, reading, None, end_here.as_mut()).await {
                    Some(Read::Over(reply)) => Ok(reply?.into()),
                    Some(Read::Asks) | None => Err(ended_before(&tool.about.name).into()),
                }
            }
            read => {
                let goes_on = GoesOn {
                    task_id: &task_id,
                    reader,
                    waited: patience.filter(|_| read.is_none()),
                    is_task,
                    is_open: patience != Some(Duration::ZERO),
                    questions: &questions,
                };
                let reply = match self.goes_on(tool, goes_on).await {
                    Ok(reply) => reply,
                    Err(error) => {
                        // Nobody hears of the task.
                        leave.give_up();
                        return Err(error);
                    }
                };
                self.go_on(leave, context);
                trace::note(context, if is_task { "created" } else { "ticket" });
                Ok(reply)
            }
        }
    }

    /// What the client of a call is told whose task goes on.
    async fn goes_on(
        &self,
        tool: &Definition,
        goes_on: GoesOn<'_>,
    ) -> Result<CallToolResponse, Refusal> {
        let GoesOn { task_id, reader, waited, is_task, is_open, questions } = goes_on;
        let open = match waited {
            None => reader.status().in_time().await?.questions,
            Some(_) => Vec::new(),
        };
        let asks = !is_task || is_open && open.iter().any(Self::is_asked_by_call);
        if asks && let Some(asked) = Self::input_required(questions, task_id, &open) {
            return Ok(asked);
        }
        let running = self.running(tool, task_id, reader, &open).await;
        match (is_task, self.shared().control) {
            (false, Some(control)) => {
                // What it asked was answered meanwhile.
                let waited = waited.or_else(|| open.is_empty().then_some(Duration::ZERO));
                Ok(control.ticket(&running, waited).into())
            }
            (false, None) => {
                Err(format!("`{}` asks what this client cannot answer", tool.about.name).into())
            }
            (true, control) => {
                let note = control.map(|control| control.note(&running));
                Ok(tasks_extension::created(task_id, reader, note).await?.into())
            }
        }
    }

    /// What there is to say of a task that goes on.
    pub(in crate::service) async fn running<'a>(
        &self,
        tool: &'a Definition,
        task_id: &'a str,
        reader: &dyn TaskReader,
        asks: &'a [Question],
    ) -> Running<'a> {
        // A log that does not say this in time may tell later, when somebody asks with the ticket.
        let how_far = within(PATIENCE_WITH_A_NOTE, noted_progress(reader));
        let twin = within(PATIENCE_WITH_A_NOTE, self.tasks().twin(task_id));
        let (how_far, twin) = Box::pin(async { tokio::join!(how_far, twin) }).await;
        let (how_far, twin) = (how_far.flatten(), twin.flatten());
        Running { tool_name: &tool.about.name, task_id, how_far, twin, asks }
    }
}
