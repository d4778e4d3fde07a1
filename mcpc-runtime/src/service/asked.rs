//! Calls whose task asks something, and calls that bring the answer.

use rmcp::model::{CallToolResponse, ErrorData, InputRequiredResult, InputResponses};

use super::ToolService;
use super::calls::{Leave, Refusal, Wait};
use crate::context::Context;
use crate::control::unknown_id;
use crate::delivery::{Questions, Shows};
use crate::log::{LogError, Question, TaskReader};
use crate::question::{Asked, Response, judged};
use crate::tool::Definition;

impl ToolService {
    /// Who may answer what a call asks, or its task. `looks` is whether the client asks about its tasks, or calls again.
    pub(super) fn questions(&self, context: &Context, looks: bool) -> Questions {
        let shows = Shows::of(context.client_capabilities());
        let is_modern = context.knows_tasks();
        let shows_any = shows != Shows::default();
        Questions {
            shows,
            peer: context.peer().filter(|_| shows_any && !is_modern).cloned(),
            call: looks.then(|| context.id.clone()),
            are_looked_for: shows_any && is_modern && looks,
            message_task: self.shared().control.map(|control| control.message_task),
        }
    }

    /// Whether the call asks this, and not its task.
    pub(super) fn is_asked_by_call(question: &Question) -> bool {
        Asked::of(question).is_some_and(|asked| asked.by_call)
    }

    /// What a client is asked in place of the result, for which it calls again; `None` if it shows nothing of that.
    pub(super) fn input_required(
        questions: &Questions,
        task_id: &str,
        open: &[Question],
    ) -> Option<CallToolResponse> {
        let requests = questions.shown(open)?;
        // The id is a secret of its owner's, and nothing is known by it to anybody else.
        Some(InputRequiredResult::new(Some(requests), Some(task_id.to_owned())).into())
    }

    /// Answers a call that goes on with one before: it brings what the task asked there.
    pub(super) async fn call_again(
        &self,
        tool: &Definition,
        task_id: &str,
        responses: InputResponses,
        wait: Wait<'_>,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let task_id = task_id.into();
        let reader = self.tasks().reader(&task_id).await?;
        let reader = reader.filter(|reader| reader.tool_name() == &*tool.about.name);
        let reader = reader.ok_or_else(unknown_state)?;
        self.take_responses(&task_id, &*reader, responses).await?;
        let leave = match tool.joins {
            true => Leave::Nothing(task_id),
            false => Leave::Task(self.tasks().clone(), task_id),
        };
        self.wait(tool, leave, &*reader, None, context, wait).await
    }

    /// Answers the questions of a task. What does not fit is an answer, too, after which the task asks anew: an error would
    /// be the end of the task to a client that asks about it, and the same key what it has answered.
    async fn take_responses(
        &self,
        task_id: &std::sync::Arc<str>,
        reader: &dyn TaskReader,
        responses: InputResponses,
    ) -> Result<(), LogError> {
        let open = reader.status().in_time().await?.questions;
        for question in &open {
            let response = responses.get(&*question.id);
            let Some(judged) = response.and_then(|response| judged(question, response)) else {
                continue;
            };
            let response = judged.unwrap_or_else(Response::Refused).to_json();
            // One that came before stays.
            let _answered = self.tasks().answer_question(task_id, &question.id, response).await?;
        }
        Ok(())
    }

    /// Answers the questions of a task for a client that asks about it.
    pub(super) async fn update_questions(
        &self,
        task_id: &str,
        responses: InputResponses,
    ) -> Result<(), ErrorData> {
        let reader = self.task(task_id).await?;
        let taken = self.take_responses(&task_id.into(), &*reader, responses).await;
        taken.map_err(|error| match error {
            LogError::Gone => ErrorData::invalid_params(unknown_id(task_id), None),
            error => super::answer::unavailable(error),
        })
    }
}

/// What a call is told that goes on with one that nobody knows.
pub(super) fn unknown_state() -> ErrorData {
    let problem = "`requestState` is not one that a call of this tool was answered with";
    ErrorData::invalid_params(problem, None)
}
