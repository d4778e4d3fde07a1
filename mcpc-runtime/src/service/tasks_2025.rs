//! Tasks of MCP 2025-11-25: calls that ask for one, and what is asked about it.
//!
//! rmcp has none of their types, so requests are read from what it has, and answered as JSON.

use rmcp::RoleServer;
use rmcp::model::{
    CallToolResponse, ClientRequest, CustomRequest, CustomResult, ErrorCode, ErrorData, JsonObject,
    ServerResult, Task, TaskStatus,
};
use rmcp::service::RequestContext;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::ToolService;
use super::answer::{needs_tasks, unavailable};
use super::calls::{Leave, Refusal};
use super::told_2025::{Teller, Told};
use crate::context::{Context, knows_tasks};
use crate::control::unknown_id;
use crate::delivery::{Questions, Shows, tasks_2025};
use crate::log::{LogError, TaskReader};
use crate::names::Dialect;
use crate::outbox::Gate;
use crate::phrases::{in_short, shown};
use crate::reply::{Reply, task_of_2025};
use crate::tool::{Definition, Kind};
use crate::transport::TaskParams;

/// How many tasks stand on a page of their list.
const PAGE: usize = 100;

const RESULT: &str = "tasks/result";
const LIST: &str = "tasks/list";

/// What is asked about tasks.
pub(super) enum AboutTasks {
    Get(String),
    Result(String),
    Cancel(String),
    /// The page after the task of this number.
    List(u64),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OneTask {
    task_id: String,
}

#[derive(Default, Deserialize)]
struct Page {
    cursor: Option<String>,
}

impl ToolService {
    /// Whether the session has tasks of MCP 2025-11-25, and a request of this protocol is about those.
    pub(super) fn has_tasks_of_2025(&self, knows_extension: bool) -> bool {
        self.intake.session_tasks.has_begun() && !knows_extension
    }

    /// Whether a call asks for such a task.
    pub(super) fn is_asked_for_task(&self, context: &Context) -> bool {
        context.extensions.get::<TaskParams>().is_some()
            && self.has_tasks_of_2025(context.knows_tasks())
    }

    /// Whether a request is answered when a task has ended.
    pub(super) fn waits_for_task(&self, request: &ClientRequest) -> bool {
        matches!(request, ClientRequest::CustomRequest(custom) if custom.method == RESULT)
            && self.intake.session_tasks.has_begun()
    }

    /// What a request asks about tasks of MCP 2025-11-25, if it does, or why it is refused. `is_theirs` is whether it
    /// calls a tool of the user's handler. What is ours of calls, [`admit_task`](Self::admit_task) looks at.
    pub(super) fn asked_of_2025(
        &self,
        request: &ClientRequest,
        is_theirs: bool,
        context: &RequestContext<RoleServer>,
    ) -> Option<Result<AboutTasks, ErrorData>> {
        if !self.has_tasks_of_2025(knows_tasks(context)) {
            return None;
        }
        Some(Ok(match request {
            ClientRequest::CallToolRequest(call) if is_theirs => {
                context.extensions.get::<TaskParams>()?;
                return Some(Err(not_a_task(&call.params.name)));
            }
            ClientRequest::GetTaskRequest(get) => AboutTasks::Get(get.params.task_id.clone()),
            ClientRequest::CancelTaskRequest(cancel) => {
                AboutTasks::Cancel(cancel.params.task_id.clone())
            }
            ClientRequest::CustomRequest(custom) if custom.method == RESULT => {
                return Some(read(custom).map(|OneTask { task_id }| AboutTasks::Result(task_id)));
            }
            ClientRequest::CustomRequest(custom) if custom.method == LIST => {
                let page = custom.params.as_ref().map_or(Ok(Page::default()), |_| read(custom));
                return Some(page.and_then(|page| page.after()).map(AboutTasks::List));
            }
            _ => return None,
        }))
    }

    /// Refuses a call that asks for a task of what starts none, or does so in other words than the protocol.
    pub(super) fn admit_task(&self, name: &str, context: &Context) -> Result<(), ErrorData> {
        let task = context.extensions.get::<TaskParams>();
        let Some(task) = task.filter(|_| self.is_asked_for_task(context)) else { return Ok(()) };
        if Dialect::of_handshake(name).is_some() {
            return Err(not_a_task(name));
        }
        let tool = self.shared().registry.get(name);
        let tool = tool.map_err(|unknown| ErrorData::invalid_params(unknown, None))?;
        if tool.about.kind != Kind::Background {
            return Err(not_a_task(name));
        }
        let ttl = task.0.as_object().map(|task| task.get("ttl"));
        if !matches!(ttl, Some(None | Some(Value::Null | Value::Number(_)))) {
            let problem =
                "`task` must be an object, and its `ttl`, if any, a number of milliseconds";
            return Err(ErrorData::invalid_params(problem, None));
        }
        Ok(())
    }

