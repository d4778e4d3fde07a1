//! What a session of MCP 2025-11-25 hears of a task that it asked for: how it is doing, how far it is, and what it asks.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::model::{ProgressToken, RequestId};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::intake::TaskIntake;
use crate::context::Context;
use crate::delivery::{
    NOTIFICATION_INTERVAL, PeerHandle, Progress, Questions, RelatedTask, Shows, tasks_2025,
    until_the_end,
};
use crate::log::{LogError, Question, Status, TaskReader};
use crate::outbox::{Gate, JsonNotification, Outbox, Pushing};
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
    /// How many calls hear of it, and whoever is asked what it asks.
    calls: watch::Sender<usize>,
    /// Whether the client hears how it is doing without asking: one that found it again does not.
    is_heard_of: AtomicBool,
    /// Cancelled when the client knows that the task was cancelled.
    retired: CancellationToken,
    /// Whether the client has cancelled it.
    is_cancelled: AtomicBool,
    /// Whether the client has seen that the task asks something.
    has_looked: AtomicBool,
    /// How the client is asked, once it may be.
    asks: watch::Sender<Option<Arc<Asks>>>,
}

/// How a client is asked what a task asks.
struct Asks {
    peer: PeerHandle,
    /// The request that waits for the task, on whose way back it is asked.
    waiting: Option<RequestId>,
}

impl Asks {
    /// Whether what was asked in this way may never have been read by a client that waits in a later one. A connection that
    /// is gone may not be noticed for long, so a request of HTTP that waits takes over from the one before.
    fn may_be_lost(&self, outbox: &Outbox) -> bool {
        let is_its_own_way = outbox.splits_replies_off();
        is_its_own_way && (self.waiting.is_some() || !outbox.session_is_read())
    }
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
        self.follow(intake, teller, said_of(first));
    }

    /// What there is to know of a task that the session found, as its principal began it elsewhere: it is asked what the
    /// task asks.
    pub(super) fn find(&self, intake: &Arc<TaskIntake>, teller: Teller) -> Told {
        self.follow(intake, teller, Said::default())
    }

    fn follow(&self, intake: &Arc<TaskIntake>, mut teller: Teller, last: Said) -> Told {
        let task_id = Arc::clone(&teller.task_id);
        let (is_known, told) = match self.all().entry(Arc::clone(&task_id)) {
            Entry::Occupied(known) => (true, known.get().clone()),
            Entry::Vacant(vacant) => (false, vacant.insert(Told::new()).clone()),
        };
        if is_known {
            teller.questions = None;
        }
        let says = teller.gate.is_some() && !told.0.is_heard_of.swap(true, Ordering::Relaxed);
        told.0.calls.send_modify(|calls| *calls += 1);
        let (intake, followed) = (Arc::clone(intake), told.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = teller.ending.left_behind() => {}
                () = async {
                    match is_known && !says {
                        true => teller.tell_progress(&followed).await,
                        false => teller.tell(&followed, last).await,
                    }
                } => {}
            }
            followed.0.calls.send_modify(|calls| *calls -= 1);
            if !is_known {
                // Until then a client that cancels it once more is told that it did so before.
                tokio::select! {
                    () = teller.ended() => {}
                    () = teller.ending.left_behind() => {}
                }
                intake.session_tasks.all().remove(&task_id);
            }
        });
        told
    }
}

