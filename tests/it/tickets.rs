//! A client that knows neither MCPC nor tasks: it waits for a while, and then it asks.

use std::time::Duration;

use mcpc::content::{CallToolResult, ContentBlock};
use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::messages::task_of;
use crate::support::{Mcpc, Plain, parse, text as text_of};

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

#[tokio::test(start_paused = true)]
async fn a_task_that_ends_in_time_is_the_reply() {
    let mut client = Plain::connect(server()).await;
    let started = Instant::now();
    let reply = client.ask("count", json!({"seconds": 49})).await;
    // What it sent before it ended is in the reply, too.
    let expected = "counted to 49\n\nUpdates while it ran:\n{\"second\":20}\n{\"second\":40}";
    assert_eq!(reply, (expected.to_owned(), false));
    assert_eq!(started.elapsed().as_secs(), 49);
}

#[tokio::test(start_paused = true)]
async fn a_task_that_takes_longer_is_a_ticket() {
    let mut client = Plain::connect(server()).await;
    let started = Instant::now();
    let (text, id) = client.ticket("count", json!({"seconds": 90})).await;
    assert_eq!(started.elapsed().as_secs(), 50);
    assert_eq!(
        text,
        format!(
            "`count` is still running after 50s and goes on as task `{id}`. Call `check_task` with \
             {{\"task_id\": \"{id}\", \"wait_seconds\": 50}} to wait for news of it or for its result, or \
             `stop_task` to stop it."
        )
    );
    // The news of the first 50 seconds are there at once, for one who does not wait for more.
    let running = format!("Task `{id}` (`count`) is running.");
    let (text, _) = client.check(&id, 0).await;
    let news = "New since the last check:\n{\"second\":20}\n{\"second\":40}";
    assert_eq!(text, format!("{running}\n\n{news}"));
    // One update more is not worth a model's turn.
    let (text, _) = client.check(&id, 15).await;
    assert_eq!(text, format!("{running}\n\nNew since the last check:\n{{\"second\":60}}"));
    assert_eq!(started.elapsed().as_secs(), 65);
    let (text, _) = client.check(&id, 0).await;
    assert_eq!(text, format!("{running} {NOTHING_NEW}"));
    let (text, _) = client.check(&id, 5).await;
    let nothing = "There is nothing new since the last check, nor came anything in 5 s.";
    assert_eq!(text, format!("{running} {nothing}"));
    assert_eq!(started.elapsed().as_secs(), 70);
    let reply = client.result("check_task", json!({"task_id": id, "wait_seconds": 50})).await;
    assert_eq!(started.elapsed().as_secs(), 90);
    let complete = format!("Task `{id}` (`count`) is complete. The result:\ncounted to 90");
    let news = "New since the last check:\n{\"second\":80}";
    let content = json!([{"type": "text", "text": format!("{complete}\n\n{news}")}]);
    assert_eq!(reply, json!({"content": content, "isError": false}));
    // Whoever asks again is told again.
    assert_eq!(client.check(&id, 0).await, (complete, false));
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
    let mut client = Plain::connect(Server::new("crawl").tools(tools![crawl])).await;
    let (_, id) = client.ticket("crawl", json!({})).await;
    let started = Instant::now();
    let mut texts = Vec::new();
    loop {
        let (text, _) = client.check(&id, 50).await;
        let is_over = !text.contains("is running");
        texts.push((text, started.elapsed().as_secs()));
        if is_over {
            break;
        }
    }
    let running = format!("Task `{id}` (`crawl`) is running");
    assert_eq!(texts[0], (format!("{running}, 10.75 %: crawling."), 9), "{texts:?}");
    assert_eq!(texts[1], (format!("{running}, 20.75 %: crawling."), 19), "{texts:?}");
    assert_eq!(texts.len(), 10, "{texts:?}");
    let (text, _) = texts.pop().expect("the last");
    assert_eq!(text, format!("Task `{id}` (`crawl`) is complete. The result:\narrived"));
    // Time is up before it is: then it is told how far it is all the same.
    let (_, id) = client.ticket("crawl", json!({})).await;
    let (text, _) = client.check(&id, 2).await;
    assert_eq!(text, format!("Task `{id}` (`crawl`) is running, 2.75 %: crawling."));
}

/// Nobody could come back with a ticket of a server that ends.
#[tokio::test(start_paused = true)]
async fn at_the_end_there_are_no_tickets() {
    let server = server().grace(Duration::from_secs(3));
    let mut client = Plain::connect(server).await;
    client.call(1, "nap", json!({})).await;
    sleep(Duration::from_secs(1)).await;
    let rest = client.finish().await;
    assert_eq!(rest.len(), 1);
    let reply = parse(&rest[0]);
    assert_eq!((text_of(&reply).as_str(), &reply["result"]["isError"]), ("stopped", &json!(true)));
}