    /// Refuses a client of a tool that is only run as a task, if its protocol lets it ask for one.
    pub(super) fn needs_a_task(
        &self,
        tool: &Definition,
        context: &Context,
    ) -> Result<(), ErrorData> {
        if context.knows_tasks() {
            return needs_tasks(context);
        }
        if !self.has_tasks_of_2025(context.knows_tasks()) {
            return Ok(());
        }
        let problem = format!("`{}` is only run as a task: call it with `task`", tool.about.name);
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, problem, None))
    }

    /// Says of each tool in a list that starts tasks that it does.
    pub(super) fn with_task_support(&self, listed: ServerResult) -> ServerResult {
        let Ok(mut written) = serde_json::to_value(&listed) else { return listed };
        let registry = &self.shared().registry;
        for tool in written["tools"].as_array_mut().into_iter().flatten() {
            let known = tool["name"].as_str().and_then(|name| registry.find(name));
            if let Some(known) = known.filter(|known| known.about.kind == Kind::Background) {
                let support = if known.required { "required" } else { "optional" };
                tool["execution"] = json!({ "taskSupport": support });
            }
        }
        ServerResult::CustomResult(CustomResult::new(written))
    }

    /// Answers a call that asked for a task: with the task, whatever has become of it.
    pub(super) async fn task_of_2025(
        &self,
        tool: &Definition,
        leave: Leave,
        reader: &dyn TaskReader,
        context: &Context,
    ) -> Result<CallToolResponse, Refusal> {
        let task_id = leave.task_id().clone();
        let created = async {
            let note = match self.shared().control {
                Some(control) => {
                    Some(control.note(&self.running(tool, &task_id, reader, &[]).await))
                }
                None => None,
            };
            let told = self.reader(&task_id).await?;
            Ok((tasks_2025::created(&task_id, reader, note).await?, told))
        };
        let (created, told) = match created.await {
            Ok(created) => created,
            Err(refusal) => {
                // Nobody hears of the task.
                leave.give_up();
                return Err(refusal);
            }
        };
        self.go_on(leave, context);
        super::trace::note(context, "created");
        if let Some(gate) = context.extensions.get::<Gate>() {
            let token = context.meta().get_progress_token();
            let heartbeat = self.shared().times.heartbeat;
            let teller = Teller {
                gate: Some(gate.clone()),
                progress: token.map(|token| (token, heartbeat)),
                ..self.teller(&task_id, told, context)
            };
            let first = task_of_2025(&created.task);
            self.intake.session_tasks.tell(&self.intake, teller, &first);
        }
        Ok(created.into())
    }

    /// What asks the session about a task, and tells it nothing.
    fn teller(&self, task_id: &str, reader: Box<dyn TaskReader>, context: &Context) -> Teller {
        Teller {
            task_id: task_id.into(),
            reader,
            tasks: self.tasks().clone(),
            gate: None,
            outbox: self.intake.listener.outbox().cloned(),
            progress: None,
            questions: Some(self.questions_of_2025(context)),
            shows: Shows::of(context.client_capabilities()),
            ending: self.ending.clone(),
        }
    }

    /// What there is to know of a task that asks its client something, in whichever session of its principal that began.
    async fn found(&self, task_id: &str, context: &Context) -> Result<Told, ErrorData> {
        match self.told(task_id) {
            Some(told) => Ok(told),
            None => {
                let teller = self.teller(task_id, self.task(task_id).await?, context);
                Ok(self.intake.session_tasks.find(&self.intake, teller))
            }
        }
    }

    /// Who may answer what such a task asks: its client, which is sent a request while it waits for the result.
    pub(super) fn questions_of_2025(&self, context: &Context) -> Questions {
        let questions = self.questions(context, false);
        Questions { are_looked_for: questions.peer.is_some(), peer: None, ..questions }
    }

    /// Answers what is asked about tasks.
    pub(super) async fn answer_of_2025(&self, asked: AboutTasks, context: Context) -> Reply {
        let outcome = match asked {
            AboutTasks::Get(task_id) => self.get_of_2025(&task_id, &context).await,
            AboutTasks::Result(task_id) => self.result_of_2025(&task_id, &context).await,
            AboutTasks::Cancel(task_id) => self.cancel_of_2025(&task_id, &context).await,
            AboutTasks::List(after) => self.list_of_2025(after, &context).await,
        };
        Reply::new(outcome, false)
    }

    async fn get_of_2025(
        &self,
        task_id: &str,
        context: &Context,
    ) -> Result<ServerResult, ErrorData> {
        let task = self.stands(task_id, context).await?;
        if task.status == TaskStatus::InputRequired {
            self.found(task_id, context).await?.looked(context);
        } else if let Some(told) = self.told(task_id) {
            match task.status {
                // It is on its way out, and what it says there is not told.
                TaskStatus::Cancelled => told.retire(),
                TaskStatus::Completed | TaskStatus::Failed => told.over().await,
                _ => {}
            }
        }
        Ok(written(task_of_2025(&task)))
    }

    async fn result_of_2025(
        &self,
        task_id: &str,
        context: &Context,
    ) -> Result<ServerResult, ErrorData> {
        let reader = self.task(task_id).await?;
        let told = self.found(task_id, context).await?;
        told.waits(context);
        let result = tokio::select! {
            biased;
            result = tasks_2025::result(task_id, &*reader) => result,
            // The reply is dropped with the request.
            () = context.cancelled.cancelled() => return Err(ErrorData::internal_error("cancelled", None)),
        };
        told.over().await;
        result.map_err(|error| gone(task_id, error))?.map(ServerResult::CallToolResult)
    }

    async fn cancel_of_2025(
        &self,
        task_id: &str,
        context: &Context,
    ) -> Result<ServerResult, ErrorData> {
        let runs = self.stop(task_id, context).await?;
        let is_news = self.told(task_id).is_none_or(|told| told.cancel());
        let mut task = self.stands(task_id, context).await?;
        if !runs || !is_news {
            let status = serde_json::to_value(task.status).unwrap_or_default();
            let status = status.as_str().unwrap_or_default();
            let problem =
                format!("the task `{}` has ended already: it is {status}", shown(task_id));
            return Err(ErrorData::invalid_params(problem, None));
        }
        // Also where the log does not know of it yet.
        task.status = TaskStatus::Cancelled;
        Ok(written(task_of_2025(&task)))
    }

    async fn list_of_2025(&self, after: u64, context: &Context) -> Result<ServerResult, ErrorData> {
        let mut tasks = self.tasks().list_after(after, PAGE + 1).await.map_err(unavailable)?;
        let has_more = tasks.len() > PAGE;
        tasks.truncate(PAGE);
        let shows = Shows::of(context.client_capabilities());
        let last = tasks.last().map(|(number, _)| *number).filter(|_| has_more);
        let tasks = tasks.iter().map(|(_, known)| {
            task_of_2025(&tasks_2025::task(&known.task_id, &known.status, shows))
        });
        let mut page = json!({ "tasks": tasks.collect::<Vec<_>>() });
        if let Some(last) = last {
            page["nextCursor"] = last.to_string().into();
        }
        Ok(written(page))
    }

    /// How a task is doing.
    async fn stands(&self, task_id: &str, context: &Context) -> Result<Task, ErrorData> {
        let reader = self.task(task_id).await?;
        let status = reader.status().in_time().await.map_err(|error| gone(task_id, error))?;
        let shows = Shows::of(context.client_capabilities());
        Ok(tasks_2025::task(task_id, &status, shows))
    }

    fn told(&self, task_id: &str) -> Option<Told> {
        self.intake.session_tasks.told(task_id)
    }
}

