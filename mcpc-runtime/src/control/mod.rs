//! The tools with which a model looks after the tasks it started: `check_task`, `stop_task`
//! and `message_task`.
//!
//! They are plain tools like any other, except that they are made here and know the task log.

mod check;
mod known;
mod message;

pub(crate) use message::{Message, Messaging};

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{CallToolResult, ContentBlock};

use self::known::{meant, unknown};
use crate::delivery::Rest;
use crate::log::{LogError, MaybeLater, Parcel, Question, Stop};
use crate::logging::event;
use crate::names::{CHECK_TASK, MESSAGE_TASK, STOP_TASK, kept};
use crate::output::{Body, Returns, Success};
use crate::parameter::{Parameter, Settings};
use crate::phrases::{json, shown};
use crate::schema::Schemas;
use crate::task::Tasks;
use crate::tool::{About, Definition, Hints, Kind, ToolTimes, control};

/// The control tools of a server, and the sentences that name them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Control {
    check_task: &'static str,
    stop_task: &'static str,
    pub(crate) message_task: &'static str,
    /// How long a check waits at most.
    longest: Duration,
    /// How many bytes of a result a reply may have.
    most: usize,
}

impl Control {
    /// `prefix` goes before the names of the tools.
    pub(crate) fn new(prefix: &str, longest: Duration, most: usize) -> Self {
        let [check_task, stop_task, message_task] =
            [CHECK_TASK, STOP_TASK, MESSAGE_TASK].map(|name| kept(&format!("{prefix}{name}")));
        Self { check_task, stop_task, message_task, longest, most }
    }

    /// The tools, for a server of these.
    pub(crate) fn tools<'a>(
        self,
        tools: impl Iterator<Item = &'a Definition>,
        schemas: Schemas,
    ) -> Vec<Definition> {
        vec![self.check_tool(), self.stop_tool(), self.message_tool(tools, schemas)]
    }

    /// Whether a tool is the one that says something to tasks.
    pub(crate) fn messages(self, tool_name: &str) -> bool {
        self.message_task == tool_name
    }

    /// Whether a tool is the one that stops tasks.
    pub(crate) fn stops(self, tool_name: &str) -> bool {
        self.stop_task == tool_name
    }

    /// How a model reads what a reply has to leave out of the result of a task.
    pub(crate) fn rest(self, task_id: &str) -> Rest<'_> {
        Rest { task_id, check_task: self.check_task, most: self.most }
    }

    /// What a client is told that will not wait any longer for a task.
    pub(crate) fn ticket(self, running: &Running<'_>, waited: Option<Duration>) -> CallToolResult {
        let Running { tool_name, task_id, how_far, .. } = running;
        let task_id = shown(task_id);
        let how_far = how_far.as_ref().map(|how_far| format!(", {how_far},"));
        let how_far = how_far.unwrap_or_default();
        let begins = match waited {
            None => format!(
                "`{tool_name}` was started{how_far} and waits as task `{task_id}` for an answer."
            ),
            Some(Duration::ZERO) => {
                format!("`{tool_name}` was started{how_far} and goes on as task `{task_id}`.")
            }
            Some(waited) => format!(
                "`{tool_name}` is still running after {waited:?}{how_far} and goes on as task `{task_id}`."
            ),
        };
        let asks = message::open_questions(self, running.task_id, running.asks);
        let begins = match asks {
            None => begins,
            Some(asks) => format!("{begins}\n{asks}\n"),
        };
        let Self { check_task, stop_task, .. } = self;
        let text = format!(
            "{begins} Call `{check_task}` with {} to wait for news of it or for its result, or `{stop_task}` to \
             stop it.{}",
            self.check_arguments(running.task_id),
            running.twin(),
        );
        CallToolResult::success(vec![ContentBlock::text(text)])
    }

    /// What a model reads whose client was given a task and will hear of its end.
    pub(crate) fn note(self, running: &Running<'_>) -> String {
        let Running { tool_name, task_id, .. } = running;
        let Self { check_task, stop_task, .. } = self;
        format!(
            "`{tool_name}` goes on as task `{}`, and its result comes by itself: there is no need to wait for it. \
             Call `{check_task}` with {{\"task_id\": {}}} to see how far it is, or `{stop_task}` to stop it.{}",
            shown(task_id),
            json(task_id),
            running.twin(),
        )
    }

    /// The arguments of a check, as a model writes them.
    fn check_arguments(self, task_id: &str) -> String {
        let wait_seconds = self.longest.as_secs();
        format!("{{\"task_id\": {}, \"wait_seconds\": {wait_seconds}}}", json(task_id))
    }

    fn check_tool(self) -> Definition {
        let longest = self.longest.as_secs();
        let task_id = Option::<String>::slot(
            "task_id",
            "The id of the task; without it, all tasks are listed",
            Settings::new(),
        );
        let about_waiting = kept(&format!("How many seconds to wait for news, up to {longest}"));
        let wait_seconds = f64::slot(
            "wait_seconds",
            about_waiting,
            Settings::new().default_value(|| 0.0, |_| Some(0.into())),
        );
        let offset = Option::<usize>::slot(
            "offset",
            "The byte from which on to read a result that was too long to be shown as a whole",
            Settings::new(),
        );
        let about = about(self.check_task, ABOUT_CHECK, Hints { read_only: Some(true), ..HINTS });
        Definition::new(
            about,
            Box::new([task_id.describe(), wait_seconds.describe(), offset.describe()]),
            Returns::reply(),
            Box::new(move |inputs| {
                let tasks = inputs.tasks();
                let task_id = task_id.take(inputs);
                let wait = wait_seconds.take(inputs);
                let offset = offset.take(inputs);
                // A model that has none may say so with an empty text.
                let task_id = task_id?.filter(|task_id| !task_id.trim().is_empty());
                let check = Check { task_id, wait: self.wait(wait?), offset: offset? };
                Some(self.check(tasks, check))
            }),
        )
    }

    /// How long a check waits that asked for so many seconds: never longer than it may, whatever it asked for.
    fn wait(self, seconds: f64) -> Duration {
        Duration::try_from_secs_f64(seconds.max(0.0))
            .map_or(self.longest, |it| it.min(self.longest))
    }

    fn stop_tool(self) -> Definition {
        let task_id = String::slot("task_id", "The id of the task", Settings::new());
        let hints = Hints { destructive: Some(true), idempotent: Some(true), ..HINTS };
        Definition::new(
            about(self.stop_task, ABOUT_STOP, hints),
            Box::new([task_id.describe()]),
            Returns::reply(),
            Box::new(move |inputs| {
                let tasks = inputs.tasks();
                let task_id = task_id.take(inputs);
                let stopped = inputs.call.context.extensions.get::<Stopping>();
                Some(self.stop(tasks, task_id?, stopped.and_then(Parcel::take)))
            }),
        )
    }

    fn message_tool<'a>(
        self,
        tools: impl Iterator<Item = &'a Definition>,
        schemas: Schemas,
    ) -> Definition {
        let (given, description) = message::listed(tools, schemas);
        let about = about(self.message_task, description, HINTS);
        control(about, given, move |arguments, inputs| {
            let message = Message::read(&arguments)?;
            let messaging = inputs.call.context.extensions.get::<Messaging>();
            let delivered = messaging.and_then(Parcel::take);
            let delivered = delivered.unwrap_or_else(|| self.message(&inputs.tasks(), message));
            Some(Box::pin(async move {
                let text = delivered.await??;
                Ok(Success::of(CallToolResult::success(vec![ContentBlock::text(text)])))
            }))
        })
    }

    /// Asks a task to stop, unless that was done where the call was read, and says what came of it.
    pub(crate) fn stop(
        self,
        tasks: Tasks,
        task_id: String,
        stopped: Option<MaybeLater<'static, Result<Stop, LogError>>>,
    ) -> Body {
        Box::pin(async move {
            let check_task = self.check_task;
            let stop = stopped.unwrap_or_else(|| stop_meant(&tasks, &task_id));
            let text = match stop.await? {
                Stop::Asked => {
                    event!(info, task_id = &*shown(&task_id), by = self.stop_task, "asked to stop");
                    format!(
                        "Task `{}` was asked to stop. Call `{check_task}` with {} to hear how it ends.",
                        shown(&task_id),
                        self.check_arguments(&task_id),
                    )
                }
                Stop::Ended => {
                    format!(
                        "Task `{}` has ended already; `{check_task}` says how.",
                        shown(&task_id)
                    )
                }
                Stop::Unknown => return Err(unknown(&tasks, &task_id).await?.into()),
            };
            Ok(Success::of(CallToolResult::success(vec![ContentBlock::text(text)])))
        })
    }
}