#[tokio::test(start_paused = true)]
async fn who_does_not_stop_is_dropped_and_that_is_said() {
    let mut client = Plain::connect(server()).await;
    let (_, id) = client.ticket("nap", json!({})).await;
    client.stop(&id).await;
    let started = Instant::now();
    let (text, is_error) = client.check(&id, 50).await;
    let late = "was stopped (it did not end by itself in time, and was dropped).";
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
    let mut client = Plain::connect(Server::new("terse").tools(tools![terse])).await;
    let (_, id) = client.ticket("terse", json!({})).await;
    client.stop(&id).await;
    let (text, _) = client.check(&id, 50).await;
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
    let mut client = Plain::connect(Server::new("steps").tools(tools![steps])).await;
    let (_, id) = client.ticket("steps", json!({})).await;
    let running = format!("Task `{id}` (`steps`) is running, 100 %: step 400.");
    let (text, _) = client.check(&id, 0).await;
    let news = "New since the last check:\n100 steps\n200 steps\n300 steps\n400 steps";
    assert_eq!(text, format!("{running}\n\n{news}"));
    let (text, _) = client.check(&id, 0).await;
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
    let mut client = Plain::connect(Server::new("chapters").tools(tools![chapters])).await;
    for (number, missed) in [(16, None), (17, Some("(1 older update is left out)"))] {
        let (_, id) = client.ticket("chapters", json!({"number": number, "linger": true})).await;
        let (text, _) = client.check(&id, 0).await;
        let mut lines: Vec<&str> = text.lines().skip(3).collect();
        let dropped = missed.inspect(|missed| assert_eq!(lines.remove(0), *missed)).is_some();
        let kept = usize::from(dropped)..number;
        assert_eq!(lines, kept.map(|chapter| format!("{chapter:01000}")).collect::<Vec<_>>());
    }
    let (text, _) = client.ask("chapters", json!({"number": 20, "linger": false})).await;
    let lines: Vec<&str> = text.lines().collect();
    let head = ["the end", "", "Updates while it ran:", "(16 older updates are left out)"];
    assert_eq!((&lines[..4], lines.len()), (&head[..], 4 + 4), "4 KiB go with a result");
    assert_eq!(lines[7], format!("{:01000}", 19));
}

