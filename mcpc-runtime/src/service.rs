//! Our `rmcp` service: calls and lists of tools are answered here, every other method by the user's
//! own handler.

use std::any::Any;
use std::borrow::Cow;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientNotification, ClientRequest,
    ContentBlock, ErrorData, InitializeResult, JsonObject, ListToolsResult, PaginatedRequestParams,
    ProtocolVersion, ServerConfig, ServerResult,
};
use rmcp::service::{DynService, NotificationContext, RequestContext};
use rmcp::{RoleServer, ServerHandler, Service};
use tokio_util::sync::CancellationToken;

use crate::control::ticket;
use crate::delivery::{Answer, Callbacks, Delivery, Open, Progress, Shown, Way, choose};
use crate::log::{CreateError, Front, Kept, Key, Owner};
use crate::message::{Address, ProtocolInfo, created};
use crate::metadata::{Ids, Metadata};
use crate::names::Dialect;
use crate::outbox::Gate;
use crate::output::{Body, error_reply};
use crate::parameter::{CallParts, Inputs, States};
use crate::registry::Registry;
use crate::task::{NewTask, Sender, Times, panicked};
use crate::tool::{self, Definition, Kind};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) states: States,
    pub(crate) log: Arc<dyn Front>,
    pub(crate) config: ServerConfig,
    pub(crate) times: ServerTimes,
    pub(crate) inner: Option<Arc<dyn DynService<RoleServer>>>,
}

/// How long things about tasks take, unless a tool says otherwise.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ServerTimes {
    /// How long a task may go on after it was asked to stop.
    pub(crate) grace: Duration,
    /// How long a call stays open for its result; `None` if it has no other way to it.
    pub(crate) patience: Option<Duration>,
    /// How long an ended task is readable.
    pub(crate) retention: Duration,
    /// How long a client with a progress token hears nothing before it hears that the task still runs.
    pub(crate) heartbeat: Duration,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("registry", &self.registry).finish_non_exhaustive()
    }
}

/// One connection's view of a server.
pub(crate) struct Connection {
    tools: ToolService,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let owner = Owner(NEXT.fetch_add(1, Ordering::Relaxed));
        Self { tools: ToolService { shared, owner, ending: CancellationToken::new() } }
    }

    /// Cancelled when the connection begins to end.
    pub(crate) fn ending(&self) -> CancellationToken {
        self.tools.ending.clone()
    }

    pub(crate) fn owner(&self) -> Owner {
        self.tools.owner
    }

    /// The user's handler, for what is not about tools.
    fn inner(&self) -> Option<&Arc<dyn DynService<RoleServer>>> {
        self.tools.shared.inner.as_ref()
    }
}

impl Service<RoleServer> for Connection {
    async fn handle_request(
        &self,
        request: ClientRequest,
        context: RequestContext<RoleServer>,
    ) -> Result<ServerResult, ErrorData> {
        let ours = matches!(
            request,
            ClientRequest::CallToolRequest(_) | ClientRequest::ListToolsRequest(_)
        );
        match self.inner() {
            Some(inner) if !ours => {
                let answer = AssertUnwindSafe(inner.handle_request(request, context));
                // rmcp never answers a request whose handler panicked.
                let answer = answer.catch_unwind().await.unwrap_or_else(|_| {
                    Err(ErrorData::internal_error("the server's handler panicked", None))
                });
                answer.map(|result| self.tools.complete(result))
            }
            _ => Service::handle_request(&self.tools, request, context).await,
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
        match self.inner() {
            Some(inner) => inner.supported_protocol_versions(),
            None => Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS),
        }
    }
}

/// Answers everything about tools.
struct ToolService {
    shared: Arc<Shared>,
    owner: Owner,
    ending: CancellationToken,
}

impl ServerHandler for ToolService {
    fn get_info(&self) -> ServerConfig {
        let config = &self.shared.config;
        match &self.shared.inner {
            Some(inner) => merge(inner.get_info(), config),
            None => config.clone(),
        }
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.shared.registry.list().to_vec()))
    }

    async fn call_tool(
        &self,
        call: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let reply = match Dialect::of_handshake(&call.name) {
            Some(dialect) => self.greet(dialect),
            None => self.call(call, &context).await.unwrap_or_else(error_reply),
        };
        Ok(reply.into())
    }
}

