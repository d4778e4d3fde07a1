//! How a task reaches the client that started it, and the choice between the ways.

mod callbacks;
mod log_messages;
mod peer;
mod progress;
mod questions;
mod reply;
pub(crate) mod tasks_2025;
pub(crate) mod tasks_extension;

pub(crate) use callbacks::Callbacks;
pub use log_messages::LogLevel;
pub(crate) use log_messages::{LeastLevel, LogMessages, LogOfRequests};
pub(crate) use peer::PeerHandle;
pub(crate) use progress::Progress;
pub(crate) use questions::{Elicitation, Questions, RelatedTask, Shows};
pub(crate) use reply::{Reply, Rest, Sent, how_far, in_parts, part, result, until_the_end};

use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::ProgressToken;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::log::{self, End, LogError, PATIENCE_WITH_THE_LOG, Page, Said, TaskReader};
use crate::message::Json;
use crate::outbox::{Claim, Gate, JsonNotification, Permit, TextCallback};
use crate::output::error_reply;

/// How far apart notifications about one task are at least: what comes faster is overtaken by what comes next.
pub(crate) const NOTIFICATION_INTERVAL: Duration = Duration::from_millis(100);

/// What comes of something within a time. tokio's timer waits a millisecond also for no time at all, in which
/// a busy client could ask twenty times.
pub(crate) async fn within<T>(time: Duration, work: impl Future<Output = T>) -> Option<T> {
    match time.is_zero() {
        true => work.now_or_never(),
        false => tokio::time::timeout(time, work).await.ok(),
    }
}

/// What a call and its connection show about the client.
#[derive(Debug)]
pub(crate) struct ClientSupport<'a> {
    /// The call carried MCPC metadata.
    pub(crate) metadata: bool,
    /// The connection saw an MCPC handshake.
    pub(crate) handshake: bool,
    /// The call speaks a protocol that has tasks as an extension, and the client declared it.
    pub(crate) tasks: bool,
    /// The call asks for a task, in a session that has those of MCP 2025-11-25.
    pub(crate) task: bool,
    /// The call carries a progress token.
    pub(crate) token: Option<ProgressToken>,
    /// The call's gate. Without one, of a connection that is not ours, nothing can be sent around the reply.
    pub(crate) gate: Option<&'a Gate>,
}

/// How a call is served, the best way first, with what it needs.
#[derive(Debug)]
pub(crate) enum Mode<'a> {
    /// `created` at once, callbacks while the task runs and at its end.
    Callbacks(&'a Gate),
    /// The call stays open for a moment; what takes longer becomes a task of MCP, and the client asks about it.
    Task,
    /// The call is answered at once, with the task that it asks for.
    TaskOf2025,
    /// The call stays open and hears how far the task is; then a ticket.
    Progress(&'a Gate, ProgressToken),
    /// The call stays open; then a ticket.
    Waiting,
}

/// The best mode that the client has shown it understands.
pub(crate) fn choose(support: ClientSupport<'_>) -> Mode<'_> {
    let ClientSupport { metadata, handshake, tasks, task, token, gate } = support;
    match (gate, token) {
        (Some(gate), _) if metadata || handshake => Mode::Callbacks(gate),
        _ if tasks => Mode::Task,
        _ if task => Mode::TaskOf2025,
        (Some(gate), Some(token)) => Mode::Progress(gate, token),
        _ => Mode::Waiting,
    }
}

/// How long a call with a progress token stays open, unless its server or its tool says otherwise: Codex CLI gives up
/// after 300 seconds, whatever it hears.
pub(crate) const PATIENCE_WITH_PROGRESS: Duration = Duration::from_secs(240);

/// How long a call stays open whose client hears nothing: many give up after 60 seconds.
pub(crate) const PATIENCE: Duration = Duration::from_secs(50);

/// How the log of a task is read until its call can be answered.
#[derive(Clone, Copy)]
pub(crate) struct Reading<'a> {
    pub(crate) reader: &'a dyn TaskReader,
    pub(crate) rest: Option<Rest<'a>>,
    /// Who may answer the task's questions. A question that only the reply to the call brings to somebody ends the
    /// reading.
    pub(crate) questions: Option<&'a Questions>,
}

/// What is read of a task.
#[derive(Debug)]
pub(crate) enum Read {
    /// It is over.
    Over(Reply),
    /// It asks something that the reply has to ask.
    Asks,
}

impl Reading<'_> {
    /// Whether a task asks, by what it said, something that the reply has to ask.
    async fn asks(self, page: &Page) -> Result<bool, LogError> {
        let Some(questions) = self.questions else { return Ok(false) };
        if !page.said.iter().any(|said| matches!(said, Said::Question(_))) {
            return Ok(false);
        }
        let open = self.reader.status().in_time().await?.questions;
        Ok(open.iter().any(|question| questions.are_asked_by_reply(question)))
    }
}

