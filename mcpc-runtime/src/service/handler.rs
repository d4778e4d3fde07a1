//! What rmcp's loop asks of a connection.

use std::borrow::Cow;

use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ClientNotification,
    ClientRequest, ContentBlock, ErrorData, GetTaskParams, GetTaskResult, InitializeRequestParams,
    InitializeResult, ListToolsResult, PaginatedRequestParams, ProtocolVersion, ServerConfig,
    ServerResult, UpdateTaskParams,
};
use rmcp::service::{NotificationContext, RequestContext};
use rmcp::{RoleServer, ServerHandler, Service};

use super::calls::{GraceOver, Refusal};
use super::capabilities::{merge, without_tasks};
use super::trace::Trace;
use super::{Connection, ToolService};
use crate::control::unknown_id;
use crate::delivery::tasks_extension;
use crate::guard::Guarded;
use crate::log::{Stop, TaskReader};
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::Dialect;
use crate::output::error_reply;
use crate::phrases::shown;
use crate::transport::Subscription;

impl Service<RoleServer> for Connection {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let _running = self.limit.enter()?;
        // These see to their end by themselves: they tell what became of the task or the tool.
        let has_an_end = matches!(request, ClientRequest::CallToolRequest(_))
            || context.extensions.get::<Subscription>().is_some();
        // Boxed, as the futures of rmcp around this one hold it several times over.
        let answer = Box::pin(self.answer(request, context));
        let answer = match has_an_end {
            true => Ok(Guarded::new(answer).await),
            false => self.tools.until_grace_over(answer).await,
        };
        // rmcp never answers a request whose handler panicked.
        match answer {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(ErrorData::internal_error("the server's handler panicked", None)),
            Err(GraceOver) => Err(ErrorData::internal_error("the server has ended", None)),
        }
    }

    async fn handle_notification(
        &self,
        notification: ClientNotification,
        context: NotificationContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        match self.inner() {
            Some(inner) => inner.handle_notification(notification, context).await,
            None => Service::handle_notification(&self.tools, notification, context).await,
        }
    }

    fn get_info(&self) -> ServerConfig {
        ServerHandler::get_info(&self.tools)
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(&self.tools)
    }
}

impl ServerHandler for ToolService {
    fn get_info(&self) -> ServerConfig {
        let config = &self.shared().config;
        match &self.shared().inner {
            Some(inner) => merge(inner.get_info(), config),
            None => config.clone(),
        }
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        context.peer.set_peer_info(request.clone());
        Ok(without_tasks(self.negotiate_initialize(&request)?))
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match &self.shared().inner {
            Some(inner) => inner.supported_protocol_versions(),
            None => Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS),
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.shared().registry.list().to_vec()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        mut context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(dialect) = Dialect::of_handshake(&call.name) {
            return Ok(self.greet(dialect).into());
        }
        let reply = match Trace::of(&call.name, &mut context) {
            None => self.call(call, &context).await,
            Some(trace) => trace.follow(Box::pin(self.call(call, &context))).await,
        };
        match reply {
            Err(Refusal::Said(text)) => Ok(error_reply(text).into()),
            Err(Refusal::Protocol(error)) => Err(error),
            Ok(reply) => Ok(reply),
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let reader = self.task(&request.task_id)?;
        Ok(GetTaskResult::new(tasks_extension::detailed(&request.task_id, &*reader).await))
    }

    /// No task has a question open, and answers to a question that is not open are ignored.
    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(&request.task_id).map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let stopped = context.extensions.get::<Stop>().copied();
        let stop = || self.shared().log.stop(&self.intake.key(&request.task_id));
        match stopped.unwrap_or_else(stop) {
            Stop::Asked => {
                event!(
                    info,
                    task_id = &*shown(&request.task_id),
                    by = "tasks/cancel",
                    "asked to stop"
                );
                Ok(())
            }
            Stop::Ended => Ok(()),
            Stop::Unknown => Err(ErrorData::invalid_params(unknown_id(&request.task_id), None)),
        }
    }
}

impl ToolService {
    fn greet(&self, dialect: Dialect) -> CallToolResult {
        let info = ProtocolInfo::new(dialect, &self.shared().config.server_info.name);
        let text = serde_json::to_string(&info).expect("protocol information is text and flags");
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// A task of this connection's.
    pub(super) fn task(&self, task_id: &str) -> Result<Box<dyn TaskReader>, ErrorData> {
        let reader = self.shared().log.reader(&self.intake.key(task_id));
        reader.ok_or_else(|| ErrorData::invalid_params(unknown_id(task_id), None))
    }
}