impl ToolService {
    fn greet(&self, dialect: Dialect) -> CallToolResult {
        let info = ProtocolInfo::new(dialect, &self.shared.config.server_info.name);
        let text = serde_json::to_string(&info).expect("protocol information is text and flags");
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// Adds what we know to what the user's handler said about the server.
    fn complete(&self, mut result: ServerResult) -> ServerResult {
        let config = &self.shared.config;
        match &mut result {
            ServerResult::InitializeResult(info) => *info = merge(info.clone(), config),
            ServerResult::DiscoverResult(info) => {
                info.capabilities.tools = config.capabilities.tools.clone();
                info.set_server_info(config.server_info.clone());
            }
            _ => {}
        }
        result
    }

    /// Answers a call; an error is for the client, and the model behind it, to read.
    async fn call(
        &self,
        call: CallToolRequestParams,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let tool = self.shared.registry.get(&call.name)?;
        let mut arguments = call.arguments.unwrap_or_default();
        let metadata = Metadata::take(&mut arguments)?;
        match tool.about.kind {
            Kind::Plain => {
                let (session_id, task_id) = (metadata.session_id(), metadata.task_id());
                let call = CallParts { session_id, task_id, owner: self.owner, context };
                let body = self.prepare(tool, arguments, None, call)?;
                self.run(tool.about.name, body, context).await
            }
            Kind::Background => {
                let gate = context.extensions.get::<Gate>();
                let handshake = gate.is_some_and(Gate::is_after_handshake);
                let token = context.meta.get_progress_token();
                let shown = Shown { metadata: metadata.present, handshake, token: token.is_some() };
                let ids = metadata.ids();
                match (choose(shown), gate, token) {
                    (Way::Callbacks, Some(gate), _) => {
                        self.start(tool, arguments, ids, gate, context)
                    }
                    (Way::Progress, Some(gate), Some(token)) => {
                        let heartbeat = self.shared.times.heartbeat;
                        let open = Open::Progress(Progress::new(gate, token, heartbeat));
                        self.run_to_end(tool, arguments, ids, context, open).await
                    }
                    // Without a gate of ours there is no way to send anything before or after the reply.
                    (Way::Callbacks | Way::Progress, ..) | (Way::Waiting, ..) => {
                        let open = Open::Waiting(self.patience(tool));
                        self.run_to_end(tool, arguments, ids, context, open).await
                    }
                }
            }
        }
    }

    /// Starts a task for an MCPC client and returns the first reply.
    fn start(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        ids: Ids,
        gate: &Gate,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let name = tool.about.name;
        let key = self.key(&ids);
        let delivery = Delivery::Callbacks(Callbacks::new(gate.clone(), ids.clone(), name));
        let task = self.create(tool, ids.clone(), delivery)?;
        self.launch(tool, arguments, task, context)?;
        let log = Arc::clone(&self.shared.log);
        gate.on_cancel(move || {
            log.stop(&key);
        });
        let Ids { session_id, task_id } = &ids;
        let text = created(Address { session_id, task_id, tool_name: name });
        Ok(CallToolResult::success(vec![ContentBlock::text(text)]))
    }

    /// How long a call of a tool stays open, if not to its task's end.
    fn patience(&self, tool: &Definition) -> Option<Duration> {
        let default = self.shared.times.patience?;
        Some(tool.about.times.patience.unwrap_or(default))
    }

    /// Runs a task for a client whose call stays open.
    async fn run_to_end(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        ids: Ids,
        context: &RequestContext<RoleServer>,
        open: Open<'_>,
    ) -> Result<CallToolResult, String> {
        let key = self.key(&ids);
        let task = self.create(tool, ids, Delivery::Log)?;
        let reader = self.shared.log.reader(&key).ok_or("the task is not known")?;
        self.launch(tool, arguments, task, context)?;
        tokio::select! {
            biased;
            answer = open.answer(&*reader) => match answer {
                Answer::Reply(reply) => Ok(reply),
                Answer::RanOut(waited) => {
                    let longest = self.shared.times.patience.unwrap_or(waited);
                    Ok(ticket(tool.about.name, &key.task_id, waited, longest))
                }
            },
            () = context.ct.cancelled() => {
                // Nobody reads this reply any more.
                self.shared.log.stop(&key);
                Err("cancelled".to_owned())
            }
        }
    }

    /// Takes the task's id and its place among the running tasks.
    fn create(&self, tool: &Definition, ids: Ids, delivery: Delivery) -> Result<NewTask, String> {
        let ServerTimes { grace, retention, .. } = self.shared.times;
        let tool::Times { retention: own, timeout, .. } = tool.about.times;
        let kept = Kept { tool_name: tool.about.name, retention: own.unwrap_or(retention) };
        let worker = self.shared.log.create(self.key(&ids), kept).map_err(|error| match error {
            CreateError::Running => {
                format!("the task id `{}` belongs to a task that is still running", ids.task_id)
            }
            CreateError::Full { .. } => format!("{error}; try again later"),
        })?;
        Ok(NewTask::new(tool.about.name, ids, delivery, worker, Times { grace, timeout }))
    }

    /// Starts the task's body, or gives the task up if the arguments are bad.
    fn launch(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        task: NewTask,
        context: &RequestContext<RoleServer>,
    ) -> Result<(), String> {
        let sender = task.sender();
        let (session_id, task_id) = (sender.session_id(), Some(sender.task_id()));
        let call = CallParts { session_id, task_id, owner: self.owner, context };
        match self.prepare(tool, arguments, Some(&sender), call) {
            Ok(body) => {
                task.spawn(body);
                Ok(())
            }
            Err(problems) => {
                task.refuse();
                Err(problems)
            }
        }
    }

    /// The body of a call, or every problem of the call in one text. Reading arguments runs code of the
    /// user's, which may panic.
    fn prepare(
        &self,
        tool: &Definition,
        arguments: JsonObject,
        sender: Option<&Sender>,
        call: CallParts<'_>,
    ) -> Result<Body, String> {
        let states = &self.shared.states;
        let inputs = Inputs { arguments, problems: Vec::new(), sender, states, call };
        let prepared = std::panic::catch_unwind(AssertUnwindSafe(|| tool.prepare(inputs)));
        prepared
            .map_err(|panic| panicked(tool.about.name, &*panic))?
            .map_err(|problems| problems.join("\n"))
    }

    /// Runs a plain tool's body. A cancelled call drops it at its next await, and so does the end of the
    /// connection, when its grace is over.
    async fn run(
        &self,
        name: &str,
        body: Body,
        context: &RequestContext<RoleServer>,
    ) -> Result<CallToolResult, String> {
        let outcome = tokio::select! {
            biased;
            outcome = AssertUnwindSafe(body).catch_unwind() => outcome,
            // Also fires right before the reply is sent, but by then this has returned.
            () = context.ct.cancelled() => return Err("cancelled".to_owned()),
            () = self.over() => return Err(format!("the server ended before `{name}` did")),
        };
        let success = outcome.map_err(|panic: Box<dyn Any + Send>| panicked(name, &*panic))??;
        Ok(success.into_reply())
    }

    /// Waits until the connection has begun to end and the grace is over.
    async fn over(&self) {
        self.ending.cancelled().await;
        tokio::time::sleep(self.shared.times.grace).await;
    }

    fn key(&self, ids: &Ids) -> Key {
        Key { owner: self.owner, task_id: Arc::from(&*ids.task_id) }
    }
}

/// The user's handler says what its own methods can do; the name and the tools are ours.
fn merge(inner: ServerConfig, ours: &ServerConfig) -> InitializeResult {
    let mut merged = inner;
    merged.server_info = ours.server_info.clone();
    merged.capabilities.tools = ours.capabilities.tools.clone();
    if ours.instructions.is_some() {
        merged.instructions = ours.instructions.clone();
    }
    merged
}
