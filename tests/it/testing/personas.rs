use std::time::{Duration, Instant};

use futures::FutureExt as _;
use mcpc::testing::{self, As, Client};
use mcpc::{Sender, Server, tools};
use serde_json::{Value, json};

use super::fake::{connect, reply, text};
use crate::support::messages::parse;

const HOUR: Duration = Duration::from_secs(3600);

/// Works for an hour.
#[mcpc::background]
async fn hour(updates: Sender) -> &'static str {
    for quarter in 0..4 {
        updates.progress(quarter, 4, format!("quarter {quarter}"));
        tokio::time::sleep(HOUR / 4).await;
    }
    updates.send("almost").await;
    "it is over"
}

/// Works until it is asked to stop, and takes its time then.
#[mcpc::background]
async fn until_stopped(seconds: u64, updates: Sender) -> Result<(), String> {
    updates.send("ready").await;
    updates.stopped().await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Err("stopped in its own words".to_owned())
}

/// Says very much.
#[mcpc::background]
async fn flood(updates: Sender) -> &'static str {
    for _ in 0..1_500 {
        updates.send("x".repeat(1_000)).await;
    }
    "said"
}

/// Is over at once.
#[mcpc::tool]
async fn number() -> u8 {
    42
}

fn server() -> Server {
    Server::new("s").tools(tools![hour, until_stopped, flood, number])
}

/// What each kind of client opens with, which revision it speaks, and whether its calls have a token.
const OPENINGS: [(As, &str, &str, bool); 17] = [
    (As::Mcpc, "initialize", "2024-11-05", false),
    (As::Mcpc026, "initialize", "2024-11-05", false),
    (As::Tasks, "server/discover", "2026-07-28", false),
    (As::TasksOf2025, "initialize", "2025-11-25", false),
    (As::Progress, "initialize", "2025-06-18", true),
    (As::Plain, "initialize", "2025-06-18", false),
    (As::Forms, "initialize", "2025-11-25", false),
    (As::Stalls, "initialize", "2024-11-05", false),
    (As::Leaves, "initialize", "2024-11-05", false),
    (As::ClaudeCode, "server/discover", "2026-07-28", true),
    (As::Codex, "initialize", "2025-06-18", true),
    (As::Copilot, "server/discover", "2026-07-28", true),
    (As::OpenCode, "initialize", "2025-11-25", true),
    (As::Gemini, "initialize", "2025-06-18", true),
    (As::Qwen, "initialize", "2025-11-25", true),
    (As::Cline, "initialize", "2024-11-05", false),
    (As::Continue, "initialize", "2025-11-25", false),
];

#[tokio::test]
async fn each_client_opens_and_calls_as_its_kind_does() {
    assert_eq!(OPENINGS.map(|(persona, ..)| persona), As::ALL);
    for (persona, method, revision, has_token) in OPENINGS {
        let (client, told) = connect(persona, |call| vec![reply(call, text("ok"))]).await;
        drop(client.start("echo", json!({"text": "hi"})));
        // Whatever was said goes out before anything that is waited for.
        tokio::time::sleep(Duration::from_millis(20)).await;
        let told: Vec<Value> = told.lock().expect("no panic").iter().map(|it| parse(it)).collect();
        let is_call = |line: &&Value| line["method"] == "tools/call";
        let (first, call) = (&told[0], told.iter().rfind(is_call).expect("it calls"));
        assert_eq!(first["method"], method, "{persona}");
        let meta = &call["params"]["_meta"];
        let stateless = &meta["io.modelcontextprotocol/protocolVersion"];
        let spoken =
            if stateless.is_null() { &first["params"]["protocolVersion"] } else { stateless };
        assert_eq!(spoken, revision, "{persona}");
        assert_eq!(!meta["progressToken"].is_null(), has_token, "{persona}");
        let capabilities = &meta["io.modelcontextprotocol/clientCapabilities"]["extensions"];
        let has_tasks = matches!(persona, As::Tasks | As::ClaudeCode);
        let extension = &capabilities["io.modelcontextprotocol/tasks"];
        assert_eq!(extension.is_object(), has_tasks, "{persona}");
        assert!(
            call["params"]["task"].is_null(),
            "{persona}: the tool does not say that it starts tasks"
        );
        assert_eq!(call["params"]["name"], "echo", "{persona}");
    }
}

