//! The rules, each for any log.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use mcpc::content::{CallToolResult, ContentBlock, ErrorData};
use mcpc::log::{
    Amount, Answered, CreateError, Cursor, End, EndKind, Event, Json, LastSeen, LogError, Owner,
    Page, Progress, Question, Read, Renewed, Said, Stop, Stored, TaskInfo, TaskKey, TaskLog,
    TaskQueue, TaskReader, TaskWriter, Told, Written,
};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

const MINUTE: Duration = Duration::from_secs(60);

fn key(owner: &str, task_id: &str) -> TaskKey {
    TaskKey { owner: Owner::new(owner), task_id: task_id.into() }
}

async fn try_create(log: &dyn TaskLog, key: &TaskKey) -> Result<Box<dyn TaskWriter>, CreateError> {
    let arguments = json!({"table": key.task_id});
    let arguments = arguments.as_object().expect("an object");
    let info =
        TaskInfo { tool_name: &"tool".into(), session_id: "s", arguments, retention: MINUTE };
    log.create(key.clone(), info).await
}

async fn create(log: &dyn TaskLog, key: &TaskKey) -> Box<dyn TaskWriter> {
    try_create(log, key).await.unwrap_or_else(|error| panic!("`{key:?}` is free: {error}"))
}

async fn reader(log: &dyn TaskLog, key: &TaskKey) -> Box<dyn TaskReader> {
    log.reader(key).await.expect("it works").expect("it is known")
}

async fn is_known(log: &dyn TaskLog, key: &TaskKey) -> bool {
    log.reader(key).await.expect("it works").is_some()
}

async fn page(reader: &dyn TaskReader, after: Cursor) -> Page {
    match reader.read(after).await.expect("it works") {
        Read::Page(page) => page,
        other => panic!("there is something after {after:?}, and not {other:?}"),
    }
}

fn update(value: impl Into<serde_json::Value>) -> Said {
    Said::Update(Json::written(value.into().to_string()))
}

fn progress(done: f64, status: &str) -> Said {
    let amount = Amount { done: Some(done), total: Some(10.0) };
    Said::Progress(Progress { amount, status: status.into() })
}

fn output(text: &str) -> Said {
    Said::Output(Json::text(text))
}

fn end(text: &str) -> End {
    End::new(EndKind::Complete, Json::text(text))
}

async fn say(writer: &dyn TaskWriter, said: Said) {
    writer.append(said).await.expect("it works");
}

async fn finish(writer: Box<dyn TaskWriter>, end: End) {
    let mut finished = writer.finish(end);
    finished.stored().await.expect("it works");
}

pub(crate) async fn updates_are_numbered_from_1_without_gaps(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    assert!(matches!(reader.read(Cursor::START).await, Ok(Read::Nothing)));
    let mut seen = Cursor::START;
    for number in 1..=9_u64 {
        say(&*writer, update(number)).await;
        say(&*writer, progress(1.0, "")).await;
        let page = page(&*reader, seen).await;
        assert_eq!(page.said.len(), 2, "{page:?}");
        assert_eq!((page.next.events, page.missed), (number, 0));
        seen = page.next;
    }
    let all = page(&*reader, Cursor { events: 4, ..seen }).await;
    assert_eq!(all.said, (5..=9).map(update).collect::<Vec<_>>());
    finish(writer, end("end")).await;
    assert_eq!(page(&*reader, seen).await.next.events, 10, "the end has the next number");
}

pub(crate) async fn a_reader_that_fell_behind_learns_how_many_it_missed(log: &dyn TaskLog) {
    const SAID: u64 = 100;
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    let text = |number: u64| format!("{number}{}", "x".repeat(100));
    for number in 1..=SAID {
        say(&*writer, update(text(number))).await;
    }
    let page = page(&*reader, Cursor { events: 5, ..Cursor::START }).await;
    assert!(page.missed > 0, "{page:?}");
    let first = 5 + page.missed + 1;
    assert_eq!(page.said, (first..=SAID).map(|number| update(text(number))).collect::<Vec<_>>());
    assert_eq!(page.next.events, SAID);
}

