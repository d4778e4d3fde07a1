//! What a session of MCP 2025-11-25 hears of a task that it asked for: how it is doing, how far it is, and what it asks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressToken, RequestId};
use rmcp::service::Peer;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::intake::TaskIntake;
use crate::context::Context;
use crate::delivery::{
    NOTIFICATION_INTERVAL, Progress, Questions, RelatedTask, Shows, tasks_2025, until_the_end,
};
use crate::log::{LogError, Question, Status, TaskReader};
use crate::outbox::{Gate, JsonNotification, Pushing};
use crate::question::{Asked, Response};
use crate::reply::task_of_2025;
use crate::task::Tasks;
use crate::transport::Ending;

/// The tasks of which a session of MCP 2025-11-25 hears.
#[derive(Default)]
pub(super) struct SessionTasks {
    /// Whether there is such a session.
    has_begun: AtomicBool,
    told: Mutex<HashMap<Arc<str>, Told>>,
}

/// What is to be known of a task that is told of. A clone is another handle to the same.
#[derive(Clone)]
pub(super) struct Told(Arc<Inner>);

struct Inner {
    /// How many calls hear of it.
    calls: watch::Sender<usize>,
    /// Cancelled when the client knows that the task was cancelled.
    retired: CancellationToken,
    /// Whether the client has cancelled it.
    is_cancelled: AtomicBool,
    /// Whether the client has seen that the task asks something.
    has_looked: AtomicBool,
    /// How the client is asked, once it may be.
    asks: watch::Sender<Option<Asks>>,
}

/// How a client is asked what a task asks.
#[derive(Clone)]
struct Asks {
    peer: Peer<RoleServer>,
    /// The request that waits for the task.
    waiting: Option<RequestId>,
}

impl SessionTasks {
    /// A session begins, and was told that it has tasks.
    pub(super) fn begin(&self) {
        self.has_begun.store(true, Ordering::Release);
    }

    pub(super) fn has_begun(&self) -> bool {
        self.has_begun.load(Ordering::Acquire)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Arc<str>, Told>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What there is to know of a task, as long as the session hears of it.
    pub(super) fn told(&self, task_id: &str) -> Option<Told> {
        self.all().get(task_id).cloned()
    }

    /// Tells of a task beside its call, whose reply says what is known `first`. Of one that the session hears of already,
    /// as an equal call joined it, only how far it is.
    pub(super) fn tell(&self, intake: &Arc<TaskIntake>, teller: Teller, first: &Value) {
        let task_id = Arc::clone(&teller.task_id);
        let (is_known, told) = match self.all().entry(Arc::clone(&task_id)) {
            Entry::Occupied(known) => (true, known.get().clone()),
            Entry::Vacant(vacant) => (false, vacant.insert(Told::new()).clone()),
        };
        told.0.calls.send_modify(|calls| *calls += 1);
        let (intake, last) = (Arc::clone(intake), said_of(first));
        tokio::spawn(async move {
            match is_known {
                true => teller.tell_progress(&told).await,
                false => teller.tell(&told, last).await,
            }
            told.0.calls.send_modify(|calls| *calls -= 1);
            if !is_known {
                // Until then a client that cancels it once more is told that it did so before.
                teller.ended().await;
                intake.session_tasks.all().remove(&task_id);
            }
        });
    }
}

impl Told {
    fn new() -> Self {
        Self(Arc::new(Inner {
            calls: watch::Sender::new(0),
            retired: CancellationToken::new(),
            is_cancelled: AtomicBool::new(false),
            has_looked: AtomicBool::new(false),
            asks: watch::Sender::new(None),
        }))
    }

    /// Waits until the client has heard all that it hears of the task without asking. One that does not read hears no more.
    pub(super) async fn over(&self) {
        /// How long what is left to be said may take.
        const PATIENCE: Duration = Duration::from_secs(1);
        let mut calls = self.0.calls.subscribe();
        if timeout(PATIENCE, calls.wait_for(|calls| *calls == 0)).await.is_err() {
            self.retire();
        }
    }

    /// The client knows that the task was cancelled, and hears nothing more of it.
    pub(super) fn retire(&self) {
        self.0.retired.cancel();
    }

    /// The client cancels the task. Returns whether it does so for the first time.
    pub(super) fn cancel(&self) -> bool {
        self.retire();
        !self.0.is_cancelled.swap(true, Ordering::Relaxed)
    }

    /// The client sees that the task asks something. It is to ask for the result then, on whose way it is asked; one that
    /// only looks once more (VS Code) is asked all the same.
    pub(super) fn looked(&self, context: &Context) {
        if self.0.has_looked.swap(true, Ordering::Relaxed) && self.0.asks.borrow().is_none() {
            self.waits(context, None);
        }
    }