/// Asks the task that a call of the stopping tool means to stop.
pub(crate) fn stop_meant(
    tasks: &Tasks,
    task_id: &str,
) -> MaybeLater<'static, Result<Stop, LogError>> {
    tasks.stop(meant(task_id))
}

/// What came of asking a task to stop, on its way from where that is read.
pub(crate) type Stopping = Parcel<Result<Stop, LogError>>;

/// What is said of an id where no more may be known.
pub(crate) fn unknown_id(task_id: &str) -> String {
    format!(
        "unknown task `{}` (results are kept for a limited time after a task ends)",
        shown(task_id)
    )
}

/// A task that goes on when its call is answered.
pub(crate) struct Running<'a> {
    pub(crate) tool_name: &'a str,
    pub(crate) task_id: &'a str,
    /// How far it is, in words.
    pub(crate) how_far: Option<String>,
    /// A task that was started before with the same arguments, and still runs.
    pub(crate) twin: Option<Arc<str>>,
    /// What it asks and the ticket has to tell.
    pub(crate) asks: &'a [Question],
}

impl Running<'_> {
    fn twin(&self) -> String {
        let twin = self.twin.as_ref().map(|twin| {
            format!(
                " Task `{}` runs `{}` with the same arguments since before.",
                shown(twin),
                self.tool_name
            )
        });
        twin.unwrap_or_default()
    }
}

/// What a check asks for.
pub(crate) struct Check {
    pub(crate) task_id: Option<String>,
    pub(crate) wait: Duration,
    /// From which byte on the result is wanted.
    pub(crate) offset: Option<usize>,
}

const ABOUT_CHECK: &str = "Says how a task is doing that another tool started: what is new since the last \
check, and its result once it has ended. With `wait_seconds` it answers as soon as there is something worth \
knowing (the end, or a good deal of news), so there is no need to ask again and again. Without `task_id` it lists all tasks.";

const ABOUT_STOP: &str = "Asks a task that another tool started to stop. It answers at once; checking the task \
says how it ended.";

const HINTS: Hints =
    Hints { read_only: None, destructive: None, idempotent: None, open_world: Some(false) };

fn about(name: &'static str, description: impl Into<Cow<'static, str>>, hints: Hints) -> About {
    let times = ToolTimes { patience: None, timeout: None, retention: None };
    let (name, description, location) = (name.into(), description.into(), "mcpc".into());
    About { kind: Kind::Control, name, title: None, description, hints, times, location }
}
