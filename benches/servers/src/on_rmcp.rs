//! The same server by hand on rmcp: no macros, schemas written down, arguments read by serde.

use std::sync::Arc;
use std::time::Duration;

use crate::{TEXT, now};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
    CreateTaskResult, ErrorData, GetTaskParams, GetTaskResult, JsonObject, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ServerCapabilities, ServerConfig, Tool,
    UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskExit, TaskManager, TaskOptions};
use rmcp::{RoleServer, ServerHandler};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A server with the tools of `with-mcpc`.
#[derive(Default)]
#[allow(
    missing_debug_implementations,
    reason = "rmcp's `TaskManager` has none; where a program includes this, nobody asks"
)]
pub struct OnRmcp {
    tasks: TaskManager,
}

#[derive(Deserialize)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize)]
struct Chatter {
    count: u64,
}

#[derive(Deserialize)]
struct Clock {
    count: u64,
    microseconds: u64,
}

fn arguments<T: DeserializeOwned>(arguments: Option<JsonObject>) -> Result<T, ErrorData> {
    serde_json::from_value(Value::Object(arguments.unwrap_or_default()))
        .map_err(|error| ErrorData::invalid_params(error.to_string(), None))
}

fn text(text: impl Into<String>) -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text(text)])
}

/// A progress notification, if the client asked for them.
async fn report(
    context: &RequestContext<RoleServer>,
    progress: u64,
    message: impl Into<String>,
) -> Result<(), ErrorData> {
    let Some(token) = context.meta.get_progress_token() else { return Ok(()) };
    let report = ProgressNotificationParam::new(token, progress as f64).with_message(message);
    let sent = context.peer.notify_progress(report).await;
    sent.map_err(|error| ErrorData::internal_error(error.to_string(), None))
}

impl OnRmcp {
    /// A server that shares its tasks with others, as each session has one of its own.
    #[must_use]
    pub fn sharing(tasks: TaskManager) -> Self {
        Self { tasks }
    }

    /// A task that waits to be stopped.
    fn watch(&self) -> CreateTaskResult {
        CreateTaskResult::new(self.tasks.spawn(TaskOptions::new(), |task| {
            Box::pin(async move {
                task.cancelled().await;
                Err(TaskExit::Cancelled)
            })
        }))
    }
}

impl ServerHandler for OnRmcp {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().enable_tasks().build())
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tool = |name, description, keys: &[&'static str]| {
            let properties: JsonObject =
                keys.iter().map(|&key| (key.to_owned(), json!({"type": "integer"}))).collect();
            let schema =
                json!({"type": "object", "properties": properties, "required": keys.to_vec()});
            let Value::Object(schema) = schema else { unreachable!("it was written as one") };
            Tool::new(name, description, Arc::new(schema))
        };
        Ok(ListToolsResult::with_all_items(vec![
            tool("add", "Adds two numbers.", &["a", "b"]),
            tool("chatter", "Reports as fast as the client takes it.", &["count"]),
            tool("clock", "Reports the time now and then.", &["count", "microseconds"]),
            tool("watch", "Waits to be stopped.", &[]),
        ]))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        match &*call.name {
            "add" => {
                let Add { a, b } = arguments(call.arguments)?;
                Ok(text((a + b).to_string()).into())
            }
            "chatter" => {
                let Chatter { count } = arguments(call.arguments)?;
                for i in 0..count {
                    report(&context, i, TEXT).await?;
                }
                Ok(text("done").into())
            }
            "clock" => {
                let Clock { count, microseconds } = arguments(call.arguments)?;
                for i in 0..count {
                    tokio::time::sleep(Duration::from_micros(microseconds)).await;
                    report(&context, i, now().to_string()).await?;
                }
                Ok(text("done").into())
            }
            "watch" => Ok(CallToolResponse::Task(self.watch())),
            name => Err(ErrorData::invalid_params(format!("unknown tool `{name}`"), None)),
        }
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        Ok(GetTaskResult::new(self.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.tasks.cancel_task(&request.task_id)
    }
}
