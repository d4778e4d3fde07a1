use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures::FutureExt as _;
use mcpc::content::{CallToolResult, ContentBlock, ErrorData, ImageContent, Resource};
use mcpc::testing::{self, As};
use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};

#[derive(serde::Serialize, schemars::JsonSchema)]
struct Report {
    answer: u8,
    share: f64,
}

/// Reports.
#[mcpc::tool]
async fn report() -> Report {
    Report { answer: 42, share: 20.0 }
}

/// Reports after a while.
#[mcpc::background]
async fn report_later(seconds: u64, updates: Sender) -> Report {
    updates.send(json!({"found": 4})).await;
    updates.output("a line of its output").await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    updates.send("almost").await;
    Report { answer: 42, share: 20.0 }
}

/// Is nothing.
#[mcpc::background]
async fn nothing() {}

/// Is a wide number.
#[mcpc::background]
async fn wide() -> u128 {
    u128::MAX
}

/// Is a list.
#[mcpc::background]
async fn list() -> Vec<u8> {
    vec![1, 2]
}

/// Is a text that is JSON.
#[mcpc::background]
async fn digits() -> String {
    "0042".to_owned()
}

/// Is a block.
#[mcpc::background]
async fn block() -> ContentBlock {
    ContentBlock::text("17")
}

/// Is a reply.
#[mcpc::background]
async fn written() -> CallToolResult {
    CallToolResult::success(vec![ContentBlock::text("one"), ContentBlock::text("two")])
}

/// Is an error of the protocol.
#[mcpc::background]
async fn refused(seconds: u64) -> Result<(), ErrorData> {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Err(ErrorData::invalid_params("the branch does not exist", None))
}

/// Fails.
#[mcpc::background]
async fn fails(seconds: u64, updates: Sender) -> Result<Report, String> {
    updates.send("about to fail").await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    updates.output("the last line").await;
    Err("the disk is full".to_owned())
}

/// Panics.
#[mcpc::background]
async fn panics(seconds: u64) -> Report {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    panic!("the disk is gone")
}

/// Is large.
#[mcpc::background]
async fn large(seconds: u64) -> String {
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    large_text()
}

fn large_text() -> String {
    (0..2_000).map(|line| format!("line {line}\n")).collect()
}

/// Works until it is stopped.
#[mcpc::background]
async fn until_stopped(updates: Sender) -> Result<(), String> {
    updates.send("ready").await;
    updates.stopped().await;
    Err("in its own words".to_owned())
}

fn server() -> Server {
    Server::new("s").tools(tools![
        report,
        report_later,
        nothing,
        wide,
        list,
        digits,
        block,
        written,
        refused,
        fails,
        panics,
        large,
        until_stopped,
    ])
}

/// What a call of each tool comes to, quick or after minutes.
const CALLS: [(&str, bool, Result<&str, &str>); 11] = [
    ("report", false, Ok("{\"answer\":42,\"share\":20.0}")),
    ("report_later", true, Ok("{\"answer\":42,\"share\":20.0}")),
    ("nothing", false, Ok("")),
    ("wide", false, Ok("340282366920938463463374607431768211455")),
    ("list", false, Ok("[1,2]")),
    ("digits", false, Ok("0042")),
    ("block", false, Ok("17")),
    ("written", false, Ok("one\ntwo")),
    ("refused", true, Err("the branch does not exist")),
    ("fails", true, Err("the disk is full")),
    ("panics", true, Err("tool `panics` panicked: the disk is gone")),
];

