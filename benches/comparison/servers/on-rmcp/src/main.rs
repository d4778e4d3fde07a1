//! The server of the comparison, by hand on rmcp.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use rmcp::handler::server::router::tool::ToolRouter;
use rmcp::handler::server::tool::{ToolCallContext, parse_json_object};
use rmcp::handler::server::wrapper::Parameters;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
    CreateTaskResult, GetTaskParams, GetTaskResult, ProgressNotificationParam, ServerCapabilities,
    ServerConfig, UpdateTaskParams,
};
use rmcp::service::RequestContext;
use rmcp::task_manager::{TaskContext, TaskExit, TaskManager, TaskOptions};
use rmcp::transport::stdio;
use rmcp::{
    ErrorData, RoleServer, ServerHandler, ServiceExt, schemars, tool, tool_handler, tool_router,
};
use serde::Deserialize;
use tokio::time::sleep;

#[derive(Deserialize, schemars::JsonSchema)]
struct Add {
    a: i64,
    b: i64,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Deploy {
    service: String,
    seconds: u32,
}

#[derive(Deserialize, schemars::JsonSchema)]
struct Service {
    service: String,
}

// long work:
/// What a long tool works for: a call that is answered with the result, or a task.
enum Caller {
    Call(RequestContext<RoleServer>),
    Task(TaskContext),
}

impl Caller {
    async fn progress(&self, done: u32, total: u32, message: String) {
        match self {
            Self::Call(context) => {
                let Some(token) = context.meta.get_progress_token() else { return };
                let progress = ProgressNotificationParam::new(token, done.into())
                    .with_total(total.into())
                    .with_message(message);
                // A client that does not read it has left, and the work is told of that.
                let _ = context.peer.notify_progress(progress).await;
            }
            Self::Task(task) => task.set_status_message(message),
        }
    }

    async fn cancelled(&self) {
        match self {
            Self::Call(context) => context.ct.cancelled().await,
            Self::Task(task) => task.cancelled().await,
        }
    }
}
// end

#[derive(Clone)]
struct Deployer {
    tool_router: ToolRouter<Self>,
    tasks: TaskManager, // long work
}

#[tool_router]
impl Deployer {
    fn new() -> Self {
        Self {
            tool_router: Self::tool_router(),
            tasks: TaskManager::new(), // long work
        }
    }

    /// Adds two numbers.
    #[tool]
    async fn add(&self, Parameters(Add { a, b }): Parameters<Add>) -> String {
        (a + b).to_string()
    }

    /// Deploys a service.
    #[tool]
    async fn deploy(
        &self,
        Parameters(arguments): Parameters<Deploy>,
        context: RequestContext<RoleServer>, // long work
    ) -> Result<String, String> {
        deploy(arguments, &Caller::Call(context)).await
    }

    /// Looks for a service that does not exist.
    #[tool]
    async fn fail(&self, Parameters(arguments): Parameters<Service>) -> Result<String, String> {
        fail(arguments).await
    }

    /// Has a bug.
    #[tool]
    async fn crash(&self, Parameters(arguments): Parameters<Service>) -> Result<String, String> {
        crash(arguments).await
    }
}

#[tool_handler(router = self.tool_router)]
impl ServerHandler for Deployer {
    // long work:
    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let takes_tasks =
            context.client_capabilities().is_some_and(|client| client.supports_tasks());
        if takes_tasks && let Some(task) = self.start(&request)? {
            return Ok(CallToolResponse::Task(task));
        }
        self.tool_router.call(ToolCallContext::new(self, request, context)).await
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
    // end

    fn get_info(&self) -> ServerConfig {
        let capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tasks() // long work
            .build();
        ServerConfig::new(capabilities)
    }
}

// long work:
impl Deployer {
    /// Starts a call of a long tool as a task.
    fn start(
        &self,
        request: &CallToolRequestParams,
    ) -> Result<Option<CreateTaskResult>, ErrorData> {
        let arguments = request.arguments.clone().unwrap_or_default();
        let task = match &*request.name {
            "deploy" => {
                let arguments = parse_json_object(arguments)?;
                self.spawn(async move |task| deploy(arguments, &Caller::Task(task)).await)
            }
            "fail" => {
                let arguments = parse_json_object(arguments)?;
                self.spawn(async move |_| fail(arguments).await)
            }
            "crash" => {
                let arguments = parse_json_object(arguments)?;
                self.spawn(async move |_| crash(arguments).await)
            }
            _ => return Ok(None),
        };
        Ok(Some(task))
    }

    fn spawn<F>(&self, work: impl FnOnce(TaskContext) -> F) -> CreateTaskResult
    where
        F: Future<Output = Result<String, String>> + Send + 'static,
    {
        // What takes longer than this is given up; without it, that is after five minutes.
        let options = TaskOptions::new().with_ttl_ms(3_600_000);
        CreateTaskResult::new(self.tasks.spawn(options, |task| {
            let work = work(task.clone());
            Box::pin(async move {
                match work.await {
                    Ok(text) => Ok(CallToolResult::success(vec![ContentBlock::text(text)])),
                    Err(_) if task.is_cancel_requested() => Err(TaskExit::Cancelled),
                    Err(text) => Ok(CallToolResult::error(vec![ContentBlock::text(text)])),
                }
            })
        }))
    }
}

// end

async fn deploy(Deploy { service, seconds }: Deploy, caller: &Caller) -> Result<String, String> {
    for step in 1..=seconds {
        let this = format!("{service}: step {step}");
        // long work:
        tokio::select! {
            () = work(&this, Duration::from_secs(1)) => {}
            () = caller.cancelled() => {
                roll_back(&service).await;
                return Err(format!("`{service}` is rolled back"));
            }
        }
        caller.progress(step, seconds, this).await;
        // end
    }
    note(&format!("{service}: deployed"));
    Ok(format!("`{service}` is deployed"))
}

async fn fail(Service { service }: Service) -> Result<String, String> {
    work(&service, Duration::from_millis(200)).await;
    Err(format!("there is no service `{service}`"))
}

async fn crash(Service { service }: Service) -> Result<String, String> {
    work(&service, Duration::from_millis(200)).await;
    let regions: Vec<String> = Vec::new();
    Ok(regions[service.len()].clone())
}

async fn work(what: &str, time: Duration) {
    sleep(time).await;
    note(what);
}

async fn roll_back(service: &str) {
    sleep(Duration::from_millis(200)).await;
    note(&format!("{service}: rolled back"));
}

/// Leaves a line in the journal, which tells what the server does, whatever its client hears.
fn note(line: &str) {
    let Ok(journal) = std::env::var("COMPARISON_JOURNAL") else { return };
    let opened = OpenOptions::new().append(true).create(true).open(journal);
    opened.and_then(|mut journal| writeln!(journal, "{line}")).expect("the journal can be written");
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    Deployer::new().serve(stdio()).await?.waiting().await?;
    Ok(())
}