impl Told {
    fn new() -> Self {
        Self(Arc::new(Inner {
            calls: watch::Sender::new(0),
            is_heard_of: AtomicBool::new(false),
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
            self.ask_from_here(context, None);
        }
    }

    /// The client can be asked from here on, on the way back of this request.
    pub(super) fn waits(&self, context: &Context) {
        self.ask_from_here(context, Some(context.id.clone()));
    }

    fn ask_from_here(&self, context: &Context, waiting: Option<RequestId>) {
        if let Some(peer) = context.peer() {
            let asks = Asks { peer: peer.clone(), waiting };
            self.0.asks.send_replace(Some(Arc::new(asks)));
        }
    }
}

/// Tells of a task.
pub(super) struct Teller {
    pub(super) task_id: Arc<str>,
    pub(super) reader: Box<dyn TaskReader>,
    pub(super) tasks: Tasks,
    /// That of the call: what is told follows its reply. Without one, nothing is told and questions alone are asked.
    pub(super) gate: Option<Gate>,
    pub(super) outbox: Option<Outbox>,
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
        let Some(gate) = &self.gate else { return };
        let mut progress = Progress::of_task(gate, token.clone(), *heartbeat);
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
        let Some(gate) = &self.gate else { return };
        let task = task_of_2025(&tasks_2025::task(&self.task_id, status, self.shows));
        let said = said_of(&task);
        if said == *last {
            return;
        }
        let method = "notifications/tasks/status";
        let line = json!({"jsonrpc": "2.0", "method": method, "params": task}).to_string();
        let notification = JsonNotification(line);
        while gate.push_after_reply(&notification) == Pushing::Full {
            gate.outbox().reply_room_available().await;
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
    asked: HashMap<Arc<str>, Posed>,
    running: JoinSet<()>,
}

/// In how many ways a question may be asked at once: the latest that a client has read, and the one that it may be yet to read.
const MOST_WAYS: usize = 2;

/// A question that a client is asked: in the latest of these ways, and yet in those before, as any of them may be answered.
struct Posed {
    latest: Arc<Asks>,
    ways: Vec<AbortHandle>,
}

impl Asking {
    /// Asks what is open and was not asked yet, or may be lost, and withdraws what is not open any more.
    fn ask(&mut self, teller: &Teller, how: &Arc<Asks>, questions: &Questions, open: &[Question]) {
        self.asked.retain(|id, posed| {
            let is_open = open.iter().any(|question| *question.id == **id);
            if !is_open {
                posed.ways.iter().for_each(AbortHandle::abort);
            }
            is_open
        });
        while self.running.try_join_next().is_some() {}
        for question in open {
            let before = self.asked.get(&*question.id).map(|posed| &posed.latest);
            let is_asked = before.is_some_and(|before| {
                Arc::ptr_eq(before, how)
                    || !teller.outbox.as_ref().is_some_and(|it| before.may_be_lost(it))
            });
            if is_asked {
                continue;
            }
            let asking = ask(
                Arc::clone(&teller.task_id),
                question.clone(),
                Arc::clone(how),
                questions.clone(),
                teller.tasks.clone(),
                teller.ending.clone(),
            );
            let asking = self.running.spawn(asking);
            let posed = self.asked.entry(question.id.as_ref().into());
            let posed =
                posed.or_insert_with(|| Posed { latest: Arc::clone(how), ways: Vec::new() });
            posed.latest = Arc::clone(how);
            if posed.ways.len() == MOST_WAYS {
                posed.ways.remove(0).abort();
            }
            posed.ways.push(asking);
        }
    }
}

/// Asks a client one thing, and hands its answer to the task. One that does not fit is an answer, too, after which the
/// task asks anew.
async fn ask(
    task_id: Arc<str>,
    question: Question,
    how: Arc<Asks>,
    questions: Questions,
    tasks: Tasks,
    ending: Ending,
) {
    let Some(asked) = Asked::of(&question) else { return };
    let related = RelatedTask { task_id: &task_id, waiting: how.waiting.as_ref() };
    let asking = Questions { peer: Some(how.peer.clone()), ..questions };
    let Some(elicitation) = asking.elicitation(&asked) else { return };
    let response = match elicitation.about(related).ask_once(&asked).await {
        Ok(response) => response.unwrap_or_else(Response::Refused),
        // Another session of its principal may be asked yet.
        Err(_) if ending.has_begun() => return,
        // A model may answer it yet.
        Err(_) if asking.message_task.is_some() && asked.is_answered_by_message() => return,
        Err(_) => Response::Cancel,
    };
    // One that came before stays, and a log that fails is told of by the task.
    let _answered = tasks.answer_question(&task_id, &question.id, response.to_json()).await;
}
