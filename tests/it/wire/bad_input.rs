//! What is wrong gets the answer that says so, and the server goes on.

use std::time::Duration;

use mcpc::{Sender, Server, State, tools};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;

use crate::support::{INITIALIZED, Mcpc, Plain, Wire, call, cancel, request, text};

#[mcpc::tool]
async fn add(a: i64, #[arg(default = 1, range = -10..=10)] b: i64) -> i64 {
    a + b
}

#[mcpc::background]
async fn wait(seconds: u64, label: Option<String>, updates: Sender) -> Option<String> {
    tokio::select! {
        () = tokio::time::sleep(Duration::from_secs(seconds)) => {}
        () = updates.stopped() => {}
    }
    label
}

/// Counts the updates that were ever sent.
#[mcpc::tool]
async fn greet(name: String, greeting: State<String>) -> String {
    format!("{}, {name}", *greeting)
}

fn server() -> Server {
    Server::new("bad").state("Hello".to_owned()).tools(tools![add, wait, greet])
}

/// Asks, and expects an error that says exactly this.
async fn refused(client: &mut Plain, tool: &str, arguments: Value, expected: &str) {
    assert_eq!(client.ask(tool, arguments).await, (expected.to_owned(), true));
    let (text, is_error) = client.ask("greet", json!({"name": "you"})).await;
    assert_eq!((text.as_str(), is_error), ("Hello, you", false), "the server goes on");
}

#[tokio::test]
async fn tools_and_arguments() {
    let mut client = Plain::connect(server()).await;
    for (tool, arguments, expected) in [
        ("ad", json!({}), "unknown tool `ad`; did you mean `add`?"),
        (
            "zebra",
            json!({}),
            "unknown tool `zebra`; expected one of `add`, `wait`, `greet`, `check_task`, `stop_task`, `message_task`",
        ),
        ("add", json!({}), "argument `a` is missing"),
        (
            "add",
            json!({"a": "one", "b": 11, "c": 1, "aa": 2}),
            "argument `a`: expected a whole number, got the string \"one\"\n\
             argument `b`: 11 is not in -10..=10\n\
             unknown argument `c`; expected one of `a`, `b`\n\
             unknown argument `aa`; did you mean `a`?",
        ),
        ("wait", json!({"label": "x"}), "argument `seconds` is missing"),
        ("wait", json!({"seconds": -1}), "argument `seconds`: -1 is not in 0.."),
        (
            "wait",
            json!({"seconds": 0, "updates": 1}),
            "unknown argument `updates`; expected one of `seconds`, `label`",
        ),
    ] {
        refused(&mut client, tool, arguments, expected).await;
    }
    assert_eq!(client.ask("add", json!({"a": 1, "b": null})).await, ("2".to_owned(), false));
}

