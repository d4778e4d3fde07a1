//! A client that gives a progress token: its call stays open, and it hears how far the task is.

use std::time::Duration;

use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::support::clients::Heard;
use crate::support::messages::{call_with_token, task_of};
use crate::support::{Mcpc, Wire, WithProgress, text};

/// Does so many steps, each of so many milliseconds.
#[mcpc::background]
async fn steps(steps: u32, millis: u64, updates: Sender) -> Result<u32, String> {
    for step in 1..=steps {
        sleep(Duration::from_millis(millis)).await;
        updates.progress(step, steps, format!("step {step}"));
    }
    if updates.is_stopped() { Err("stopped".to_owned()) } else { Ok(steps) }
}

/// Says things of every kind.
#[mcpc::background]
async fn says(updates: Sender) {
    updates.send("a text").await;
    sleep(Duration::from_secs(1)).await;
    updates.send(json!({"row": 5})).await;
    sleep(Duration::from_secs(1)).await;
    updates.progress(1, 4, "a quarter");
    sleep(Duration::from_secs(1)).await;
    updates.progress(1, 5, "back a little");
    sleep(Duration::from_secs(1)).await;
    updates.progress(1, 1, "");
    sleep(Duration::from_secs(1)).await;
    updates.send("and one more").await;
    sleep(Duration::from_secs(1)).await;
}

/// Says nothing for a minute and a bit.
#[mcpc::background]
async fn silent() {
    sleep(Duration::from_secs(70)).await;
}

/// Sends until it is stopped, and rests no more than it must.
#[mcpc::background]
async fn flood(count: u32, updates: Sender) -> u32 {
    for i in 0..count {
        updates.send(i).await;
    }
    count
}

fn server() -> Server {
    Server::new("progress").tools(tools![steps, says, silent, flood])
}

fn assert_grows(heard: &[Heard]) {
    let progress = heard.iter().map(|(params, _)| params["progress"].as_f64().expect("a number"));
    assert!(progress.is_sorted_by(|a, b| a < b), "{heard:?}");
}