pub(crate) async fn output_drives_no_update_out(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    say(&*writer, update("said")).await;
    for _ in 0..100 {
        say(&*writer, output(&"x".repeat(100))).await;
    }
    say(&*writer, output("the last")).await;
    let reader = reader(log, &key).await;
    let first = page(&*reader, Cursor::START).await;
    assert_eq!((first.said, first.missed), (vec![update("said")], 0));
    assert_eq!(first.output.texts.last().map(String::as_str), Some("\"the last\""));
    assert_eq!(first.output.texts.len() as u64 + first.output.missed, 101);
    assert!(first.output.missed > 0 && first.output.is_latest);
    say(&*writer, update("more")).await;
    let second = page(&*reader, first.next).await;
    assert_eq!((second.said.len(), second.output.texts.len()), (1, 0));
    assert!(!second.output.is_latest);
}

pub(crate) async fn of_the_progress_the_latest_is_kept_at_its_place(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    for said in [progress(1.0, "a"), update(1), progress(2.0, "b"), progress(3.0, "c"), update(2)] {
        say(&*writer, said).await;
    }
    let reader = reader(log, &key).await;
    let page_of_all = page(&*reader, Cursor::START).await;
    assert_eq!(page_of_all.said, [update(1), progress(3.0, "c"), update(2)]);
    let seen = Cursor { progress: 0, ..page_of_all.next };
    assert_eq!(page(&*reader, seen).await.said, [progress(3.0, "c")]);
    assert!(matches!(reader.read(page_of_all.next).await, Ok(Read::Nothing)));
}

pub(crate) async fn a_task_has_one_end_and_it_comes_last(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    say(&*writer, update(1)).await;
    let reader = reader(log, &key).await;
    // Whether anybody waits for them or not.
    drop(writer.append(update(2)));
    let mut finished = writer.finish(end("end"));
    finished.stored().await.expect("it works");
    drop(finished);
    let page = page(&*reader, Cursor::START).await;
    assert_eq!(page.said, [update(1), update(2)]);
    assert_eq!(page.end.as_deref(), Some(&end("end")));
    assert!(matches!(reader.read(page.next).await, Ok(Read::Closed)), "nothing more will come");
}

pub(crate) async fn every_end_comes_back_as_it_was(log: &dyn TaskLog) {
    let image = ContentBlock::image("aGk=", "image/png");
    let reply = CallToolResult::success(vec![image, ContentBlock::text("a \"text\"\n")]);
    let error = ErrorData::invalid_params("no such table", Some(json!({"table": 7})));
    let written = [None, Some(Written::Reply(reply.into())), Some(Written::Error(error.into()))];
    let kinds = [EndKind::Complete, EndKind::Failed, EndKind::Stopped, EndKind::Dropped];
    for (number, (kind, written)) in
        kinds.into_iter().flat_map(|kind| written.clone().map(|it| (kind, it))).enumerate()
    {
        let key = key("o", &number.to_string());
        let end = End { kind, result: Json::written("{\"sum\": 20.0}".into()), written };
        finish(create(log, &key).await, end.clone()).await;
        let page = page(&*reader(log, &key).await, Cursor::START).await;
        assert_eq!(page.end.as_deref(), Some(&end));
    }
}

pub(crate) async fn who_waits_is_told_of_something_new(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    let hint = reader.watch();
    assert!(matches!(reader.read(Cursor::START).await, Ok(Read::Nothing)));
    // It comes after the look and before the wait.
    say(&*writer, update(1)).await;
    timeout(Duration::from_secs(2), hint).await.expect("a hint");
    let seen = page(&*reader, Cursor::START).await.next;
    let hint = reader.watch();
    finish(writer, end("end")).await;
    timeout(Duration::from_secs(2), hint).await.expect("a hint");
    assert!(page(&*reader, seen).await.end.is_some());
}