#[tokio::test(start_paused = true)]
async fn an_ended_task_is_readable_for_its_retention_and_no_longer() {
    let mut client = Plain::connect(server()).await;
    let (text, id) = client.ticket("nap", json!({})).await;
    assert!(text.starts_with("`nap` is still running after 2s"), "{text}");
    assert!(text.contains("\"wait_seconds\": 50"), "a check may wait longer: {text}");
    sleep(Duration::from_secs(58 + 29)).await;
    let reply = client.result("check_task", json!({"task_id": id})).await;
    let complete = format!("Task `{id}` (`nap`) is complete. The result:\n{{\"rested\":true}}");
    assert_eq!(reply["content"], json!([{"type": "text", "text": complete}]));
    assert!(reply["structuredContent"].is_null(), "many a model would see nothing else: {reply}");
    sleep(Duration::from_secs(2)).await;
    let unknown =
        format!("unknown task `{id}` (results are kept for a limited time after a task ends)");
    assert_eq!(client.check(&id, 0).await, (unknown, true));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_is_an_error_with_its_reason() {
    let server = server().patience(Duration::from_secs(10));
    let mut client = Plain::connect(server).await;
    let (_, id) = client.ticket("count", json!({"seconds": 13})).await;
    let reply = client.result("check_task", json!({"task_id": id, "wait_seconds": 10})).await;
    let failed = format!("Task `{id}` (`count`) failed. The error:\nthirteen is bad luck");
    let content = json!([{"type": "text", "text": failed}]);
    assert_eq!(reply, json!({"content": content, "isError": true}));
}

#[tokio::test(start_paused = true)]
async fn a_task_can_be_stopped() {
    let mut client = Plain::connect(server()).await;
    let (_, id) = client.ticket("count", json!({"seconds": 3600})).await;
    let (text, is_error) = client.stop(&id).await;
    let expected = format!(
        "Task `{id}` was asked to stop. Call `check_task` with {{\"task_id\": \"{id}\", \
         \"wait_seconds\": 50}} to hear how it ends."
    );
    assert_eq!((text, is_error), (expected, false));
    let (text, _) = client.check(&id, 0).await;
    let stopping = format!("Task `{id}` (`count`) is running, and was asked to stop.");
    assert!(text.starts_with(&stopping), "{text}");
    let (text, is_error) = client.check(&id, 50).await;
    let expected = format!("Task `{id}` (`count`) was stopped. The error:\nstopped at 51");
    assert_eq!((text, is_error), (expected, true));
    let (text, is_error) = client.stop(&id).await;
    let expected = format!("Task `{id}` has ended already; `check_task` says how.");
    assert_eq!((text, is_error), (expected, false));
}

#[tokio::test(start_paused = true)]
async fn a_task_of_an_mcpc_client_can_be_checked_and_stopped_too() {
    let mut client = Mcpc::connect(server()).await;
    client.begin_task("t", "count", json!({"seconds": 3600})).await;
    let (text, _) = client.stop("t").await;
    assert!(text.contains("was asked to stop"), "{text}");
    let end = client.message().await;
    assert_eq!((&end["event"], &end["result"]), (&json!("failed"), &json!("stopped at 1")));
    let (text, is_error) = client.check("t", 0).await;
    let expected = "Task `t` (`count`) was stopped. The error:\nstopped at 1";
    assert_eq!((text.as_str(), is_error), (expected, true));
    // The id of an ended task may be taken again.
    assert_eq!(
        client.events("count", json!({"seconds": 1})).await[1],
        ("complete".to_owned(), json!("counted to 1"))
    );
    assert!(client.check("t", 0).await.0.contains("is complete"));
}

#[tokio::test(start_paused = true)]
async fn what_nobody_knows_and_what_makes_no_sense() {
    let mut client = Plain::connect(server()).await;
    let mut other = Plain::connect(server()).await;
    let (_, id) = other.ticket("count", json!({"seconds": 3600})).await;
    for id in [id.as_str(), "never"] {
        let unknown =
            format!("unknown task `{id}` (results are kept for a limited time after a task ends)");
        assert_eq!(client.check(id, 50).await, (unknown.clone(), true));
        assert_eq!(client.stop(id).await, (unknown, true));
    }
    let (text, is_error) = client.ask("stop_task", json!({"task": "t"})).await;
    assert_eq!(
        (text.as_str(), is_error),
        (
            "argument `task_id` is missing\n\
             unknown argument `task`; did you mean `task_id`?",
            true
        )
    );
}

async fn names(server: Server) -> Vec<String> {
    Plain::connect(server).await.names().await
}

#[tokio::test]
async fn the_control_tools_are_there_where_they_are_of_use() {
    assert_eq!(
        names(server()).await,
        ["count", "nap", "add", "check_task", "stop_task", "message_task"]
    );
    assert_eq!(names(server().control_tools(false)).await, ["count", "nap", "add"]);
    assert_eq!(names(Server::new("plain").tools(tools![add])).await, ["add"]);
}

#[tokio::test(start_paused = true)]
async fn without_them_a_call_waits_for_its_task() {
    let mut client = Plain::connect(server().control_tools(false)).await;
    let reply = client.ask("count", json!({"seconds": 59})).await;
    assert!(reply.0.starts_with("counted to 59\n\n"), "{}", reply.0);
    let (text, _) = client.ask("check_task", json!({"task_id": "t"})).await;
    assert_eq!(text, "unknown tool `check_task`; expected one of `count`, `nap`, `add`");
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_call_stops_its_task_until_it_is_a_ticket() {
    let mut client = Plain::connect(server()).await;
    client.call(1, "count", json!({"seconds": 3600})).await;
    sleep(Duration::from_secs(51)).await;
    let reply = client.value().await;
    let id = task_of(&text_of(&reply));
    client.cancel(1).await;
    sleep(Duration::from_secs(5)).await;
    let (text, _) = client.check(&id, 0).await;
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

/// The bound of what is kept is for updates.
#[tokio::test(start_paused = true)]
async fn a_result_drives_no_update_out_however_large() {
    let mut client = Plain::connect(Server::new("large").tools(tools![large])).await;
    for bytes in [1_000, 16_000, 16_384, 20_000, 100_000] {
        let (text, is_error) = client.ask("large", json!({ "bytes": bytes })).await;
        let expected = format!("{}\n\n{UPDATES}", "x".repeat(bytes));
        assert!(!is_error && text == expected, "{bytes}: {}", text.len());
    }
}

const UPDATES: &str = "Updates while it ran:\nupdate 1\nupdate 2\nupdate 3";

/// Returns a text of many characters of two bytes, and a picture.
#[mcpc::background]
async fn report(characters: usize) -> Vec<ContentBlock> {
    sleep(Duration::from_secs(1)).await;
    let text = (0..characters).map(|i| if i % 2 == 0 { 'ä' } else { 'ö' }).collect::<String>();
    vec![ContentBlock::text(text), ContentBlock::image("AA==", "image/png")]
}

/// A host would cut it, and say nothing of how to get what is missing.
#[tokio::test(start_paused = true)]
async fn a_result_that_is_too_large_comes_in_parts() {
    let server = Server::new("large").tools(tools![large, report]).max_result_bytes(1_001);
    let mut client = Plain::connect(server).await;
    let (text, is_error) = client.ask("large", json!({"bytes": 3_000})).await;
    let id = text.split('"').nth(3).expect("an id").to_owned();
    let rest = |id: &str, offset: u64| format!("{{\"task_id\": \"{id}\", \"offset\": {offset}}}");
    let (beginning, end) = ("x".repeat(501), "x".repeat(500));
    let notice = format!(
        "[These are the beginning and the end of 3000 bytes. Call `check_task` with {}, or any other offset, to \
         read on from there.]",
        rest(&id, 501)
    );
    let gap = "[1999 bytes are left out here]";
    let expected = format!("{notice}\n\n{beginning}\n\n{gap}\n\n{end}\n\n{UPDATES}");
    assert_eq!(text, expected);
    assert!(!is_error);
    // Read on as it says.
    let (text, _) = client.ask("check_task", json!({"task_id": id, "offset": 501})).await;
    let part = "x".repeat(1_001);
    let more = format!("[bytes 501 to 1502 of 3000; go on with {}]", rest(&id, 1502));
    assert_eq!(text, format!("{more}\n\n{part}"));
    let (text, _) = client.ask("check_task", json!({"task_id": id, "offset": 2_900})).await;
    let last = format!("[bytes 2900 to 3000 of 3000, the end]\n\n{}", "x".repeat(100));
    assert_eq!(text, last);
    let (text, _) = client.ask("check_task", json!({"task_id": id, "offset": 1_000_000})).await;
    assert_eq!(text, "[The result has no more than 3000 bytes]");
    // A check of its own, characters that are not torn, and what is no text.
    let reply = client.result("report", json!({"characters": 1_000})).await;
    assert_eq!(reply["content"][1]["type"], "image", "{reply}");
    let text = reply["content"][0]["text"].as_str().expect("a text");
    let id = text.split('"').nth(3).expect("an id").to_owned();
    assert!(text.contains(&"äö".repeat(125)) && text.contains("[1000 bytes"), "{text}");
    let (checked, _) = client.ask("check_task", json!({"task_id": id, "offset": 501})).await;
    assert!(
        checked.ends_with("öä") && checked.starts_with("[bytes 502 to 1502 of 2000"),
        "{checked}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_a_way_to_the_rest_a_result_is_whole() {
    let server = Server::new("large").tools(tools![large]).control_tools(false);
    let mut client = Plain::connect(server.max_result_bytes(1_001)).await;
    let (text, _) = client.ask("large", json!({"bytes": 200_000})).await;
    assert_eq!(text, format!("{}\n\n{UPDATES}", "x".repeat(200_000)));
}

/// A model that lost the id of its task.
#[tokio::test(start_paused = true)]
async fn without_an_id_every_task_is_listed() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (text, is_error) = client.ask("check_task", json!({})).await;
    let none = "There is no task: none is running, and none that ended is still known.";
    assert_eq!((text.as_str(), is_error), (none, false));
    let (_, ended) = client.ticket("count", json!({"seconds": 13})).await;
    sleep(Duration::from_secs(14)).await;
    let (_, counting) = client.ticket("count", json!({"seconds": 90})).await;
    sleep(Duration::from_secs(65)).await;
    let (_, napping) = client.ticket("nap", json!({})).await;
    client.stop(&napping).await;
    let (text, _) = client.ask("check_task", json!({})).await;
    assert_eq!(
        text,
        format!(
            "2 tasks are running, 1 that ended is still known:\n\
             - `{counting}`: `count` {{\"seconds\":90}}, is running for 1 min 7 s\n\
             - `{napping}`: `nap` {{}}, is running for 2 s and was asked to stop\n\
             - `{ended}`: `count` {{\"seconds\":13}}, failed 1 min 8 s ago\n\
             Call `check_task` with the `task_id` of one for its news, or for its result."
        )
    );
    assert_eq!(client.ask("check_task", json!({"task_id": ""})).await.0, text, "it has none");
    // It may wait for one of them to end.
    let started = Instant::now();
    let (text, _) = client.ask("check_task", json!({"wait_seconds": 50})).await;
    assert_eq!(started.elapsed().as_secs(), 5, "the nap is dropped");
    assert!(text.starts_with("1 task is running, 2 that ended are still known:"), "{text}");
    let (text, _) = client.ask("check_task", json!({"wait_seconds": 50})).await;
    assert_eq!(started.elapsed().as_secs(), 23);
    assert!(
        text.contains(&format!("- `{counting}`: `count` {{\"seconds\":90}}, completed 0 s ago")),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_nearly_right_gets_the_nearest_and_the_list() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, id) = client.ticket("count", json!({"seconds": 3600})).await;
    let (_, other) = client.ticket("nap", json!({})).await;
    // In quotes it is what it is.
    for quoted in [format!("\"{id}\""), format!("`{id}`"), format!(" '{id}'\n")] {
        let (text, is_error) = client.check(&quoted, 0).await;
        assert!(!is_error && text.starts_with(&format!("Task `{id}` (`count`)")), "{text}");
    }
    let list = format!(
        "2 tasks are running:\n\
         - `{id}`: `count` {{\"seconds\":3600}}, is running for 2 s\n\
         - `{other}`: `nap` {{}}, is running for 2 s"
    );
    let (cut, end) = (format!("{}…", &id[..8]), &id[24..]);
    let dots = format!("{}...", &id[..13]);
    let wrong = format!("{}0{}", &id[..7], &id[9..]);
    for nearly in [cut.as_str(), end, &dots, &wrong] {
        let expected = format!("unknown task `{nearly}`; did you mean `{id}`?\n{list}");
        assert_eq!(client.check(nearly, 50).await, (expected.clone(), true));
        assert_eq!(client.stop(nearly).await, (expected, true));
    }
    let expected = format!("unknown task `tests`\n{list}");
    assert_eq!(client.check("tests", 0).await, (expected, true));
    let (text, _) = client.ask("stop_task", json!({"task_id": format!("'{id}'")})).await;
    assert!(text.contains("was asked to stop"), "{text}");
    sleep(Duration::from_secs(1)).await;
    assert!(client.check(&id, 0).await.0.contains("was stopped"));
}

/// Whatever a model writes there, it waits as long as it may.
#[tokio::test(start_paused = true)]
async fn a_wait_is_clamped_and_never_refused() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, id) = client.ticket("count", json!({"seconds": 3600})).await;
    for (wait, seconds) in
        [(json!(-5), 0.0), (json!(1.5), 1.5), (json!(51), 50.0), (json!(1e300), 50.0)]
    {
        let started = Instant::now();
        let arguments = json!({"task_id": id, "wait_seconds": wait});
        let (text, is_error) = client.ask("check_task", arguments).await;
        assert!(!is_error, "{wait}: {text}");
        assert!((started.elapsed().as_secs_f64() - seconds).abs() < 0.01, "{wait}");
    }
}

/// A model that asks twice is told, and not refused.
#[tokio::test(start_paused = true)]
async fn a_ticket_says_that_the_same_runs_already() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, first) = client.ticket("count", json!({"seconds": 60})).await;
    let same = format!(" Task `{first}` runs `count` with the same arguments since before.");
    for _ in 0..2 {
        let (text, _) = client.ticket("count", json!({"seconds": 60})).await;
        assert!(text.ends_with(&same), "{text}");
    }
    let (text, _) = client.ticket("count", json!({"seconds": 61})).await;
    assert!(text.ends_with("to stop it."), "{text}");
    let mut other = Plain::connect(server().patience(Duration::ZERO)).await;
    let (text, _) = other.ticket("count", json!({"seconds": 60})).await;
    assert!(text.ends_with("to stop it."), "another's task is nobody's business: {text}");
    sleep(Duration::from_secs(61)).await;
    let (text, _) = client.ticket("count", json!({"seconds": 60})).await;
    assert!(text.ends_with("to stop it."), "those have ended: {text}");
}

