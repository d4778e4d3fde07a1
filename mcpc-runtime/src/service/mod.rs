//! Our `rmcp` service: calls, lists of tools and tasks are answered here, every other method by the user's
//! own handler.

#[cfg(feature = "http")]
mod account;
mod answer;
mod around;
mod asked;
mod calls;
mod capabilities;
mod changes;
mod direct;
mod handler;
mod intake;
mod joined;
mod limit;
#[cfg(test)]
mod over_lines;
mod parked;
mod reach;
mod route;
#[cfg(test)]
mod routes;
mod subscriptions;
mod tasks_2025;
mod theirs;
mod told_2025;
mod trace;

#[cfg(feature = "http")]
pub(crate) use account::Account;
pub(crate) use capabilities::{add_tasks, list_changes};
pub(crate) use theirs::Shadowed;

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{JsonObject, ProtocolVersion, ServerConfig};
use rmcp::service::DynService;
#[cfg(feature = "http")]
use rmcp::{model::InitializeRequestParams, service::Peer};

use self::direct::Direct;
use self::intake::TaskIntake;
use self::limit::Limit;
use self::parked::Parked;
use crate::around::Layers;
use crate::control::Control;
use crate::delivery::{LeastLevel, LogLevel};
use crate::events::{Listener, Listeners};
use crate::log::TaskLog;
use crate::parameter::States;
use crate::registry::LiveRegistry;
use crate::task::{InstructionsOf, TaskPermits, Tasks};
use crate::tool::Definition;
use crate::transport::{Answers, Ending, Intake};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) registry: LiveRegistry,
    /// Whether a call may start a task.
    pub(crate) has_tasks: bool,
    pub(crate) states: States,
    pub(crate) log: Arc<dyn TaskLog>,
    /// How many tasks may run at once.
    pub(crate) places: TaskPermits,
    pub(crate) config: ServerConfig,
    pub(crate) times: ServerTimes,
    /// `None` if nobody could come back to a task.
    pub(crate) control: Option<Control>,
    pub(crate) inner: Option<Arc<dyn DynService<RoleServer>>>,
    pub(crate) shadowed: Shadowed,
    /// How many requests of a connection may be handled at once.
    pub(crate) max_requests: usize,
    /// How many questions of a task, or of a call, may be open at once.
    pub(crate) max_questions: usize,
    /// What is around every call, if anything is.
    pub(crate) around: Option<Layers>,
    /// Who hears what the server tells.
    pub(crate) listeners: Arc<Listeners>,
}

impl Shared {
    /// The tool of this name, if calls of it may be simple: it takes nothing of one but arguments, and nothing is around it.
    pub(crate) fn simple(&self, name: &str) -> Option<Arc<Definition>> {
        let tool = self.registry.find(name).filter(|tool| tool.is_simple)?;
        self.around.is_none().then(|| tool.into_owned())
    }

    /// The versions of the protocol that the server speaks.
    fn versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match &self.inner {
            Some(inner) => inner.supported_protocol_versions(),
            None => Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS),
        }
    }
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
pub(crate) fn bounded(duration: Duration) -> Duration {
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

/// One connection's view of a server. A clone is another handle to the same.
#[derive(Clone)]
pub(crate) struct Connection {
    tools: ToolService,
    limit: Limit,
    direct: Arc<Direct>,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        let (log, permits) = (Arc::clone(&shared.log), shared.places.clone());
        let tasks = Tasks::new(log, permits, instructions(&shared));
        let ending = Ending::new(tasks.clone(), shared.times.grace);
        Self::with(shared, tasks, ending, Parked::default(), false)
    }

    /// One of several that an account has, which is there when they are gone; for a session, or for one request, which
    /// stands alone.
    #[cfg(feature = "http")]
    pub(crate) fn of(account: &Account, stands_alone: bool) -> Self {
        let Account { shared, tasks, stays, parked } = account.clone();
        let ending = Ending::of_visit(tasks.clone(), stays);
        Self::with(shared, tasks, ending, parked, stands_alone)
    }

    fn with(
        shared: Arc<Shared>,
        tasks: Tasks,
        ending: Ending,
        parked: Parked,
        stands_alone: bool,
    ) -> Self {
        let log_level = LeastLevel::new(Some(LogLevel::Info));
        let limit = Limit::new(shared.max_requests);
        let announces = shared.listeners.are_used();
        let name = shared.config.server_info.name.as_str().into();
        let listener = Listener::new(Arc::clone(&shared.listeners), name, log_level.clone());
        let intake = Arc::new(TaskIntake::new(shared, tasks, listener, limit.clone()));
        let tools = ToolService { intake, ending, log_level, parked, announces };
        let direct = Arc::new(Direct::new(tools.clone(), limit.clone(), stands_alone));
        Self { tools, limit, direct }
    }

    /// How the connection ends.
    pub(crate) fn ending(&self) -> &Ending {
        &self.tools.ending
    }

    /// What the client said when its session began.
    #[cfg(feature = "http")]
    pub(crate) fn session(&self) -> Option<Arc<InitializeRequestParams>> {
        self.tools.intake.reach.session()
    }

    /// Another loop is there, by which the client is reached.
    #[cfg(feature = "http")]
    pub(crate) fn wake(&self, peer: &Peer<RoleServer>) {
        self.tools.intake.reach.wake(peer);
    }

    /// What is done about its requests where they are read.
    pub(crate) fn intake(&self) -> Arc<dyn Intake> {
        self.tools.intake.clone()
    }

    /// What answers those of its requests that need no loop of rmcp's.
    pub(crate) fn answers(&self) -> Arc<dyn Answers> {
        self.direct.clone()
    }
}

