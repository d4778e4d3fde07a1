//! Follows a call to the end of its task.

use std::collections::HashSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::future::OptionFuture;
use rmcp::RoleClient;
use rmcp::model::{CallToolResult, CancelledNotificationParam, JsonObject, ServerResult};
use rmcp::service::{RequestHandle, ServiceError};
use serde_json::{Map, Value};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until, timeout};

use super::Way;
use super::error::TaskError;
use super::heard::{Heard, Stage};
use super::link::Link;
use super::questions::Answering;
use super::reply::{Ended, Outcome};
use super::said::Said;
use super::status::{State, Status};
use crate::log::Boxed;
use crate::logging::event;

/// How often a call may ask for something before it is answered.
const ROUNDS: usize = 100;
/// How long the answer is waited for to a call that was taken back.
const LATE: Duration = Duration::from_secs(60);
/// For how long a call whose answer was lost may turn out to go on.
const OTHERWISE: Duration = Duration::from_secs(5);
/// How long to wait before asking again about a task, unless its server says so.
const POLL_INTERVAL: Duration = Duration::from_secs(1);
/// The bounds of what a server may say.
const POLL_INTERVALS: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(60));
/// For how long a server over HTTP may not be there to be asked.
const AWAY: Duration = Duration::from_secs(30);
/// How often in a row a server may fail to say how a task is doing.
const FAILED_POLLS: usize = 5;

/// A call, and all that it takes to follow it.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) link: Arc<Link>,
    pub(super) heard: Arc<Heard>,
    pub(super) tool: String,
    pub(super) arguments: JsonObject,
    pub(super) way: Way,
}

impl Driver {
    pub(super) async fn send(&self) -> Result<RequestHandle<RoleClient>, ServiceError> {
        self.link.call(&self.tool, &self.arguments, self.way, &self.heard, None).await
    }

    /// Follows the call to its end, or to where callbacks tell it.
    pub(super) async fn drive(self, handle: RequestHandle<RoleClient>) {
        match self.follow(handle).await {
            Ok(None) => {}
            Ok(Some(outcome)) => self.link.routes.end(&self.heard, Ok(outcome)),
            // What was taken back is not answered, which may be known before it is known to be stopped.
            Err(TaskError::Call(_)) if self.heard.is_stopped() => {
                self.link.routes.end(&self.heard, Err(TaskError::Stopped(Value::Null)));
            }
            Err(error) => self.link.routes.end(&self.heard, Err(error)),
        }
    }

    async fn follow(
        &self,
        mut handle: RequestHandle<RoleClient>,
    ) -> Result<Option<Outcome>, TaskError> {
        for _ in 0..ROUNDS {
            let result = match self.answer(handle).await {
                Err(error) if self.goes_on_unanswered(&error).await => {
                    self.answer_questions().await;
                    return Ok(None);
                }
                answer => answer.map_err(TaskError::of_service)?,
            };
            let is_stopped = self.heard.is_stopped();
            let (requests, state) = match Answered::read(result)? {
                Answered::Reply(_) if self.heard.stage() == Stage::Callbacks => {
                    if is_stopped {
                        self.stop_late().await;
                    }
                    self.answer_questions().await;
                    return Ok(None);
                }
                Answered::Reply(reply) => return Ok(Some(Outcome::Reply(Arc::new(reply)))),
                Answered::Task(task_id, status) => {
                    if is_stopped {
                        self.stop_late().await;
                    }
                    return Box::pin(Poll::new(self, task_id).follow(*status)).await.map(Some);
                }
                Answered::Asks(requests, state) => (requests, state),
            };
            let answers = self.link.questions.inputs(requests, &self.heard).await;
            self.link.routes.forget(&self.heard);
            let inputs = Some((answers, state));
            let Self { link, heard, tool, arguments, way } = self;
            let sent = link.call(tool, arguments, *way, heard, inputs).await;
            handle = sent.map_err(TaskError::of_service)?;
        }
        Err(TaskError::of_service(ServiceError::InputRequiredRoundsExceeded { max_rounds: ROUNDS }))
    }

    /// Whether the call goes on as a task of MCPC although its answer was lost: over HTTP what the task says comes on
    /// another connection.
    async fn goes_on_unanswered(&self, error: &ServiceError) -> bool {
        let is_lost = matches!(error, ServiceError::TransportSend(_)) && self.way == Way::Mcpc;
        let is_told = self.heard.until(|heard| {
            (heard.stage() == Stage::Callbacks || heard.ended().is_some()).then_some(())
        });
        is_lost && timeout(OTHERWISE, is_told).await.is_ok() && !self.heard.is_stopped()
    }

