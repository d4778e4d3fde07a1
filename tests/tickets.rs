//! A client that knows neither MCPC nor tasks: it waits for a while, and then it asks.

mod support;

use std::time::Duration;

use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use support::Wire;
use tokio::time::{Instant, sleep};

/// Counts seconds.
#[mcpc::background]
async fn count(seconds: u64, updates: Sender) -> Result<String, String> {
    for second in 1..=seconds {
        sleep(Duration::from_secs(1)).await;
        if updates.is_stopped() {
            return Err(format!("stopped at {second}"));
        }
        if second % 20 == 0 {
            updates.send(json!({ "second": second })).await;
        }
    }
    match seconds {
        13 => Err("thirteen is bad luck".to_owned()),
        _ => Ok(format!("counted to {seconds}")),
    }
}

/// Sleeps for a minute, and is quick to say so.
#[mcpc::background(patience = "2s", retention = "30s")]
async fn nap() -> Value {
    sleep(Duration::from_secs(60)).await;
    json!({"rested": true})
}

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn server() -> Server {
    Server::new("tickets").tools(tools![count, nap, add])
}

/// Starts a task and gets a ticket: the ticket's text and the task's id.
async fn ticket(wire: &mut Wire, tool: &str, arguments: Value) -> (String, String) {
    let (text, is_error) = wire.ask(tool, arguments).await;
    assert!(!is_error, "{text}");
    let id = text.split('`').nth(3).expect("an id").to_owned();
    assert_eq!(id.len(), 36, "{text}");
    (text, id)
}

async fn check(wire: &mut Wire, id: &str, wait_seconds: u64) -> (String, bool) {
    wire.ask("check_task", json!({"task_id": id, "wait_seconds": wait_seconds})).await
}

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_in_time_is_the_reply() {
    let mut wire = Wire::connect(server()).await;
    let started = Instant::now();
    let reply = wire.ask("count", json!({"seconds": 49})).await;
    // What it sent before it ended is in the reply, too.
    let expected = "Updates while it ran:\n{\"second\":20}\n{\"second\":40}\ncounted to 49";
    assert_eq!(reply, (expected.to_owned(), false));
    assert_eq!(started.elapsed().as_secs(), 49);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_longer_is_a_ticket() {
    let mut wire = Wire::connect(server()).await;
    let started = Instant::now();
    let (text, id) = ticket(&mut wire, "count", json!({"seconds": 90})).await;
    assert_eq!(started.elapsed().as_secs(), 50);
    assert_eq!(
        text,
        format!(
            "`count` is still running after 50s and goes on as task `{id}`. Call `check_task` with \
             {{\"task_id\": \"{id}\", \"wait_seconds\": 50}} to wait for news of it or for its result, or \
             `stop_task` to stop it."
        )
    );
    // The news of the first 50 seconds are there at once, the next comes when it comes.
    let (text, _) = check(&mut wire, &id, 50).await;
    assert_eq!(
        text,
        format!(
            "Task `{id}` (`count`) is running. New since the last check:\n\
             {{\"second\":20}}\n{{\"second\":40}}"
        )
    );
    assert_eq!(started.elapsed().as_secs(), 50);
    let (text, _) = check(&mut wire, &id, 50).await;
    let running = format!("Task `{id}` (`count`) is running.");
    assert_eq!(text, format!("{running} New since the last check:\n{{\"second\":60}}"));
    assert_eq!(started.elapsed().as_secs(), 60);
    let (text, _) = check(&mut wire, &id, 0).await;
    assert_eq!(text, format!("{running} {NOTHING_NEW}"));
    let (text, _) = check(&mut wire, &id, 5).await;
    assert_eq!(text, format!("{running} {NOTHING_NEW}"));
    assert_eq!(started.elapsed().as_secs(), 65);
    check(&mut wire, &id, 50).await;
    wire.call("end", "check_task", json!({"task_id": id, "wait_seconds": 50})).await;
    let reply = wire.value().await["result"].take();
    assert_eq!(started.elapsed().as_secs(), 90);
    let complete = format!("Task `{id}` (`count`) is complete. The result:");
    let content =
        [complete.as_str(), "counted to 90"].map(|text| json!({"type": "text", "text": text}));
    assert_eq!(reply, json!({"content": content, "isError": false}));
    // Whoever asks again is told again.
    wire.call("again", "check_task", json!({"task_id": id})).await;
    assert_eq!(wire.value().await["result"]["content"], json!(content));
}

const NOTHING_NEW: &str = "There is nothing new since the last check; `wait_seconds` waits for it.";

/// Reports how far it is four times a second, for a hundred seconds.
#[mcpc::background(patience = "1s")]
async fn crawl(updates: Sender) -> &'static str {
    for step in 1..=400 {
        sleep(Duration::from_millis(250)).await;
        updates.progress(step, 400, "crawling");
    }
    "arrived"
}

