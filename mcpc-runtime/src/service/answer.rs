//! Answers what is ours: calls of tools, and what is asked about tasks.

use std::mem;
use std::sync::Arc;

use rmcp::RoleServer;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientRequest,
    ContentBlock, ErrorData, GetTaskResult, ProtocolVersion, ServerResult, UpdateTaskParams,
};
use rmcp::service::RequestContext;

use super::calls::{Refusal, SimpleReply};
use super::trace::Trace;
use super::{Shared, ToolService};
use crate::context::Context;
use crate::control::{Stopping, unknown_id};
use crate::delivery::{PeerHandle, Shows, tasks_extension};
use crate::log::{LogError, Parcel, Stop, TaskReader};
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::Dialect;
use crate::outbox::Gate;
use crate::output::error_reply;
use crate::parameter::CallArguments;
use crate::phrases::shown;
use crate::reply::Reply;
use crate::tool::Definition;

/// A request that is ours.
pub(super) enum Ours {
    Call(Box<CallToolRequestParams>),
    /// A call of a plain tool that takes nothing of it but these arguments.
    Simple(Arc<Definition>, CallArguments),
    GetTask(String),
    UpdateTask(Box<UpdateTaskParams>),
    CancelTask(String),
}

impl Ours {
    /// What a request asks, taken out of it; `None` leaves it as it is. Whether one about tasks is ours, its protocol
    /// decides.
    pub(super) fn taken_from(request: &mut ClientRequest) -> Option<Self> {
        match request {
            ClientRequest::CallToolRequest(call) => {
                Some(Self::Call(Box::new(mem::take(&mut call.params))))
            }
            ClientRequest::GetTaskRequest(get) => {
                Some(Self::GetTask(mem::take(&mut get.params.task_id)))
            }
            ClientRequest::UpdateTaskRequest(update) => {
                let (task_id, responses) =
                    (&mut update.params.task_id, &mut update.params.input_responses);
                let params = UpdateTaskParams::new(mem::take(task_id), mem::take(responses));
                Some(Self::UpdateTask(Box::new(params)))
            }
            ClientRequest::CancelTaskRequest(cancel) => {
                Some(Self::CancelTask(mem::take(&mut cancel.params.task_id)))
            }
            _ => None,
        }
    }
}

impl ToolService {
    /// A request that a loop has read.
    pub(super) fn context(&self, context: RequestContext<RoleServer>) -> Context {
        // Its own peer reaches the same client, and would go uncounted.
        let peer = self.intake.reach.peer();
        let peer = peer.unwrap_or_else(|| PeerHandle::new(context.peer.clone()));
        Context::of_loop(context, peer)
    }

    /// Whether a request asks about a task, and is ours: the server has tasks, and the protocol knows them.
    pub(super) fn is_about_task(
        &self,
        request: &ClientRequest,
        knows_tasks: impl FnOnce() -> bool,
    ) -> bool {
        let asks = matches!(
            request,
            ClientRequest::GetTaskRequest(_)
                | ClientRequest::UpdateTaskRequest(_)
                | ClientRequest::CancelTaskRequest(_)
        );
        asks && self.shared().has_tasks && knows_tasks()
    }

    /// Answers a request, by the same rules by which rmcp answers the others.
    pub(super) async fn answer(&self, request: Ours, context: Box<Context>) -> Reply {
        let is_modern = context.knows_tasks();
        if let Err(error) = self.admit(&request, &context) {
            return Reply::new(Err(error), is_modern);
        }
        let outcome = match request {
            Ours::Simple(tool, arguments) => {
                match self.answer_simple(&tool, arguments, context).await {
                    Ok(SimpleReply::Value(value, shape)) => {
                        return Reply::of_value(value, shape, is_modern);
                    }
                    Ok(SimpleReply::Whole(reply)) => Ok(ServerResult::CallToolResult(reply)),
                    Err(error) => Err(error),
                }
            }
            Ours::Call(call) => self.call_tool(call, context).await.map(ServerResult::from),
            Ours::GetTask(get) => {
                self.get_task(&get, &context).await.map(ServerResult::GetTaskResult)
            }
            Ours::UpdateTask(update) => self.update_task(*update).await.map(ServerResult::task_ack),
            Ours::CancelTask(cancel) => {
                self.cancel_task(&cancel, &context).await.map(ServerResult::task_ack)
            }
        };
        Reply::new(outcome, is_modern)
    }

    fn admit(&self, request: &Ours, context: &Context) -> Result<(), ErrorData> {
        self.shared().admit(context)?;
        match request {
            Ours::Call(call) => self.admit_task(&call.name, context),
            Ours::Simple(..) => Ok(()),
            Ours::GetTask(_) | Ours::UpdateTask(_) | Ours::CancelTask(_) => needs_tasks(context),
        }
    }