#[tokio::test(start_paused = true)]
async fn each_step_is_heard_and_then_the_result() {
    let mut client = WithProgress::connect(server()).await;
    let (heard, reply) = client.hear("steps", json!({"steps": 4, "millis": 500})).await;
    let expected: Vec<_> = (1..=4)
        .map(|step| {
            let message = format!("step {step}");
            let params = json!({
                "progressToken": "token", "progress": f64::from(step), "total": 4.0,
                "message": message,
            });
            (params, Duration::from_millis(500) * step)
        })
        .collect();
    assert_eq!(heard, expected);
    assert_eq!(text(&reply), "4");
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_many_is_heard_ten_times_a_second_and_the_last_one_always() {
    let mut client = WithProgress::connect(server()).await;
    let (heard, reply) = client.hear("steps", json!({"steps": 1003, "millis": 2})).await;
    assert_eq!(text(&reply), "1003");
    assert!((15..=22).contains(&heard.len()), "{}", heard.len());
    assert_grows(&heard);
    let mut times = heard.iter().map(|(_, time)| *time).collect::<Vec<_>>();
    // The last one comes when it comes, just before the reply.
    times.pop();
    assert!(times.windows(2).all(|pair| pair[1] - pair[0] >= Duration::from_millis(100)));
    assert_eq!(heard.last().expect("some").0["message"], "step 1003");
}

#[tokio::test(start_paused = true)]
async fn whatever_a_task_says_its_progress_grows() {
    let mut client = WithProgress::connect(server()).await;
    let (heard, _) = client.hear("says", json!({})).await;
    let said: Vec<Value> = heard
        .iter()
        .map(|(params, _)| json!([params["progress"], params["total"], params["message"]]))
        .collect();
    assert_eq!(
        json!(said),
        json!([
            [0.01, null, "a text"],
            [0.02, null, "row: 5"],
            [1.0, 4.0, "a quarter"],
            [1.000_000_000_004, 5.0, "back a little"],
            [1.000_000_000_009, 1.0, null],
            [1.000_000_000_010, 1.0, "and one more"],
        ])
    );
}

/// Is done with everything at once, and has a lot to say about it.
#[mcpc::background]
async fn done_early(updates: Sender) {
    for i in 0..100 {
        updates.send(i).await;
        sleep(Duration::from_millis(200)).await;
    }
    updates.progress(0, 3, "");
    updates.progress(3, 3, "done");
    for i in 0..1000 {
        updates.send(i).await;
        updates.progress(4, 3, "");
        sleep(Duration::from_millis(200)).await;
    }
    sleep(Duration::from_secs(100)).await;
}

#[tokio::test(start_paused = true)]
async fn however_much_follows_the_last_of_all_no_number_is_more_than_that_to_be_seen() {
    let mut client = WithProgress::connect(Server::new("progress").tools(tools![done_early])).await;
    let (heard, _) = client.hear("done_early", json!({})).await;
    assert!(heard.len() > 1100, "{}", heard.len());
    assert_grows(&heard);
    for (params, _) in heard {
        let progress = params["progress"].as_f64().expect("a number");
        // Before the task has said how far it is, there is nothing that this is out of; afterwards there is.
        match params["total"].as_f64() {
            None => assert!(progress < 1.0, "{params}"),
            Some(total) => assert!(total == 3.0 && progress < 3.000_001, "{params}"),
        }
    }
}

/// Reports what no task should.
#[mcpc::background]
async fn odd(updates: Sender) {
    for (done, total) in ODD {
        updates.progress(done, total, format!("{done:e} of {total:e}"));
        sleep(Duration::from_secs(1)).await;
    }
}

const ODD: [(f64, f64); 14] = [
    (f64::NAN, 1.0),
    (0.0, f64::NAN),
    (f64::INFINITY, f64::INFINITY),
    (-1.0, 5.0),
    (-0.0, 5.0),
    (1.0, f64::INFINITY),
    (f64::NEG_INFINITY, 1.0),
    (1e307, 1e308),
    (f64::MIN_POSITIVE, f64::MIN_POSITIVE * 4.0),
    (1e308, 1e308),
    (f64::INFINITY, 1.0),
    (7.0, 5.0),
    (-5.0, 0.0),
    (-1.0, -5.0),
];

#[tokio::test(start_paused = true)]
async fn whatever_is_counted_a_percentage_is_one() {
    let percents = [
        Some(0),
        None,
        None,
        Some(0),
        Some(0),
        None,
        Some(0),
        Some(10),
        Some(25),
        Some(100),
        Some(100),
        Some(100),
        Some(100),
        Some(100),
    ];
    let server = || Server::new("progress").tools(tools![odd]);
    let told = Mcpc::connect(server()).await.events("odd", json!({})).await;
    let told: Vec<_> = told.into_iter().filter(|(event, _)| event == "update").collect();
    let expected: Vec<_> = ODD
        .iter()
        .zip(percents)
        .map(|((done, total), percent)| {
            let mut update = json!({"status": format!("{done:e} of {total:e}")});
            if let Some(percent) = percent {
                update["progress"] = json!(f64::from(percent));
            }
            ("update".to_owned(), update)
        })
        .collect();
    assert_eq!(told, expected);

    let mut client = WithProgress::connect(server()).await;
    let (heard, _) = client.hear("odd", json!({})).await;
    assert_grows(&heard);
    for ((params, _), (done, total)) in heard.iter().zip(ODD) {
        assert_eq!(params["message"], format!("{done:e} of {total:e}"));
    }
    let text = serde_json::to_string(&heard.iter().map(|(params, _)| params).collect::<Vec<_>>());
    assert!(!text.expect("JSON").contains("null"));
}

/// Reads something whose length nobody knows, and says what it does.
#[mcpc::background]
async fn download(updates: Sender) {
    updates.status("connecting");
    sleep(SECOND).await;
    updates.progress(4096, None, "downloading");
    sleep(SECOND).await;
    let length: Option<u64> = Some(10_000);
    updates.progress(8192, length, "downloading");
    sleep(SECOND).await;
    updates.status("unpacking");
    sleep(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn progress_is_in_the_units_of_its_author_and_a_total_may_be_missing() {
    let server = || Server::new("progress").tools(tools![download]);
    let mut client = WithProgress::connect(server()).await;
    let (heard, _) = client.hear("download", json!({})).await;
    let heard: Vec<Value> = heard
        .iter()
        .map(|(params, _)| json!([params["progress"], params["total"], params["message"]]))
        .collect();
    assert_eq!(
        json!(heard),
        json!([
            [0.01, null, "connecting"],
            [4096.0, null, "downloading"],
            [8192.0, 10_000.0, "downloading"],
            [8_192.000_000_01, 10_000.0, "unpacking"],
        ])
    );
    let told = Mcpc::connect(server()).await.events("download", json!({})).await;
    let updates: Vec<&Value> = told[1..5].iter().map(|(_, update)| update).collect();
    assert_eq!(
        json!(updates),
        json!([
            {"status": "connecting"},
            {"status": "downloading"},
            {"status": "downloading", "progress": 81.92},
            {"status": "unpacking", "progress": 81.92},
        ])
    );
    // What a model reads that looks.
    let mut client = WithProgress::connect(server().patience(Duration::ZERO)).await;
    let (ticket, _) = client.ask("download", json!({})).await;
    let id = task_of(&ticket);
    for (millis, state) in [
        (500, "is running, connecting."),
        (1000, "is running, 4096 done: downloading."),
        (1000, "is running, 81.92 %: downloading."),
        (1000, "is running, 81.92 %: unpacking."),
    ] {
        sleep(Duration::from_millis(millis)).await;
        let (text, _) = client.ask("check_task", json!({ "task_id": id })).await;
        assert_eq!(text, format!("Task `{id}` (`download`) {state}"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_silent_task_is_heard_to_be_alive() {
    let mut client = WithProgress::connect(server()).await;
    let (heard, _) = client.hear("silent", json!({})).await;
    let times: Vec<u64> = heard.iter().map(|(_, time)| time.as_secs()).collect();
    assert_eq!(times, [15, 30, 45, 60]);
    assert_grows(&heard);
    let mut client = WithProgress::connect(server().heartbeat(Duration::from_secs(40))).await;
    let (heard, _) = client.hear("silent", json!({})).await;
    assert_eq!(heard.len(), 1);
}

/// Hosts give up after a while, whatever they hear: Codex CLI after 300 seconds.
#[tokio::test(start_paused = true)]
async fn such_a_call_is_a_ticket_before_its_host_gives_up() {
    let mut client = WithProgress::connect(server()).await;
    let started = Instant::now();
    let (heard, reply) = client.hear("steps", json!({"steps": 3, "millis": 110_000})).await;
    assert_eq!(started.elapsed(), Duration::from_secs(240));
    let ticket = text(&reply);
    assert!(
        ticket.starts_with(
            "`steps` is still running after 240s, 66.67 %: step 2, and goes on as task `"
        ),
        "{ticket}"
    );
    assert_eq!(reply["result"]["isError"], false);
    assert_grows(&heard);
    let id = task_of(&ticket);
    let check = json!({"task_id": id, "wait_seconds": 1_000_000});
    client.call_with("other", "check", "check_task", check.clone()).await;
    let first = client.value().await;
    assert_eq!(text(&first), format!("Task `{id}` (`steps`) is running, 66.67 %: step 2."));
    assert_eq!(started.elapsed(), Duration::from_secs(290), "no longer than a check waits");
    let (last, _) = client.ask("check_task", check).await;
    assert_eq!(last, format!("Task `{id}` (`steps`) is complete. The result:\n3"));
    assert_eq!(started.elapsed(), Duration::from_secs(330));
    assert_eq!(client.finish().await, [""; 0], "the token is not used any more");
}

/// As above, but a ticket is what its author wants.
#[mcpc::background(patience = "0s")]
async fn at_once(updates: Sender) -> u32 {
    updates.progress(1, 2, "half");
    sleep(SECOND).await;
    7
}

#[tokio::test(start_paused = true)]
async fn the_patience_of_a_tool_or_a_server_is_that_of_such_a_call_too() {
    let mut client = WithProgress::connect(Server::new("progress").tools(tools![at_once])).await;
    let started = Instant::now();
    let (heard, reply) = client.hear("at_once", json!({})).await;
    assert_eq!(heard, [], "it had no time to say anything");
    assert!(text(&reply).starts_with("`at_once` was started and goes on as task `"), "{reply}");
    assert_eq!(started.elapsed(), Duration::ZERO);
    let mut client = WithProgress::connect(server().patience(Duration::from_secs(2))).await;
    let started = Instant::now();
    let (heard, reply) = client.hear("steps", json!({"steps": 3, "millis": 900})).await;
    assert_eq!((heard.len(), started.elapsed()), (2, Duration::from_secs(2)));
    assert!(text(&reply).contains("after 2s, 66.67 %: step 2, and"), "{reply}");
    // A report right before the ticket has a moment to be heard, as that before a result.
    let mut client = WithProgress::connect(server().patience(Duration::from_millis(1805))).await;
    let started = Instant::now();
    let (heard, _) = client.hear("steps", json!({"steps": 3, "millis": 900})).await;
    assert_eq!((heard.len(), started.elapsed()), (2, Duration::from_millis(1820)));
}

/// Clients that forget the token with the reply have a moment to hear what came last.
#[tokio::test(start_paused = true)]
async fn the_reply_follows_the_last_report_at_a_distance() {
    let mut client = WithProgress::connect(server()).await;
    let started = Instant::now();
    let (heard, _) = client.hear("steps", json!({"steps": 2, "millis": 500})).await;
    assert_eq!((heard[1].1, started.elapsed()), (SECOND, SECOND + Duration::from_millis(20)));
    // What reports nothing is not held up.
    let started = Instant::now();
    client.hear("steps", json!({"steps": 0, "millis": 0})).await;
    assert_eq!(started.elapsed(), Duration::ZERO);
}

const SECOND: Duration = Duration::from_secs(1);

/// Echoes, to fill what waits for the client.
#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_slowly_for_a_while_hears_the_last_report_too() {
    let wire = Wire::open_with_buffer(server().tools(tools![echo]), 1 << 10);
    let mut client = WithProgress::begin(wire).await;
    client.call_with("token", "call", "steps", json!({"steps": 10, "millis": 500})).await;
    // More than a mebibyte of replies, which nobody reads until the task is over.
    for id in 0..2 {
        client.call(id, "echo", json!({"text": "x".repeat(600_000)})).await;
    }
    sleep(Duration::from_secs(60)).await;
    let mut last = Value::Null;
    loop {
        let mut message = client.value().await;
        if message["id"] == "call" {
            break;
        }
        if message["method"] == "notifications/progress" {
            last = message["params"]["message"].take();
        }
    }
    assert_eq!(last, "step 10");
}

/// However long a time is, it is a time.
#[tokio::test(start_paused = true)]
async fn times_may_be_as_long_as_they_like() {
    let server = || server().heartbeat(Duration::MAX).retention(Duration::MAX);
    let server = || server().patience(Duration::MAX).grace(Duration::MAX);
    let mut with_progress = WithProgress::connect(server()).await;
    let (heard, reply) = with_progress.hear("steps", json!({"steps": 1, "millis": 50_000})).await;
    assert_eq!((heard.len(), text(&reply).as_str()), (1, "1"));
    let mut client = Mcpc::connect(server()).await;
    client.events("steps", json!({"steps": 1, "millis": 1})).await;
    sleep(Duration::from_secs(365 * 24 * 3600)).await;
    assert!(client.ask("check_task", json!({"task_id": "t"})).await.0.contains("is complete"));
    assert_eq!(client.finish().await, [""; 0]);
    assert_eq!(with_progress.finish().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_mcpc_client_gets_callbacks_whatever_its_token() {
    let mut client = Mcpc::connect(server()).await;
    let arguments = json!({"steps": 1, "millis": 1, "_metadata": {}});
    client.send(&call_with_token(1, "steps", arguments, 7)).await;
    let events: Vec<String> = client.task().await.into_iter().map(|(event, _)| event).collect();
    assert_eq!(events, ["created", "update", "complete"]);
}

#[tokio::test]
async fn a_flood_neither_hides_the_end_nor_others() {
    let mut client = WithProgress::connect(server()).await;
    client.call_with(1, "flood", "flood", json!({"count": 200_000})).await;
    client.call_with(2, "other", "steps", json!({"steps": 1, "millis": 1})).await;
    let mut replies = Vec::new();
    while replies.len() < 2 {
        let message = client.value().await;
        if let Some(id) = message["id"].as_str() {
            replies.push(id.to_owned());
        }
    }
    assert_eq!(replies, ["other", "flood"]);
}

/// Strict clients close the connection on a token that they no longer know.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_ten_thousand_calls_none_hears_anything_after_its_reply() {
    const CALLS: usize = 10_000;
    const AT_ONCE: usize = 100;
    let mut client = WithProgress::connect(server()).await;
    let (mut started, mut ended, mut heard) = (0, 0, 0);
    let mut open = vec![false; CALLS];
    while ended < CALLS {
        while started < CALLS && started - ended < AT_ONCE {
            let count = started % 7;
            client.call_with(started, started, "flood", json!({ "count": count })).await;
            open[started] = true;
            started += 1;
        }
        let message = client.value().await;
        if let Some(id) = message["id"].as_u64() {
            let id = usize::try_from(id).expect("a small number");
            assert!(std::mem::take(&mut open[id]), "{message}");
            ended += 1;
        } else {
            let token = message["params"]["progressToken"].as_u64().expect("a token");
            let token = usize::try_from(token).expect("a small number");
            assert!(open[token], "late: {message}");
            heard += 1;
        }
    }
    assert!(heard > CALLS / 2, "{heard}");
    assert_eq!(client.finish().await, [""; 0], "nothing follows");
}
