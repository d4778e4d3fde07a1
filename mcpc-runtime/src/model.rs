//! A model test of the task log and of a task's states: everything that may happen to a task races, and
//! `shuttle` picks the order, again and again.
//!
//! `tests/model/run` runs it, as it is built with a flag of its own.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use shuttle::rand::{Rng as _, thread_rng};
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::{future, thread};

use rmcp::model::JsonObject;

use crate::delivery::{Delivery, Questions};
use crate::log::{
    Amount, Answered, CreateError, Cursor, End, EndKind, Json, Limits, MaybeLater, MemoryLog,
    Owner, Progress, Said, Stop, TaskInfo, TaskKey, TaskLog, TaskReader, TaskWriter, after,
};
use crate::metadata::Ids;
use crate::output::{Failed, Output as _, Success};
use crate::question::{Asked, Form, MOST_OPEN, NoAnswer, Response};
use crate::task::{Grace, NewTask, Request, Sender, TaskLimits, TaskPermits, Tasks};

/// How many orders are tried.
const ORDERS: usize = 5_000;

const UPDATES: u32 = 4;

fn log(bytes_per_task: usize) -> MemoryLog {
    MemoryLog::new(Limits { bytes_per_task, ended_tasks: 10, ended_bytes: 1 << 20 })
}

fn key() -> TaskKey {
    TaskKey { owner: Owner::new("o"), task_id: "t".into() }
}

/// Creates a task that is forgotten as soon as it has ended, or is kept.
fn create(log: &MemoryLog, retention: Duration) -> Result<Box<dyn TaskWriter>, CreateError> {
    let arguments = &JsonObject::new();
    now(log.create(
        key(),
        TaskInfo { tool_name: &"tool".into(), session_id: "s", arguments, retention },
    ))
}

fn reader(log: &MemoryLog) -> Option<Box<dyn TaskReader>> {
    now(log.reader(&key())).expect("in memory")
}

fn now<T>(answer: MaybeLater<'_, T>) -> T {
    match answer {
        MaybeLater::Now(answer) => answer,
        MaybeLater::Later(_) => panic!("it answers at once"),
    }
}

const HOUR: Duration = Duration::from_secs(3600);

fn update(number: u64) -> Said {
    Said::Update(Json::new(&number).expect("a number is JSON"))
}

/// The number of an update.
fn number(update: &Json) -> u64 {
    update.as_str().parse().expect("a number")
}

fn progress(number: u32) -> Said {
    Said::Progress(Progress { amount: Amount::new(number.into(), None), status: "".into() })
}

fn complete() -> End {
    End::new(EndKind::Complete, Json::null())
}

/// Reads to the end: every update is seen or reported as missed, in order, progress grows, and there is one
/// end, the last. Returns the end, or nothing if the task was forgotten without one.
async fn read(reader: &dyn TaskReader) -> Option<EndKind> {
    let (mut seen, mut next, mut progress) = (Cursor::START, 1, 0.0);
    loop {
        let page = after(reader, seen).await.expect("in memory")?;
        let is_empty = page.said.is_empty() && page.end.is_none();
        assert!(page.missed > 0 || !is_empty, "a page for nothing");
        seen = page.next;
        next += page.missed;
        for said in &page.said {
            match said {
                Said::Update(value) => {
                    assert_eq!(number(value), next, "a gap");
                    next += 1;
                }
                Said::Progress(Progress { amount, .. }) => {
                    let done = amount.done.expect("it counts");
                    assert!(done > progress, "progress went back");
                    progress = done;
                }
                Said::Question(_) => next += 1,
                Said::Output(_) => unreachable!("none was sent"),
            }
        }
        if let Some(end) = page.end {
            let more = after(reader, seen).await.expect("in memory");
            assert!(more.is_none(), "something behind the end");
            return Some(end.kind);
        }
    }
}

/// Tries many orders, inside of a runtime, as timers want one.
fn check(model: impl Fn() + Send + Sync + 'static) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let _inside = runtime.enter();
    let model = Arc::new(model);
    let again = Arc::clone(&model);
    let mut config = shuttle::Config::new();
    // What a question needs, which is written as JSON and read.
    config.stack_size = 1 << 18;
    let random = RandomScheduler::new(ORDERS);
    shuttle::Runner::new(random, config.clone()).run(move || model());
    // Finds what needs one of them to rest for long.
    shuttle::Runner::new(PctScheduler::new(3, ORDERS), config).run(move || again());
}