/// What a client of MCPC says, byte for byte, but for the ids of its tasks.
async fn as_the_reference_does(persona: As, golden: &str) {
    let (client, told) = connect(persona, |call| vec![reply(call, text("hi"))]).await;
    drop(client.start("echo", json!({"text": "hi"})));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let told = told.lock().expect("no panic").clone();
    assert_eq!(
        told[..3],
        [
            r#"{"method":"initialize","params":{"protocolVersion":"2024-11-05","capabilities":{"sampling":{},"roots":{"listChanged":true}},"clientInfo":{"name":"mcp","version":"0.1.0"}},"jsonrpc":"2.0","id":0}"#,
            r#"{"method":"notifications/initialized","jsonrpc":"2.0"}"#,
            r#"{"method":"tools/list","jsonrpc":"2.0","id":1}"#,
        ]
    );
    let lines = golden.lines().map(parse).filter(|line| line["from"] == "client");
    let lines: Vec<String> =
        lines.take(2).map(|line| line["line"].as_str().expect("a line").to_owned()).collect();
    let task_id = |line: &str| {
        let ids = line.rsplit_once("task_id\":\"").map(|(_, rest)| rest[..36].to_owned());
        ids.unwrap_or_default()
    };
    assert_eq!(told[3], lines[0]);
    assert_eq!(told[4], lines[1].replace(&task_id(&lines[1]), &task_id(&told[4])));
}

#[tokio::test]
async fn clients_of_mcpc_say_what_its_references_say() {
    as_the_reference_does(As::Mcpc, include_str!("../../golden/0.2.1.jsonl")).await;
    as_the_reference_does(As::Mcpc026, include_str!("../../golden/0.2.6.jsonl")).await;
}

/// What a client hears of the task of an hour.
fn hears(persona: As) -> &'static [&'static str] {
    match persona {
        As::Plain | As::Forms | As::Cline | As::Continue => &["almost"],
        _ => &["quarter 0", "quarter 1", "quarter 2", "quarter 3", "almost"],
    }
}

#[tokio::test]
async fn a_task_of_an_hour_takes_milliseconds_whatever_the_client() {
    for persona in As::ALL.into_iter().filter(|persona| *persona != As::Leaves) {
        let (client, began) = (testing::connect(server, persona).await, Instant::now());
        let outcome = client.call("hour", json!({})).await;
        assert_eq!(outcome.result(), Ok("it is over"), "{persona}");
        let took = outcome.took();
        assert!(took >= HOUR && took < HOUR + Duration::from_secs(60), "{persona}: {took:?}");
        assert!(began.elapsed() < Duration::from_secs(20), "{persona}: {:?}", began.elapsed());
        let texts = outcome.texts();
        for text in hears(persona) {
            let heard = texts.iter().any(|heard| heard.contains(text));
            assert!(heard, "{persona} did not hear `{text}`: {texts:?}");
        }
        client.leave().await;
    }
}

#[tokio::test]
async fn what_is_heard_has_its_number_and_its_time() {
    let client = testing::connect(server, As::Mcpc).await;
    let outcome = client.call("hour", json!({})).await;
    let half = &outcome.updates()[2];
    assert_eq!((half.done, half.total, half.after.as_secs()), (Some(50.0), Some(100.0), 1_800));
    let client = testing::connect(server, As::Progress).await;
    let outcome = client.call("hour", json!({})).await;
    let first = &outcome.updates()[0];
    assert_eq!((&*first.text, first.done, first.total), ("quarter 0", Some(0.0), Some(4.0)));
}

#[tokio::test]
async fn a_running_call_is_followed_and_stopped_by_every_client() {
    for persona in As::ALL.into_iter().filter(|persona| *persona != As::Leaves) {
        let client = testing::connect(server, persona).await;
        let mut running = client.start("until_stopped", json!({"seconds": 1}));
        let first = running.next().await.expect("an update");
        assert_eq!(first.text, "ready", "{persona}");
        // In between it answers what else is asked.
        assert_eq!(client.call("number", json!({})).await.value::<u8>(), 42, "{persona}");
        running.stop().await;
        let outcome = running.result().await;
        let is_open = matches!(
            persona,
            As::Progress | As::Codex | As::Copilot | As::OpenCode | As::Gemini | As::Qwen
        );
        let ends = if is_open { "the call was cancelled" } else { "stopped in its own words" };
        assert_eq!(outcome.result(), Err(ends), "{persona}");
        client.leave().await;
    }
}