    /// Waits for the answer to the call. One that was taken back may have been answered already.
    async fn answer(
        &self,
        mut handle: RequestHandle<RoleClient>,
    ) -> Result<ServerResult, ServiceError> {
        let late = async {
            self.heard.until(|heard| heard.is_stopped().then_some(())).await;
            sleep(LATE).await;
        };
        tokio::select! {
            biased;
            answer = self.link.answer(&mut handle.rx) => return answer,
            () = late => {}
        }
        // Now rmcp need not wait for it either.
        handle.cancel(None).await?;
        Err(ServiceError::Cancelled { reason: None })
    }

    /// Answers what a task of MCPC asks, until it has ended.
    async fn answer_questions(&self) {
        let mut answers = JoinSet::new();
        loop {
            tokio::select! {
                Answering(told, answer) = self.heard.next_asked() => {
                    let (link, heard) = (Arc::clone(&self.link), Arc::clone(&self.heard));
                    answers.spawn(async move { link.answer_told(&heard, told, answer).await });
                }
                _ = self.heard.until(Heard::ended) => return,
                Some(_) = answers.join_next() => {}
            }
        }
    }

    async fn stop_late(&self) {
        if let Err(error) = self.link.stop_running(&self.heard, self.way).await {
            event!(warn, %error, "a task that began when it was stopped goes on");
        }
    }
}

/// What a call is answered with.
enum Answered {
    Reply(CallToolResult),
    /// A task of MCP.
    Task(String, Box<Status>),
    /// What the server wants to know first, and what it wants to have back with that.
    Asks(Map<String, Value>, Option<String>),
}

impl Answered {
    fn read(result: ServerResult) -> Result<Self, TaskError> {
        let value = match result {
            ServerResult::CallToolResult(reply) => return Ok(Self::Reply(reply)),
            // rmcp takes a reply without content for one of these.
            ServerResult::EmptyResult(_) | ServerResult::TaskAckResult(_) => {
                return Ok(Self::Reply(CallToolResult::default()));
            }
            ServerResult::CreateTaskResult(created) => serde_json::to_value(created.task).ok(),
            ServerResult::InputRequiredResult(asks) => serde_json::to_value(asks).ok(),
            ServerResult::CustomResult(mut custom) => match custom.0.get_mut("task") {
                Some(task) => Some(task.take()),
                None => Some(custom.0),
            },
            _ => None,
        };
        let value = value.unwrap_or_default();
        if value["resultType"] == "input_required" {
            let requests = value["inputRequests"].as_object().cloned().unwrap_or_default();
            let state = value["requestState"].as_str().map(str::to_owned);
            return Ok(Self::Asks(requests, state));
        }
        match Status::read(&value) {
            Some((task_id, status)) => Ok(Self::Task(task_id, Box::new(status))),
            None => Err(TaskError::of_service(ServiceError::UnexpectedResponse)),
        }
    }
}

/// A task of MCP that is asked about until it has ended.
struct Poll<'a> {
    driver: &'a Driver,
    task_id: String,
    interval: Duration,
    /// What it said last of what it does.
    said: Option<String>,
    /// What it asked for that is, or is being, answered.
    asked: HashSet<String>,
    answers: JoinSet<()>,
    failed: usize,
    /// Since when the server cannot be asked, over HTTP.
    away_since: Option<Instant>,
    /// What comes of asking for the result before there is one: MCP 2025-11-25 sends questions meanwhile.
    result: Option<Boxed<'a, Result<CallToolResult, ServiceError>>>,
    /// How it ended, where its result is yet to be fetched.
    over: Option<State>,
}

impl<'a> Poll<'a> {
    fn new(driver: &'a Driver, task_id: String) -> Self {
        let mut poll = Self {
            driver,
            task_id,
            interval: POLL_INTERVAL,
            said: None,
            asked: HashSet::new(),
            answers: JoinSet::new(),
            failed: 0,
            away_since: None,
            result: None,
            over: None,
        };
        if driver.way == Way::TasksOf2025 {
            poll.fetch_result();
        }
        poll
    }

    fn fetch_result(&mut self) {
        let (link, task_id) = (&self.driver.link, self.task_id.clone());
        self.result = Some(Box::pin(async move { link.result(&task_id).await }));
    }

