//! The tasks of one connection: what their owner may ask the log, and which of them run in this process.
//!
//! What is only about this process is not the log's: how many tasks run here, which of them are to be stopped when the
//! connection ends, and who can end one whose body does not give way. A connection has a table of its own for that,
//! which goes with it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, Weak};
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::JsonObject;
use tokio_util::sync::CancellationToken;

use super::Task;
use super::joins::Joins;
use super::order::InOrder;
use crate::log::{
    Answered, CreateError, Finished, Json, Known, List, LogError, MaybeLater, Owner, Stop,
    TaskInfo, TaskKey, TaskLog, TaskReader, TaskWriter, Told,
};
use crate::metadata::Ids;
use crate::question::Instructions;
use crate::sync::{Mutex, MutexGuard, Notify};

/// The tasks of one connection; a clone is another handle to them.
#[derive(Clone)]
pub(crate) struct Tasks(pub(super) Arc<Shared>);

pub(super) struct Shared {
    log: Arc<dyn TaskLog>,
    owner: Owner,
    /// Whether a task's id is all that tells who it belongs to.
    are_secret: bool,
    permits: TaskPermits,
    here: Mutex<Here>,
    /// Notified whenever none runs here any more.
    idle: Notify,
    order: InOrder,
    /// The order of what is said to tasks.
    messages: InOrder,
    /// What a tool's tasks can be told.
    instructions: Box<InstructionsOf>,
    pub(super) joins: Mutex<Joins>,
}

/// Tells what the tasks of a tool can be told, if anything.
pub(crate) type InstructionsOf = dyn Fn(&str) -> Option<Instructions> + Send + Sync;

/// The tasks that run in this process.
#[derive(Default)]
struct Here {
    /// By their ids; the name of each is the one that [`Entered`] has, and no equal one.
    tasks: HashMap<Arc<str>, Running>,
    /// Whether all were asked to stop; one that comes late is stopped at once, and none is kept after its end.
    is_ending: bool,
}

struct Running {
    stop: CancellationToken,
    /// Who can end it if its body does not give way; nobody before its handler has it.
    task: Weak<Task>,
    /// What it can be told, whatever has become of its tool.
    instructions: Option<Instructions>,
}

impl fmt::Debug for Tasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tasks").field("owner", &self.0.owner).finish_non_exhaustive()
    }
}

/// The permits to run a task, of a whole server.
#[derive(Clone, Debug)]
pub(crate) struct TaskPermits(Arc<Limit>);

#[derive(Debug)]
struct Limit {
    most: usize,
    taken: AtomicUsize,
}

impl TaskPermits {
    pub(crate) fn new(most: usize) -> Self {
        Self(Arc::new(Limit { most, taken: AtomicUsize::new(0) }))
    }

    fn try_acquire(&self) -> Option<TaskPermit> {
        let Limit { most, taken } = &*self.0;
        let more = |taken: usize| (taken < *most).then_some(taken + 1);
        let is_acquired = taken.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok();
        is_acquired.then(|| TaskPermit(self.clone()))
    }
}

/// One of them.
struct TaskPermit(TaskPermits);

impl Drop for TaskPermit {
    fn drop(&mut self) {
        self.0.0.taken.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A call that asks for a task.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) tool_name: &'a Arc<str>,
    pub(crate) ids: &'a Ids,
    pub(crate) arguments: &'a JsonObject,
    /// How long the task stays readable after its end.
    pub(crate) retention: Duration,
    /// What it can be told, if anything.
    pub(crate) instructions: Option<Instructions>,
}

/// A task that was created: the log knows it, and it is among those that run here. Dropped, it is forgotten.
pub(crate) struct Created {
    writer: Box<dyn TaskWriter>,
    permit: TaskPermit,
    entered: Entered,
}

/// A task's entry in the table.
struct Entered {
    /// `None` once it has left.
    tasks: Option<Tasks>,
    task_id: Arc<str>,
}

impl Tasks {
    /// The tasks of a connection whose owner nobody else is.
    pub(crate) fn new(
        log: Arc<dyn TaskLog>,
        permits: TaskPermits,
        instructions: Box<InstructionsOf>,
    ) -> Self {
        Self::with(Owner::of_one_connection(), false, log, permits, instructions)
    }

    /// The tasks of all that have this owner, which hold clones of this.
    #[cfg(feature = "http")]
    pub(crate) fn of(
        owner: Owner,
        log: Arc<dyn TaskLog>,
        permits: TaskPermits,
        instructions: Box<InstructionsOf>,
    ) -> Self {
        Self::with(owner, false, log, permits, instructions)
    }