#[tokio::test]
async fn who_stalls_reads_nothing_for_a_minute_and_then_all() {
    let client = testing::connect(server, As::Stalls).await;
    let outcome = client.call("flood", json!({})).await;
    assert_eq!(outcome.result(), Ok("said"));
    assert_eq!(outcome.updates().len(), 1_500);
    assert_eq!(outcome.took().as_secs(), 60);
    assert_eq!(outcome.updates()[0].after.as_secs(), 60);
}

/// Of real time there is not so much.
#[tokio::test]
async fn who_stalls_does_so_for_a_second_where_the_clock_goes_on() {
    let client = testing::connect(server, As::Stalls).await;
    tokio::time::resume();
    let began = Instant::now();
    assert_eq!(client.call("flood", json!({})).await.result(), Ok("said"));
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(1) && took < Duration::from_secs(30), "{took:?}");
}

#[tokio::test]
async fn who_stalls_does_so_for_a_second_where_the_clock_goes_on_meanwhile() {
    let client = testing::connect(server, As::Stalls).await;
    let began = Instant::now();
    let resumes = async {
        tokio::time::sleep(Duration::from_secs(20)).await;
        tokio::time::resume();
    };
    let (outcome, ()) = tokio::join!(client.call("flood", json!({})), resumes);
    assert_eq!(outcome.result(), Ok("said"));
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[tokio::test]
async fn who_leaves_hears_no_end_and_the_task_is_stopped() {
    let client = testing::connect(server, As::Leaves).await;
    let outcome = client.call("until_stopped", json!({"seconds": 2})).await;
    assert_eq!((outcome.result(), outcome.texts()), (Err("the client went away"), vec!["ready"]));
    let left = client.leave().await;
    assert_eq!((left.after.as_secs(), left.was_killed), (2, false));
    // What is over before it would leave has its result.
    let client = testing::connect(server, As::Leaves).await;
    assert_eq!(client.call("number", json!({})).await.result(), Ok("42"));
    let outcome = client.call("flood", json!({})).await;
    assert_eq!(outcome.result(), Err("the client went away"));
}

/// Leaves while a task takes so long to end.
async fn leaves(persona: As, seconds: u64) -> (Duration, bool) {
    let client = testing::connect(server, persona).await;
    let mut running = client.start("until_stopped", json!({"seconds": seconds}));
    running.next().await.expect("it is ready");
    let left = client.leave().await;
    (left.after, left.was_killed)
}

#[tokio::test]
async fn a_host_kills_a_server_that_does_not_end_when_it_does_so() {
    let millis = Duration::from_millis;
    for (persona, kills) in [(As::ClaudeCode, 500), (As::Codex, 270), (As::Copilot, 10)] {
        let kills = millis(kills);
        let (after, was_killed) = leaves(persona, 2).await;
        // tokio's timer counts whole milliseconds.
        assert!(after >= kills && after < kills + millis(3) && was_killed, "{persona}: {after:?}");
    }
    for persona in [As::OpenCode, As::Gemini, As::Qwen, As::Cline, As::Continue] {
        let (after, was_killed) = leaves(persona, 2).await;
        assert_eq!((after.as_secs(), was_killed), (2, false), "{persona}");
    }
}

/// Is never answered.
async fn unanswered(persona: As) -> (Result<String, String>, Duration, Vec<Value>) {
    tokio::time::pause();
    let (client, told) = connect(persona, |_| vec![]).await;
    let patience = tokio::time::timeout(HOUR, client.call("slow", json!({})));
    let Ok(outcome) = patience.await else { return (Ok("waits".into()), HOUR, Vec::new()) };
    tokio::time::sleep(Duration::from_millis(20)).await;
    let told = told.lock().expect("no panic").iter().map(|line| parse(line)).collect();
    tokio::time::resume();
    (outcome.result().map(str::to_owned).map_err(str::to_owned), outcome.took(), told)
}

#[tokio::test]
async fn each_host_gives_up_when_it_does_and_says_so_or_not() {
    for (persona, seconds, says_so) in [
        (As::Codex, 300, true),
        (As::Gemini, 600, true),
        (As::Qwen, 600, true),
        (As::Cline, 60, false),
        (As::Copilot, 60, true),
        (As::OpenCode, 60, true),
    ] {
        let (result, took, told) = unanswered(persona).await;
        let said = result.expect_err("it is never answered");
        let silent = matches!(persona, As::Copilot | As::OpenCode);
        let silent = if silent { " without progress" } else { "" };
        assert_eq!(said, format!("the client gave up after {seconds}s{silent}"), "{persona}");
        assert_eq!(took.as_secs(), seconds, "{persona}");
        let call = told.iter().find(|line| line["params"]["name"] == "slow").expect("a call");
        let last = &told[told.len() - 1];
        let is_cancelled = last["method"] == "notifications/cancelled"
            && last["params"]["requestId"] == call["id"];
        assert_eq!(is_cancelled, says_so, "{persona}");
    }
    let (result, ..) = unanswered(As::Continue).await;
    assert_eq!(result, Ok("waits".to_owned()));
}

/// Answers after 590 seconds, and has progress every fifty.
#[mcpc::background(patience = "1h")]
async fn long(updates: Sender) -> &'static str {
    for step in 1..=10 {
        updates.progress(step, 10, "working");
        tokio::time::sleep(Duration::from_secs(50)).await;
    }
    "it is over"
}