    /// The client can be asked from here on, on the way back of the request that waits.
    pub(super) fn waits(&self, context: &Context, waiting: Option<&RequestId>) {
        if let Some(peer) = context.peer() {
            let asks = Asks { peer: peer.clone(), waiting: waiting.cloned() };
            self.0.asks.send_replace(Some(asks));
        }
    }
}

/// Tells of a task.
pub(super) struct Teller {
    pub(super) task_id: Arc<str>,
    pub(super) reader: Box<dyn TaskReader>,
    pub(super) tasks: Tasks,
    /// That of the call: what is told follows its reply.
    pub(super) gate: Gate,
    /// The token under which the client hears how far the task is, and its longest silence.
    pub(super) progress: Option<(ProgressToken, Duration)>,
    /// Who answers what the task asks, if the session that tells is to see to that.
    pub(super) questions: Option<Questions>,
    pub(super) shows: Shows,
    pub(super) ending: Ending,
}

impl Teller {
    /// Tells of the task until it has ended.
    async fn tell(&self, told: &Told, mut last: Said) {
        let changes = async {
            tokio::select! {
                biased;
                () = told.0.retired.cancelled() => {}
                () = self.ended() => {}
                never = self.tell_changes(told, &mut last) => match never {},
            }
        };
        tokio::join!(self.tell_progress(told), changes);
        if !told.0.retired.is_cancelled()
            && let Ok(status) = self.reader.status().in_time().await
        {
            self.say(&status, &mut last).await;
        }
    }

    /// Tells how far the task is, until it has ended.
    async fn tell_progress(&self, told: &Told) {
        let Some((token, heartbeat)) = &self.progress else { return };
        let mut progress = Progress::of_task(&self.gate, token.clone(), *heartbeat);
        tokio::select! {
            biased;
            () = told.0.retired.cancelled() => {}
            // A log that fails says no more how far the task is; how it ends, it may yet say.
            _ = progress.tell(&*self.reader) => {}
        }
    }

    /// Waits for the end of the task, also if its log fails meanwhile.
    async fn ended(&self) {
        while let Err(error) = until_the_end(&*self.reader).await {
            if error == LogError::Gone || self.ending.has_begun() {
                return;
            }
            sleep(NOTIFICATION_INTERVAL).await;
        }
    }

    /// Says each change, and has the client asked what the task asks; never ends.
    async fn tell_changes(&self, told: &Told, last: &mut Said) -> Infallible {
        let mut asking = Asking::default();
        let mut asks = told.0.asks.subscribe();
        loop {
            // Before it looks, so that nothing comes in between.
            let changed = self.reader.watch();
            let how = asks.borrow_and_update().clone();
            if let Ok(status) = self.reader.status().in_time().await {
                self.say(&status, last).await;
                if status.was_stopped {
                    told.retire();
                }
                if let (Some(how), Some(questions)) = (how, &self.questions) {
                    asking.ask(self, &how, questions, &status.questions);
                }
            }
            tokio::select! {
                () = changed => {}
                _ = asks.changed() => {}
            }
            sleep(NOTIFICATION_INTERVAL).await;
        }
    }

    /// Says how the task is doing, if that is news.
    async fn say(&self, status: &Status, last: &mut Said) {
        let task = task_of_2025(&tasks_2025::task(&self.task_id, status, self.shows));
        let said = said_of(&task);
        if said == *last {
            return;
        }
        let method = "notifications/tasks/status";
        let line = json!({"jsonrpc": "2.0", "method": method, "params": task}).to_string();
        let notification = JsonNotification(line);
        while self.gate.push_after_reply(&notification) == Pushing::Full {
            self.gate.outbox().reply_room_available().await;
        }
        *last = said;
    }
}

/// What makes a change worth telling: the status, and what is said beside it.
type Said = (Value, Value);

fn said_of(task: &Value) -> Said {
    (task["status"].clone(), task["statusMessage"].clone())
}

/// The questions of a task that its client is asked now.
#[derive(Default)]
struct Asking {
    asked: HashMap<Arc<str>, AbortHandle>,
    running: JoinSet<()>,
}

impl Asking {
    /// Asks what is open and was not asked yet, and withdraws what is not open any more.
    fn ask(&mut self, teller: &Teller, how: &Asks, questions: &Questions, open: &[Question]) {
        self.asked.retain(|id, asking| {
            let is_open = open.iter().any(|question| *question.id == **id);
            if !is_open {
                asking.abort();
            }
            is_open
        });
        while self.running.try_join_next().is_some() {}
        for question in open {
            if self.asked.contains_key(&*question.id) {
                continue;
            }
            let asking = ask(
                Arc::clone(&teller.task_id),
                question.clone(),
                how.clone(),
                questions.clone(),
                teller.tasks.clone(),
            );
            self.asked.insert(question.id.as_ref().into(), self.running.spawn(asking));
        }
    }
}

/// Asks a client one thing, and hands its answer to the task. One that does not fit is an answer, too, after which the
/// task asks anew.
async fn ask(task_id: Arc<str>, question: Question, how: Asks, questions: Questions, tasks: Tasks) {
    let Some(asked) = Asked::of(&question) else { return };
    let related = RelatedTask { task_id: &task_id, waiting: how.waiting.as_ref() };
    let asking = Questions { peer: Some(Box::new(how.peer)), ..questions };
    let Some(elicitation) = asking.elicitation(&asked) else { return };
    let response = match elicitation.about(related).ask_once(&asked).await {
        Ok(response) => response.unwrap_or_else(Response::Refused),
        // A model may answer it yet.
        Err(_) if asking.message_task.is_some() && asked.is_answered_by_message() => return,
        Err(_) => Response::Cancel,
    };
    // One that came before stays, and a log that fails is told of by the task.
    let _answered = tasks.answer_question(&task_id, &question.id, response.to_json()).await;
}
