//! Our `rmcp` service: calls, lists of tools and tasks are answered here, every other method by the user's
//! own handler.

mod calls;
mod intake;
mod subscriptions;
mod trace;

use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CancelTaskParams, ClientNotification,
    ClientRequest, ContentBlock, ErrorCode, ErrorData, GetTaskParams, GetTaskResult,
    Implementation, InitializeRequestParams, InitializeResult, JsonObject, ListToolsResult,
    PaginatedRequestParams, ProtocolVersion, ServerCapabilities, ServerConfig, ServerResult,
    TASKS_EXTENSION_ID, UpdateTaskParams,
};
use rmcp::service::{DynService, NotificationContext, RequestContext};
use rmcp::{RoleServer, ServerHandler, Service};

use self::calls::{GraceOver, Refusal};
use self::intake::TaskIntake;
use self::trace::Trace;
use crate::control::{Control, Stopping, unknown_id};
use crate::delivery::{LogLevel, tasks_extension};
use crate::log::{LogError, Parcel, Stop, TaskLog, TaskReader};
use crate::logging::event;
use crate::message::ProtocolInfo;
use crate::names::Dialect;
use crate::output::error_reply;
use crate::parameter::States;
use crate::phrases::shown;
use crate::registry::Registry;
use crate::task::{Places, Tasks};
use crate::transport::{Ending, Intake, Subscription, is_modern};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) states: States,
    pub(crate) log: Arc<dyn TaskLog>,
    /// How many tasks may run at once.
    pub(crate) places: Places,
    pub(crate) config: ServerConfig,
    pub(crate) times: ServerTimes,
    /// `None` if nobody could come back to a task.
    pub(crate) control: Option<Control>,
    pub(crate) inner: Option<Arc<dyn DynService<RoleServer>>>,
    /// How many requests of a connection may be handled at once.
    pub(crate) max_requests: usize,
}

/// How long things about tasks take, unless a tool says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTimes {
    /// How long a task may go on after it was asked to stop.
    pub(crate) grace: Duration,
    /// How long a call stays open for its result, if the server says so.
    pub(crate) patience: Option<Duration>,
    /// The same of a client that takes tasks.
    pub(crate) task_patience: Duration,
    /// How long an ended task is readable.
    pub(crate) retention: Duration,
    /// How long a client with a progress token hears nothing before it hears that the task still runs.
    pub(crate) heartbeat: Duration,
}

/// The longest that anything is waited for, so that sums of times are times. Nobody lives to see it.
const LONGEST: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// A duration that can be added to others.
fn bounded(duration: Duration) -> Duration {
    duration.min(LONGEST)
}

impl ServerTimes {
    /// The same, each of them a time that can be waited for.
    pub(crate) fn bounded(self) -> Self {
        Self {
            grace: bounded(self.grace),
            patience: self.patience.map(bounded),
            task_patience: bounded(self.task_patience),
            retention: bounded(self.retention),
            heartbeat: bounded(self.heartbeat),
        }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// One connection's view of a server.
pub(crate) struct Connection {
    tools: ToolService,
    /// How many requests are being handled.
    running: AtomicUsize,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let tasks = Tasks::new(Arc::clone(&shared.log), shared.places.clone());
        let ending = Ending::new(tasks.clone(), shared.times.grace);
        let log_level = LogLevel::new(true);
        let intake = Arc::new(TaskIntake { shared, tasks });
        let tools = ToolService { intake, ending, log_level };
        Self { tools, running: AtomicUsize::new(0) }
    }

    /// How the connection ends.
    pub(crate) fn ending(&self) -> &Ending {
        &self.tools.ending
    }

    /// What is done about its requests where they are read.
    pub(crate) fn intake(&self) -> Arc<dyn Intake> {
        self.tools.intake.clone()
    }

    /// Counts a request until its handler is done, be it cancelled or not.
    fn enter(&self) -> Result<Running<'_>, ErrorData> {
        let most = self.tools.shared().max_requests;
        let running = Running(&self.running);
        // Reading no further would be no way out: nothing could be cancelled any more.
        if self.running.fetch_add(1, Ordering::Relaxed) >= most {
            let problem = format!("{most} requests are unanswered; try again later");
            return Err(ErrorData::new(BUSY, problem, None));
        }
        Ok(running)
    }

    async fn answer(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let has_tasks = self.tools.shared().registry.has_tasks();
        if has_tasks && let Some(subscription) = context.extensions.get::<Subscription>().cloned() {
            return self.tools.listen(subscription, context).await;
        }
        match (&request, self.inner()) {
            (ClientRequest::SetLevelRequest(level), inner) if !knows_tasks(&context) => {
                self.tools.log_level.set_level(level);
                match inner.filter(|inner| inner.get_info().capabilities.logging.is_some()) {
                    Some(inner) => inner.handle_request(request, context).await,
                    None if has_tasks => Ok(ServerResult::empty(())),
                    None => Err(unknown_method(request.method())),
                }
            }
            // A protocol that has no tasks, or others.
            (
                ClientRequest::GetTaskRequest(_)
                | ClientRequest::UpdateTaskRequest(_)
                | ClientRequest::CancelTaskRequest(_),
                None,
            ) if !has_tasks || !knows_tasks(&context) => Err(unknown_method(request.method())),
            (ClientRequest::CustomRequest(_), None) => Err(unknown_method(request.method())),
            (_, Some(inner)) if !self.is_ours(&request, &context) => {
                let answer = inner.handle_request(request, context).await;
                answer.map(|result| self.tools.complete(result))
            }
            _ => Service::handle_request(&self.tools, request, context).await,
        }
    }