/// A model that does as the ticket says is not kept busy by every little step.
#[tokio::test(start_paused = true)]
async fn a_check_waits_until_a_task_is_a_good_deal_further() {
    let mut wire = Wire::connect(Server::new("crawl").tools(tools![crawl])).await;
    let (_, id) = ticket(&mut wire, "crawl", json!({})).await;
    let started = Instant::now();
    let mut texts = Vec::new();
    loop {
        let (text, _) = check(&mut wire, &id, 50).await;
        let is_over = !text.contains("is running");
        texts.push((text, started.elapsed().as_secs()));
        if is_over {
            break;
        }
    }
    let running = format!("Task `{id}` (`crawl`) is running");
    assert_eq!(texts[0], (format!("{running}, 10 %: crawling."), 9), "{texts:?}");
    assert_eq!(texts[1], (format!("{running}, 20 %: crawling."), 19), "{texts:?}");
    assert_eq!(texts.len(), 10, "{texts:?}");
    let (text, _) = texts.pop().expect("the last");
    assert_eq!(text, format!("Task `{id}` (`crawl`) is complete. The result:\narrived"));
    // Time is up before it is: then it is told how far it is all the same.
    let (_, id) = ticket(&mut wire, "crawl", json!({})).await;
    let (text, _) = check(&mut wire, &id, 2).await;
    assert_eq!(text, format!("Task `{id}` (`crawl`) is running, 2.75 %: crawling."));
}

/// Nobody could come back with a ticket of a server that ends.
#[tokio::test(start_paused = true)]
async fn at_the_end_there_are_no_tickets() {
    let server = server().grace(Duration::from_secs(3));
    let mut wire = Wire::connect(server).await;
    wire.call(1, "nap", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    let rest = wire.finish().await;
    assert_eq!(rest.len(), 1);
    let reply = support::parse(&rest[0]);
    assert_eq!(
        (support::text(&reply).as_str(), &reply["result"]["isError"]),
        ("stopped", &json!(true))
    );
}

#[tokio::test(start_paused = true)]
async fn who_does_not_stop_is_dropped_and_that_is_said() {
    let mut wire = Wire::connect(server()).await;
    let (_, id) = ticket(&mut wire, "nap", json!({})).await;
    wire.ask("stop_task", json!({"task_id": id})).await;
    let started = Instant::now();
    let (text, is_error) = check(&mut wire, &id, 50).await;
    let late = "was stopped; it did not end by itself in time, and was dropped.";
    assert_eq!((text, is_error), (format!("Task `{id}` (`nap`) {late}"), true));
    assert_eq!(started.elapsed().as_secs(), 5);
}

/// Stops when it is asked to, and says no more about it than the runtime would.
#[mcpc::background(patience = "1s")]
async fn terse(updates: Sender) -> Result<(), &'static str> {
    updates.stopped().await;
    Err("stopped")
}

#[tokio::test(start_paused = true)]
async fn who_stops_by_itself_was_not_dropped() {
    let mut wire = Wire::connect(Server::new("terse").tools(tools![terse])).await;
    let (_, id) = ticket(&mut wire, "terse", json!({})).await;
    wire.ask("stop_task", json!({"task_id": id})).await;
    let (text, _) = check(&mut wire, &id, 50).await;
    assert_eq!(text, format!("Task `{id}` (`terse`) was stopped. The error:\nstopped"));
}

/// Says how far it is, again and again, and now and then something of note.
#[mcpc::background(patience = "1s")]
async fn steps(updates: Sender) {
    for step in 1..=400 {
        updates.progress(step, 400, format!("step {step}"));
        if step % 100 == 0 {
            updates.send(format!("{step} steps")).await;
        }
    }
    sleep(Duration::from_secs(3600)).await;
}

#[tokio::test(start_paused = true)]
async fn of_the_progress_the_latest_is_a_state_and_drives_no_update_out() {
    let mut wire = Wire::connect(Server::new("steps").tools(tools![steps])).await;
    let (_, id) = ticket(&mut wire, "steps", json!({})).await;
    let running = format!("Task `{id}` (`steps`) is running, 100 %: step 400.");
    let (text, _) = check(&mut wire, &id, 0).await;
    let news = "New since the last check:\n100 steps\n200 steps\n300 steps\n400 steps";
    assert_eq!(text, format!("{running} {news}"));
    let (text, _) = check(&mut wire, &id, 0).await;
    assert_eq!(text, format!("{running} {NOTHING_NEW}"));
}

