//! A connection as its tasks need it.

use std::collections::BTreeMap;
use std::sync::Arc;

use rmcp::RoleClient;
use rmcp::model::{
    CallToolRequest, CallToolRequestParams, CallToolResult, CancelTaskParams, CancelTaskRequest,
    ClientNotification, ClientRequest, CustomNotification, CustomRequest, GetExtensions as _,
    GetTaskParams, GetTaskRequest, JsonObject, ProtocolVersion, RequestMetaObject, ServerResult,
    TASKS_EXTENSION_ID, Tool, UpdateTaskParams, UpdateTaskRequest,
};
use rmcp::service::{Peer, PeerRequestOptions, RequestHandle, ServiceError};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::Way;
use super::error::{ClientError, TaskError};
use super::heard::{Heard, Stage};
#[cfg(feature = "client-http")]
use super::http::{is_unanswered, lost};
use super::questions::{Questions, Told};
use super::reply::text;
use super::routes::Routes;
use super::said::Answer;
use super::status::Status;
use super::transport::Ours;
use crate::log::Boxed;
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::{Dialect, MESSAGE_TASK, STOP_TASK};

/// A connection, shared by a client and its tasks.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) peer: Peer<RoleClient>,
    pub(super) routes: Routes,
    pub(super) questions: Questions,
    pub(super) session_id: String,
    /// How the server speaks MCPC, if it does.
    pub(super) mcpc: Option<(Dialect, ProtocolInfo)>,
    /// The best way that may be taken.
    pub(super) best: Way,
    /// How many bytes are kept of what a task said.
    pub(super) kept: usize,
    /// Whether the server speaks MCPC, but not in a connection like this.
    #[cfg(feature = "client-http")]
    pub(super) speaks_elsewhere: bool,
    /// Whether the tools were listed, with what they say of tasks.
    pub(super) listed: OnceCell<()>,
}

/// How often a question is asked: who answers so often what was not asked will not do better.
const TRIES: usize = 3;

/// The answers to what a result asked for, and what is to be sent back with them.
pub(super) type Inputs = (BTreeMap<String, Value>, Option<String>);

impl Link {
    /// The best way to run a tool that server and client both have.
    pub(super) async fn way(&self, tool: &str) -> Result<Way, ClientError> {
        if self.best >= Way::Mcpc && self.mcpc.is_some() {
            return Ok(Way::Mcpc);
        }
        if self.routes.has_headers() && self.is_stateless() {
            // A server that has no list says so better when it is asked for the tool.
            let _is_listed = self.list_once().await;
        }
        if self.best >= Way::Tasks && self.has_tasks() {
            return Ok(Way::Tasks);
        }
        if self.best >= Way::TasksOf2025 && self.routes.unread().has_tasks {
            self.list_once().await?;
            if self.routes.unread().tools.get(tool) == Some(&true) {
                return Ok(Way::TasksOf2025);
            }
        }
        Ok(self.best.min(Way::Progress))
    }

    /// Has the tools listed, so that what they say of themselves is known.
    async fn list_once(&self) -> Result<(), ClientError> {
        self.listed.get_or_try_init(|| async { self.tools().await.map(drop) }).await.copied()
    }

    /// Whether the server has the Tasks extension of MCP.
    fn has_tasks(&self) -> bool {
        let info = self.peer.peer_info();
        self.is_stateless() && info.is_some_and(|info| info.capabilities.supports_tasks())
    }

    /// Whether each request says who asks, and what that can do.
    fn is_stateless(&self) -> bool {
        let info = self.peer.peer_info();
        info.is_some_and(|info| info.protocol_version >= ProtocolVersion::V_2026_07_28)
    }

    pub(super) async fn tools(&self) -> Result<Vec<Tool>, ClientError> {
        Ok(self.peer.list_all_tools().await?)
    }

    /// Sends a request, which says that this client has the Tasks extension if that is how it is to be served.
    async fn send(
        &self,
        request: ClientRequest,
        way: Way,
    ) -> Result<RequestHandle<RoleClient>, ServiceError> {
        let mut options = PeerRequestOptions::no_options();
        if self.is_stateless() {
            options = options.with_meta(self.meta(way));
        }
        self.peer.send_cancellable_request(request, options).await
    }

    #[expect(deprecated, reason = "MCP has nothing else for events of the session")]
    fn meta(&self, way: Way) -> RequestMetaObject {
        let mut meta = RequestMetaObject::new();
        meta.set_log_level(rmcp::model::LoggingLevel::Info);
        if way == Way::Tasks {
            let mut capabilities = self.routes.capabilities();
            let extensions = capabilities.extensions.get_or_insert_default();
            extensions.entry(TASKS_EXTENSION_ID.to_owned()).or_default();
            meta.set_client_capabilities(capabilities);
        }
        meta
    }