    /// Whether a request is answered here, although there is a handler of the user's.
    fn is_ours(&self, request: &ClientRequest, context: &RequestContext<RoleServer>) -> bool {
        match request {
            ClientRequest::CallToolRequest(_) | ClientRequest::ListToolsRequest(_) => true,
            ClientRequest::GetTaskRequest(_)
            | ClientRequest::UpdateTaskRequest(_)
            | ClientRequest::CancelTaskRequest(_) => {
                self.tools.shared().registry.has_tasks() && knows_tasks(context)
            }
            _ => false,
        }
    }

    /// The user's handler, for what is not about tools.
    fn inner(&self) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.tools.shared().inner.as_ref()
    }
}

impl Service<RoleServer> for Connection {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let _running = self.enter()?;
        // These see to their end by themselves: they tell what became of the task or the tool.
        let has_an_end = matches!(request, ClientRequest::CallToolRequest(_))
            || context.extensions.get::<Subscription>().is_some();
        // Boxed, as the futures of rmcp around this one hold it several times over.
        let answer = Box::pin(self.answer(request, context));
        let answer = match has_an_end {
            true => Ok(AssertUnwindSafe(answer).catch_unwind().await),
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

/// The code of an error that says nothing about the request. JSON-RPC leaves it to servers.
const BUSY: ErrorCode = ErrorCode(-32000);

/// A request whose handler runs.
struct Running<'a>(&'a AtomicUsize);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn unknown_method(method: &str) -> ErrorData {
    ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("unknown method `{}`", shown(method)), None)
}