#[tokio::test(start_paused = true)]
async fn the_names_of_the_control_tools_may_have_a_prefix() {
    let server = || server().control_prefix("git_").patience(Duration::ZERO);
    assert_eq!(names(server()).await[3..], ["git_check_task", "git_stop_task", "git_message_task"]);
    let mut client = Plain::connect(server()).await;
    let (text, id) = client.ticket("count", json!({"seconds": 60})).await;
    assert!(text.contains("Call `git_check_task` with {") && text.contains("or `git_stop_task`"));
    let (text, _) = client.ask("git_stop_task", json!({"task_id": id})).await;
    assert!(text.contains("Call `git_check_task` with"), "{text}");
    let (text, _) = client.ask("git_check_task", json!({})).await;
    assert!(text.ends_with(
        "Call `git_check_task` with the `task_id` of one for its news, or for its result."
    ));
    let (text, _) = client.ask("check_task", json!({})).await;
    assert!(text.starts_with("unknown tool `check_task`"), "{text}");
}

/// Streams what it does, and returns it.
#[mcpc::background]
async fn build(lines: u32, fails: bool, updates: Sender) -> Result<String, String> {
    updates.send("checked out").await;
    for line in 0..lines {
        updates.output(format!("compiling {line}")).await;
    }
    sleep(Duration::from_secs(2)).await;
    if fails { Err("it does not compile".to_owned()) } else { Ok("built".to_owned()) }
}