    /// Calls a tool for a task; with what it asked for before, if this is not the first time.
    pub(super) async fn call(
        &self,
        tool: &str,
        arguments: &JsonObject,
        way: Way,
        heard: &Arc<Heard>,
        inputs: Option<Inputs>,
    ) -> Result<RequestHandle<RoleClient>, ServiceError> {
        let mut request = match way {
            Way::TasksOf2025 => {
                let params = json!({"name": tool, "arguments": arguments, "task": {}});
                ClientRequest::CustomRequest(CustomRequest::new("tools/call", Some(params)))
            }
            Way::Mcpc | Way::Tasks | Way::Progress | Way::Result => {
                let params = CallToolRequestParams::new(tool.to_owned());
                let mut params = params.with_arguments(arguments.clone());
                if let Some((answers, state)) = inputs {
                    params.input_responses = (!answers.is_empty()).then_some(answers);
                    params.request_state = state;
                }
                ClientRequest::CallToolRequest(CallToolRequest::new(params))
            }
        };
        let ours = Ours { heard: Arc::clone(heard), has_token: way != Way::Result };
        request.extensions_mut().insert(ours);
        let handle = self.send(request, way).await?;
        heard.set_keys(|keys| keys.request = Some(handle.id.clone()));
        Ok(handle)
    }

    /// Asks something and waits for the answer, or for the end of the connection.
    async fn ask(&self, request: ClientRequest, way: Way) -> Result<ServerResult, ServiceError> {
        let handle = self.send(request, way).await?;
        self.answer(handle.rx).await
    }

    /// Waits for an answer, or for the end of the connection.
    pub(super) async fn answer(
        &self,
        answer: impl Future<Output = Result<Result<ServerResult, ServiceError>, impl Sized>>,
    ) -> Result<ServerResult, ServiceError> {
        tokio::select! {
            // What was answered before the end was answered.
            biased;
            answer = answer => match answer.unwrap_or(Err(ServiceError::TransportClosed)) {
                #[cfg(feature = "client-http")]
                Err(ServiceError::McpError(error)) if is_unanswered(&error) => Err(lost(&error)),
                answer => answer,
            },
            () = self.routes.closed().cancelled() => Err(ServiceError::TransportClosed),
        }
    }

    /// How a task of MCP is doing.
    pub(super) async fn status(&self, task_id: &str, way: Way) -> Result<Status, ServiceError> {
        let request = GetTaskRequest::new(GetTaskParams::new(task_id));
        let task = match self.ask(ClientRequest::GetTaskRequest(request), way).await? {
            ServerResult::GetTaskResult(result) => serde_json::to_value(result.task),
            ServerResult::CustomResult(result) => Ok(result.0),
            _ => return Err(ServiceError::UnexpectedResponse),
        };
        let status = task.ok().and_then(|task| Status::read(&task));
        status.map(|(_, status)| status).ok_or(ServiceError::UnexpectedResponse)
    }

    /// The result of a task of MCP 2025-11-25; the server answers when there is one.
    pub(super) async fn result(&self, task_id: &str) -> Result<CallToolResult, ServiceError> {
        let params = json!({ "taskId": task_id });
        let request = CustomRequest::new("tasks/result", Some(params));
        match self.ask(ClientRequest::CustomRequest(request), Way::TasksOf2025).await? {
            ServerResult::CallToolResult(result) => Ok(result),
            _ => Err(ServiceError::UnexpectedResponse),
        }
    }

    /// Gives a task of the Tasks extension what it asked for.
    pub(super) async fn update(
        &self,
        task_id: &str,
        answers: BTreeMap<String, Value>,
    ) -> Result<(), ServiceError> {
        let request = UpdateTaskRequest::new(UpdateTaskParams::new(task_id, answers));
        self.ask(ClientRequest::UpdateTaskRequest(request), Way::Tasks).await.map(drop)
    }

    /// Asks to be told how a task of the Tasks extension is doing.
    pub(super) async fn subscribe(
        &self,
        task_id: &str,
    ) -> Result<RequestHandle<RoleClient>, ServiceError> {
        // rmcp's own type of this request has no tasks.
        let params = json!({"notifications": {"taskIds": [task_id]}});
        let request = CustomRequest::new("subscriptions/listen", Some(params));
        self.send(ClientRequest::CustomRequest(request), Way::Tasks).await
    }