/// Answers everything about tools.
struct ToolService {
    intake: Arc<TaskIntake>,
    ending: Ending,
    /// Whether the client takes logging notifications of the level that server events have.
    log_level: LogLevel,
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
        let reader = self.task(&request.task_id).await?;
        let task = tasks_extension::detailed(&request.task_id, &*reader).await;
        Ok(GetTaskResult::new(task.map_err(unavailable)?))
    }

    /// No task has a question open, and answers to a question that is not open are ignored.
    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.task(&request.task_id).await.map(drop)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        let stopped = context.extensions.get::<Stopping>().and_then(Parcel::take);
        let stop = || self.intake.tasks.stop(vec![request.task_id.as_str().into()]);
        match stopped.unwrap_or_else(stop).await.map_err(unavailable)? {
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
    fn shared(&self) -> &Shared {
        &self.intake.shared
    }

    fn greet(&self, dialect: Dialect) -> CallToolResult {
        let info = ProtocolInfo::new(dialect, &self.shared().config.server_info.name);
        let text = serde_json::to_string(&info).expect("protocol information is text and flags");
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// Adds what we know to what the user's handler said about the server.
    fn complete(&self, mut result: ServerResult) -> ServerResult {
        let config = &self.shared().config;
        match &mut result {
            ServerResult::InitializeResult(info) => {
                *info = without_tasks(merge(info.clone(), config));
            }
            ServerResult::DiscoverResult(info) => {
                info.set_server_info(named(info.server_info(), &config.server_info));
                merge_into(&mut info.capabilities, &mut info.instructions, config);
            }
            ServerResult::SubscriptionsListenResult(result) => {
                result.meta.set_server_info(named(result.meta.server_info(), &config.server_info));
            }
            _ => {}
        }
        result
    }

    /// A task of this connection's.
    async fn task(&self, task_id: &str) -> Result<Box<dyn TaskReader>, ErrorData> {
        let reader = self.intake.tasks.reader(&task_id.into()).await.map_err(unavailable)?;
        reader.ok_or_else(|| ErrorData::invalid_params(unknown_id(task_id), None))
    }
}

/// The task log failed; it may do better later.
fn unavailable(error: LogError) -> ErrorData {
    ErrorData::internal_error(error.to_string(), None)
}

/// Whether a request may be answered with a task: it speaks a protocol that knows them as an extension, and
/// the client declared it.
fn takes_tasks(context: &RequestContext<RoleServer>) -> bool {
    knows_tasks(context) && context.client_capabilities().is_some_and(|it| it.supports_tasks())
}

/// Whether a request speaks a protocol that knows tasks as an extension.
fn knows_tasks(context: &RequestContext<RoleServer>) -> bool {
    is_modern(context.protocol_version())
}

/// The user's handler says what its own methods can do, and who it is; the name, the version and the tools are ours.
fn merge(inner: ServerConfig, ours: &ServerConfig) -> InitializeResult {
    let mut merged = inner;
    merged.server_info = named(Some(merged.server_info), &ours.server_info);
    merge_into(&mut merged.capabilities, &mut merged.instructions, ours);
    merged
}

/// What the user's handler says of itself, under the server's name and version.
fn named(inner: Option<Implementation>, ours: &Implementation) -> Implementation {
    let Some(mut named) = inner else { return ours.clone() };
    named.name.clone_from(&ours.name);
    named.version.clone_from(&ours.version);
    named
}

fn merge_into(
    inner: &mut ServerCapabilities,
    instructions: &mut Option<String>,
    ours: &ServerConfig,
) {
    // Whether the list changes is for the handler to say, which can tell clients when it has.
    inner.tools = inner.tools.take().or_else(|| ours.capabilities.tools.clone());
    inner.logging = inner.logging.take().or_else(|| ours.capabilities.logging.clone());
    if let Some(ours) = &ours.capabilities.extensions {
        inner.extensions.get_or_insert_default().extend(ours.clone());
    }
    if ours.instructions.is_some() {
        instructions.clone_from(&ours.instructions);
    }
}

/// The capabilities of a server with background tools.
pub(crate) fn add_tasks(capabilities: &mut ServerCapabilities) {
    capabilities.logging = Some(JsonObject::new());
    let extensions = capabilities.extensions.get_or_insert_default();
    extensions.insert(TASKS_EXTENSION_ID.to_owned(), JsonObject::new());
}

/// What a server can do in a session that began with `initialize`: no protocol that does knows tasks.
fn without_tasks(mut info: InitializeResult) -> InitializeResult {
    if let Some(extensions) = &mut info.capabilities.extensions {
        extensions.remove(TASKS_EXTENSION_ID);
    }
    info.capabilities.extensions = info.capabilities.extensions.filter(|it| !it.is_empty());
    info
}

#[cfg(test)]
mod tests {
    use super::*;
    use rmcp::model::JsonObject;

    use crate::control::{Check, stop_meant};
    use crate::log::{Limits, MemoryLog};
    use crate::metadata::Ids;
    use crate::schema::Schemas;
    use crate::task::{Created, Request};

    fn shared() -> Arc<Shared> {
        let limits = Limits { bytes_per_task: 99, ended_tasks: 9, ended_bytes: 99 };
        let second = Duration::from_secs(1);
        let (grace, retention, heartbeat) = (second, second, second);
        Arc::new(Shared {
            registry: Registry::new(Vec::new(), &States::default(), Schemas::default())
                .expect("no tools go together"),
            states: States::default(),
            log: Arc::new(MemoryLog::new(limits)),
            places: Places::new(9),
            config: ServerConfig::default(),
            times: ServerTimes {
                grace,
                patience: None,
                task_patience: second,
                retention,
                heartbeat,
            },
            control: Some(Control::new("", second, 99)),
            inner: None,
            max_requests: 9,
        })
    }

    async fn create(connection: &Connection) -> Created {
        let ids = &Ids { session_id: "s".into(), task_id: "t".into() };
        let (arguments, retention) = (&JsonObject::new(), Duration::from_secs(1));
        let request = Request { tool_name: "tool", ids, arguments, retention };
        let created = connection.tools.intake.tasks.create(request).await;
        created.unwrap_or_else(|error| panic!("there is room: {error}"))
    }

    #[tokio::test]
    async fn a_task_is_known_to_its_owner_alone() {
        let shared = shared();
        let (owner, other) = (Connection::new(shared.clone()), Connection::new(shared.clone()));
        let _created = create(&owner).await;
        assert!(owner.tools.task("t").await.is_ok());
        let others = other.tools.intake.tasks.clone();
        for task_id in ["t", "never"] {
            let error = other.tools.task(task_id).await.err().expect("it is none of theirs");
            assert_eq!(error, ErrorData::invalid_params(unknown_id(task_id), None));
            assert_eq!(stop_meant(&others, task_id).await, Ok(Stop::Unknown));
            let control = shared.control.expect("it has control tools");
            let check =
                Check { task_id: Some(task_id.to_owned()), wait: Duration::ZERO, offset: None };
            let checked = control.check(others.clone(), check).await;
            let stopped = control.stop(others.clone(), task_id.to_owned(), None).await;
            for answer in [checked, stopped] {
                assert_eq!(answer.err().map(|failed| failed.text), Some(unknown_id(task_id)));
            }
            let all = Check { task_id: None, wait: Duration::ZERO, offset: None };
            let listed = control.check(others.clone(), all).await.expect("a list");
            let listed = listed.into_reply(|| false).expect("a reply");
            assert!(format!("{listed:?}").contains("There is no task"), "{listed:?}");
        }
        // The end of one is not the end of the other, and its id is free to everyone else.
        others.stop_all();
        others.idle().await;
        let status = async || {
            let reader = owner.tools.task("t").await.expect("it runs");
            reader.status().await.expect("in memory").is_stopping
        };
        assert!(!status().await);
        drop(create(&other).await);
        assert_eq!(stop_meant(&owner.tools.intake.tasks, "t").await, Ok(Stop::Asked));
        assert!(status().await);
    }
}
