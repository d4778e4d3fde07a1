//! A task's life, on paused time: created, updates, and exactly one end, whatever happens.

use std::io::{BufRead as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::time::{Instant, sleep};

use crate::support::{INITIALIZE, Mcpc, Plain, Wire, call, in_task, parse, text, texts};

/// Counts bodies that were dropped or came to their end.
#[derive(Clone, Default)]
struct Gone(Arc<AtomicUsize>);

impl Gone {
    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Runs for ten seconds and does what it is told when it is stopped.
#[mcpc::background]
async fn work(on_stop: String, counter: State<Gone>, updates: Sender) -> Result<String, String> {
    let _gone = (*counter).clone();
    tokio::select! {
        () = sleep(Duration::from_secs(10)) => return Ok("done".to_owned()),
        () = updates.stopped() => updates.send("stopping").await,
    }
    match on_stop.as_str() {
        "finish" => Ok("finished early".to_owned()),
        "fail" => Err("gave up".to_owned()),
        "linger" => {
            sleep(Duration::from_secs(2)).await;
            Ok("finished late".to_owned())
        }
        _ => std::future::pending().await,
    }
}

#[derive(Debug, thiserror::Error)]
#[error("cannot deploy")]
struct DeployError(#[source] Cause);

#[derive(Debug, thiserror::Error)]
#[error("no space left on {0}")]
struct Cause(&'static str);

#[mcpc::background]
async fn deploy() -> Result<(), DeployError> {
    Err(DeployError(Cause("disk 3")))
}

#[mcpc::background]
async fn deploy_anyhow() -> anyhow::Result<()> {
    Err(anyhow::Error::from(DeployError(Cause("disk 3"))).context("while deploying"))
}

#[mcpc::background]
async fn deploy_boxed() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Err(Box::new(DeployError(Cause("disk 3"))))
}

#[mcpc::background]
async fn explode(late: bool, updates: Sender) -> String {
    if late {
        updates.send("ticking").await;
        sleep(Duration::from_secs(1)).await;
    }
    panic!("the {} is gone", "fuse");
}

#[mcpc::tool]
async fn explode_plainly() -> String {
    panic!("no fuse at all");
}

/// Serializes to an error.
struct Unspeakable;

impl serde::Serialize for Unspeakable {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("no words"))
    }
}

#[mcpc::background]
async fn say_the_unspeakable(updates: Sender) -> String {
    updates.send(Unspeakable).await;
    unreachable!("the runtime ends the task here")
}

/// Says the unspeakable on a thread that outlives the task, and goes when it hears that it is over.
#[mcpc::background]
async fn say_the_unspeakable_on_a_thread(updates: Sender, counter: State<Gone>) {
    let (thread, gone) = (updates.clone(), (*counter).clone());
    let talking = tokio::task::spawn_blocking(move || {
        thread.blocking_send(Unspeakable);
        while !thread.is_stopped() {
            std::thread::yield_now();
        }
        drop(gone);
    });
    talking.await.expect("no panic");
    std::future::pending().await
}

/// Never rests: there is always room for one more.
#[mcpc::background]
async fn babble(counter: State<Gone>, updates: Sender) {
    let _gone = (*counter).clone();
    loop {
        updates.send("bla").await;
    }
}

#[mcpc::background]
async fn report(updates: Sender) {
    updates.progress(1u8, 3.0f32, "one");
    updates.progress(2usize, 3u64, String::from("two"));
    updates.emit("weather", json!({"sky": "blue"})).await;
    updates.send((updates.session_id(), updates.task_id())).await;
}

/// Leaves a clone of its sender behind, which goes on talking.
#[mcpc::background]
async fn haunt(updates: Sender) -> &'static str {
    let ghost = updates.clone();
    tokio::spawn(async move {
        sleep(Duration::from_secs(1)).await;
        ghost.send("boo").await;
        ghost.progress(1, 1, "boo");
        ghost.emit("boo", ()).await;
    });
    "gone"
}

#[mcpc::tool]
async fn nap(counter: State<Gone>) -> &'static str {
    let _gone = (*counter).clone();
    sleep(Duration::from_secs(60)).await;
    "rested"
}

