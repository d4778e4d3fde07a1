//! Our `rmcp` service: calls, lists of tools and tasks are answered here, every other method by the user's
//! own handler.

mod answer;
mod calls;
mod capabilities;
mod handler;
mod intake;
mod limit;
mod route;
mod subscriptions;
mod trace;

pub(crate) use capabilities::add_tasks;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::ServerConfig;
use rmcp::service::DynService;

use self::intake::TaskIntake;
use self::limit::Limit;
use crate::control::Control;
use crate::delivery::LogLevel;
use crate::log::{Owner, TaskLog};
use crate::parameter::States;
use crate::registry::Registry;
use crate::transport::{Ending, Intake};

/// What all connections of a server share.
pub(crate) struct Shared {
    pub(crate) registry: Registry,
    pub(crate) states: States,
    pub(crate) log: Arc<dyn TaskLog>,
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
    limit: Limit,
}

impl Connection {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let owner = Owner(NEXT.fetch_add(1, Ordering::Relaxed));
        let (log, grace) = (Arc::clone(&shared.log), shared.times.grace);
        let (ending, log_level) = (Ending::new(log, owner, grace), LogLevel::new(true));
        let limit = Limit::new(shared.max_requests);
        let intake = Arc::new(TaskIntake { shared, owner });
        let tools = ToolService { intake, ending, log_level };
        Self { tools, limit }
    }

    /// How the connection ends.
    pub(crate) fn ending(&self) -> &Ending {
        &self.tools.ending
    }

    /// What is done about its requests where they are read.
    pub(crate) fn intake(&self) -> Arc<dyn Intake> {
        self.tools.intake.clone()
    }
}

/// Answers everything about tools.
struct ToolService {
    intake: Arc<TaskIntake>,
    ending: Ending,
    /// Whether the client takes logging notifications of the level that server events have.
    log_level: LogLevel,
}

impl ToolService {
    fn shared(&self) -> &Shared {
        &self.intake.shared
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::ErrorData;

    use super::*;
    use crate::control::{Check, unknown_id};
    use crate::log::{Limits, MemoryLog, Stop, TaskInfo};
    use crate::schema::Schemas;

    fn shared() -> Arc<Shared> {
        let limits = Limits { tasks: 9, bytes_per_task: 99, ended_tasks: 9, ended_bytes: 99 };
        let second = Duration::from_secs(1);
        let (grace, retention, heartbeat) = (second, second, second);
        Arc::new(Shared {
            registry: Registry::new(Vec::new(), &States::default(), Schemas::default())
                .expect("no tools go together"),
            states: States::default(),
            log: Arc::new(MemoryLog::new(limits)),
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

    #[tokio::test]
    async fn a_task_is_known_to_its_owner_alone() {
        let shared = shared();
        let (owner, other) = (Connection::new(shared.clone()), Connection::new(shared.clone()));
        let info = || TaskInfo::of("tool", Duration::from_secs(1));
        let writer = shared.log.create(owner.tools.intake.key("t"), info());
        let writer = writer.expect("there is room");
        assert!(owner.tools.task("t").is_ok());
        for task_id in ["t", "never"] {
            let error = other.tools.task(task_id).err().expect("it is none of theirs");
            assert_eq!(error, ErrorData::invalid_params(unknown_id(task_id), None));
            assert_eq!(shared.log.stop(&other.tools.intake.key(task_id)), Stop::Unknown);
            let (log, owner) = (Arc::clone(&shared.log), other.tools.intake.owner);
            let control = shared.control.expect("it has control tools");
            let check =
                Check { task_id: Some(task_id.to_owned()), wait: Duration::ZERO, offset: None };
            let checked = control.check(log.clone(), owner, check).await;
            let stopped = control.stop(log.clone(), owner, task_id.to_owned(), None).await;
            for answer in [checked, stopped] {
                assert_eq!(answer.err().map(|failed| failed.text), Some(unknown_id(task_id)));
            }
            let all = Check { task_id: None, wait: Duration::ZERO, offset: None };
            let listed = control.check(log, owner, all).await.expect("a list");
            let listed = listed.into_reply(|| false).expect("a reply");
            assert!(format!("{listed:?}").contains("There is no task"), "{listed:?}");
        }
        // The end of one is not the end of the other, and its id is free to everyone else.
        shared.log.stop_all(other.tools.intake.owner);
        shared.log.idle(other.tools.intake.owner).await;
        assert!(!writer.stopped().is_cancelled());
        assert!(shared.log.create(other.tools.intake.key("t"), info()).is_ok());
        assert_eq!(shared.log.stop(&owner.tools.intake.key("t")), Stop::Asked);
    }
}