#[tokio::test]
async fn metadata() {
    let mut client = Plain::connect(server()).await;
    let object = "must be an object with";
    for (metadata, expected) in [
        (
            json!({"_metadata": 5}),
            format!("`_metadata` {object} `mcpc_session_id` and `mcpc_task_id`, got the number 5"),
        ),
        (
            json!({"mcpc_params": "x"}),
            format!("`mcpc_params` {object} `session_id` and `task_id`, got the string \"x\""),
        ),
        (
            json!({"_metadata": null}),
            format!("`_metadata` {object} `mcpc_session_id` and `mcpc_task_id`, got null"),
        ),
        (
            json!({"_metadata": {"mcpc_session_id": 1}}),
            "`_metadata.mcpc_session_id` must be a string, got the number 1".to_owned(),
        ),
        (
            json!({"_metadata": {"mcpc_task_id": ""}}),
            "`_metadata.mcpc_task_id` must not be empty".to_owned(),
        ),
        (
            json!({"mcpc_params": {"task_id": ["t"]}}),
            "`mcpc_params.task_id` must be a string, got an array".to_owned(),
        ),
    ] {
        for (tool, mut arguments) in [("add", json!({"a": 1})), ("wait", json!({"seconds": 0}))] {
            arguments
                .as_object_mut()
                .expect("an object")
                .extend(metadata.as_object().expect("an object").clone());
            refused(&mut client, tool, arguments, &expected).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_is_refused_while_its_task_runs_and_free_afterwards() {
    let mut client = Mcpc::connect(server()).await;
    client.begin_task("t", "wait", json!({"seconds": 10, "label": "first"})).await;
    let ids = json!({"mcpc_task_id": "t"});
    let arguments = json!({"seconds": 0, "_metadata": ids});
    let expected = "the task id `t` belongs to a task that is still running";
    refused(&mut client, "wait", arguments.clone(), expected).await;
    assert_eq!(client.task().await, [("complete".to_owned(), json!("first"))]);
    client.call(2, "wait", arguments).await;
    assert_eq!(client.task().await.len(), 2, "created and complete");
}

#[tokio::test]
async fn bad_arguments_start_no_task() {
    let mut client = Mcpc::connect(server()).await;
    client.start("t", "wait", json!({"seconds": "soon"})).await;
    let reply = client.value().await;
    assert_eq!(reply["result"]["isError"], true, "{reply}");
    let events = client.events("wait", json!({"seconds": 0})).await;
    assert_eq!(events[0], ("created".to_owned(), json!("Started wait")), "the id is free");
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_full_server_says_so() {
    let mut client = Mcpc::connect(server().max_tasks(2)).await;
    for id in ["a", "b"] {
        client.begin_task(id, "wait", json!({"seconds": 10})).await;
    }
    let expected = "this server already runs its maximum of 2 tasks; try again later";
    refused(&mut client, "wait", json!({"seconds": 0}), expected).await;
}

#[tokio::test(start_paused = true)]
async fn too_many_unanswered_requests_are_refused() {
    let mut client = Plain::connect(server().max_requests(2)).await;
    for id in [1, 2] {
        client.call(id, "wait", json!({"seconds": 3600})).await;
    }
    client.call(3, "add", json!({"a": 1})).await;
    let reply = client.value().await;
    let error = json!({"code": -32000, "message": "2 requests are unanswered; try again later"});
    assert_eq!((&reply["id"], &reply["error"]), (&json!(3), &error));
    // There is always a way out.
    client.cancel(1).await;
    assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
}

#[tokio::test]
async fn lines_that_are_no_messages() {
    let mut client = Plain::connect(server()).await;
    for (line, id, code) in [
        ("{not json", json!(null), -32700),
        ("[]", json!(null), -32600),
        (r#"{"jsonrpc":"2.0","id":7}"#, json!(7), -32600),
        (r#"{"jsonrpc":"1.0","id":8,"method":"ping"}"#, json!(8), -32600),
        (r#"{"jsonrpc":"2.0","id":9,"method":9}"#, json!(9), -32600),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#, json!(null), -32600),
        (r#"{"jsonrpc":"2.0","id":{"no":"id"},"method":"ping"}"#, json!(null), -32600),
        (r#"5"#, json!(null), -32600),
        (
            r#"{"jsonrpc":"2.0","id":"x","method":"tools/call","params":{"name":5}}"#,
            json!("x"),
            -32602,
        ),
    ] {
        client.send(line).await;
        let reply = client.value().await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&id, &json!(code)), "{line}: {reply}");
    }
    // What cannot be read as a whole still says who waits for an answer.
    let deep = format!(
        r#"{{"jsonrpc":"2.0","id":5,"method":"tools/call","params":{}{}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let surrogate =
        r#"{"jsonrpc":"2.0","id":"s","method":"tools/call","params":{"name":"\ud800"}}"#;
    for (line, id) in [(deep.as_str(), json!(5)), (surrogate, json!("s"))] {
        client.send(line).await;
        let reply = client.value().await;
        assert_eq!((&reply["id"], &reply["error"]["code"]), (&id, &json!(-32700)), "{reply}");
    }
    client
        .input
        .write_all(b"{\"jsonrpc\":\"2.0\",\"id\":6,\"method\":\"\xff\"}\n")
        .await
        .expect("it reads");
    assert_eq!(client.value().await["error"]["code"], -32700);
    for ignored in [
        "",
        "   ",
        r#"{"jsonrpc":"2.0","method":"notifications/of_something_else","params":[1]}"#,
        r#"{"jsonrpc":"2.0","id":99,"result":{}}"#,
        r#"{"jsonrpc":"2.0","id":99,"error":{"code":"no number"}}"#,
    ] {
        client.send(ignored).await;
    }
    let (text, _) = client.ask("greet", json!({"name": "you"})).await;
    assert_eq!(text, "Hello, you");
}

#[tokio::test]
async fn a_stray_line_before_the_handshake_is_no_reason_to_end() {
    let mut wire = Wire::open(server());
    wire.send("").await;
    wire.send(INITIALIZED).await;
    wire.send(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#).await;
    let mut client = Plain::begin(wire).await;
    assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
}

/// Early requests that rmcp refuses and goes on waiting after: the connection has not begun.
#[tokio::test]
async fn a_stray_line_after_a_refused_request_is_none_either() {
    let version = "io.modelcontextprotocol/protocolVersion";
    let capabilities = "io.modelcontextprotocol/clientCapabilities";
    for meta in [json!({version: "2026-07-28"}), json!({version: "1999-01-01", capabilities: {}})] {
        let mut wire = Wire::open(server());
        wire.send(&request(1, "tools/list", json!({"_meta": meta}))).await;
        assert!(wire.value().await["error"].is_object());
        wire.send(INITIALIZED).await;
        let mut client = Plain::begin(wire).await;
        assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
    }
}

#[tokio::test]
async fn a_stray_line_after_an_early_question_is_none_either() {
    let mut wire = Wire::open(server());
    wire.send(&request(1, "ping", Value::Null)).await;
    assert_eq!(wire.value().await["result"], json!({}));
    wire.send(INITIALIZED).await;
    let mut client = Plain::begin(wire).await;
    assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
}

#[tokio::test]
async fn an_answer_is_written_even_if_no_connection_comes_about() {
    let mut wire = Wire::open(server());
    wire.send("garbage").await;
    let lines = wire.finish().await;
    assert_eq!(lines.len(), 1);
    assert!(lines[0].contains("-32700"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn no_request_of_any_kind_can_take_an_unanswered_id() {
    let mut client = Plain::connect(server()).await;
    client.call(1, "wait", json!({"seconds": 5, "label": "first"})).await;
    client.send(&request(1, "ping", Value::Null)).await;
    assert_eq!(client.value().await["error"]["code"], -32600);
    assert_eq!(text(&client.value().await), "first");
}

/// Its handler may still answer, and that would be taken for the answer of the next.
#[tokio::test(start_paused = true)]
async fn an_id_that_was_cancelled_cannot_be_used_again() {
    let mut client = Plain::connect(server()).await;
    for id in 0..50 {
        let call = call(id, "add", json!({"a": 1}));
        client.call(id, "wait", json!({"seconds": 5})).await;
        client.send(&format!("{}\n{call}", cancel(id))).await;
        let reply = client.value().await;
        assert_eq!(
            (&reply["id"], &reply["error"]["code"]),
            (&json!(id), &json!(-32600)),
            "{reply}"
        );
    }
    assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
}

/// Arguments are looked at before anything is given up for them.
#[tokio::test(start_paused = true)]
async fn a_refused_call_leaves_the_result_of_an_earlier_task_alone() {
    let mut client = Mcpc::connect(server()).await;
    client.events("wait", json!({"seconds": 1, "label": "kept"})).await;
    client.call(2, "wait", json!({"seconds": "soon", "_metadata": {"mcpc_task_id": "t"}})).await;
    assert_eq!(client.value().await["result"]["isError"], true);
    let (text, _) = client.ask("check_task", json!({"task_id": "t"})).await;
    assert!(text.ends_with("kept"), "{text}");
}

/// A client that has heard of the end may go on at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ended_task_is_in_nobodys_way() {
    let mut client = Mcpc::connect(server().max_tasks(1)).await;
    for round in 0..2000 {
        let call = call(round, "wait", json!({"seconds": 0, "_metadata": {"mcpc_task_id": "t"}}));
        client.send(&call).await;
        assert_eq!(client.task().await.len(), 2, "created and complete");
    }
}

#[tokio::test(start_paused = true)]
async fn an_id_that_is_unanswered_cannot_be_used_again() {
    let mut client = Plain::connect(server()).await;
    client.call(1, "wait", json!({"seconds": 5, "label": "first"})).await;
    client.call(1, "wait", json!({"seconds": 1, "label": "second"})).await;
    let refusal = client.value().await;
    assert_eq!(refusal["error"]["code"], -32600);
    assert_eq!(refusal["error"]["message"], "a request with the id 1 is still unanswered");
    assert_eq!(text(&client.value().await), "first");
}

/// A call whose line has exactly so many bytes, with its id first or last.
fn call_of(bytes: usize, id_is_last: bool) -> String {
    let params =
        r#""method":"tools/call","params":{"name":"wait","arguments":{"seconds":0,"label":""#;
    let (start, end) = match id_is_last {
        true => (format!("{{{params}"), r#""}},"jsonrpc":"2.0","id":"huge"}"#),
        false => (format!(r#"{{"jsonrpc":"2.0","id":"huge",{params}"#), r#""}}}"#),
    };
    let label = "x".repeat(bytes - start.len() - end.len());
    start + &label + end
}

/// The caller learns that its call was refused, wherever its id stands.
#[tokio::test]
async fn a_line_has_as_many_bytes_as_it_may_and_none_more() {
    for (server, most) in [(server(), 16 << 20), (server().max_message_bytes(1000), 1000)] {
        let mut client = Plain::connect(server).await;
        for id_is_last in [true, false] {
            client.send(&call_of(most, id_is_last)).await;
            let reply = client.value().await;
            assert_eq!(reply["id"], "huge");
            assert!(text(&reply).contains("xxx"));
            for too_many in [1, 100_000] {
                client.send(&call_of(most + too_many, id_is_last)).await;
                let message = format!("a message must not be longer than {most} bytes");
                let error = json!({"code": -32600, "message": message});
                let reply = json!({"jsonrpc": "2.0", "id": "huge", "error": error});
                assert_eq!(client.value().await, reply);
            }
        }
        assert_eq!(client.ask("add", json!({"a": 1})).await.0, "2");
        // A line that only the end of the input ends.
        client.input.write_all(call_of(most + 1, true).as_bytes()).await.expect("it reads");
        assert!(client.finish().await[0].contains("must not be longer"));
    }
}
