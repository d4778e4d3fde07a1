//! A client that stops reading: what waits for it is bounded, and nothing is lost when it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::io::{AsyncWriteExt as _, BufWriter};
use tokio::time::{sleep, timeout};

use crate::support::{INITIALIZE, Mcpc, Plain, Wire, call, parse, text};

const MIB: u64 = 1 << 20;
const UPDATE: usize = 1_000;

#[derive(Clone, Default)]
struct Sent(Arc<AtomicU64>);

#[mcpc::background]
async fn chatter(updates_to_send: u64, sent: State<Sent>, updates: Sender) {
    let text = "x".repeat(UPDATE);
    for i in 0..updates_to_send {
        updates.send(json!([i, text])).await;
        sent.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Reports a hundred thousand times without ever waiting.
#[mcpc::background]
async fn hurry(updates: Sender) {
    for i in 1..=100_000u64 {
        updates.progress(i, 100_000, i.to_string());
        if i % 1_000 == 0 {
            tokio::task::yield_now().await;
        }
    }
}

#[mcpc::background]
async fn boast() -> String {
    "x".repeat(4 << 20)
}

#[mcpc::tool]
async fn echo(text: String) -> String {
    text
}

fn server(sent: &Sent) -> Server {
    Server::new("slow").state(sent.clone()).tools(tools![chatter, hurry, boast, echo])
}

/// Waits until the count has not moved for a second.
async fn settled(sent: &Sent) -> u64 {
    loop {
        let before = sent.0.load(Ordering::SeqCst);
        sleep(Duration::from_secs(1)).await;
        if sent.0.load(Ordering::SeqCst) == before && before > 0 {
            return before;
        }
    }
}

/// One call at a time, whose reply is written without waking the writer, as far as that goes.
#[tokio::test(start_paused = true)]
async fn a_lone_reply_arrives_whole_through_any_writer() {
    for pipe in [7, 64, 1 << 20] {
        for buffer in [None, Some(16), Some(1 << 20)] {
            let server = server(&Sent::default());
            let wire = match buffer {
                None => Wire::open_with_buffer(server, pipe),
                Some(bytes) => Wire::open_with_writer(server, pipe, |writer| {
                    BufWriter::with_capacity(bytes, writer)
                }),
            };
            let mut client = Plain::begin(wire).await;
            for length in [1, 100, 5_000, 100_000] {
                let text = "x".repeat(length);
                assert_eq!(client.ask("echo", json!({"text": text})).await, (text, false));
            }
            assert_eq!(client.finish().await, [""; 0]);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn send_waits_for_a_slow_client_and_loses_nothing() {
    const UPDATES: u64 = 4_000;
    let sent = Sent::default();
    let mut client = Mcpc::connect(server(&sent)).await;
    for task in ["a", "b", "c"] {
        client.start(task, "chatter", json!({"updates_to_send": UPDATES})).await;
    }
    let bytes = settled(&sent).await * UPDATE as u64;
    assert!((MIB / 2..2 * MIB).contains(&bytes), "{bytes} bytes were sent to nobody");

    let mut next = [("a", 0), ("b", 0), ("c", 0)];
    let mut ended = 0;
    while ended < 3 {
        let message = client.message().await;
        let (_, next) =
            next.iter_mut().find(|(task, _)| message["task_id"] == **task).expect("one of ours");
        match message["event"].as_str() {
            Some("created") => assert_eq!(*next, 0),
            Some("update") => {
                assert_eq!(message["result"][0], *next);
                *next += 1;
            }
            Some("complete") => {
                assert_eq!(*next, UPDATES);
                ended += 1;
            }
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn replies_do_not_wait_for_updates() {
    let sent = Sent::default();
    let mut client = Mcpc::connect(server(&sent)).await;
    client.start("t", "chatter", json!({"updates_to_send": 5_000})).await;
    settled(&sent).await;
    client.call("echo", "echo", json!({"text": "still here"})).await;
    sleep(Duration::from_secs(1)).await;
    // The budget of updates is spent, and yet the reply is among what was written before any more of
    // them could be.
    let mut updates = 0;
    loop {
        let line = client.value().await;
        match line["id"] == "echo" {
            true => break,
            false => updates += 1,
        }
    }
    assert!(updates < 1_500, "{updates} updates overtook the reply");
}

#[tokio::test(start_paused = true)]
async fn progress_is_coalesced_and_the_last_one_arrives() {
    let mut client = Mcpc::connect(server(&Sent::default())).await;
    client.start("t", "hurry", json!({})).await;
    sleep(Duration::from_secs(60)).await;
    let events = client.task().await;
    assert!(events.len() < 20_000, "{} of 100,000", events.len());
    let percents: Vec<f64> = events.iter().filter_map(|(_, it)| it["progress"].as_f64()).collect();
    assert!(percents.is_sorted(), "progress never goes back");
    let last = &events[events.len() - 2].1;
    assert_eq!(*last, json!({"status": "100000", "progress": 100.0}));
}

#[tokio::test(start_paused = true)]
async fn a_message_larger_than_the_budget_goes_alone() {
    let mut client = Mcpc::connect(server(&Sent::default())).await;
    for task in ["a", "b"] {
        client.start(task, "boast", json!({})).await;
    }
    let mut complete = 0;
    while complete < 2 {
        let message = client.message().await;
        if message["event"] == "complete" {
            assert_eq!(message["result"].as_str().map(str::len), Some(4 << 20));
            complete += 1;
        }
    }
}

/// Answers with a mebibyte.
#[mcpc::tool]
async fn tell(sent: State<Sent>) -> String {
    sent.0.fetch_add(1, Ordering::SeqCst);
    "x".repeat(1 << 20)
}

/// rmcp's own transport holds no more than ours does.
#[tokio::test(start_paused = true)]
async fn over_another_transport_replies_do_not_pile_up_either() {
    let sent = Sent::default();
    let server = Server::new("slow").state(sent.clone()).tools(tools![tell]);
    let mut wire = Wire::open_over_rmcp(server);
    wire.send(INITIALIZE).await;
    for id in 0..100 {
        wire.send(&call(id, "tell", json!({}))).await;
        sleep(Duration::from_millis(10)).await;
    }
    let told = sent.0.load(Ordering::SeqCst);
    assert!((1..10).contains(&told), "{told} mebibytes wait to be read");
    wire.server.abort();
}

/// It asks and asks, reads nothing, and has nothing more to ask: the server does not wait for ever.
#[tokio::test(start_paused = true)]
async fn a_client_that_never_reads_keeps_no_server_from_ending() {
    for tool in ["echo", "chatter"] {
        let sent = Sent::default();
        let server = server(&sent).grace(Duration::from_secs(2));
        let Wire { lines, mut input, server } = Plain::connect(server).await.wire;
        for id in 0..5 {
            let arguments = match tool {
                // The first two fill what may wait; the others are not even looked at.
                "echo" => json!({"text": "x".repeat(if id < 2 { 600_000 } else { 10 })}),
                _ => json!({"updates_to_send": 100_000, "_metadata": {}}),
            };
            input.write_all((call(id, tool, arguments) + "\n").as_bytes()).await.expect("it reads");
        }
        sleep(Duration::from_secs(10)).await;
        let started = tokio::time::Instant::now();
        input.shutdown().await.expect("it reads");
        server.await.expect("no panic").expect("no error");
        // The grace, and once more for the client to read.
        assert!(started.elapsed() <= Duration::from_secs(7), "{tool}: {:?}", started.elapsed());
        drop(lines);
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_calls_are_read_while_replies_pile_up() {
    let client = Plain::connect(server(&Sent::default())).await;
    let Wire { mut lines, mut input, server } = client.wire;
    let line = call(1, "echo", json!({"text": "x".repeat(10_000)}));
    let mut written = 0u64;
    for id in 0.. {
        let line = line.replacen(r#""id":1"#, &format!(r#""id":{id}"#), 1) + "\n";
        match timeout(Duration::from_secs(5), input.write_all(line.as_bytes())).await {
            Ok(result) => result.expect("the server reads"),
            Err(_) => break,
        }
        written += 1;
        assert!(written < 2_000, "the server reads on although nobody takes its replies");
    }
    // What is in the pipes, in the reader's buffer and in rmcp's hands comes on top of the limit.
    assert!(written * 10_000 < 3 * MIB, "{written} calls");

    let reader = tokio::spawn(async move {
        let mut replies = 0;
        while let Some(line) = lines.next_line().await.expect("UTF-8") {
            let reply: Value = parse(&line);
            // The last line was cut off when the time ran out, and is no call.
            if reply["error"]["code"] != -32700 {
                assert_eq!(text(&reply).len(), 10_000);
                replies += 1;
            }
        }
        replies
    });
    input.write_all(b"\n").await.expect("the server reads again");
    input.shutdown().await.expect("the server reads again");
    let replies: u64 = reader.await.expect("no panic");
    server.await.expect("no panic").expect("no error");
    assert_eq!(replies, written);
}
