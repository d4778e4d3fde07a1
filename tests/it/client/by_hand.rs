//! A server by hand on rmcp, as most Rust servers are: progress, and the Tasks extension with a table of its own.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mcpc::client::{Client, Said, TaskError, Way};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ContentBlock,
    CreateTaskResult, DetailedTask, ErrorData, GetTaskParams, GetTaskResult,
    ProgressNotificationParam, ProgressToken, ServerCapabilities, ServerConfig, Task, TaskPayload,
    TaskStatus,
};
use rmcp::service::{Peer, RequestContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::{Value, json};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

/// A job that a call started.
struct Job {
    step: u64,
    payload: TaskPayload,
    cancelled: CancellationToken,
}

#[derive(Clone, Default)]
struct ByHand {
    jobs: Arc<Mutex<HashMap<String, Job>>>,
    /// Whether clients of the Tasks extension get tasks.
    has_tasks: bool,
}

/// Who hears how far a job is.
enum Tells {
    Nobody,
    Client(Peer<RoleServer>, ProgressToken),
    Table(ByHand, String),
}

impl Tells {
    async fn tell(&self, step: u64) {
        match self {
            Self::Nobody => {}
            Self::Client(peer, token) => {
                let params = ProgressNotificationParam::new(token.clone(), step as f64);
                let params = params.with_message(format!("step {step}"));
                let _ = peer.notify_progress(params).await;
            }
            Self::Table(server, id) => server.set(id, |job| job.step = step),
        }
    }
}

/// Does some steps, and tells of each.
async fn work(tool: &str, steps: u64, tells: &Tells) -> CallToolResult {
    for step in 1..=steps {
        sleep(Duration::from_secs(1)).await;
        tells.tell(step).await;
    }
    match tool {
        "fail" => CallToolResult::error(vec![ContentBlock::text("as it was asked to")]),
        _ => CallToolResult::structured(json!({ "steps": steps })),
    }
}

impl ByHand {
    fn set(&self, id: &str, change: impl FnOnce(&mut Job)) {
        change(self.jobs.lock().expect("no panic").get_mut(id).expect("it is there"));
    }

    fn start_job(&self, tool: String, steps: u64) -> Task {
        let mut jobs = self.jobs.lock().expect("no panic");
        let id = format!("job-{}", jobs.len());
        let cancelled = CancellationToken::new();
        let job = Job { step: 0, payload: TaskPayload::Working, cancelled: cancelled.clone() };
        jobs.insert(id.clone(), job);
        let (server, job) = (self.clone(), id.clone());
        tokio::spawn(async move {
            let tells = Tells::Table(server.clone(), job.clone());
            let done = cancelled.run_until_cancelled(work(&tool, steps, &tells)).await;
            let payload = match done {
                None => TaskPayload::Cancelled,
                Some(reply) => {
                    let reply = serde_json::to_value(reply).expect("JSON");
                    TaskPayload::Completed { result: reply.as_object().expect("one").clone() }
                }
            };
            server.set(&job, |job| job.payload = payload);
        });
        task(&id)
    }
}

fn task(id: &str) -> Task {
    Task::new(id, TaskStatus::Working, "2026-07-28T00:00:00Z", "2026-07-28T00:00:00Z")
        .with_poll_interval_ms(500)
}

impl ServerHandler for ByHand {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder().enable_tools().build();
        if self.has_tasks {
            let name = "io.modelcontextprotocol/tasks".to_owned();
            capabilities.extensions = Some([(name, Default::default())].into());
        }
        ServerConfig::new(capabilities)
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let arguments = Value::Object(call.arguments.unwrap_or_default());
        let steps = match &*call.name {
            "echo" => {
                let text = arguments["text"].as_str().unwrap_or_default();
                return Ok(CallToolResult::success(vec![ContentBlock::text(text)]).into());
            }
            "work" | "fail" => arguments["steps"].as_u64().unwrap_or(1),
            "endless" => u64::MAX,
            name => return Err(ErrorData::invalid_params(format!("unknown tool {name}"), None)),
        };
        if context.client_capabilities().is_some_and(|client| client.supports_tasks()) {
            let task = self.start_job(call.name.into_owned(), steps);
            return Ok(CreateTaskResult::new(task).into());
        }
        let tells = match context.meta.get_progress_token() {
            Some(token) => Tells::Client(context.peer.clone(), token),
            None => Tells::Nobody,
        };
        let done = context.ct.run_until_cancelled(work(&call.name, steps, &tells)).await;
        Ok(done.ok_or_else(|| ErrorData::internal_error("cancelled", None))?.into())
    }

    async fn get_task(
        &self,
        params: GetTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        let jobs = self.jobs.lock().expect("no panic");
        let job = jobs.get(&params.task_id);
        let job = job.ok_or_else(|| ErrorData::invalid_params("unknown task", None))?;
        let task = task(&params.task_id).with_status_message(format!("step {}", job.step));
        Ok(GetTaskResult::new(DetailedTask::new(task, job.payload.clone())))
    }

    async fn cancel_task(
        &self,
        params: CancelTaskParams,
        _context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        if let Some(job) = self.jobs.lock().expect("no panic").get(&params.task_id) {
            job.cancelled.cancel();
        }
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_by_hand_runs_tasks_as_it_can() {
    for (has_tasks, way) in [(true, Way::Tasks), (false, Way::Progress)] {
        let (ours, mut ends) = tokio::io::duplex(1 << 16);
        let (mut pipe, theirs) = tokio::io::duplex(1 << 16);
        let server = ByHand { has_tasks, ..ByHand::default() };
        tokio::spawn(async move {
            rmcp::serve_server(server, theirs).await.expect("it begins").waiting().await
        });
        let alive =
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut ends, &mut pipe).await });
        let client = Client::connect(ours).await.expect("the server answers");
        assert_eq!(client.mcpc(), None);

        let mut echo = client.start("echo", json!({"text": "hello"})).await.expect("sent");
        assert_eq!(echo.way(), way);
        assert!(echo.next().await.is_none());
        assert_eq!(echo.result::<String>().await.expect("a result"), "hello");

        let mut one = client.start("work", json!({"steps": 5})).await.expect("sent");
        let mut other = client.start("work", json!({"steps": 7})).await.expect("sent");
        assert_eq!(one.result::<Value>().await.expect("a result"), json!({"steps": 5}));
        assert_eq!(other.result::<Value>().await.expect("a result"), json!({"steps": 7}));
        let mut steps = Vec::new();
        while let Some(said) = other.next().await {
            match said {
                Said::Status(text) => steps.push(text),
                Said::Progress { text: Some(text), .. } => steps.push(text),
                other => panic!("{other:?}"),
            }
        }
        let all: Vec<_> = (1..=7).map(|step| format!("step {step}")).collect();
        steps.retain(|step| step != "step 0");
        assert_eq!(steps, all, "{way:?}");

        let mut fails = client.start("fail", Value::Null).await.expect("sent");
        let error = fails.result::<Value>().await.expect_err("it fails").to_string();
        assert_eq!(error, "the task failed: as it was asked to", "{way:?}");
        let mut unknown = client.start("wrok", Value::Null).await.expect("sent");
        let error = unknown.result::<Value>().await.expect_err("it is not there").to_string();
        assert_eq!(error, "the server refused the call: unknown tool wrok (-32602)", "{way:?}");

        let mut endless = client.start("endless", Value::Null).await.expect("sent");
        let mut goes_on = client.start("endless", Value::Null).await.expect("sent");
        sleep(Duration::from_secs(3)).await;
        endless.stop().await.expect("it can be stopped");
        let ended = timeout(Duration::from_secs(2), endless.result::<Value>()).await;
        assert!(matches!(ended, Ok(Err(TaskError::Stopped(_)))), "{way:?}: {ended:?}");
        let ended = timeout(Duration::from_secs(60), goes_on.result::<Value>()).await;
        assert!(ended.is_err(), "{way:?}: the other goes on");
        alive.abort();
        let ended = timeout(Duration::from_secs(1), goes_on.result::<Value>()).await;
        assert!(matches!(ended, Ok(Err(TaskError::ServerGone))), "{way:?}: {ended:?}");
    }
}