/// Reads a task's log until its call can be answered; `None` if the patience ran out before. With `progress`, the client
/// hears meanwhile how far the task is. Where the log fails or never tells of the end, `end_here` does, which is how the
/// task ended in this process. Cancel safe.
pub(crate) async fn answer(
    progress: Option<Progress<'_>>,
    reading: Reading<'_>,
    patience: Option<Duration>,
    end_here: Option<&mut oneshot::Receiver<End>>,
) -> Option<Read> {
    let Some(end_here) = end_here else {
        let read = read(progress, reading, patience).await;
        return read.unwrap_or_else(|error| Some(Read::Over(Ok(error_reply(error.to_string())))));
    };
    // On the heap: no call of a log in memory gets here.
    Box::pin(or_the_end_here(progress, reading, patience, end_here)).await
}

async fn read(
    progress: Option<Progress<'_>>,
    reading: Reading<'_>,
    patience: Option<Duration>,
) -> Result<Option<Read>, LogError> {
    match (progress, patience) {
        (Some(mut progress), patience) => {
            let read = progress.reply(reading);
            let reply = match patience {
                None => read.await.map(Some),
                Some(patience) => within(patience, read).await.transpose(),
            };
            progress.settle().await;
            reply
        }
        (None, None) => reply::reply(reading).await.map(Some),
        (None, Some(patience)) => within(patience, reply::reply(reading)).await.transpose(),
    }
}

/// What is read of a log, or, where that fails, how the task ends here. A log that fails is asked again meanwhile.
async fn or_the_end_here(
    mut progress: Option<Progress<'_>>,
    reading: Reading<'_>,
    patience: Option<Duration>,
    end_here: &mut oneshot::Receiver<End>,
) -> Option<Read> {
    let began = Instant::now();
    let read = reply_or_end(progress.as_mut(), reading, end_here);
    let read = match patience {
        None => Some(read.await),
        Some(patience) => within(patience, read).await,
    };
    let reply = match read {
        None => None,
        Some(Ok(reply)) => Some(reply),
        Some(Err(end)) => {
            // It is being stored, and then read with all that came before it.
            let left = patience.map(|patience| patience.saturating_sub(began.elapsed()));
            let left = left.unwrap_or(Duration::MAX).min(PATIENCE_WITH_THE_LOG);
            match within(left, read_on(progress.as_mut(), reading)).await {
                Some(Ok(reply)) => Some(reply),
                // Without an end the task was given up before it ran.
                _ => {
                    let reply =
                        end.map_or_else(|| Ok(reply::ended_without_a_result()), |it| result(&it));
                    Some(Read::Over(reply))
                }
            }
        }
    };
    if let Some(progress) = progress {
        progress.settle().await;
    }
    reply
}

/// What is read of a log, or how the task ends here, whichever comes first. Cancel safe.
async fn reply_or_end(
    mut progress: Option<&mut Progress<'_>>,
    reading: Reading<'_>,
    end_here: &mut oneshot::Receiver<End>,
) -> Result<Read, Option<End>> {
    loop {
        tokio::select! {
            biased;
            reply = read_on(progress.as_deref_mut(), reading) => if let Ok(reply) = reply {
                return Ok(reply);
            },
            end = &mut *end_here => return Err(end.ok()),
        }
        if let Ok(end) = tokio::time::timeout(NOTIFICATION_INTERVAL, &mut *end_here).await {
            return Err(end.ok());
        }
    }
}

/// Reads a task's log to its end, from where a call with progress was. Cancel safe.
async fn read_on(
    progress: Option<&mut Progress<'_>>,
    reading: Reading<'_>,
) -> Result<Read, LogError> {
    match progress {
        Some(progress) => progress.reply(reading).await,
        None => reply::reply(reading).await,
    }
}