    /// The tasks of clients that nobody tells apart: who knows a task's id may ask for it, and nobody learns of an id
    /// here.
    #[cfg(feature = "http")]
    pub(crate) fn of_anybody(
        log: Arc<dyn TaskLog>,
        permits: TaskPermits,
        instructions: Box<InstructionsOf>,
    ) -> Self {
        Self::with(Owner::of_one_connection(), true, log, permits, instructions)
    }

    fn with(
        owner: Owner,
        are_secret: bool,
        log: Arc<dyn TaskLog>,
        permits: TaskPermits,
        instructions: Box<InstructionsOf>,
    ) -> Self {
        Self(Arc::new(Shared {
            log,
            owner,
            are_secret,
            permits,
            here: Mutex::default(),
            idle: Notify::new(),
            order: InOrder::default(),
            messages: InOrder::default(),
            instructions,
            joins: Mutex::default(),
        }))
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        // Nothing under this lock calls code of a user's, so it cannot be left half-changed.
        self.0.here.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn key(&self, task_id: &Arc<str>) -> TaskKey {
        TaskKey { owner: self.0.owner.clone(), task_id: Arc::clone(task_id) }
    }

    /// Whether a log answers each time at once, and cannot fail.
    pub(crate) fn are_in_memory(&self) -> bool {
        self.0.log.is_in_memory()
    }

    /// Creates a task. What is asked later of this connection's tasks finds it.
    pub(crate) fn create(
        &self,
        request: Request<'_>,
    ) -> MaybeLater<'static, Result<Created, CreateError>> {
        let Request { tool_name, ids, arguments, retention, instructions } = request;
        let task_id = Arc::clone(&ids.task_id);
        let Some(permit) = self.0.permits.try_acquire() else {
            let limit = self.0.permits.0.most;
            return MaybeLater::Now(Err(match self.is_running(&task_id) {
                true => CreateError::Running,
                false => CreateError::Full { limit },
            }));
        };
        let (tasks, key) = (self.clone(), self.key(&task_id));
        let turn = self.0.order.turn();
        if turn.is_free() {
            let info = TaskInfo { tool_name, session_id: &ids.session_id, arguments, retention };
            let writer = self.0.log.create(key, info).in_time();
            return turn
                .follow(writer.map(move |it| tasks.enter(task_id, it?, permit, instructions)));
        }
        let (tool_name, session_id) = (Arc::clone(tool_name), ids.session_id.clone());
        let arguments = arguments.clone();
        turn.begin(move || {
            let (tool_name, session_id, arguments) = (&tool_name, &*session_id, &arguments);
            let info = TaskInfo { tool_name, session_id, arguments, retention };
            let writer = tasks.0.log.create(key, info);
            writer.map(move |it| tasks.enter(task_id, it?, permit, instructions))
        })
    }

    /// Whether a task of this id runs here and has not ended.
    fn is_running(&self, task_id: &str) -> bool {
        self.running_stop(task_id).is_some()
    }

    /// Whether a task of this id that runs here was not asked to stop; `None` if there is none.
    pub(super) fn may_go_on(&self, task_id: &str) -> Option<bool> {
        self.running_stop(task_id).map(|stop| !stop.is_cancelled())
    }

    /// What stops a task of this id that runs here and has not ended.
    fn running_stop(&self, task_id: &str) -> Option<CancellationToken> {
        let running = {
            let here = self.here();
            here.tasks.get(task_id).map(|running| (running.stop.clone(), running.task.upgrade()))
        };
        // Not under the lock, which the last to hold a task takes.
        let (stop, task) = running?;
        task.is_none_or(|task| !task.has_ended()).then_some(stop)
    }

    /// Enters a task into the table. A log that has lost one of the same id, which runs here, does not make the id free.
    fn enter(
        &self,
        task_id: Arc<str>,
        writer: Box<dyn TaskWriter>,
        permit: TaskPermit,
        instructions: Option<Instructions>,
    ) -> Result<Created, CreateError> {
        if self.is_running(&task_id) {
            return Err(CreateError::Running);
        }
        let stop = writer.stopped().clone();
        let is_ending = {
            let mut here = self.here();
            // One that has ended may be on its way out, by its own name.
            here.tasks.remove(&task_id);
            let running = Running { stop: stop.clone(), task: Weak::new(), instructions };
            here.tasks.insert(Arc::clone(&task_id), running);
            here.is_ending
        };
        if is_ending {
            stop.cancel();
        }
        Ok(Created { writer, permit, entered: Entered { tasks: Some(self.clone()), task_id } })
    }