impl Page {
    /// The number that the page comes after.
    fn after(self) -> Result<u64, ErrorData> {
        let Some(cursor) = self.cursor else { return Ok(0) };
        cursor.parse().map_err(|_| {
            let problem =
                format!("the cursor `{}` is not one that this server gave", shown(&cursor));
            ErrorData::invalid_params(problem, None)
        })
    }
}

fn not_a_task(tool: &str) -> ErrorData {
    let problem = format!("`{}` is not run as a task: call it without `task`", shown(tool));
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, problem, None)
}

fn read<T: DeserializeOwned>(request: &CustomRequest) -> Result<T, ErrorData> {
    let params = request.params.clone().unwrap_or_else(|| JsonObject::new().into());
    serde_json::from_value(params).map_err(|problem| {
        let (method, problem) = (&request.method, in_short(problem.to_string().into()));
        ErrorData::invalid_params(format!("invalid parameters of `{method}`: {problem}"), None)
    })
}

fn written(value: Value) -> ServerResult {
    ServerResult::CustomResult(CustomResult::new(value))
}

/// A task was forgotten meanwhile, or its log failed.
fn gone(task_id: &str, error: LogError) -> ErrorData {
    match error {
        LogError::Gone => ErrorData::invalid_params(unknown_id(task_id), None),
        error => unavailable(error),
    }
}