#[tokio::test(start_paused = true)]
async fn output_is_for_those_who_watch_and_for_failures() {
    let server = || Server::new("build").tools(tools![build]);
    let mut client = Mcpc::connect(server()).await;
    let (text, _) = client.ask("build", json!({"lines": 3000, "fails": false})).await;
    assert_eq!(text, "built\n\nUpdates while it ran:\nchecked out");
    let (text, _) = client.ask("build", json!({"lines": 3000, "fails": true})).await;
    let (first, output) = text.split_once("\n\nThe end of its output:\n").expect("some");
    assert_eq!(first, "it does not compile\n\nUpdates while it ran:\nchecked out");
    assert!(output.starts_with("(2727 older parts are left out)\ncompiling 2727\n"), "{output}");
    assert!(output.ends_with("\ncompiling 2999") && output.len() < (4 << 10) + 50);
    // A model that looks in between sees what came since.
    let mut client = Mcpc::connect(server().patience(Duration::ZERO)).await;
    let (_, id) = client.ticket("build", json!({"lines": 2, "fails": false})).await;
    sleep(Duration::from_secs(1)).await;
    let running = format!("Task `{id}` (`build`) is running.");
    let news = "New since the last check:\nchecked out";
    let output = "The end of its output since the last check:\ncompiling 0\ncompiling 1";
    assert_eq!(client.check(&id, 0).await.0, format!("{running}\n\n{news}\n\n{output}"));
    assert_eq!(client.check(&id, 0).await.0, format!("{running} {NOTHING_NEW}"));
    // An MCPC client hears all of it.
    client.start("t", "build", json!({"lines": 2, "fails": false})).await;
    let said: Vec<Value> = client.task().await.into_iter().map(|(_, result)| result).collect();
    let expected = json!(["Started build", "checked out", "compiling 0", "compiling 1", "built"]);
    assert_eq!(json!(said), expected);
}