/// Appending, reading, stopping, ending, expiring and taking the id again.
#[test]
fn the_log() {
    check(|| {
        // Room for all of the updates, or for two.
        let bytes = [1 << 20, 2 * (size_of::<usize>() + 1)][thread_rng().gen_range(0..2)];
        let retention = [HOUR, Duration::ZERO][thread_rng().gen_range(0..2)];
        let log = Arc::new(log(bytes));
        let writer = create(&log, retention).expect("it is free");
        let is_delivered = Arc::new(AtomicBool::new(false));
        let readers: Vec<_> = (0..2)
            .map(|_| {
                let reader = reader(&log).expect("it was created");
                thread::spawn(move || future::block_on(async move { read(&*reader).await }))
            })
            .collect();
        let stop = {
            let log = Arc::clone(&log);
            thread::spawn(move || now(log.stop(&key())))
        };
        let again = {
            let (log, is_delivered) = (Arc::clone(&log), Arc::clone(&is_delivered));
            thread::spawn(move || match create(&log, HOUR) {
                Ok(writer) => {
                    assert!(is_delivered.load(Ordering::SeqCst), "the id is free too early");
                    drop(writer.finish(complete()));
                }
                Err(error) => assert_eq!(error, CreateError::Running),
            })
        };
        let late = {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                // A reader that still finds it, finds all of it.
                let reader = reader(&log);
                reader.and_then(|reader| future::block_on(async move { read(&*reader).await }))
            })
        };
        let finishes = thread_rng().gen_range(0..4) > 0;
        for number in 1..=UPDATES {
            now(writer.append(progress(number))).expect("in memory");
            now(writer.append(update(number.into()))).expect("in memory");
        }
        if finishes {
            let delivering = writer.finish(complete());
            is_delivered.store(true, Ordering::SeqCst);
            drop(delivering);
        } else {
            is_delivered.store(true, Ordering::SeqCst);
            drop(writer);
        }
        for reader in readers {
            let end = reader.join().expect("no panic");
            assert_eq!(end, finishes.then_some(EndKind::Complete));
        }
        let _ = stop.join().expect("no panic");
        again.join().expect("no panic");
        let _ = late.join().expect("no panic");
    });
}

/// Waits until no task runs; then the one that did has its end.
fn idle(tasks: &Tasks) -> thread::JoinHandle<()> {
    let tasks = tasks.clone();
    thread::spawn(move || {
        future::block_on(tasks.idle());
        let reader = future::block_on(tasks.reader(&"t".into())).expect("in memory");
        let status = now(reader.expect("it is kept").status());
        assert!(status.expect("in memory").end.is_some(), "idle before the end");
    })
}

/// A task that is yet to be started, in a log of its own.
fn new_task(questions: Questions) -> (Tasks, NewTask) {
    let tasks = Tasks::new(Arc::new(log(1 << 20)), TaskPermits::new(2), Box::new(|_| None));
    let ids = Ids { session_id: "s".into(), task_id: "t".into() };
    let (arguments, retention) = (&JsonObject::new(), HOUR);
    let created = now(tasks.create(Request {
        tool_name: &"tool".into(),
        ids: &ids,
        arguments,
        retention,
        instructions: None,
    }));
    let created = created.unwrap_or_else(|error| panic!("there is room: {error}"));
    let times = TaskLimits { grace: Grace::new(HOUR), timeout: None, questions: MOST_OPEN };
    let reaches = (Delivery::Log(None), questions);
    (tasks, NewTask::new("tool".into(), ids, reaches, created, times))
}

/// Every way of ending a task at once.
#[test]
fn a_task() {
    check(|| {
        let (tasks, task) = new_task(Questions::UNREACHABLE);
        let (sender, body_sender) = (task.sender(), task.sender());
        let reader = future::block_on(tasks.reader(&"t".into())).expect("in memory");
        let reader = reader.expect("it was created");
        let reader = thread::spawn(move || future::block_on(async move { read(&*reader).await }));
        let idle = idle(&tasks);
        let is_cut_off = thread_rng().gen_range(0..8) == 0;

        let how = thread_rng().gen_range(0..4);
        let body = Box::pin(async move { body(body_sender, how).await });
        let runner = future::spawn(task.run(body));
        let stop = {
            let tasks = tasks.clone();
            thread::spawn(move || match is_cut_off {
                true => drop(tasks.end_all()),
                false => drop(now(tasks.stop(vec!["t".into()])).expect("in memory")),
            })
        };
        let clone = thread::spawn(move || {
            // It may come too late, and then says nothing.
            sender.progress(1, 2, "");
            if how == 3 {
                future::block_on(sender.send(Unwritable));
            }
            sender.is_stopped()
        });
        if thread_rng().gen_range(0..8) == 0 {
            runner.abort();
        }
        let _ = future::block_on(runner);
        let end = reader.join().expect("no panic").expect("every task has an end");
        let _ = stop.join().expect("no panic");
        clone.join().expect("no panic");
        match how {
            _ if end == EndKind::Dropped => assert!(is_cut_off),
            0 => assert!(matches!(end, EndKind::Complete | EndKind::Failed), "{end:?}"),
            1 | 2 => assert!(matches!(end, EndKind::Stopped | EndKind::Failed), "{end:?}"),
            _ => assert_eq!(end, EndKind::Failed),
        }
        future::block_on(tasks.idle());
        idle.join().expect("no panic");
        assert_eq!(now(tasks.stop(vec!["t".into()])), Ok(Stop::Ended));
        assert_eq!((tasks.running(), tasks.end_all()), (0, 0));
    });
}