    /// Takes a task out of the table. If it has ended, the end is delivered.
    fn leave(&self, task_id: &Arc<str>, finished: Option<Box<dyn Finished>>) {
        let was_ending = self.here().is_ending;
        let is_kept = finished.is_some() && !was_ending;
        // Not under the lock: it is the log's own code, which may take its time to count what it keeps.
        match finished {
            Some(finished) if was_ending => finished.forget(),
            finished => drop(finished),
        }
        let (is_idle, is_ending) = {
            let mut here = self.here();
            let same = here.tasks.get_key_value(task_id);
            if same.is_some_and(|(name, _)| Arc::ptr_eq(name, task_id)) {
                here.tasks.remove(task_id);
            }
            (here.tasks.is_empty(), here.is_ending)
        };
        if is_kept && is_ending {
            // The connection began to end meanwhile, and may have been forgotten before this was kept.
            let Shared { log, owner, .. } = &*self.0;
            log.forget(owner);
        }
        if is_idle {
            self.0.idle.notify_waiters();
        }
    }

    /// A reader of a task; `None` if no such task is known.
    pub(crate) async fn reader(
        &self,
        task_id: &Arc<str>,
    ) -> Result<Option<Box<dyn TaskReader>>, LogError> {
        self.0.order.settled(|| self.0.log.reader(&self.key(task_id))).await
    }

    /// Whether there is another handle to them.
    #[cfg(feature = "http")]
    pub(crate) fn are_shared(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }

    /// Whether a task's id is all that tells who it belongs to.
    pub(crate) fn are_secret(&self) -> bool {
        self.0.are_secret
    }

    /// The tasks that may be asked about by somebody who names none.
    pub(crate) async fn list(&self) -> Result<List, LogError> {
        if self.0.are_secret {
            return Ok(List { running: 0, ended: 0, tasks: Vec::new() });
        }
        self.0.order.settled(|| self.0.log.list(&self.0.owner)).await
    }

    /// Those with a number above this, each with its own, in the order of their creation.
    pub(crate) async fn list_after(
        &self,
        after: u64,
        most: usize,
    ) -> Result<Vec<(u64, Known)>, LogError> {
        self.0.order.settled(|| self.0.log.list_after(&self.0.owner, after, most)).await
    }

    /// The task that runs the same tool with the same arguments since before, if this one and that run; nobody looks
    /// who has very many.
    pub(crate) async fn twin(&self, task_id: &str) -> Option<Arc<str>> {
        /// A model does not run more at once, and looking takes its time.
        const MOST: usize = 100;
        if self.running() > MOST {
            return None;
        }
        let list = self.list().await.ok()?;
        let running = list.tasks.iter().filter(|task| task.status.end.is_none());
        let this = list.tasks.iter().find(|task| &*task.task_id == task_id)?;
        let mut before = running.take_while(|task| &*task.task_id != task_id);
        let twin = before
            .find(|task| task.tool_name == this.tool_name && task.arguments.are(&this.arguments))?;
        Some(Arc::clone(&twin.task_id))
    }

    /// What a task of a tool can be told, if anything: of one that runs here, what it could be when it began.
    pub(crate) fn instructions_of(&self, task_id: &str, tool_name: &str) -> Option<Instructions> {
        let here = self.here().tasks.get(task_id).map(|running| running.instructions.clone());
        here.unwrap_or_else(|| (self.0.instructions)(tool_name))
    }