/// Says each thing as it finds it, and all of them at the end.
#[mcpc::background]
async fn find(how: String, updates: Sender) -> Result<Value, String> {
    for found in ["a.rs", "b.rs"] {
        updates.send(found).await;
    }
    updates.send("searched everywhere").await;
    match how.as_str() {
        "list" => Ok(json!(["a.rs", "b.rs"])),
        "text" => Ok(json!("found:\n  a.rs\n  b.rs\n")),
        "all" => Ok(json!(["a.rs", "b.rs", "searched everywhere"])),
        _ => Err("searched everywhere".to_owned()),
    }
}

#[tokio::test(start_paused = true)]
async fn updates_that_the_result_says_again_are_left_out() {
    let mut client = Plain::connect(Server::new("find").tools(tools![find])).await;
    for (how, text) in [
        ("list", "[\"a.rs\",\"b.rs\"]\n\nUpdates while it ran:\nsearched everywhere"),
        ("text", "found:\n  a.rs\n  b.rs\n\nUpdates while it ran:\nsearched everywhere"),
        ("all", "[\"a.rs\",\"b.rs\",\"searched everywhere\"]"),
        ("none", "searched everywhere\n\nUpdates while it ran:\na.rs\nb.rs"),
    ] {
        assert_eq!(client.ask("find", json!({ "how": how })).await.0, text);
    }
}

#[tokio::test(start_paused = true)]
async fn a_check_leaves_out_what_the_result_says_too() {
    let server = Server::new("find").tools(tools![find]).patience(Duration::ZERO);
    let mut client = Plain::connect(server).await;
    let (_, id) = client.ticket("find", json!({"how": "list"})).await;
    sleep(Duration::from_secs(1)).await;
    let expected = format!(
        "Task `{id}` (`find`) is complete. The result:\n[\"a.rs\",\"b.rs\"]\n\n\
         New since the last check:\nsearched everywhere"
    );
    assert_eq!(client.check(&id, 0).await, (expected, false));
}