fn server(gone: &Gone) -> Server {
    Server::new("lifecycle").state(gone.clone()).tools(tools![
        work,
        deploy,
        deploy_anyhow,
        deploy_boxed,
        explode,
        explode_plainly,
        say_the_unspeakable,
        say_the_unspeakable_on_a_thread,
        babble,
        report,
        haunt,
        nap,
    ])
}

async fn connect() -> (Mcpc, Gone) {
    let gone = Gone::default();
    (Mcpc::connect(server(&gone)).await, gone)
}

fn event(event: &str, result: Value) -> (String, Value) {
    (event.to_owned(), result)
}

fn created(tool: &str) -> (String, Value) {
    event("created", json!(format!("Started {tool}")))
}

#[tokio::test(start_paused = true)]
async fn ok_is_complete() {
    let (mut client, _) = connect().await;
    let started = Instant::now();
    let events = client.events("work", json!({"on_stop": ""})).await;
    assert_eq!(events, [created("work"), event("complete", json!("done"))]);
    assert_eq!(started.elapsed().as_secs(), 10);
}

#[tokio::test(start_paused = true)]
async fn err_is_failed_with_its_sources() {
    let (mut client, _) = connect().await;
    for (tool, text) in [
        ("deploy", "cannot deploy: no space left on disk 3"),
        ("deploy_anyhow", "while deploying: cannot deploy: no space left on disk 3"),
        ("deploy_boxed", "cannot deploy: no space left on disk 3"),
    ] {
        let events = client.events(tool, json!({})).await;
        assert_eq!(events, [created(tool), event("failed", json!(text))]);
        assert_eq!(client.ask(tool, json!({})).await, (text.to_owned(), true));
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_failed_and_the_server_goes_on() {
    let (mut client, _) = connect().await;
    let text = "tool `explode` panicked: the fuse is gone";
    let seen = client.events("explode", json!({"late": false})).await;
    assert_eq!(seen, [created("explode"), event("failed", json!(text))]);
    let seen = client.events("explode", json!({"late": true})).await;
    assert_eq!(seen[1..], [event("update", json!("ticking")), event("failed", json!(text))]);
    let expected = format!("{text}\n\nUpdates while it ran:\nticking");
    assert_eq!(client.ask("explode", json!({"late": true})).await, (expected, true));
    let text = "tool `explode_plainly` panicked: no fuse at all";
    assert_eq!(client.ask("explode_plainly", json!({})).await, (text.to_owned(), true));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_is_no_json_ends_the_task() {
    let (mut client, _) = connect().await;
    let events = client.events("say_the_unspeakable", json!({})).await;
    let text = "an update cannot be written as JSON: no words";
    assert_eq!(events[1..], [event("failed", json!(text))]);
}

#[tokio::test]
async fn a_thread_that_breaks_its_task_off_goes_on_and_hears_of_the_end() {
    let (mut client, gone) = connect().await;
    let before = gone.count();
    let events = client.events("say_the_unspeakable_on_a_thread", json!({})).await;
    let text = "an update cannot be written as JSON: no words";
    assert_eq!(events[1..], [event("failed", json!(text))]);
    while gone.count() == before {
        tokio::task::yield_now().await;
    }
}

/// On real time, as it is a timer that has to have its turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_never_rests_can_be_stopped() {
    for starts in [true, false] {
        let gone = Gone::default();
        let server = server(&gone).grace(Duration::from_millis(50));
        let mut client = Mcpc::connect(server).await;
        match starts {
            true => client.start("t", "babble", json!({})).await,
            false => client.call("t", "babble", json!({})).await,
        }
        let Wire { mut lines, mut input, server } = client.into_wire();
        let reader = tokio::spawn(async move {
            let mut last = None;
            while let Some(line) = lines.next_line().await.expect("UTF-8") {
                last = Some(line);
            }
            last
        });
        sleep(Duration::from_millis(50)).await;
        let before = gone.count();
        input.shutdown().await.expect("the server reads");
        let last = tokio::time::timeout(Duration::from_secs(30), reader).await;
        let last = last.expect("it ends").expect("no panic").expect("a last line");
        assert!(last.contains("stopped"), "{last}");
        assert!(gone.count() > before, "the body is gone");
        server.await.expect("no panic").expect("no error");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_reports() {
    let (mut client, _) = connect().await;
    let events = client.events("report", json!({})).await;
    assert_eq!(
        events,
        [
            created("report"),
            event("update", json!({"status": "one", "progress": 33.33})),
            event("update", json!({"status": "two", "progress": 66.67})),
            event("weather", json!({"sky": "blue"})),
            event("update", json!(["s", "t"])),
            event("complete", json!(null)),
        ]
    );
}

/// Whatever a task comes to, and however much is said around it: one end, and nothing behind it.
#[tokio::test(start_paused = true)]
async fn there_is_one_end_and_it_is_the_last() {
    let (mut client, _) = connect().await;
    let calls = [
        ("work", json!({"on_stop": "finish"})),
        ("work", json!({"on_stop": "fail"})),
        ("work", json!({"on_stop": "ignore"})),
        ("deploy", json!({})),
        ("explode", json!({"late": true})),
        ("say_the_unspeakable", json!({})),
        ("report", json!({})),
        ("haunt", json!({})),
    ];
    for (number, (tool, arguments)) in calls.iter().enumerate() {
        client.start(&number.to_string(), tool, arguments.clone()).await;
    }
    sleep(Duration::from_secs(1)).await;
    // Stopping those that run, even twice, makes no second end.
    for (id, number) in [0, 1, 2, 2, 3, 0].into_iter().enumerate() {
        client.call(id, "stop_task", json!({"task_id": number.to_string()})).await;
    }
    sleep(Duration::from_secs(20)).await;
    let lines = client.finish().await;
    let mut events: Vec<Vec<String>> = vec![Vec::new(); calls.len()];
    for message in lines.iter().map(|line| text(&parse(line))) {
        let Some(message) = serde_json::from_str::<Value>(&message).ok().filter(Value::is_object)
        else {
            continue;
        };
        if let Some(task) = message["task_id"].as_str() {
            let events = &mut events[task.parse::<usize>().expect("one of ours")];
            events.push(message["event"].as_str().expect("an event").to_owned());
        }
    }
    for (events, (tool, arguments)) in events.iter().zip(&calls) {
        let ends = |event: &&String| *event == "complete" || *event == "failed";
        assert_eq!(events.iter().filter(ends).count(), 1, "{tool} {arguments}: {events:?}");
        assert!(events.first().is_some_and(|event| event == "created"), "{events:?}");
        assert!(events.last().is_some_and(|event| ends(&event)), "{tool}: {events:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_outlives_its_task_says_nothing() {
    let (mut client, _) = connect().await;
    let events = client.events("haunt", json!({})).await;
    assert_eq!(events, [created("haunt"), event("complete", json!("gone"))]);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_call_that_is_cancelled_stops_its_task() {
    let (mut client, gone) = connect().await;
    let before = gone.count();
    for (on_stop, seconds) in [("finish", 0), ("linger", 2), ("ignore", 5)] {
        let running = gone.count();
        client.call(on_stop, "work", json!({"on_stop": on_stop})).await;
        sleep(Duration::from_secs(1)).await;
        client.cancel(on_stop).await;
        let cancelled = Instant::now();
        while gone.count() == running {
            sleep(Duration::from_millis(100)).await;
        }
        assert_eq!(cancelled.elapsed().as_secs(), seconds, "{on_stop}");
    }
    assert_eq!(gone.count() - before, 3);
    assert_eq!(client.finish().await, [""; 0], "a cancelled call is not answered");
}

#[tokio::test(start_paused = true)]
async fn a_plain_call_that_is_cancelled_is_dropped() {
    let (mut client, gone) = connect().await;
    client.call(1, "nap", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    let before = gone.count();
    client.cancel(1).await;
    sleep(Duration::from_millis(1)).await;
    assert_eq!(gone.count() - before, 1);
    assert_eq!(client.finish().await, [""; 0]);
}

/// The end of the input stops every task; each may end by itself within the grace.
#[tokio::test(start_paused = true)]
async fn the_end_of_the_input_stops_tasks() {
    for (on_stop, seconds, end) in [
        ("finish", 0, event("complete", json!("finished early"))),
        ("fail", 0, event("failed", json!("gave up"))),
        ("linger", 2, event("complete", json!("finished late"))),
        ("ignore", 5, event("failed", json!("stopped"))),
    ] {
        let (mut client, gone) = connect().await;
        client.begin_task("t", "work", json!({"on_stop": on_stop})).await;
        sleep(Duration::from_secs(1)).await;
        let (before, ended) = (gone.count(), Instant::now());
        let rest: Vec<Value> = client.finish().await.iter().map(|line| parse(line)).collect();
        assert_eq!(ended.elapsed().as_secs(), seconds, "{on_stop}");
        assert!(gone.count() > before, "the body is gone");
        let messages: Vec<Value> = rest.iter().map(|line| parse(&text(line))).collect();
        let [stopping, last] = messages.as_slice() else { panic!("{messages:?}") };
        assert_eq!(stopping["result"], "stopping");
        assert_eq!((&last["event"], &last["result"]), (&json!(end.0), &end.1));
    }
}

#[tokio::test(start_paused = true)]
async fn the_grace_can_be_set() {
    let gone = Gone::default();
    let mut client = Mcpc::connect(server(&gone).grace(Duration::from_secs(1))).await;
    client.begin_task("t", "work", json!({"on_stop": "ignore"})).await;
    let ended = Instant::now();
    assert_eq!(client.finish().await.len(), 2);
    assert_eq!(ended.elapsed().as_secs(), 1);
}

#[tokio::test(start_paused = true)]
async fn calls_in_flight_are_answered_at_the_end_of_the_input() {
    let (mut client, _) = connect().await;
    client.call(1, "work", json!({"on_stop": "finish"})).await;
    sleep(Duration::from_secs(1)).await;
    let rest = client.finish().await;
    assert_eq!(rest.len(), 1);
    let texts = texts(&parse(&rest[0]));
    assert_eq!(texts, ["finished early\n\nUpdates while it ran:\nstopping"]);
}

/// A session piped in at once: the input has ended before any call was looked at.
#[tokio::test(start_paused = true)]
async fn calls_right_before_the_end_of_the_input_are_calls_like_any_other() {
    for (on_stop, seconds, end) in [("finish", 0, "complete"), ("ignore", 5, "failed")] {
        let gone = Gone::default();
        let mut wire = Wire::open(server(&gone));
        let task = call(1, "work", in_task("t", json!({"on_stop": on_stop})));
        let waiting = call(2, "work", json!({"on_stop": on_stop}));
        wire.send(&[INITIALIZE, &task, &waiting].join("\n")).await;
        let started = Instant::now();
        let lines = wire.finish().await;
        assert_eq!(started.elapsed().as_secs(), seconds);
        assert_eq!(lines.len(), 5, "initialize, created, update, the end, and a reply: {lines:?}");
        let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
        assert_eq!((count("created"), count(end)), (1, 1), "{lines:?}");
    }
}

/// Sends a thousand updates and waits to be stopped.
#[mcpc::background]
async fn tell_much(updates: Sender) -> &'static str {
    for number in 0..1000 {
        updates.send(number).await;
    }
    updates.stopped().await;
    "told"
}

#[tokio::test(start_paused = true)]
async fn what_is_queued_at_the_end_is_written() {
    let server = Server::new("much").tools(tools![tell_much]);
    let mut client = Mcpc::begin(Wire::open_with_buffer(server, 256)).await;
    client.start("t", "tell_much", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    let rest = client.finish().await;
    assert_eq!(rest.len(), 1 + 1000 + 1, "created, every update, and the end");
    assert!(rest[1001].contains("complete") && rest[1001].contains("told"), "{}", rest[1001]);
}

/// Watches for a month.
#[mcpc::background]
async fn watch() -> &'static str {
    sleep(Duration::from_secs(30 * 24 * 3600)).await;
    "a month is over"
}

#[tokio::test(start_paused = true)]
async fn what_lives_is_killed_by_no_timer() {
    let server = Server::new("watch").tools(tools![watch]).retention(Duration::from_secs(1));
    let mut client = Mcpc::connect(server.patience(Duration::from_secs(1))).await;
    client.begin_task("t", "watch", json!({})).await;
    sleep(Duration::from_secs(29 * 24 * 3600)).await;
    let (text, _) = client.ask("check_task", json!({"task_id": "t"})).await;
    assert!(text.contains("is running"), "{text}");
    sleep(Duration::from_secs(24 * 3600)).await;
    assert_eq!(client.task().await, [event("complete", json!("a month is over"))]);
}

/// The runtime goes with everything in it: a client sees the end of the stream, and nothing hangs.
#[test]
fn a_runtime_that_is_shut_down_takes_its_server_along() {
    let (gone, runtime) = (Gone::default(), tokio::runtime::Runtime::new().expect("a runtime"));
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let client = TcpStream::connect(listener.local_addr().expect("bound")).expect("it listens");
    client.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket");
    let (server, _) = listener.accept().expect("it is called");
    server.set_nonblocking(true).expect("a socket");
    let plan = self::server(&gone);
    runtime.spawn(async move {
        let server = tokio::net::TcpStream::from_std(server).expect("a socket");
        let (reader, writer) = server.into_split();
        plan.serve_io(reader, writer).await
    });
    let call = call(1, "work", in_task("t", json!({"on_stop": "ignore"})));
    let mut lines = std::io::BufReader::new(&client).lines();
    (&client).write_all(format!("{}\n{call}\n", INITIALIZE).as_bytes()).expect("it reads");
    assert!(lines.next().expect("a line").expect("UTF-8").contains("protocolVersion"));
    assert!(lines.next().expect("a line").expect("UTF-8").contains("created"));
    let before = gone.count();
    drop(runtime);
    assert!(gone.count() > before, "the body is gone");
    assert!(lines.next().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_is_dropped_stops_its_tasks() {
    let (mut client, gone) = connect().await;
    client.begin_task("t", "work", json!({"on_stop": "finish"})).await;
    let before = gone.count();
    client.server.abort();
    sleep(Duration::from_secs(1)).await;
    assert!(gone.count() > before);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_vanishes_stops_its_tasks() {
    let (mut client, gone) = connect().await;
    client.begin_task("t", "work", json!({"on_stop": "ignore"})).await;
    let Wire { lines, input, server } = client.into_wire();
    let before = gone.count();
    drop((lines, input));
    server.await.expect("no panic").expect("no error");
    assert!(gone.count() > before);
}

#[tokio::test]
async fn a_client_that_never_says_a_word_is_no_error() {
    let wire = Wire::open(server(&Gone::default()));
    assert_eq!(wire.finish().await, [""; 0]);
}

#[mcpc::tool]
async fn stubborn() {
    std::future::pending().await
}

#[tokio::test(start_paused = true)]
async fn a_plain_call_that_outlasts_the_grace_is_answered_with_an_error() {
    let mut client = Plain::connect(Server::new("stubborn").tools(tools![stubborn])).await;
    client.call(1, "stubborn", json!({})).await;
    sleep(Duration::from_secs(3600)).await;
    let started = Instant::now();
    let rest = client.finish().await;
    assert_eq!(started.elapsed().as_secs(), 5, "the grace");
    assert_eq!(rest.len(), 1);
    let reply = parse(&rest[0]);
    assert_eq!(text(&reply), "the server ended before `stubborn` did");
    assert_eq!(reply["result"]["isError"], true);
}

/// Never rests, and takes all the time there is.
#[mcpc::tool]
async fn spin() {
    loop {
        tokio::task::coop::consume_budget().await;
    }
}

/// Minds being dropped.
#[mcpc::tool]
async fn fragile() {
    struct Fragile;
    impl Drop for Fragile {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                panic!("it broke");
            }
        }
    }
    let _fragile = Fragile;
    std::future::pending().await
}

#[tokio::test]
async fn whatever_a_plain_tool_does_its_call_is_answered_at_the_end() {
    let server = Server::new("plain").tools(tools![spin, fragile]);
    let mut client = Plain::connect(server.grace(Duration::from_millis(200))).await;
    for tool in ["spin", "fragile"] {
        client.call(tool, tool, json!({})).await;
    }
    let mut texts: Vec<String> =
        client.finish().await.iter().map(|line| text(&parse(line))).collect();
    texts.sort();
    assert_eq!(texts, ["fragile", "spin"].map(|it| format!("the server ended before `{it}` did")));
}

/// Has half a minute, and says so when it is over.
#[mcpc::background(timeout = "30s")]
async fn hurry(seconds: u64, on_stop: String, updates: Sender) -> String {
    tokio::select! {
        () = sleep(Duration::from_secs(seconds)) => return "done".to_owned(),
        () = updates.stopped() => {}
    }
    match on_stop.as_str() {
        "finish" => "half done".to_owned(),
        _ => std::future::pending().await,
    }
}

async fn hurry_for(seconds: u64, on_stop: &str) -> (Vec<(String, Value)>, Duration) {
    let mut client = Mcpc::connect(Server::new("hurry").tools(tools![hurry])).await;
    let started = Instant::now();
    let events = client.events("hurry", json!({"seconds": seconds, "on_stop": on_stop})).await;
    (events, started.elapsed())
}

#[tokio::test(start_paused = true)]
async fn a_task_within_its_timeout_is_left_alone() {
    let (events, took) = hurry_for(29, "ignore").await;
    assert_eq!(events[1], ("complete".to_owned(), json!("done")));
    assert_eq!(took.as_secs(), 29);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_asks_the_task_to_stop_and_then_ends_it() {
    let (events, took) = hurry_for(31, "ignore").await;
    assert_eq!(events[1], ("failed".to_owned(), json!("timed out after 30s")));
    assert_eq!(took.as_secs(), 35, "the timeout, and the grace");
    let (events, took) = hurry_for(31, "finish").await;
    assert_eq!(events[1], ("complete".to_owned(), json!("half done")));
    assert_eq!(took.as_secs(), 30);
}

#[derive(Clone, Default)]
struct Kept(Arc<std::sync::OnceLock<Sender>>);

/// Leaves its sender to somebody else.
#[mcpc::background]
async fn leaves_its_sender(kept: State<Kept>, updates: Sender) {
    let _is_first = kept.0.set(updates);
}

/// Sends for ever.
#[mcpc::background]
async fn fills(updates: Sender) {
    loop {
        updates.send("x".repeat(1_000)).await;
    }
}

/// A sender whose task is over, of a client that reads nothing.
async fn late_sender() -> (Sender, Mcpc) {
    let kept = Kept::default();
    let server = Server::new("late").max_queued_bytes(10_000).state(kept.clone());
    let server = server.tools(tools![leaves_its_sender, fills]);
    let mut client = Mcpc::begin(Wire::open_with_buffer(server, 4_096)).await;
    assert_eq!(client.events("leaves_its_sender", json!({})).await.len(), 2);
    client.start("f", "fills", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    (kept.0.get().expect("it was left").clone(), client)
}

#[tokio::test(start_paused = true)]
async fn a_sender_that_outlives_its_task_waits_for_nobody() {
    let (sender, mut client) = late_sender().await;
    let started = Instant::now();
    sender.send("late").await;
    sender.emit("late", ()).await;
    sender.progress(1, 2, "late");
    let blocking = sender.clone();
    let blocking = tokio::task::spawn_blocking(move || {
        blocking.blocking_send("late");
        blocking.blocking_emit("late", ());
    });
    blocking.await.expect("no panic");
    assert_eq!(started.elapsed(), Duration::ZERO);
    for _ in 0..100 {
        let line = client.line().await;
        assert!(!line.contains("late"), "{line}");
    }
}

/// Returns while clones of its sender wait for a client that reads nothing.
#[mcpc::background]
async fn leaves_others_waiting(updates: Sender) {
    for _ in 0..3 {
        let updates = updates.clone();
        tokio::spawn(async move { updates.send("x".repeat(100_000)).await });
    }
    sleep(Duration::from_secs(1)).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_to_be_sent_when_a_task_ends_is_given_up() {
    let server = Server::new("late").max_queued_bytes(10_000);
    let server = server.tools(tools![leaves_others_waiting, fills]);
    let mut client = Mcpc::begin(Wire::open_with_buffer(server, 4_096)).await;
    client.start("f", "fills", json!({})).await;
    client.start("t", "leaves_others_waiting", json!({})).await;
    sleep(Duration::from_secs(2)).await;
    client.call("stop", "stop_task", json!({"task_id": "t"})).await;
    client.call("stop f", "stop_task", json!({"task_id": "f"})).await;
    let mut of_t = Vec::new();
    loop {
        let message = client.value().await;
        if !message["id"].is_string()
            || message["id"].as_str().is_some_and(|id| id.starts_with("stop"))
        {
            continue;
        }
        let message = parse(&text(&message));
        if message["task_id"] == "t" {
            of_t.push(message["event"].as_str().expect("an event").to_owned());
        }
        if message["event"] == "complete" {
            break;
        }
    }
    assert_eq!(of_t, ["created", "complete"]);
}