#[tokio::test]
async fn progress_keeps_two_hosts_waiting_and_a_limit_of_others_stays() {
    let server = || Server::new("s").tools(tools![long]).heartbeat(HOUR);
    for (persona, waits) in
        [(As::OpenCode, true), (As::Copilot, true), (As::Gemini, true), (As::Codex, false)]
    {
        let client = testing::connect(server, persona).await;
        let outcome = client.call("long", json!({})).await;
        let result = if waits { Ok("it is over") } else { Err("the client gave up after 300s") };
        assert_eq!(outcome.result(), result, "{persona}");
    }
}

#[tokio::test(start_paused = true)]
async fn each_host_takes_back_a_call_in_its_way() {
    for (persona, after_the_stop, after_the_reply) in [
        (As::Codex, 1, 0),
        (As::OpenCode, 1, 1),
        (As::Gemini, 0, 0),
        (As::Cline, 0, 0),
        (As::Plain, 1, 0),
    ] {
        let answered = |call: &Value| match call["params"]["name"] == "answered" {
            true => vec![reply(call, text("ok"))],
            false => vec![],
        };
        let (client, told) = connect(persona, answered).await;
        let cancelled = || {
            let told = told.lock().expect("no panic");
            told.iter().filter(|line| line.contains("notifications/cancelled")).count()
        };
        assert_eq!(client.call("answered", json!({})).await.result(), Ok("ok"));
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(cancelled(), after_the_reply, "{persona}");
        let mut running = client.start("slow", json!({}));
        running.stop().await;
        assert_eq!(running.result().await.result(), Err("the call was cancelled"), "{persona}");
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert_eq!(cancelled(), after_the_reply + after_the_stop, "{persona}");
    }
}

/// Goes on until it is told to end.
#[mcpc::background]
async fn told(mut orders: mcpc::Receiver<String>, updates: Sender) -> Option<String> {
    tokio::select! {
        biased;
        () = updates.stopped() => Some("stopped".to_owned()),
        order = orders.recv() => order,
    }
}

#[tokio::test]
async fn opencode_takes_back_every_call_that_was_answered_whatever_its_tool() {
    let server = || Server::new("s").tools(tools![told]).patience(Duration::from_secs(1));
    let client = testing::connect(server, As::OpenCode).await;
    let mut running = client.start("told", json!({}));
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(running.message("end").await.is_ok());
    assert_eq!(running.result().await.result(), Ok("end"));
    let mut running = client.start("told", json!({}));
    tokio::time::timeout(Duration::from_secs(10), running.next()).await.expect_err("it goes on");
    running.stop().await;
    assert_eq!(running.result().await.result(), Ok("stopped"));
    let transcript = client.transcript();
    let count = |what: &str| transcript.lines().filter(|line| line.contains(what)).count();
    for tool in ["told", "message_task", "check_task", "stop_task"] {
        assert!(count(&format!("{{\"name\":\"{tool}\"")) > 0, "{tool}: {transcript}");
    }
    let (called, taken_back) = (count("\"method\":\"tools/call\""), count("/cancelled"));
    assert_eq!(taken_back, called, "{transcript}");
    client.leave().await;
}