    /// Says something to a task, after all that was said before.
    pub(crate) fn in_order<T: Send + 'static>(
        &self,
        say: impl Future<Output = Result<T, LogError>> + Send + 'static,
    ) -> MaybeLater<'static, Result<T, LogError>> {
        if !self.are_in_memory() {
            return self.0.messages.turn().begin(|| MaybeLater::later(say));
        }
        match Box::pin(say).now_or_never() {
            Some(said) => MaybeLater::Now(said),
            None => MaybeLater::Now(Err(LogError::late())),
        }
    }

    /// Answers a question of a task.
    pub(crate) async fn answer_question(
        &self,
        task_id: &Arc<str>,
        question: &str,
        value: Json,
    ) -> Result<Answered, LogError> {
        self.0.order.settled(|| self.0.log.answer(&self.key(task_id), question, value)).await
    }

    /// Gives a task an instruction.
    pub(crate) async fn tell(&self, task_id: &Arc<str>, value: Json) -> Result<Told, LogError> {
        self.0.order.settled(|| self.0.log.tell(&self.key(task_id), value)).await
    }

    /// Asks a task to stop, the first of these that is known. One that runs here is asked at once, and whatever the log
    /// says of it.
    pub(crate) fn stop(
        &self,
        task_ids: Vec<Arc<str>>,
    ) -> MaybeLater<'static, Result<Stop, LogError>> {
        let turn = self.0.order.turn();
        let was_here = task_ids.first().is_some_and(|task_id| {
            let is_here = self.stop_before_log(task_id);
            if !is_here {
                self.joins_no_more(task_id);
            }
            is_here
        });
        let (tasks, all) = (self.clone(), task_ids.clone());
        let stop = turn.begin(move || tasks.stop_first(task_ids));
        let tasks = self.clone();
        stop.map(move |stop| match stop {
            Err(_) if was_here || all.iter().any(|task_id| tasks.stop_here(task_id)) => {
                Ok(Stop::Asked)
            }
            stop => stop,
        })
    }

    fn stop_first(
        self,
        mut task_ids: Vec<Arc<str>>,
    ) -> MaybeLater<'static, Result<Stop, LogError>> {
        if task_ids.is_empty() {
            return MaybeLater::Now(Ok(Stop::Unknown));
        }
        let task_id = task_ids.remove(0);
        // Its call may have been read before, and have got its task since.
        let was_here = self.stop_before_log(&task_id);
        self.0.log.stop(&self.key(&task_id)).then(move |stop| match stop {
            Ok(Stop::Unknown) if !was_here => self.stop_first(task_ids),
            Ok(Stop::Unknown) => MaybeLater::Now(Ok(Stop::Asked)),
            stop => MaybeLater::Now(stop),
        })
    }

    /// Asks a task that runs here to stop, before the log does; returns whether there is one. A log in memory does so
    /// itself, and at once: if its task ended first, it would say that there was nothing to ask.
    fn stop_before_log(&self, task_id: &str) -> bool {
        match self.are_in_memory() {
            true => self.running_stop(task_id).is_some(),
            false => self.stop_here(task_id),
        }
    }

    /// Asks a task that runs here to stop; returns whether there is one.
    pub(crate) fn stop_here(&self, task_id: &str) -> bool {
        self.running_stop(task_id).is_some_and(|stop| {
            stop.cancel();
            true
        })
    }

    /// Asks every task that runs here to stop, and from now on each one as soon as it is created. None is kept beyond
    /// its end: nobody will ask for it.
    pub(crate) fn stop_all(&self) {
        let stops: Vec<_> = {
            let mut here = self.here();
            here.is_ending = true;
            here.tasks.values().map(|running| running.stop.clone()).collect()
        };
        for stop in stops {
            stop.cancel();
        }
        self.0.log.forget(&self.0.owner);
    }

    /// Ends every task that runs here and has not ended, in place of its runner; returns how many.
    pub(crate) fn end_all(&self) -> usize {
        let tasks: Vec<Arc<Task>> =
            self.here().tasks.values().filter_map(|running| running.task.upgrade()).collect();
        tasks.into_iter().filter(|task| task.cut_off()).count()
    }

    /// How many tasks run here, those included whose ends are being delivered.
    pub(crate) fn running(&self) -> usize {
        self.here().tasks.len()
    }

    /// Waits until no task runs here, and the ends of all are delivered.
    pub(crate) async fn idle(&self) {
        loop {
            let idle = self.0.idle.notified();
            if self.running() == 0 {
                return;
            }
            idle.await;
        }
    }
}

impl Created {
    pub(super) fn writer(&self) -> &dyn TaskWriter {
        &*self.writer
    }

    /// Notes who can end the task.
    pub(super) fn run_by(&self, task: Weak<Task>) {
        let Entered { tasks: Some(tasks), task_id } = &self.entered else { return };
        if let Some(running) = tasks.here().tasks.get_mut(task_id) {
            running.task = task;
        }
    }

    /// Logs what ends the task, and gives its permit back.
    pub(super) fn finish(self, end: crate::log::End) -> Delivering {
        let Self { writer, permit, entered } = self;
        let finished = writer.finish(end);
        drop(permit);
        Delivering(Some((entered, finished)))
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        if let Some(tasks) = self.tasks.take() {
            tasks.leave(&self.task_id, None);
        }
    }
}

/// A task that has ended, and whose end is yet to be delivered. Nothing can be logged any more; its id is not free, and
/// its connection not idle, before this is dropped.
#[must_use = "dropping it says that the end is delivered"]
pub(super) struct Delivering(Option<(Entered, Box<dyn Finished>)>);

impl Delivering {
    /// Waits until the log has the end.
    pub(super) fn stored(&mut self) -> MaybeLater<'static, Result<(), LogError>> {
        match &mut self.0 {
            Some((_, finished)) => finished.stored().in_time(),
            None => MaybeLater::Now(Ok(())),
        }
    }
}