    async fn follow(mut self, first: Status) -> Result<Outcome, TaskError> {
        let driver = self.driver;
        let _listening = match driver.way {
            Way::Tasks => driver.link.subscribe(&self.task_id).await.ok().map(Listening),
            _ => None,
        };
        if let Some(ended) = self.look_at(first) {
            return ended;
        }
        let mut asks_at = Instant::now() + self.interval;
        loop {
            let result = OptionFuture::from(self.result.as_mut());
            let ended = tokio::select! {
                biased;
                status = driver.heard.next_status() => self.look_at(status),
                Some(result) = result => {
                    self.result = None;
                    self.fetched(result).await
                }
                () = sleep_until(asks_at), if self.over.is_none() => self.ask().await,
                () = driver.link.routes.closed().cancelled() => Some(Err(TaskError::ServerGone)),
                Some(_) = self.answers.join_next() => continue,
            };
            if let Some(ended) = ended {
                return ended;
            }
            let least = self.away_since.map_or(Duration::ZERO, |_| POLL_INTERVAL);
            asks_at = Instant::now() + self.interval.max(least);
        }
    }

    /// Asks how the task is doing. A server that fails to say so is asked again.
    async fn ask(&mut self) -> Option<Ended> {
        match self.driver.link.status(&self.task_id, self.driver.way).await {
            Ok(status) => {
                (self.failed, self.away_since) = (0, None);
                self.look_at(status)
            }
            // The task goes on without a connection.
            Err(ServiceError::TransportSend(_)) => {
                let since = *self.away_since.get_or_insert_with(Instant::now);
                (since.elapsed() >= AWAY).then_some(Err(TaskError::ServerGone))
            }
            Err(ServiceError::McpError(error)) if self.failed + 1 < FAILED_POLLS => {
                self.failed += 1;
                let is_unknown = error.code == rmcp::model::ErrorCode::INVALID_PARAMS;
                is_unknown.then(|| Err(TaskError::Refused(Arc::new(error))))
            }
            Err(error) => Some(Err(TaskError::of_service(error))),
        }
    }

    fn look_at(&mut self, status: Status) -> Option<Ended> {
        if let Some(interval) = status.poll_interval {
            self.interval = interval.clamp(POLL_INTERVALS.0, POLL_INTERVALS.1);
        }
        let is_new = status.message.is_some() && status.message != self.said;
        if is_new && let Some(message) = &status.message {
            self.said = status.message.clone();
            self.driver.heard.said.push(Said::Status(message.clone()), message.len());
        }
        self.answer(status.questions);
        match status.state {
            State::Working | State::InputRequired => None,
            State::Cancelled => {
                let message = status.message.map_or(Value::Null, Value::String);
                Some(Err(TaskError::Stopped(message)))
            }
            state if self.driver.way == Way::TasksOf2025 => {
                self.over = Some(state);
                if self.result.is_none() {
                    self.fetch_result();
                }
                None
            }
            _ => match (status.result, status.error) {
                (Some(result), _) => Some(Ok(Outcome::Reply(Arc::new(result)))),
                (None, Some(error)) => Some(Err(TaskError::Refused(Arc::new(error)))),
                // It says how it ended, and not with what: that is asked for.
                (None, None) => None,
            },
        }
    }

    /// Answers what the task asks for and was not answered yet, while it is asked about further.
    fn answer(&mut self, questions: Map<String, Value>) {
        for (key, request) in questions {
            if !self.asked.insert(key.clone()) {
                continue;
            }
            let (link, heard) = (Arc::clone(&self.driver.link), Arc::clone(&self.driver.heard));
            let task_id = self.task_id.clone();
            self.answers.spawn(async move {
                link.answer_request(&heard, &task_id, key, request).await;
            });
        }
    }

    /// The result was asked for. If the task was not over, or was stopped, there is none.
    async fn fetched(&mut self, result: Result<CallToolResult, ServiceError>) -> Option<Ended> {
        match (result, self.over) {
            // It may be what comes of a task that was stopped, as only its status says.
            (Ok(result), None)
                if self.driver.heard.is_stopped() && result.is_error == Some(true) =>
            {
                pin!(self.ask()).await
            }
            (Ok(result), _) => Some(Ok(Outcome::Reply(Arc::new(result)))),
            (Err(ServiceError::McpError(_) | ServiceError::TransportSend(_)), None) => {
                pin!(self.ask()).await
            }
            (Err(error), _) => Some(Err(TaskError::of_service(error))),
        }
    }
}

/// A subscription, which ends with this.
struct Listening(RequestHandle<RoleClient>);

impl Drop for Listening {
    fn drop(&mut self) {
        let peer = self.0.peer.clone();
        let params = CancelledNotificationParam::new(Some(self.0.id.clone()), None);
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { peer.notify_cancelled(params).await });
        }
    }
}