/// Sends updates of 1,000 characters.
#[mcpc::background(patience = "1s")]
async fn chapters(number: usize, linger: bool, updates: Sender) -> &'static str {
    for chapter in 0..number {
        updates.send(format!("{chapter:01000}")).await;
    }
    if linger {
        sleep(Duration::from_secs(3600)).await;
    }
    "the end"
}

/// A task's updates are kept up to 16 KiB, each counted with what it takes to hold it.
#[tokio::test(start_paused = true)]
async fn the_latest_updates_are_kept_within_bounds() {
    let mut wire = Wire::connect(Server::new("chapters").tools(tools![chapters])).await;
    for (number, missed) in [(16, None), (17, Some("(1 older update is not kept any more)"))] {
        let (_, id) =
            ticket(&mut wire, "chapters", json!({"number": number, "linger": true})).await;
        let (text, _) = check(&mut wire, &id, 0).await;
        let mut lines: Vec<&str> = text.lines().skip(1).collect();
        let dropped = missed.inspect(|missed| assert_eq!(lines.remove(0), *missed)).is_some();
        let kept = usize::from(dropped)..number;
        assert_eq!(lines, kept.map(|chapter| format!("{chapter:01000}")).collect::<Vec<_>>());
    }
    let (text, _) = wire.ask("chapters", json!({"number": 20, "linger": false})).await;
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["Updates while it ran:", "(4 older updates are not kept any more)"]);
    assert_eq!((lines.len(), lines[lines.len() - 1]), (2 + 16 + 1, "the end"));
}