#[tokio::test]
async fn every_client_gets_the_same_result_or_error() {
    testing::every_client(server, async |client| {
        for (tool, takes_time, result) in CALLS {
            let seconds: &[u64] = if takes_time { &[0, 2, 1_000] } else { &[0] };
            for seconds in seconds {
                let arguments = if takes_time { json!({"seconds": seconds}) } else { json!({}) };
                let outcome = client.call(tool, arguments).await;
                assert_eq!(outcome.result(), result, "{tool} {seconds}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_client_gets_all_of_a_large_result() {
    let whole = large_text();
    let server = || server().max_result_bytes(1_000);
    testing::every_client(server, async |client| {
        for seconds in [0, 500] {
            let outcome = client.call("large", json!({"seconds": seconds})).await;
            assert!(outcome.result() == Ok(&*whole), "{seconds}");
        }
    })
    .await;
}

#[tokio::test]
async fn every_client_is_told_of_what_cannot_be_called() {
    testing::every_client(server, async |client| {
        let outcome = client.call("repor", json!({})).await;
        assert!(outcome.result().is_err_and(|it| it.contains("did you mean `report`")));
        let outcome = client.call("report_later", json!({"seconds": "soon"})).await;
        assert!(outcome.result().is_err_and(|it| it.contains("`seconds`")), "{outcome:?}");
    })
    .await;
}

#[tokio::test]
async fn every_client_can_stop_a_task() {
    testing::every_client(server, async |client| {
        let mut running = client.start("until_stopped", Value::Null);
        assert_eq!(running.next().await.map(|update| update.text), Some("ready".to_owned()));
        running.stop().await;
        let outcome = running.result().await;
        assert!(matches!(outcome.result(), Err("in its own words" | "the call was cancelled")));
    })
    .await;
}

/// Ends with a line break.
#[mcpc::background]
async fn with_a_line_break(updates: Sender) -> &'static str {
    updates.send("an update").await;
    "a line\n"
}

#[tokio::test]
async fn a_line_break_that_something_follows_makes_no_difference() {
    let server = || Server::new("s").tools(tools![with_a_line_break]);
    testing::every_client(server, async |client| {
        let outcome = client.call("with_a_line_break", json!({})).await;
        assert_eq!(outcome.result().map(str::trim_end), Ok("a line"));
        assert_eq!(outcome.texts(), ["an update"]);
    })
    .await;
}

/// What a run over every client says of what is wrong; the part of each client, or of those who say the same.
async fn failure<F: AsyncFn(testing::Client)>(
    server: impl testing::Serves,
    test: F,
) -> (String, Vec<String>) {
    let run = AssertUnwindSafe(testing::every_client(server, test)).catch_unwind().await;
    let panic = run.expect_err("something is wrong");
    let said = panic.downcast_ref::<String>().expect("a text");
    let mut parts = said.split("\n\nAs::").map(str::to_owned);
    (parts.next().expect("a head"), parts.collect())
}

/// Says another thing to a client that is not one of MCPC.
#[mcpc::background]
async fn which(updates: Sender) -> &'static str {
    if updates.session_id() == "default" { "other" } else { "mcpc" }
}

#[tokio::test]
async fn a_difference_names_the_client_and_shows_both_results() {
    let server = || Server::new("s").tools(tools![which]);
    let (head, parts) =
        failure(server, async |client| drop(client.call("which", json!({})).await)).await;
    // What most of them get is taken for right.
    assert_eq!(head, "4 of 17 clients:");
    assert_eq!(parts.len(), 2, "they say the same: {parts:?}");
    let said = "Mcpc, As::Mcpc026, As::Stalls, As::Leaves: `which` with {} ended as Ok(\"mcpc\"), and for As::Tasks \
                as Ok(\"other\")\nthe last lines of As::Mcpc:\n";
    let lines = parts[0].strip_prefix(said).unwrap_or_else(|| panic!("{parts:?}"));
    assert!(
        lines.contains(" s client: {\"method\":\"tools/call\",\"params\":{\"name\":\"which\""),
        "{lines}"
    );
    assert!(lines.contains(" s server: {\"jsonrpc\":\"2.0\",\"id\":"), "{lines}");
}

#[tokio::test]
async fn clients_that_fail_alike_are_told_of_once() {
    let (head, parts) = failure(server, async |client| {
        let outcome = client.call("report", json!({})).await;
        assert!(client.persona() == As::Codex, "not what was meant");
        assert_eq!(outcome.result(), Ok("42"));
    })
    .await;
    assert_eq!((&*head, parts.len()), ("17 of 17 clients:", 2), "{parts:?}");
    let names = As::ALL.iter().filter(|it| **it != As::Codex).map(As::to_string);
    let names = names.collect::<Vec<_>>().join(", ");
    let said = format!("{names}: the test failed at {}:", file!());
    assert!(format!("As::{}", parts[0]).starts_with(&said), "{parts:?}");
    assert!(parts[0].contains(": not what was meant\nthe last lines of As::Mcpc:\n"), "{parts:?}");
    assert!(parts[1].starts_with(&format!("Codex: the test failed at {}:", file!())), "{parts:?}");
    assert!(parts[1].contains(": assertion `left == right` failed"), "{parts:?}");
    assert!(parts[1].contains("\nthe last lines:\n"), "{parts:?}");
}

#[tokio::test]
async fn a_test_that_fails_names_the_clients_under_which_it_does() {
    let (head, parts) = failure(server, async |client| {
        let outcome = client.call("report", json!({})).await;
        assert!(client.persona() != As::Codex, "not what was meant: {:?}", outcome.result());
    })
    .await;
    assert_eq!(head, "1 of 17 clients:");
    assert!(parts[0].starts_with("Codex: the test failed at "), "{parts:?}");
    let said = ": not what was meant: Ok(\"{\\\"answer\\\":42,\\\"share\\\":20.0}\")\n";
    assert!(parts[0].contains(said), "{parts:?}");
}

/// Is another text for every client.
#[mcpc::background]
async fn its_own(updates: Sender) -> String {
    updates.task_id().to_owned()
}

#[tokio::test]
async fn of_those_that_fail_two_kinds_are_shown_with_their_lines_and_the_others_in_short() {
    let server = || Server::new("s").tools(tools![its_own]);
    let (head, parts) =
        failure(server, async |client| drop(client.call("its_own", json!({})).await)).await;
    assert_eq!((&*head, parts.len()), ("16 of 17 clients:", 17), "{parts:#?}");
    let has_lines = |part: &&String| part.contains("\nthe last lines");
    assert_eq!(parts[..2].iter().filter(has_lines).count(), 2, "{parts:#?}");
    assert_eq!(parts[2..16].iter().find(has_lines), None);
    let is_short = |part: &String| {
        part.lines().count() == 1 && part.contains("`its_own` with {} ended as Ok(")
    };
    assert!(parts[2..16].iter().all(is_short), "{parts:#?}");
    // The one that the others are compared with.
    assert!(parts[16].starts_with("Mcpc is content; the last lines:\n"), "{parts:#?}");
}

#[tokio::test]
async fn what_a_client_has_to_say_in_short_has_four_lines_and_no_long_ones() {
    let (_, parts) = failure(server, async |client| {
        let lines = (0..9).map(|line| format!("{} {line} {}\n", client.persona(), "x".repeat(900)));
        panic!("{}", lines.collect::<String>());
    })
    .await;
    assert_eq!(parts.len(), 17);
    assert!(parts[0].lines().count() > 9 + 8, "{}", parts[0]);
    let short: Vec<&str> = parts[9].lines().collect();
    assert_eq!(short.len(), 5, "{short:#?}");
    assert!(short.iter().all(|line| line.chars().count() < 250), "{short:#?}");
    assert_eq!(short[4], "[cut]");
}

#[tokio::test]
async fn a_client_that_is_content_is_shown_beside_the_one_that_is_not() {
    let (_, parts) = failure(server, async |client| {
        client.call("nothing", json!({})).await;
        assert!(client.persona() != As::Gemini, "not what was meant");
    })
    .await;
    assert_eq!(parts.len(), 2, "{parts:#?}");
    let lines = parts[1].strip_prefix("Mcpc is content; the last lines:\n");
    assert!(lines.is_some_and(|it| it.contains("\"name\":\"nothing\"")), "{parts:#?}");
}

/// Not a test: what a test that fails prints is seen of a process.
#[tokio::test]
#[ignore = "it fails, for the test after it"]
async fn fails_under_every_client() {
    testing::every_client(server, async |client| {
        client.call("panics", json!({"seconds": 0})).await;
        let _ = client.call("report", json!({})).await.value::<Vec<u8>>();
    })
    .await;
}

#[test]
fn a_panic_is_printed_once_with_the_place_in_the_test() {
    let this = std::env::current_exe().expect("a program");
    let name = "testing::every::fails_under_every_client";
    let mut fails = std::process::Command::new(this);
    fails.args(["--exact", name, "--ignored", "--nocapture"]).env("RUST_BACKTRACE", "0");
    let output = fails.output().expect("it runs");
    let printed = String::from_utf8_lossy(&output.stderr);
    let panics: Vec<&str> = printed.lines().filter(|it| it.contains(" panicked at ")).collect();
    // That of the tool, that of the test, and what came of it.
    assert_eq!(panics.len(), 3, "{printed}");
    let (begin, file) = ("Mcpc, As::Mcpc026, ", file!());
    assert!(panics[..2].iter().all(|panic| panic.contains(file)), "{panics:#?}");
    let said = printed.split("\n\nAs::").nth(1).expect("a part");
    let (_, said) = said.split_once(": ").expect("a text");
    assert!(printed.contains(&format!("\n\nAs::{begin}")), "{printed}");
    assert!(said.starts_with(&format!("the test failed at {file}:")), "{said}");
    assert!(said.contains(": the result is not of this type: "), "{said}");
}

/// Has its clients wait longer than some of them do.
#[mcpc::background(patience = "400s")]
async fn patient() -> u8 {
    tokio::time::sleep(Duration::from_secs(350)).await;
    42
}

#[tokio::test]
async fn hosts_that_give_up_are_named() {
    let server = || Server::new("s").tools(tools![patient]);
    let (head, parts) =
        failure(server, async |client| drop(client.call("patient", json!({})).await)).await;
    assert_eq!(head, "2 of 17 clients:");
    assert!(parts[0].starts_with("Codex: `patient`: the client gave up after 300s\n"), "{parts:?}");
    assert!(parts[1].starts_with("Cline: `patient`: the client gave up after 60s\n"), "{parts:?}");
}

fn structured(value: Value) -> CallToolResult {
    let mut reply = CallToolResult::success(Vec::new());
    reply.structured_content = Some(value);
    reply
}

/// Has structured content alone, and another one for a client that is not one of MCPC.
#[mcpc::background]
async fn structured_for_some(updates: Sender) -> CallToolResult {
    structured(json!({"answer": if updates.session_id() == "default" { 41 } else { 42 }}))
}

/// Has a picture, and another one for a client that is not one of MCPC.
#[mcpc::background]
async fn picture_for_some(updates: Sender) -> ImageContent {
    let data = if updates.session_id() == "default" { "AAAA" } else { "BBBB" };
    ImageContent::new(data, "image/png")
}

/// Has structured content alone.
#[mcpc::background]
async fn structured_alone() -> CallToolResult {
    structured(json!({"answer": 42}))
}

/// Has a picture.
#[mcpc::background]
async fn picture() -> ImageContent {
    ImageContent::new("AAAA", "image/png")
}

/// Has a picture, and a text.
#[mcpc::background]
async fn pictures(seconds: u64, updates: Sender) -> Vec<ContentBlock> {
    updates.send("painting").await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    vec![ContentBlock::image("AAAA", "image/png"), ContentBlock::text("a picture")]
}

/// Lists what only looks like content.
#[mcpc::background]
async fn lookalikes() -> Vec<Value> {
    vec![json!({"type": "image", "width": 4})]
}

/// Is a link to a resource, which is a value like any other for a client of MCPC.
#[mcpc::background]
async fn link() -> Resource {
    Resource::new("file:///a.txt", "a.txt")
}

#[tokio::test]
async fn what_is_not_a_text_is_the_same_for_every_client() {
    let server =
        || Server::new("s").tools(tools![structured_alone, picture, pictures, lookalikes, link]);
    let image = json!({"type": "image", "data": "AAAA", "mimeType": "image/png"});
    testing::every_client(server, async |client| {
        for (tool, arguments, result, blocks) in [
            ("structured_alone", json!({}), "{\"answer\":42}", &[][..]),
            ("picture", json!({}), "", std::slice::from_ref(&image)),
            ("pictures", json!({"seconds": 0}), "a picture", std::slice::from_ref(&image)),
            ("pictures", json!({"seconds": 500}), "a picture", std::slice::from_ref(&image)),
            ("lookalikes", json!({}), "[{\"type\":\"image\",\"width\":4}]", &[][..]),
        ] {
            let outcome = client.call(tool, arguments).await;
            assert_eq!((outcome.result(), outcome.blocks()), (Ok(result), blocks), "{tool}");
        }
        client.call("link", json!({})).await;
    })
    .await;
}

#[tokio::test]
async fn a_difference_in_what_is_not_a_text_is_found() {
    let server = || Server::new("s").tools(tools![structured_for_some, picture_for_some]);
    for (tool, ours, theirs) in [
        ("structured_for_some", "Ok(\"{\\\"answer\\\":42}\")", "Ok(\"{\\\"answer\\\":41}\")"),
        (
            "picture_for_some",
            "Ok(\"\") with {\"type\":\"image\",\"data\":\"BBBB\"",
            "Ok(\"\") with {\"type\":\"image\",\"data\":\"AAAA\"",
        ),
    ] {
        let (head, parts) =
            failure(server, async |client| drop(client.call(tool, json!({})).await)).await;
        assert_eq!(head, "4 of 17 clients:", "{parts:?}");
        let said = parts[0].split("\nthe last lines of As::Mcpc:\n").next().expect("a first part");
        let (our, their) = said.split_once(", and for As::Tasks as ").expect(said);
        assert!(our.contains(ours) && their.starts_with(theirs), "{said}");
    }
}

/// A tool that waits for a process or a socket needs the real clock.
#[tokio::test]
async fn a_test_may_resume_the_clock_under_every_client() {
    testing::every_client(server, async |client| {
        let began = Instant::now();
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(began.elapsed() < Duration::from_secs(60), "the clock is not paused");
        assert_eq!(client.call("nothing", json!({})).await.result(), Ok(""));
        tokio::time::resume();
    })
    .await;
}

/// Works until it is stopped, and long after.
#[mcpc::background]
async fn slow_to_stop(seconds: u64, updates: Sender) -> Result<(), String> {
    updates.send("ready").await;
    updates.stopped().await;
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    Err("stopped".to_owned())
}

#[tokio::test]
async fn a_test_may_have_its_client_leave() {
    let server = || Server::new("s").tools(tools![slow_to_stop]);
    testing::every_client(server, async |client| {
        let mut running = client.start("slow_to_stop", json!({"seconds": 2}));
        running.next().await;
        client.leave().await;
    })
    .await;
}

#[tokio::test]
async fn a_client_waits_as_long_as_its_server_may_take_to_end() {
    let server = || Server::new("s").tools(tools![slow_to_stop]).grace(Duration::from_secs(300));
    let client = testing::connect(server, As::Plain).await;
    drop(client.start("slow_to_stop", json!({"seconds": 200})));
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(client.leave().await.after.as_secs(), 200);
}

/// How often a tool was called.
#[mcpc::tool]
async fn count(calls: State<AtomicU32>) -> u32 {
    calls.fetch_add(1, Ordering::Relaxed)
}

#[tokio::test]
async fn a_function_makes_a_server_for_each_client_and_a_server_is_shared() {
    let server = || Server::new("s").tools(tools![count]).state(AtomicU32::new(0));
    testing::every_client(server, async |client| {
        assert_eq!(client.call("count", json!({})).await.value::<u32>(), 0);
    })
    .await;
    let service = server().build().expect("it builds");
    let counts = std::cell::RefCell::new(Vec::new());
    let (head, _) = failure(&service, async |client| {
        let count = client.call("count", json!({})).await.value::<u32>();
        counts.borrow_mut().push(count);
    })
    .await;
    assert_eq!(head, "16 of 17 clients:");
    assert_eq!(counts.take(), (0..17).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_server_that_cannot_be_built_says_so() {
    let server = Server::new("s").tools(tools![count]);
    let connect = AssertUnwindSafe(async { testing::connect(server, As::Plain).await });
    let panic = connect.catch_unwind().await.expect_err("it lacks a state");
    let said = panic.downcast_ref::<String>().expect("a text");
    assert!(said.starts_with("the server cannot be built: the tool `count`"), "{said}");
}