impl Drop for Delivering {
    fn drop(&mut self) {
        if let Some((mut entered, finished)) = self.0.take()
            && let Some(tasks) = entered.tasks.take()
        {
            tasks.leave(&entered.task_id, Some(finished));
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;
    use crate::delivery::{Delivery, Questions};
    use crate::log::{End, EndKind, Json, Limits, MemoryLog};
    use crate::task::{Grace, NewTask, TaskLimits};

    const SECOND: Duration = Duration::from_secs(1);

    fn log() -> MemoryLog {
        MemoryLog::new(Limits { bytes_per_task: 99, ended_tasks: 99, ended_bytes: 1 << 20 })
    }

    fn ids(task_id: &str) -> Ids {
        Ids { session_id: "s".into(), task_id: task_id.into() }
    }

    async fn try_create(tasks: &Tasks, ids: &Ids) -> Result<Created, CreateError> {
        let (arguments, retention) = (&JsonObject::new(), 60 * SECOND);
        tasks
            .create(Request {
                tool_name: &"tool".into(),
                ids,
                arguments,
                retention,
                instructions: None,
            })
            .await
    }

    async fn create(tasks: &Tasks, task_id: &str) -> Created {
        let created = try_create(tasks, &ids(task_id)).await;
        created.unwrap_or_else(|error| panic!("there is room: {error}"))
    }

    fn end() -> End {
        End::new(EndKind::Complete, Json::text("end"))
    }

    /// Runs a task that waits to be asked to stop.
    fn run(created: Created, task_id: &str) {
        let limits = TaskLimits { grace: Grace::new(SECOND), timeout: None, questions: 1 };
        let delivery = Delivery::Log(None);
        let task = NewTask::new(
            "tool".into(),
            ids(task_id),
            (delivery, Questions::UNREACHABLE),
            created,
            limits,
        );
        let sender = task.sender();
        task.spawn(Box::pin(async move {
            sender.stopped().await;
            Err("asked to stop".to_owned().into())
        }));
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_left_of_a_thousand_connections() {
        let (log, permits) = (log(), TaskPermits::new(9));
        for _ in 0..1_000 {
            let tasks = Tasks::new(Arc::new(log.clone()), permits.clone(), Box::new(|_| None));
            drop(create(&tasks, "before").await.finish(end()));
            run(create(&tasks, "while").await, "while");
            drop(create(&tasks, "refused").await);
            let delivering = create(&tasks, "delivering").await.finish(end());
            tasks.stop_all();
            let late = create(&tasks, "late").await;
            assert!(late.writer().stopped().is_cancelled(), "its call was read before");
            run(late, "late");
            drop(delivering);
            tasks.idle().await;
            assert!(tasks.here().tasks.is_empty());
        }
        assert!(log.is_empty());
        assert_eq!(permits.0.taken.load(Ordering::SeqCst), 0);
        assert_eq!(Arc::strong_count(&permits.0), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_is_idle_when_what_its_tasks_said_is_delivered() {
        let tasks = Tasks::new(Arc::new(log()), TaskPermits::new(1), Box::new(|_| None));
        let delivering = create(&tasks, "a").await.finish(end());
        let other = create(&tasks, "b").await;
        assert_eq!(tasks.running(), 2, "it has no permit, and is not delivered");
        drop(other);
        assert!(timeout(SECOND, tasks.idle()).await.is_err());
        drop(delivering);
        timeout(SECOND, tasks.idle()).await.expect("it is delivered");
        let kept = tasks.reader(&"a".into()).await.expect("in memory");
        assert!(kept.is_some(), "the connection goes on");
    }

    #[tokio::test(start_paused = true)]
    async fn an_id_is_taken_once_and_permits_are_limited() {
        let permits = TaskPermits::new(2);
        let [one, another] =
            [(), ()].map(|()| Tasks::new(Arc::new(log()), permits.clone(), Box::new(|_| None)));
        let first = create(&one, "a").await;
        let _other = create(&another, "a").await;
        let error = async |tasks, task_id| try_create(tasks, &ids(task_id)).await.err();
        assert_eq!(error(&one, "a").await, Some(CreateError::Running), "and not that it is full");
        assert_eq!(error(&one, "b").await, Some(CreateError::Full { limit: 2 }));
        drop(first);
        assert_eq!(one.stop(vec!["a".into()]).await, Ok(Stop::Unknown), "it was forgotten");
        drop(create(&one, "a").await);
    }
}