/// How many polls fail before a client takes it that the task has failed.
#[tokio::test(start_paused = true)]
async fn claude_code_ends_a_task_after_five_polls_that_fail() {
    for (persona, code, most, says) in [
        (As::ClaudeCode, -32602, 5, Err("unknown")),
        (As::ClaudeCode, -32602, 4, Ok("ok")),
        (As::ClaudeCode, -32601, 1, Err("unknown")),
        (As::Tasks, -32602, 1, Err("unknown")),
    ] {
        let polls = std::sync::atomic::AtomicU32::new(0);
        let (client, told) = connect(persona, move |message| {
            let task = json!({"resultType": "task", "taskId": "t", "status": "working", "pollIntervalMs": 1000});
            if message["method"] == "tools/call" {
                return vec![reply(message, task)];
            }
            let polls = polls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let error = json!({"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "unknown"}});
            let end = json!({"taskId": "t", "status": "completed", "result": text("ok")});
            vec![if polls < most { error.to_string() } else { reply(message, end) }]
        })
        .await;
        let outcome = client.call("work", json!({})).await;
        assert_eq!(outcome.result(), says, "{persona} {code} {most}");
        let told = told.lock().expect("no panic");
        let polls = told.iter().filter(|line| line.contains("tasks/get")).count();
        assert_eq!(polls as u32, if says.is_ok() { most + 1 } else { most }, "{persona}");
    }
}

/// Is large, at once or as a task.
#[mcpc::background]
async fn large(seconds: u64) -> String {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    "z".repeat(150_000)
}

#[tokio::test]
async fn a_large_text_is_shown_as_each_host_shows_it() {
    let server = || Server::new("s").tools(tools![large]).max_result_bytes(1 << 20);
    for (persona, seconds, shown) in [
        (As::ClaudeCode, 100, 100_000),
        (As::ClaudeCode, 0, 0),
        (As::Codex, 0, 11_900),
        (As::Copilot, 0, 500),
        (As::OpenCode, 0, 51_200),
        (As::Gemini, 0, 40_000),
        (As::Qwen, 0, 2_000),
        (As::Continue, 0, 150_000),
    ] {
        let client = testing::connect(server, persona).await;
        let outcome = client.call("large", json!({"seconds": seconds})).await;
        let seen = outcome.seen().expect("it is shown");
        let shows = seen.chars().filter(|it| *it == 'z').count();
        assert_eq!(shows, shown, "{persona} {seconds}");
    }
}

/// Stops the production, not a task.
#[mcpc::tool]
async fn emergency_stop_task() -> &'static str {
    "everything stands still"
}

#[tokio::test]
async fn a_task_is_stopped_by_the_control_tool_alone() {
    for prefix in ["", "mine_"] {
        let server = || {
            Server::new("s")
                .tools(tools![emergency_stop_task, until_stopped])
                .control_prefix(prefix)
        };
        let client = testing::connect(server, As::Mcpc).await;
        let mut running = client.start("until_stopped", json!({"seconds": 1}));
        running.next().await.expect("it is ready");
        running.stop().await;
        let ended = tokio::time::timeout(HOUR, running.result()).await;
        let outcome = ended.unwrap_or_else(|_| panic!("{}", client.transcript()));
        assert_eq!(outcome.result(), Err("stopped in its own words"));
    }
}

#[tokio::test]
async fn each_model_sees_what_its_host_shows() {
    let result = json!({
        "content": [{"type": "text", "text": "[1,2]"}, {"type": "text", "text": "more"}],
        "structuredContent": {"result": [1, 2]},
    });
    let bare = text("42");
    for (persona, sees, sees_bare) in [
        (As::ClaudeCode, "{\"result\":[1,2]}", Ok("42")),
        (As::Codex, "{\"result\":[1,2]}", Ok("42")),
        (As::Copilot, "[1,2]more{\"result\":[1,2]}", Ok("42")),
        (As::OpenCode, "[1,2]\n\nmore", Ok("42")),
        (As::Gemini, "[1,2]\n\nmore", Err("expected record, received 42")),
        (As::Qwen, "[1,2]\n\nmore", Ok("42")),
        (As::Cline, &*result.to_string(), Ok(&*bare.to_string())),
        (As::Continue, &*result["content"].to_string(), Ok(&*bare["content"].to_string())),
    ] {
        let client = testing::connect(server, persona).await;
        assert_eq!(client.model_sees(&result).as_deref(), Ok(sees), "{persona}");
        let bare = client.model_sees(&bare);
        assert_eq!(bare.as_deref().map_err(String::as_str), sees_bare, "{persona}");
        let outcome = client.call("number", json!({})).await;
        assert!(outcome.seen().expect("it is shown").contains("42"), "{persona}");
    }
}

/// One that is asked with `server/discover` and does not know it is asked again, as older servers are.
#[tokio::test(start_paused = true)]
async fn who_is_not_answered_falls_back_to_a_session() {
    let client: Client = {
        let ((reader, mut output), (input, writer)) =
            (tokio::io::duplex(1 << 16), tokio::io::duplex(1 << 16));
        tokio::spawn(async move {
            use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _};
            let mut lines = tokio::io::BufReader::new(input).lines();
            while let Some(line) = lines.next_line().await.expect("UTF-8") {
                let message = parse(&line);
                let result = match message["method"].as_str() {
                    Some("initialize") => json!({"serverInfo": {}}),
                    Some("tools/list") => json!({"tools": []}),
                    _ => continue,
                };
                let line = format!("{}\n", reply(&message, result));
                output.write_all(line.as_bytes()).await.expect("it is read");
            }
        });
        testing::connect_io(reader, writer, As::ClaudeCode).await
    };
    let transcript = client.transcript();
    let lines: Vec<&str> = transcript.lines().collect();
    assert!(lines[0].contains("0.000 s client: {\"method\":\"server/discover\""), "{transcript}");
    assert!(lines[1].contains("2.600 s client: {\"method\":\"initialize\""), "{transcript}");
    assert!(!lines[lines.len() - 2].contains("_meta"), "{transcript}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_of_many_threads_is_told_what_to_write() {
    let connects = std::panic::AssertUnwindSafe(testing::connect(server, As::Plain));
    let panic = connects.catch_unwind().await.expect_err("its clock cannot be paused");
    let said = panic.downcast_ref::<&str>().map(|it| (*it).to_owned());
    let said = said.or_else(|| panic.downcast_ref::<String>().cloned()).expect("a text");
    assert_eq!(
        said,
        "the clock of a runtime of many threads cannot be paused; write `#[tokio::test]` on the test, without \
         `flavor = \"multi_thread\"`: `mcpc::testing` pauses the clock"
    );
}

#[tokio::test]
async fn server_events_are_heard_as_the_client_hears_of_them() {
    /// Says what the weather is.
    #[mcpc::background]
    async fn weather(updates: Sender) {
        updates.emit("weather", "fine").await;
    }
    for persona in [As::Mcpc, As::Plain, As::Tasks] {
        let client = testing::connect(|| Server::new("s").tools(tools![weather]), persona).await;
        assert_eq!(client.call("weather", json!({})).await.result(), Ok(""), "{persona}");
        let heard = if persona == As::Tasks { 0 } else { 1 };
        assert_eq!(
            client.events(),
            vec![("weather".to_owned(), json!("fine")); heard],
            "{persona}"
        );
    }
}

/// A client of MCP 2025-11-25 asks for a task where a tool says that it starts one, and looks at it until it may ask for the
/// result.
#[tokio::test]
async fn a_client_of_tasks_of_2025_asks_for_one_and_fetches_its_result() {
    let client = testing::connect(server, As::TasksOf2025).await;
    assert_eq!(client.call("hour", json!({})).await.result(), Ok("it is over"));
    assert_eq!(client.call("number", json!({})).await.value::<u8>(), 42);
    let lines = client.transcript();
    let said = |what: &str| {
        let is_said = |line: &&str| line.contains(" client: ") && line.contains(what);
        lines.lines().filter(is_said).count()
    };
    assert_eq!((said("\"task\":{}"), said("\"tasks/result\"")), (1, 1), "{lines}");
    assert!(said("\"tasks/get\"") > 100, "{lines}");
    assert_eq!(client.leave().await.after.as_secs(), 0);
}