pub(crate) async fn who_waits_is_told_that_a_task_was_given_up(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    drop(writer);
    let closed = async {
        loop {
            let hint = reader.watch();
            match reader.read(Cursor::START).await.expect("it works") {
                Read::Closed => return,
                Read::Nothing => hint.await,
                Read::Page(page) => panic!("nothing was said: {page:?}"),
            }
        }
    };
    timeout(Duration::from_secs(5), closed).await.expect("it hears of that");
    assert!(!is_known(log, &key).await);
}

pub(crate) async fn owners_are_apart(log: &dyn TaskLog) {
    let (ours, theirs) = (key("ours", "t"), key("theirs", "t"));
    let writer = create(log, &ours).await;
    assert!(!is_known(log, &theirs).await);
    assert_eq!(log.stop(&theirs).await, Ok(Stop::Unknown));
    assert_eq!(log.list(&theirs.owner).await.expect("it works").tasks.len(), 0);
    let other = create(log, &theirs).await;
    say(&*other, update("theirs")).await;
    assert!(matches!(reader(log, &ours).await.read(Cursor::START).await, Ok(Read::Nothing)));
    assert_eq!(log.stop(&theirs).await, Ok(Stop::Asked));
    assert!(other.stopped().is_cancelled() && !writer.stopped().is_cancelled());
    assert_eq!(log.answer(&ours, "q", Json::text("")).await, Ok(Answered::Unknown));
}

pub(crate) async fn an_id_is_taken_as_long_as_its_task_runs(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    assert_eq!(try_create(log, &key).await.err(), Some(CreateError::Running));
    say(&*writer, update("first")).await;
    finish(writer, end("first")).await;
    let again = create(log, &key).await;
    let reader = reader(log, &key).await;
    assert!(matches!(reader.read(Cursor::START).await, Ok(Read::Nothing)), "another task");
    finish(again, end("second")).await;
    assert_eq!(page(&*reader, Cursor::START).await.end.as_deref(), Some(&end("second")));
}

pub(crate) async fn an_owner_that_is_gone_takes_nothing_along(log: &dyn TaskLog) {
    let (ended, runs, theirs) = (key("ours", "ended"), key("ours", "runs"), key("theirs", "ended"));
    for key in [&ended, &theirs] {
        finish(create(log, key).await, end("end")).await;
    }
    let writer = create(log, &runs).await;
    log.forget(&ended.owner);
    assert!(is_known(log, &theirs).await, "of another owner");
    say(&*writer, update(1)).await;
    let reader = reader(log, &runs).await;
    assert_eq!(page(&*reader, Cursor::START).await.said, [update(1)], "it runs");
    let mut finished = writer.finish(end("end"));
    finished.stored().await.expect("it works");
    finished.forget();
    assert!(page(&*reader, Cursor::START).await.end.is_some(), "for who reads it");
    for key in [&ended, &runs] {
        drop(create(log, key).await);
    }
}