    /// Gives a task of the Tasks extension the answer to one of its questions. One that the server refuses is asked for
    /// again, and declined in the end, as the task would wait.
    pub(super) async fn answer_request(
        &self,
        heard: &Arc<Heard>,
        task_id: &str,
        key: String,
        mut request: Value,
    ) {
        let message = request["params"]["message"].as_str().unwrap_or_default().to_owned();
        for tries in 0..=TRIES {
            let answer = match tries {
                TRIES => Some(Answer::Decline.into_result()),
                _ => self.questions.input(&request, heard).await,
            };
            let Some(answer) = answer else {
                event!(warn, "the task asks for what this client does not have");
                return;
            };
            match self.update(task_id, BTreeMap::from([(key.clone(), answer)])).await {
                Ok(()) => return,
                Err(ServiceError::McpError(error)) => {
                    request["params"]["message"] = format!("{}\n\n{message}", error.message).into();
                }
                Err(error) => {
                    event!(warn, %error, "the answer to a task's question did not arrive");
                    return;
                }
            }
        }
    }

    /// Gives a task of MCPC the answer to its question, likewise.
    pub(super) async fn answer_told(
        &self,
        heard: &Arc<Heard>,
        told: Told,
        mut answer: Boxed<'static, Answer>,
    ) {
        let Some(task_id) = heard.task_id() else { return };
        for tries in 1..=TRIES + 1 {
            let arguments = told.answered(&task_id, answer.await);
            match self.control(MESSAGE_TASK, arguments).await {
                Ok(()) => return,
                Err(ClientError::Tool { text, .. }) => {
                    answer = match tries {
                        TRIES => Box::pin(async { Answer::Decline }),
                        _ => self.questions.ask(&told.params(Some(&text)), Some(heard)),
                    };
                }
                Err(error) => {
                    event!(warn, %error, "the answer to a task's question did not arrive");
                    return;
                }
            }
        }
    }

    /// Asks a task to stop, in the way that fits how far it is.
    pub(super) async fn stop(&self, heard: &Heard, way: Way) -> Result<(), ClientError> {
        if heard.ended().is_some() {
            return Ok(());
        }
        heard.set_stopped();
        if heard.stage() == Stage::Unanswered {
            self.take_back(heard).await?;
            heard.end(Err(TaskError::Stopped(Value::Null)));
            return Ok(());
        }
        self.stop_running(heard, way).await
    }

    /// Takes a call back. rmcp would drop what the server has answered by then, which may be that there is a task; so
    /// it does not see this.
    async fn take_back(&self, heard: &Heard) -> Result<(), ServiceError> {
        let params = json!({"requestId": heard.keys().request, "reason": "stopped"});
        let notification = CustomNotification::new("notifications/cancelled", Some(params));
        self.peer.send_notification(ClientNotification::CustomNotification(notification)).await
    }

    /// Asks a task to stop whose call was answered.
    pub(super) async fn stop_running(&self, heard: &Heard, way: Way) -> Result<(), ClientError> {
        let Some(task_id) = heard.task_id().filter(|_| heard.stage() != Stage::Over) else {
            return Ok(());
        };
        if heard.stage() == Stage::Callbacks {
            return self.control(STOP_TASK, json!({ "task_id": task_id })).await;
        }
        let request = CancelTaskRequest::new(CancelTaskParams::new(task_id.clone()));
        let answer = self.ask(ClientRequest::CancelTaskRequest(request), way).await;
        // What has ended meanwhile cannot be stopped, and need not be.
        match (answer, self.status(&task_id, way).await) {
            (Err(error), Err(_)) => Err(error.into()),
            (Err(error), Ok(status)) if !status.state.is_terminal() => Err(error.into()),
            (_, Ok(status)) => {
                heard.push_status(status);
                Ok(())
            }
            (Ok(_), Err(_)) => Ok(()),
        }
    }

    /// Calls a tool that looks after tasks, whatever prefix the server gave it.
    pub(super) async fn control(
        &self,
        tool: &'static str,
        arguments: Value,
    ) -> Result<(), ClientError> {
        let tools = self.tools().await?;
        let is_it = |listed: &&Tool| listed.name == tool;
        let found = tools.iter().find(is_it);
        let found = found.or_else(|| tools.iter().find(|listed| listed.name.ends_with(tool)));
        let Some(found) = found else { return Err(ClientError::NoTool { tool }) };
        let mut call = CallToolRequestParams::new(found.name.clone());
        call.arguments = arguments.as_object().cloned();
        let request = ClientRequest::CallToolRequest(CallToolRequest::new(call));
        match self.ask(request, Way::Result).await? {
            ServerResult::CallToolResult(reply) if reply.is_error == Some(true) => {
                Err(ClientError::Tool { tool: found.name.to_string(), text: text(&reply) })
            }
            _ => Ok(()),
        }
    }
}