/// Sends each of its items, more than are kept, and returns them all.
#[mcpc::background]
async fn items(number: u32, updates: Sender) -> Vec<String> {
    let items: Vec<String> = (0..number).map(|item| format!("src/item_{item}.rs")).collect();
    for item in &items {
        updates.send(item).await;
    }
    items
}

#[tokio::test(start_paused = true)]
async fn a_result_that_says_everything_again_stands_alone() {
    let mut client = Plain::connect(Server::new("items").tools(tools![items])).await;
    let result = client.result("items", json!({"number": 3000})).await;
    assert!(result["structuredContent"]["result"].is_array(), "{}", result["content"][0]["text"]);
}

/// Sends an update of so many bytes.
#[mcpc::background(patience = "0s")]
async fn huge(bytes: usize, updates: Sender) {
    updates.send("x".repeat(bytes)).await;
    sleep(Duration::from_secs(3600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_check_is_no_longer_than_a_result_may_be() {
    let server = Server::new("huge").tools(tools![huge]).max_result_bytes(1_000);
    let mut client = Plain::connect(server).await;
    let (_, id) = client.ticket("huge", json!({"bytes": 5_000_000})).await;
    let (text, _) = client.check(&id, 0).await;
    let news = format!("New since the last check:\n{}…", "x".repeat(1_000));
    assert_eq!(text, format!("Task `{id}` (`huge`) is running.\n\n{news}"));
}

/// Answers as tools of rmcp may.
#[mcpc::background]
async fn written(how: String, updates: Sender) -> Result<CallToolResult, CallToolResult> {
    updates.send("found").await;
    updates.output("LAST-LINE").await;
    sleep(Duration::from_secs(2)).await;
    let texts = |texts: &[&str]| texts.iter().map(|text| ContentBlock::text(*text)).collect();
    let mut rows = CallToolResult::structured(json!({"rows": [1, 2]}));
    match how.as_str() {
        "number" => Ok(CallToolResult::success(texts(&["42"]))),
        "two" => Ok(CallToolResult::success(texts(&["part 1", "part 2"]))),
        "two_numbers" => Ok(CallToolResult::success(texts(&["17", "18"]))),
        "empty" => Ok(CallToolResult::success(texts(&[""]))),
        "rows" => {
            rows.content = texts(&["Found 2 rows"]);
            Ok(rows)
        }
        "rows_alone" => {
            rows.content.clear();
            Ok(rows)
        }
        "error_with_rows" => {
            rows.content.clear();
            Err(rows)
        }
        _ => Err(CallToolResult::error(texts(&["404"]))),
    }
}

#[tokio::test(start_paused = true)]
async fn what_a_tool_wrote_itself_is_one_text_with_all_that_it_says() {
    let server = || Server::new("written").tools(tools![written]);
    let mut client = Mcpc::connect(server()).await;
    let updates = "Updates while it ran:\nfound";
    for (how, text, is_error) in [
        ("number", format!("42\n\n{updates}"), false),
        ("two", format!("part 1\npart 2\n\n{updates}"), false),
        ("two_numbers", format!("17\n18\n\n{updates}"), false),
        ("empty", updates.to_owned(), false),
        ("error", format!("404\n\n{updates}\n\nThe end of its output:\nLAST-LINE"), true),
        // It says itself where its client is to look.
        ("rows", "Found 2 rows".to_owned(), false),
    ] {
        assert_eq!(client.ask("written", json!({ "how": how })).await, (text, is_error), "{how}");
    }
    // A check has no other place for what is structured.
    let mut client = Mcpc::connect(server().patience(Duration::ZERO)).await;
    for (how, says) in [
        ("rows", "is complete. The result:\nFound 2 rows\n{\"rows\":[1,2]}"),
        ("rows_alone", "is complete. The result:\n{\"rows\":[1,2]}"),
        ("error_with_rows", "failed. The error:\n{\"rows\":[1,2]}"),
        ("number", "is complete. The result:\n42"),
    ] {
        let (_, id) = client.ticket("written", json!({ "how": how })).await;
        client.check(&id, 0).await;
        let (text, _) = client.check(&id, 50).await;
        assert_eq!(text.split("\n\n").next(), Some(&*format!("Task `{id}` (`written`) {says}")));
    }
    // Nor has `failed`.
    assert_eq!(
        client.events("written", json!({"how": "error_with_rows"})).await.pop(),
        Some(("failed".to_owned(), json!("{\"rows\":[1,2]}")))
    );
}

/// What a host adds to each call is nothing that the model asked for.
#[tokio::test(start_paused = true)]
async fn a_call_is_the_same_whatever_its_host_adds() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let call = |id: &str| {
        json!({
            "seconds": 60, "sessionId": "s", "action": "sendMessage", "chatInput": "hello",
            "toolCallId": id,
        })
    };
    let (_, first) = client.ticket("count", call("call_1")).await;
    let (text, _) = client.ticket("count", call("call_2")).await;
    assert!(
        text.ends_with(&format!(
            " Task `{first}` runs `count` with the same arguments since before."
        ))
    );
    let (text, _) = client.ask("check_task", json!({})).await;
    assert!(text.contains("`count` {\"seconds\":60}, is running"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn how_long_a_check_waits_follows_no_patience_that_is_short_or_very_long() {
    for (patience, longest) in [(0, 50), (2, 50), (10, 10), (30, 30), (55, 50)] {
        let patience = Duration::from_secs(patience);
        let mut client = Plain::connect(server().patience(patience)).await;
        let (text, id) = client.ticket("count", json!({"seconds": 3600})).await;
        assert!(text.contains(&format!("\"wait_seconds\": {longest}}}")), "{text}");
        let started = Instant::now();
        client.stop("never").await;
        client.ask("check_task", json!({"wait_seconds": 1000})).await;
        assert_eq!(started.elapsed().as_secs(), longest, "{id}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_stops_nothing() {
    let mut client = Plain::connect(server().patience(Duration::ZERO)).await;
    let (_, id) = client.ticket("count", json!({"seconds": 3600})).await;
    let (text, is_error) = client.ask("stop_task", json!({"task_id": id, "force": true})).await;
    assert_eq!(
        (text.as_str(), is_error),
        ("unknown argument `force`; expected one of `task_id`", true)
    );
    sleep(Duration::from_secs(10)).await;
    let (text, _) = client.check(&id, 0).await;
    assert_eq!(text, format!("Task `{id}` (`count`) is running. {NOTHING_NEW}"));
}

/// Stops when its time is up, and says where it was.
#[mcpc::background(timeout = "3s")]
async fn timed(updates: Sender) -> Result<(), &'static str> {
    updates.stopped().await;
    Err("stopped at step 2")
}

#[tokio::test(start_paused = true)]
async fn who_had_no_more_time_is_told_so() {
    let mut client = Plain::connect(Server::new("timed").tools(tools![timed])).await;
    let expected = "timed out after 3s: stopped at step 2";
    assert_eq!(client.ask("timed", json!({})).await, (expected.to_owned(), true));
}

/// Sends so many things, one by one.
#[mcpc::background(patience = "0s")]
async fn trickle(things: u32, updates: Sender) {
    for thing in 1..=things {
        sleep(Duration::from_secs(1)).await;
        updates.send(format!("thing {thing}")).await;
    }
    sleep(Duration::from_secs(3600)).await;
}

#[tokio::test(start_paused = true)]
async fn a_check_waits_for_a_bundle_of_updates() {
    let mut client = Plain::connect(Server::new("trickle").tools(tools![trickle])).await;
    let (_, id) = client.ticket("trickle", json!({"things": 25})).await;
    let started = Instant::now();
    for (seconds, from, to) in [(10, 1, 10), (20, 11, 20), (70, 21, 25)] {
        let (text, _) = client.check(&id, 50).await;
        assert_eq!(started.elapsed().as_secs(), seconds, "{text}");
        let things: Vec<String> = (from..=to).map(|thing| format!("thing {thing}")).collect();
        assert!(text.ends_with(&format!("check:\n{}", things.join("\n"))), "{text}");
    }
}

/// tokio's timer waits a millisecond for no time at all.
#[tokio::test(start_paused = true)]
async fn a_check_that_is_not_to_wait_takes_no_time() {
    let mut client = Plain::connect(server()).await;
    let (_, id) = client.ticket("nap", json!({})).await;
    client.check(&id, 0).await;
    // Away from the ticks of tokio's timer, of which the next one would be waited for.
    tokio::time::advance(Duration::from_micros(300)).await;
    let started = Instant::now();
    for _ in 0..100 {
        let (text, is_error) = client.check(&id, 0).await;
        assert!(!is_error && text.contains("nothing new"), "{text}");
    }
    assert_eq!(started.elapsed(), Duration::ZERO);
}