/// What is delivered.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event<'a> {
    /// A value, or a text.
    Update(&'a Json),
    Progress(&'a log::Progress),
    End(&'a End),
}

impl<'a> Event<'a> {
    pub(crate) fn of(said: &'a Said) -> Self {
        match said {
            Said::Update(value) | Said::Output(value) => Self::Update(value),
            Said::Progress(progress) => Self::Progress(progress),
            Said::Question(question) => Self::Update(&question.value),
        }
    }
}

/// What a task's `Sender` pushes to, besides the log.
#[derive(Debug)]
pub(crate) enum Delivery {
    /// Every event leaves as a callback.
    Callbacks(Callbacks),
    /// Its events stay in the log, for a reader; those of the session leave as notifications, if the
    /// client takes these.
    Log(Option<LogMessages>),
    /// There is no client: what the log does not hear of goes to a test.
    #[cfg(feature = "testing")]
    Witness(Box<dyn Witness>),
}

/// Hears, in place of a client, what a task says that is not in its log.
#[cfg(feature = "testing")]
pub(crate) trait Witness: std::fmt::Debug + Send + Sync {
    /// An event of the session.
    fn server_event(&self, event: &str, data: &Json);

    /// Whether it answers what the task asks.
    fn answers(&self) -> bool;
}

/// An event of the session, ready to leave.
pub(crate) enum ServerEvent<'a> {
    #[cfg(feature = "testing")]
    Witness(&'a dyn Witness, String, Json),
    Callback(&'a Callbacks, TextCallback),
    LogMessage(&'a LogMessages, JsonNotification),
}

impl ServerEvent<'_> {
    /// What it takes of the connection's budget.
    pub(crate) fn claim(&self) -> Claim<'_> {
        match self {
            Self::Callback(callbacks, event) => callbacks.claim_server_event(event),
            Self::LogMessage(log_messages, log_message) => log_messages.claim(log_message),
            #[cfg(feature = "testing")]
            Self::Witness(..) => Claim::NOTHING,
        }
    }

    pub(crate) fn push(&self, permit: Permit<'_>) {
        match self {
            Self::Callback(callbacks, event) => callbacks.push_server_event(event, permit),
            Self::LogMessage(log_messages, log_message) => log_messages.push(log_message, permit),
            #[cfg(feature = "testing")]
            Self::Witness(witness, event, data) => witness.server_event(event, data),
        }
    }
}

impl Delivery {
    /// What `event` takes of the connection's budget.
    pub(crate) fn claim(&self, event: Event<'_>) -> Claim<'_> {
        match self {
            Self::Callbacks(callbacks) => callbacks.claim(event),
            Self::Log(_) => Claim::NOTHING,
            #[cfg(feature = "testing")]
            Self::Witness(_) => Claim::NOTHING,
        }
    }

    /// Sends an event that was just logged. Called in the order of the log.
    pub(crate) fn deliver(&self, event: Event<'_>, permit: Permit<'_>) {
        match self {
            Self::Callbacks(callbacks) => callbacks.push(event, permit),
            Self::Log(_) => {}
            #[cfg(feature = "testing")]
            Self::Witness(_) => {}
        }
    }

    /// An event of the session, if the client hears of such.
    pub(crate) fn server_event(&self, event: &str, data: &Json) -> Option<ServerEvent<'_>> {
        match self {
            Self::Callbacks(callbacks) => {
                Some(ServerEvent::Callback(callbacks, callbacks.server_event(event, data)))
            }
            Self::Log(log_messages) => {
                let log_messages = log_messages.as_ref()?;
                Some(ServerEvent::LogMessage(
                    log_messages,
                    log_messages.event_message(event, data)?,
                ))
            }
            #[cfg(feature = "testing")]
            Self::Witness(witness) => {
                Some(ServerEvent::Witness(&**witness, event.to_owned(), data.clone()))
            }
        }
    }

    /// Whether a test answers what the task asks.
    pub(crate) fn answers(&self) -> bool {
        match self {
            Self::Callbacks(_) | Self::Log(_) => false,
            #[cfg(feature = "testing")]
            Self::Witness(witness) => witness.answers(),
        }
    }

    /// Whether a test reads what the task says, and nobody runs it.
    #[cfg(feature = "testing")]
    pub(crate) fn is_witnessed(&self) -> bool {
        matches!(self, Self::Witness(_))
    }
}

#[cfg(test)]
mod tests {
    use rmcp::model::{CallToolResult, NumberOrString};
    use tokio::time::timeout;

    use super::*;
    use crate::metadata::Ids;
    use crate::outbox::{Form, Outbox, Pending};

    /// How an event of the session leaves, for every kind of client that hears of such. The calls are yet to
    /// be answered, except that of the client of MCPC.
    #[expect(deprecated, reason = "MCP has nothing else to tell such a client with")]
    fn modes_of_events(outbox: &Outbox) -> [Delivery; 3] {
        let gate = || Gate::new(outbox.clone(), NumberOrString::Number(1), true);
        let ids = Ids { session_id: "s".into(), task_id: "t".into() };
        let callbacks = gate();
        let ok = rmcp::model::ServerResult::CallToolResult(CallToolResult::success(Vec::new()));
        callbacks.open(rmcp::model::JsonRpcMessage::response(ok, NumberOrString::Number(1)));
        let level = Some(rmcp::model::LoggingLevel::Info);
        [
            Delivery::Callbacks(Callbacks::new(callbacks, ids, "tool".into())),
            Delivery::Log(Some(LogMessages::of_session(
                outbox.clone(),
                "tool".into(),
                LeastLevel::new(Some(LogLevel::Info)),
            ))),
            Delivery::Log(Some(LogMessages::of_call(gate(), "tool".into(), level))),
        ]
    }

    #[tokio::test(start_paused = true)]
    async fn events_of_the_session_have_a_share_of_the_budget_for_every_client() {
        const BUDGET: usize = 10_000;
        for mode in 0..3 {
            let outbox = Outbox::new(Form::Lines, BUDGET);
            let delivery = &modes_of_events(&outbox)[mode];
            let emit = async || {
                let event = delivery.server_event("event", &Json::text(&"x".repeat(1_000)));
                let event = event.expect("it is wanted");
                event.push(event.claim().reserve().await);
            };
            let emits = async {
                for _ in 0..BUDGET / 1_000 {
                    emit().await;
                }
            };
            let emits = timeout(Duration::from_secs(1), emits).await;
            assert!(emits.is_err(), "mode {mode}: nobody reads, and there is room for nine");
            let mut read = Pending::new(Form::Lines);
            assert!(outbox.take(&mut read).await);
            outbox.written(&read);
            let all = outbox.claim(BUDGET).try_reserve();
            assert!(all.is_some(), "mode {mode}: what was read gives its room back");
            drop(all);
            timeout(Duration::from_millis(1), emit()).await.expect("there is room");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_time_is_not_waited_for() {
        let never = || std::future::pending::<()>();
        assert_eq!(within(Duration::ZERO, never()).now_or_never(), Some(None));
        assert_eq!(within(Duration::ZERO, async {}).now_or_never(), Some(Some(())));
        assert_eq!(within(Duration::from_secs(1), never()).await, None);
    }

    #[test]
    fn every_combination_has_its_way() {
        let gate = Gate::new(Outbox::new(Form::Lines, 1), NumberOrString::Number(1), false);
        for combination in 0..64 {
            let shows = |bit: u32| combination & (1 << bit) != 0;
            let support = ClientSupport {
                metadata: shows(0),
                handshake: shows(1),
                tasks: shows(2),
                token: shows(3).then_some(ProgressToken(NumberOrString::Number(1))),
                gate: shows(4).then_some(&gate),
                task: shows(5),
            };
            let is_mcpc = shows(0) || shows(1);
            let is_right = match choose(support) {
                Mode::Callbacks(_) => is_mcpc && shows(4),
                Mode::Task => shows(2) && !(is_mcpc && shows(4)),
                Mode::TaskOf2025 => shows(5) && !shows(2) && !(is_mcpc && shows(4)),
                Mode::Progress(..) => shows(3) && shows(4) && !shows(2) && !shows(5) && !is_mcpc,
                Mode::Waiting => !shows(2) && !shows(5) && (!shows(4) || !shows(3) && !is_mcpc),
            };
            assert!(is_right, "{combination:06b}");
        }
    }
}