/// Answers a question of the task, as soon as that is asked, unless that takes too long.
fn answers(tasks: &Tasks, answer: Response) -> thread::JoinHandle<Answered> {
    let tasks = tasks.clone();
    thread::spawn(move || {
        for _ in 0..20 {
            let answer = answer.to_json();
            let answered = future::block_on(tasks.answer_question(&"t".into(), "q1", answer));
            match answered.expect("in memory") {
                Answered::Unknown => thread::yield_now(),
                answered => return answered,
            }
        }
        Answered::Unknown
    })
}

/// Asking, two answers at once, a stop, and somebody who reads.
#[test]
fn a_task_that_asks() {
    check(|| {
        let questions = Questions { message_task: Some("message_task"), ..Questions::UNREACHABLE };
        let (tasks, task) = new_task(questions);
        let reader = future::block_on(tasks.reader(&"t".into())).expect("in memory");
        let reader = reader.expect("it was created");
        let reader = thread::spawn(move || future::block_on(async move { read(&*reader).await }));
        let heard = Arc::new(Mutex::new(None));
        let body = {
            let (updates, heard) = (task.sender(), Arc::clone(&heard));
            Box::pin(async move {
                updates.send(1).await;
                // A type has a schema, which takes more of a stack than there is here.
                let form = Form::YesOrNo;
                let asked = Asked { form, ..Asked::at("Go on?".to_owned(), String::new()) };
                let answer = updates.asking(&asked).await;
                *heard.lock().expect("no panic") = Some(answer);
                "done".into_success()
            })
        };
        let runner = future::spawn(task.run(body));
        let (one, other) = (answers(&tasks, Response::Decline), answers(&tasks, Response::Cancel));
        let stop = {
            let tasks = tasks.clone();
            thread::spawn(move || now(tasks.stop(vec!["t".into()])).expect("in memory"))
        };
        let answered = [one, other].map(|it| it.join().expect("no panic"));
        let _ = stop.join().expect("no panic");
        future::block_on(runner).expect("no panic");
        let end = reader.join().expect("no panic").expect("every task has an end");
        assert_eq!(end, EndKind::Complete);
        let heard = heard.lock().expect("no panic").take().expect("it went on");
        match (answered, heard) {
            ([Answered::Now, Answered::Now], _) => panic!("both answers were taken"),
            // It was asked to stop before it looked at the answer.
            (_, Err(NoAnswer::Stopped)) => {}
            ([Answered::Now, _], heard) => assert_eq!(heard, Ok(Response::Decline)),
            ([_, Answered::Now], heard) => assert_eq!(heard, Ok(Response::Cancel)),
            (_, heard) => panic!("nobody answered, and it heard {heard:?}"),
        }
        future::block_on(tasks.idle());
        let reader = future::block_on(tasks.reader(&"t".into())).expect("in memory");
        let status = now(reader.expect("it is kept").status()).expect("in memory");
        assert!(status.questions.is_empty(), "a question is open after the end");
        let late = future::block_on(tasks.answer_question(&"t".into(), "q1", Json::null()));
        assert_eq!(late, Ok(Answered::Unknown));
    });
}

/// A body that ends by itself, waits to be stopped, fails, or waits forever.
async fn body(updates: Sender, how: usize) -> Result<Success, Failed> {
    updates.send(1).await;
    match how {
        0 => "done".into_success(),
        1 => {
            updates.stopped().await;
            updates.send(2).await;
            Err("stopped".to_owned().into())
        }
        2 => Err("failed".to_owned().into()),
        _ => std::future::pending().await,
    }
}

/// Nothing that JSON can say.
struct Unwritable;

impl serde::Serialize for Unwritable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("it cannot be written"))
    }
}