pub(crate) async fn those_that_run_are_listed_first(log: &dyn TaskLog) {
    let mut writers = Vec::new();
    for task_id in ["a", "b", "c", "d", "e"] {
        writers.push(create(log, &key("o", task_id)).await);
        sleep(Duration::from_millis(10)).await;
    }
    for (at, text) in [(3, "d"), (0, "a")] {
        finish(writers.remove(at), end(text)).await;
        sleep(Duration::from_millis(10)).await;
    }
    let list = log.list(&Owner::new("o")).await.expect("it works");
    assert_eq!((list.running, list.ended), (3, 2));
    let ids: Vec<&str> = list.tasks.iter().map(|task| &*task.task_id).collect();
    assert_eq!(ids, ["b", "c", "e", "a", "d"], "the oldest that runs, the latest that ended");
    let [first, .., last] = &list.tasks[..] else { panic!("five") };
    assert_eq!((&*first.tool_name, first.arguments.in_short()), ("tool", r#"{"table":"b"}"#));
    assert!(first.status.end.is_none() && last.status.end.is_some());
}

pub(crate) async fn a_task_is_asked_to_stop_as_long_as_it_runs(log: &dyn TaskLog) {
    let key = key("o", "t");
    assert_eq!(log.stop(&key).await, Ok(Stop::Unknown));
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    let status = reader.status().await.expect("it works");
    assert_eq!((status.is_stopping, status.was_stopped), (false, false));
    assert_eq!(log.stop(&key).await, Ok(Stop::Asked));
    timeout(Duration::from_secs(2), writer.stopped().cancelled()).await.expect("it is asked");
    let status = reader.status().await.expect("it works");
    assert_eq!((status.is_stopping, status.was_stopped), (true, true));
    assert_eq!(log.stop(&key).await, Ok(Stop::Asked));
    finish(writer, End::new(EndKind::Complete, Json::text("done all the same"))).await;
    assert_eq!(log.stop(&key).await, Ok(Stop::Ended));
    let status = reader.status().await.expect("it works");
    assert_eq!((status.is_stopping, status.was_stopped), (false, true), "it is over");
}

pub(crate) async fn one_that_is_asked_to_stop_after_its_end_was_not_stopped(log: &dyn TaskLog) {
    let key = key("o", "t");
    finish(create(log, &key).await, end("end")).await;
    assert_eq!(log.stop(&key).await, Ok(Stop::Ended));
    assert!(!reader(log, &key).await.status().await.expect("it works").was_stopped);
}

pub(crate) async fn tasks_are_listed_in_the_order_of_their_creation(log: &dyn TaskLog) {
    let mut running = Vec::new();
    for id in ["a", "b", "c", "d"] {
        running.push(create(log, &key("o", id)).await);
        drop(create(log, &key("other", id)).await);
    }
    finish(running.remove(1), end("b")).await;
    let (mut pages, mut seen) = (Vec::new(), 0);
    loop {
        let page = log.list_after(&Owner::new("o"), seen, 3).await.expect("it works");
        let Some((last, _)) = page.last() else { break };
        seen = *last;
        let ids: Vec<String> = page.iter().map(|(_, task)| task.task_id.to_string()).collect();
        pages.push(ids.join(" "));
        // What is created meanwhile comes after what was there, whatever has ended.
        if pages.len() == 1 {
            finish(running.remove(0), end("a")).await;
            running.push(create(log, &key("o", "e")).await);
        }
    }
    assert_eq!(pages, ["a b c", "d e"]);
}

pub(crate) async fn a_task_says_where_it_stands(log: &dyn TaskLog) {
    let key = key("o", "t");
    let (writer, begun) = (create(log, &key).await, Instant::now());
    let reader = reader(log, &key).await;
    let status = reader.status().await.expect("it works");
    assert_eq!(status.changed_at, status.created_at);
    assert_eq!((status.latest, status.progress, status.end), (None, None, None));
    sleep(Duration::from_secs(3)).await;
    say(&*writer, progress(5.0, "half")).await;
    say(&*writer, update("said")).await;
    let said = begun.elapsed();
    sleep(Duration::from_secs(1)).await;
    let status = reader.status().await.expect("it works");
    let near = |time: Duration, other: Duration| time.abs_diff(other) < Duration::from_millis(50);
    assert!(near(status.age, begun.elapsed()), "{status:?}");
    let changed = status.changed_at.duration_since(status.created_at).expect("later");
    assert!(near(changed, said), "{status:?}");
    assert_eq!((status.latest, status.retention), (Some(update("said")), MINUTE));
    let progress = status.progress.expect("it said so");
    assert_eq!((progress.amount.done, &*progress.status), (Some(5.0), "half"));
    assert_eq!(reader.tool_name(), "tool");
}

pub(crate) async fn the_first_answer_to_a_question_stays(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let question = Question { id: "q".into(), value: Json::text("which table?") };
    assert_eq!(log.answer(&key, "q", Json::text("a")).await, Ok(Answered::Unknown));
    say(&*writer, update(1)).await;
    say(&*writer, Said::Question(question.clone())).await;
    say(&*writer, update(3)).await;
    let page = page(&*reader(log, &key).await, Cursor::START).await;
    assert_eq!(page.said, [update(1), Said::Question(question), update(3)]);
    assert_eq!(page.next.events, 3, "it has its number among the updates");
    assert_eq!(writer.answer_to("q").await, Ok(None));
    let hint = writer.watch();
    assert_eq!(log.answer(&key, "q", Json::text("a")).await, Ok(Answered::Now));
    timeout(Duration::from_secs(2), hint).await.expect("a hint");
    assert_eq!(log.answer(&key, "q", Json::text("b")).await, Ok(Answered::Before));
    assert_eq!(log.answer(&key, "r", Json::text("b")).await, Ok(Answered::Unknown));
    assert_eq!(writer.answer_to("q").await, Ok(Some(Json::text("a"))));
    finish(writer, end("end")).await;
    assert_eq!(log.answer(&key, "q", Json::text("c")).await, Ok(Answered::Unknown));
}

pub(crate) async fn an_answer_and_a_withdrawal_change_where_a_task_stands(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    let reader = reader(log, &key).await;
    let changed = async || reader.status().await.expect("it works").changed_at;
    for answers in [true, false] {
        let id = answers.to_string();
        let question = Question { id: id.as_str().into(), value: Json::text("which table?") };
        say(&*writer, Said::Question(question)).await;
        let asked = changed().await;
        sleep(Duration::from_secs(3)).await;
        if answers {
            let hint = reader.watch();
            assert_eq!(log.answer(&key, &id, Json::text("a")).await, Ok(Answered::Now));
            timeout(Duration::from_secs(2), hint).await.expect("a hint");
        } else {
            writer.close_question(&id).await.expect("it works");
        }
        let closed = changed().await;
        assert!(closed > asked, "{answers}: {asked:?} {closed:?}");
        // Once it has an answer, that nobody waits for one is nothing new.
        sleep(Duration::from_secs(3)).await;
        writer.close_question(&id).await.expect("it works");
        assert_eq!(changed().await, closed, "{answers}");
    }
    finish(writer, end("end")).await;
}

pub(crate) async fn instructions_are_read_from_a_cursor(log: &dyn TaskLog) {
    let key = key("o", "t");
    assert_eq!(log.tell(&key, Json::text("a")).await, Ok(Told::Unknown));
    let writer = create(log, &key).await;
    assert_eq!(writer.instructions(0).await, Ok(Vec::new()));
    let hint = writer.watch();
    for text in ["a", "b", "c"] {
        assert_eq!(log.tell(&key, Json::text(text)).await, Ok(Told::Now));
    }
    timeout(Duration::from_secs(2), hint).await.expect("a hint");
    assert_eq!(writer.instructions(0).await.map(|all| all.len()), Ok(3));
    assert_eq!(writer.instructions(1).await, Ok(vec![Json::text("b"), Json::text("c")]));
    assert_eq!(writer.instructions(3).await, Ok(Vec::new()));
    finish(writer, end("end")).await;
    assert_eq!(log.tell(&key, Json::text("d")).await, Ok(Told::Unknown));
}

pub(crate) async fn an_ended_task_is_readable_for_its_retention(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    sleep(2 * MINUTE).await;
    assert!(is_known(log, &key).await, "nothing that runs is forgotten");
    finish(writer, end("end")).await;
    sleep(MINUTE - Duration::from_secs(1)).await;
    assert_eq!(log.stop(&key).await, Ok(Stop::Ended));
    assert!(page(&*reader(log, &key).await, Cursor::START).await.end.is_some());
    sleep(Duration::from_secs(2)).await;
    assert_eq!(log.stop(&key).await, Ok(Stop::Unknown));
    assert!(!is_known(log, &key).await);
    assert!(log.list(&key.owner).await.expect("it works").tasks.is_empty());
}

pub(crate) async fn what_was_shown_is_noted(log: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    say(&*writer, update(1)).await;
    let first = reader(log, &key).await;
    assert_eq!(first.last_seen().await, Ok(LastSeen::default()));
    let shown = LastSeen { seen: page(&*first, Cursor::START).await.next, percent: 33.33 };
    first.set_last_seen(shown).await.expect("it works");
    assert_eq!(reader(log, &key).await.last_seen().await, Ok(shown));
}

fn said(numbers: impl IntoIterator<Item = u64>) -> Vec<Event> {
    numbers.into_iter().map(|number| Event::Said(update(number))).collect()
}

pub(crate) async fn a_batch_that_is_sent_again_is_stored_once<L: TaskLog + TaskQueue>(log: &L) {
    let key = key("o", "t");
    let _writer = create(log, &key).await;
    assert_eq!(log.store(&key, 1, 0, said(1..=3)).await, Ok(Stored::Now));
    // The answer was lost.
    assert_eq!(log.store(&key, 1, 0, said(1..=3)).await, Ok(Stored::Before));
    assert_eq!(log.store(&key, 1, 3, said(4..=4)).await, Ok(Stored::Now));
    let ended = vec![Event::End(end("end"))];
    assert_eq!(log.store(&key, 1, 4, ended.clone()).await, Ok(Stored::Now));
    assert_eq!(log.store(&key, 1, 4, ended).await, Ok(Stored::Before));
    assert_eq!(log.store(&key, 1, 5, said(5..=5)).await, Err(LogError::Gone));
    let page = page(&*reader(log, &key).await, Cursor::START).await;
    assert_eq!(page.said, (1..=4).map(update).collect::<Vec<_>>());
}

pub(crate) async fn an_attempt_that_was_given_up_is_fenced<L: TaskLog + TaskQueue>(
    log: &L,
    other: &L,
) {
    const LEASE: Duration = Duration::from_secs(2);
    let key = key("o", "t");
    let writer = create(log, &key).await;
    say(&*writer, update(1)).await;
    assert_eq!(other.claim(&["tool"], LEASE).await.map(|it| it.is_some()), Ok(false), "it is held");
    sleep(MINUTE).await;
    assert!(other.claim(&["another"], LEASE).await.expect("it works").is_none());
    let claimed = other.claim(&["tool"], LEASE).await.expect("it works").expect("it is free");
    assert_eq!((claimed.key, claimed.attempt), (key.clone(), 2));
    assert_eq!(claimed.tool_name, "tool");
    assert_eq!(claimed.arguments.as_str(), r#"{"table":"t"}"#);
    // The one that was thought to be dead.
    assert_eq!(writer.append(update(2)).await, Err(LogError::Lost));
    assert_eq!(log.renew(&key, 1, LEASE).await, Err(LogError::Lost));
    let mut finished = writer.finish(end("of a zombie"));
    assert_eq!(finished.stored().await, Err(LogError::Lost));
    assert_eq!(other.renew(&key, 2, LEASE).await, Ok(Renewed::Held));
    assert_eq!(log.stop(&key).await, Ok(Stop::Asked));
    assert_eq!(other.renew(&key, 2, LEASE).await, Ok(Renewed::StopAsked));
    other.release(&key, 2).await.expect("it works");
    let third = log.claim(&["tool"], LEASE).await.expect("it works").expect("it is free");
    assert_eq!(third.attempt, 3);
    assert_eq!(log.store(&key, 3, 1, vec![Event::End(end("of the third"))]).await, Ok(Stored::Now));
    let page = page(&*reader(other, &key).await, Cursor::START).await;
    assert_eq!((page.said, page.end), (vec![update(1)], Some(Arc::new(end("of the third")))));
    assert_eq!(log.claim(&["tool"], LEASE).await.map(|it| it.is_some()), Ok(false), "it is over");
}

pub(crate) async fn another_process_reads_and_stops(log: &dyn TaskLog, other: &dyn TaskLog) {
    let key = key("o", "t");
    let writer = create(log, &key).await;
    say(&*writer, update(1)).await;
    let reader = reader(other, &key).await;
    let seen = page(&*reader, Cursor::START).await.next;
    let mut hint = pin!(reader.watch());
    assert!(hint.as_mut().now_or_never().is_none());
    say(&*writer, update(2)).await;
    timeout(Duration::from_secs(2), hint).await.expect("a hint, late at worst");
    assert_eq!(page(&*reader, seen).await.said, [update(2)]);
    assert_eq!(other.stop(&key).await, Ok(Stop::Asked));
    // Noticed with the next that it says.
    say(&*writer, update(3)).await;
    assert!(writer.stopped().is_cancelled());
}