/// What the tasks of a tool can be told.
fn instructions(shared: &Arc<Shared>) -> Box<InstructionsOf> {
    let shared = Arc::clone(shared);
    Box::new(move |tool| shared.registry.find(tool)?.instructions())
}

/// Answers everything about tools. A clone is another handle to the same.
#[derive(Clone)]
struct ToolService {
    intake: Arc<TaskIntake>,
    ending: Ending,
    /// Which logging notifications a client with a session wants.
    log_level: LeastLevel,
    parked: Parked,
    /// Whether the server may tell something without being asked, as was known when the client connected.
    announces: bool,
}

impl ToolService {
    fn shared(&self) -> &Shared {
        &self.intake.shared
    }

    /// What the server says of itself to this client.
    fn config(&self) -> Cow<'_, ServerConfig> {
        let config = &self.shared().config;
        if !self.announces || config.capabilities.logging.is_some() {
            return Cow::Borrowed(config);
        }
        let mut config = config.clone();
        config.capabilities.logging = Some(JsonObject::new());
        Cow::Owned(config)
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ErrorData;

    use super::*;
    use crate::control::{Check, stop_meant, unknown_id};
    use crate::log::{Limits, MemoryLog, Stop};
    use crate::metadata::Ids;
    use crate::registry::Registry;
    use crate::schema::Schemas;
    use crate::task::{Created, Request};
    use crate::tool::{Definition, Kind};

    pub(super) fn shared(tools: Vec<Definition>, config: ServerConfig) -> Arc<Shared> {
        let limits = Limits { bytes_per_task: 99, ended_tasks: 9, ended_bytes: 99 };
        let second = Duration::from_secs(1);
        let (grace, retention, heartbeat) = (second, second, second);
        Arc::new(Shared {
            has_tasks: tools.iter().any(|tool| tool.about.kind == Kind::Background),
            registry: LiveRegistry::new(
                Registry::new(tools, &States::default(), Schemas::default())
                    .expect("they go together"),
                false,
            ),
            states: States::default(),
            log: Arc::new(MemoryLog::new(limits)),
            places: TaskPermits::new(9),
            config,
            times: ServerTimes {
                grace,
                patience: None,
                task_patience: second,
                retention,
                heartbeat,
            },
            control: Some(Control::new("", second, 99)),
            inner: None,
            shadowed: Shadowed::default(),
            max_requests: 9,
            max_questions: 9,
            around: None,
            listeners: Arc::default(),
        })
    }

    /// A task that nobody runs yet.
    pub(super) async fn create(connection: &Connection) -> Created {
        let ids = &Ids { session_id: "s".into(), task_id: "t".into() };
        let (arguments, retention) = (&JsonObject::new(), Duration::from_secs(1));
        let request =
            Request { tool_name: &"tool".into(), ids, arguments, retention, instructions: None };
        let created = connection.tools.intake.tasks.create(request).await;
        created.unwrap_or_else(|error| panic!("there is room: {error}"))
    }

    #[tokio::test]
    async fn a_task_is_known_to_its_owner_alone() {
        let shared = shared(Vec::new(), ServerConfig::default());
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