    pub(super) async fn call_tool(
        &self,
        call: Box<CallToolRequestParams>,
        mut context: Box<Context>,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(dialect) = Dialect::of_handshake(&call.name) {
            let gate = context.extensions.get::<Gate>();
            let can_follow = gate.is_none_or(|gate| gate.outbox().can_follow());
            return Ok(self.greet(dialect, can_follow).into());
        }
        let reply = match Trace::of(&call.name, &mut context) {
            None => self.call(call, &context).await,
            Some(trace) => trace.follow(Box::pin(self.call(call, &context))).await,
        };
        match reply {
            // Who asked for a task reads no result in its place.
            Err(Refusal::Said(text)) if self.is_asked_for_task(&context) => {
                Err(ErrorData::internal_error(text, None))
            }
            Err(Refusal::Said(text)) => Ok(error_reply(text).into()),
            Err(Refusal::Protocol(error)) => Err(error),
            Ok(reply) => Ok(reply),
        }
    }

    async fn answer_simple(
        &self,
        tool: &Definition,
        arguments: CallArguments,
        mut context: Box<Context>,
    ) -> Result<SimpleReply, ErrorData> {
        let reply = match Trace::of(&tool.about.name, &mut context) {
            None => self.call_simple(tool, arguments, &context).await,
            Some(trace) => {
                trace.follow(Box::pin(self.call_simple(tool, arguments, &context))).await
            }
        };
        match reply {
            Err(Refusal::Said(text)) => Ok(SimpleReply::Whole(error_reply(text))),
            Err(Refusal::Protocol(error)) => Err(error),
            Ok(reply) => Ok(reply),
        }
    }

    pub(super) async fn get_task(
        &self,
        task_id: &str,
        context: &Context,
    ) -> Result<GetTaskResult, ErrorData> {
        let reader = self.task(task_id).await?;
        let shows = Shows::of(context.client_capabilities());
        let task = tasks_extension::detailed(task_id, &*reader, shows).await;
        Ok(GetTaskResult::new(task.map_err(|error| match error {
            // It was forgotten meanwhile.
            LogError::Gone => ErrorData::invalid_params(unknown_id(task_id), None),
            error => unavailable(error),
        })?))
    }

    /// Answers to a question that is not open are ignored.
    pub(super) async fn update_task(&self, request: UpdateTaskParams) -> Result<(), ErrorData> {
        self.update_questions(&request.task_id, request.input_responses).await
    }

    pub(super) async fn cancel_task(
        &self,
        task_id: &str,
        context: &Context,
    ) -> Result<(), ErrorData> {
        self.stop(task_id, context).await.map(drop)
    }

    /// Asks a task to stop, if that was not done where the request was read; returns whether it runs.
    pub(super) async fn stop(&self, task_id: &str, context: &Context) -> Result<bool, ErrorData> {
        let stopped = context.extensions.get::<Stopping>().and_then(Parcel::take);
        let stop = || self.intake.tasks.stop(vec![task_id.into()]);
        match stopped.unwrap_or_else(stop).await.map_err(unavailable)? {
            Stop::Asked => {
                event!(info, task_id = &*shown(task_id), by = "tasks/cancel", "asked to stop");
                Ok(true)
            }
            Stop::Ended => Ok(false),
            Stop::Unknown => Err(ErrorData::invalid_params(unknown_id(task_id), None)),
        }
    }

    fn greet(&self, dialect: Dialect, can_follow: bool) -> CallToolResult {
        let info = ProtocolInfo::new(dialect, &self.shared().config.server_info.name);
        let info = if can_follow { info } else { info.without_callbacks() };
        let text = serde_json::to_string(&info).expect("protocol information is text and flags");
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// A task of this connection's.
    pub(super) async fn task(&self, task_id: &str) -> Result<Box<dyn TaskReader>, ErrorData> {
        let reader = self.intake.tasks.reader(&task_id.into()).await.map_err(unavailable)?;
        reader.ok_or_else(|| ErrorData::invalid_params(unknown_id(task_id), None))
    }
}

impl Shared {
    /// Refuses a request of a protocol that the server does not speak, or that does not bring what its protocol asks
    /// for.
    pub(super) fn admit(&self, context: &Context) -> Result<(), ErrorData> {
        if let Some(named) = context.named_version() {
            let supported = self.versions();
            if !supported.iter().any(|version| version.as_str() == named)
                && let Some(version) = context.meta().protocol_version()
            {
                return Err(ErrorData::unsupported_protocol_version(version, &supported));
            }
        }
        if context.stands_alone() && !context.brings_all() {
            let missing = context.meta().missing_required_keys(&ProtocolVersion::V_2026_07_28);
            let missing = missing.join(", ");
            let problem =
                format!("request _meta is missing or has malformed required fields: {missing}");
            return Err(ErrorData::invalid_params(problem, None));
        }
        Ok(())
    }
}

/// The task log failed; it may do better later.
pub(super) fn unavailable(error: LogError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

/// Refuses a client that did not declare MCP's tasks.
pub(super) fn needs_tasks(context: &Context) -> Result<(), ErrorData> {
    if context.client_capabilities().is_some_and(|it| it.supports_tasks()) {
        return Ok(());
    }
    let required = ClientCapabilities::builder().enable_tasks().build();
    Err(ErrorData::missing_required_client_capability(required))
}