#[tokio::test(start_paused = true)]
async fn an_ended_task_is_readable_for_its_retention_and_no_longer() {
    let mut wire = Wire::connect(server()).await;
    let (text, id) = ticket(&mut wire, "nap", json!({})).await;
    assert!(text.starts_with("`nap` is still running after 2s"), "{text}");
    assert!(text.contains("\"wait_seconds\": 50"), "a check may wait longer: {text}");
    sleep(Duration::from_secs(58 + 29)).await;
    wire.call("end", "check_task", json!({"task_id": id})).await;
    let reply = wire.value().await["result"].take();
    assert_eq!(reply["structuredContent"], json!({"rested": true}), "{reply}");
    assert_eq!(reply["content"][1]["text"], r#"{"rested":true}"#);
    sleep(Duration::from_secs(2)).await;
    let unknown = format!("no task `{id}` is known; an ended one is forgotten after a while");
    assert_eq!(check(&mut wire, &id, 0).await, (unknown, true));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_is_an_error_with_its_reason() {
    let server = server().patience(Duration::from_secs(10));
    let mut wire = Wire::connect(server).await;
    let (_, id) = ticket(&mut wire, "count", json!({"seconds": 13})).await;
    wire.call("end", "check_task", json!({"task_id": id, "wait_seconds": 10})).await;
    let reply = wire.value().await["result"].take();
    let failed = format!("Task `{id}` (`count`) failed. The error:");
    let content =
        [failed.as_str(), "thirteen is bad luck"].map(|text| json!({"type": "text", "text": text}));
    assert_eq!(reply, json!({"content": content, "isError": true}));
}

#[tokio::test(start_paused = true)]
async fn a_task_can_be_stopped() {
    let mut wire = Wire::connect(server()).await;
    let (_, id) = ticket(&mut wire, "count", json!({"seconds": 3600})).await;
    let (text, is_error) = wire.ask("stop_task", json!({"task_id": id})).await;
    let expected = format!(
        "Task `{id}` was asked to stop. Call `check_task` with {{\"task_id\": \"{id}\", \
         \"wait_seconds\": 50}} to hear how it ends."
    );
    assert_eq!((text, is_error), (expected, false));
    let (text, _) = check(&mut wire, &id, 0).await;
    let stopping = format!("Task `{id}` (`count`) is running, and was asked to stop.");
    assert!(text.starts_with(&stopping), "{text}");
    let (text, is_error) = check(&mut wire, &id, 50).await;
    let expected = format!("Task `{id}` (`count`) was stopped. The error:\nstopped at 51");
    assert_eq!((text, is_error), (expected, true));
    let (text, is_error) = wire.ask("stop_task", json!({"task_id": id})).await;
    let expected = format!("Task `{id}` has ended already; `check_task` says how.");
    assert_eq!((text, is_error), (expected, false));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_an_mcpc_client_can_be_checked_and_stopped_too() {
    let mut wire = Wire::connect(server()).await;
    wire.start("t", "count", json!({"seconds": 3600})).await;
    assert_eq!(wire.message().await["event"], "created");
    let (text, _) = wire.ask("stop_task", json!({"task_id": "t"})).await;
    assert!(text.contains("was asked to stop"), "{text}");
    let end = wire.message().await;
    assert_eq!((&end["event"], &end["result"]), (&json!("failed"), &json!("stopped at 1")));
    let (text, is_error) = check(&mut wire, "t", 0).await;
    let expected = "Task `t` (`count`) was stopped. The error:\nstopped at 1";
    assert_eq!((text.as_str(), is_error), (expected, true));
    // The id of an ended task may be taken again.
    wire.start("t", "count", json!({"seconds": 1})).await;
    assert_eq!(wire.task().await[1], ("complete".to_owned(), json!("counted to 1")));
    assert!(check(&mut wire, "t", 0).await.0.contains("is complete"));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_and_what_makes_no_sense() {
    let mut wire = Wire::connect(server()).await;
    let mut other = Wire::connect(server()).await;
    let (_, id) = ticket(&mut other, "count", json!({"seconds": 3600})).await;
    for id in [id.as_str(), "never"] {
        let unknown = format!("no task `{id}` is known; an ended one is forgotten after a while");
        assert_eq!(check(&mut wire, id, 50).await, (unknown.clone(), true));
        assert_eq!(wire.ask("stop_task", json!({"task_id": id})).await, (unknown, true));
    }
    let (text, is_error) = wire.ask("check_task", json!({"task": "t", "wait_seconds": 51})).await;
    assert_eq!(
        (text.as_str(), is_error),
        (
            "argument `task_id` is missing\n\
             argument `wait_seconds`: 51 is not in 0..=50\n\
             unknown argument `task`; did you mean `task_id`?",
            true
        )
    );
}

async fn names(server: Server) -> Vec<String> {
    let mut wire = Wire::connect(server).await;
    let tools = wire.list().await;
    tools.iter().map(|tool| tool["name"].as_str().expect("a name").to_owned()).collect()
}

#[tokio::test]
async fn the_control_tools_are_there_where_they_are_of_use() {
    assert_eq!(names(server()).await, ["count", "nap", "add", "check_task", "stop_task"]);
    assert_eq!(names(server().control_tools(false)).await, ["count", "nap", "add"]);
    assert_eq!(names(Server::new("plain").tools(tools![add])).await, ["add"]);
}

#[tokio::test(start_paused = true)]
async fn without_them_a_call_waits_for_its_task() {
    let mut wire = Wire::connect(server().control_tools(false)).await;
    let reply = wire.ask("count", json!({"seconds": 59})).await;
    assert!(reply.0.ends_with("\ncounted to 59"), "{}", reply.0);
    let (text, _) = wire.ask("check_task", json!({"task_id": "t"})).await;
    assert_eq!(text, "unknown tool `check_task`; known are `count`, `nap`, `add`");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_stops_its_task_until_it_is_a_ticket() {
    let mut wire = Wire::connect(server()).await;
    wire.call(1, "count", json!({"seconds": 3600})).await;
    sleep(Duration::from_secs(51)).await;
    let reply = wire.value().await;
    let id = support::text(&reply).split('`').nth(3).expect("an id").to_owned();
    wire.cancel(1).await;
    sleep(Duration::from_secs(5)).await;
    let (text, _) = check(&mut wire, &id, 0).await;
    assert!(text.contains("is running"), "{text}");
}

/// Sends three updates and returns a large text.
#[mcpc::background]
async fn large(bytes: usize, updates: Sender) -> String {
    for update in 1..=3 {
        updates.send(format!("update {update}")).await;
    }
    "x".repeat(bytes)
}

/// The bound is for updates.
#[tokio::test(start_paused = true)]
async fn a_result_drives_no_update_out_however_large() {
    let mut wire = Wire::connect(Server::new("large").tools(tools![large])).await;
    for bytes in [1_000, 16_000, 16_384, 20_000, 1_000_000] {
        let (text, is_error) = wire.ask("large", json!({ "bytes": bytes })).await;
        assert!(!is_error && text.contains(&"x".repeat(bytes)), "{bytes}");
        assert!(text.contains("update 1\nupdate 2\nupdate 3"), "{bytes}: {}", &text[..200]);
        assert!(!text.contains("not kept any more"), "{bytes}");
    }
}

/// tokio's timer waits a millisecond for no time at all.
#[tokio::test(start_paused = true)]
async fn a_check_that_is_not_to_wait_takes_no_time() {
    let mut wire = Wire::connect(server()).await;
    let (_, id) = ticket(&mut wire, "nap", json!({})).await;
    check(&mut wire, &id, 0).await;
    // Away from the ticks of tokio's timer, of which the next one would be waited for.
    tokio::time::advance(Duration::from_micros(300)).await;
    let started = Instant::now();
    for _ in 0..100 {
        let (text, is_error) = check(&mut wire, &id, 0).await;
        assert!(!is_error && text.contains("nothing new"), "{text}");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}
