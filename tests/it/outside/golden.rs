//! Our lines are the reference's, byte for byte, but for `annotations`, which we leave out.

#[path = "../../servers/golden.rs"]
mod servers;

use serde_json::{Value, json};

use self::servers::server;
use crate::support::{CALLBACK, Mcpc, Wire, call, parse, request, text};

async fn connect(name: &str) -> Mcpc {
    Mcpc::begin(Wire::open_outside("golden", name, || server(name))).await
}

/// A line of a client's and the server's lines that followed it.
struct Exchange {
    sent: String,
    answered: Vec<String>,
}

/// Reads what a reference client and server said to each other. The reference sends updates before
/// the reply that announces their task; we put the reply first.
fn exchanges(transcript: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<Exchange> = Vec::new();
    for line in transcript.lines().map(parse) {
        let text = line["line"].as_str().expect("a line").to_owned();
        if line["from"] == "client" {
            exchanges.push(Exchange { sent: text, answered: Vec::new() });
        } else {
            let answered = &mut exchanges.last_mut().expect("a request first").answered;
            answered.push(text.replace(r#","annotations":null"#, ""));
        }
    }
    for exchange in &mut exchanges {
        exchange.answered.sort_by_key(|line| is_callback(line));
    }
    exchanges
}

fn is_callback(line: &str) -> bool {
    parse(line)["id"] == CALLBACK
}

async fn replay(name: &str, transcript: &str) {
    let mut client = connect(name).await;
    let mut events = 0;
    for Exchange { sent, answered } in exchanges(transcript) {
        client.send(&sent).await;
        if sent.contains(r#""name":"emit""#) {
            // The reference's server sends the event from a plain tool, ours from a task.
            events += 1;
            let lines = [client.line().await, client.line().await, client.line().await];
            assert_eq!(lines[1], *answered.last().expect("the event"));
            continue;
        }
        for expected in answered {
            assert_eq!(client.line().await, expected);
        }
    }
    assert_eq!(events, 2, "the transcript has server events");
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test]
async fn the_lines_are_those_of_0_2_1() {
    replay("ref021", include_str!("../../golden/0.2.1.jsonl")).await;
}

#[tokio::test]
async fn the_lines_are_those_of_0_2_6() {
    replay("ref026std", include_str!("../../golden/0.2.6.jsonl")).await;
}

#[tokio::test]
async fn the_handshake_between_them_is_answered_as_the_older_one() {
    let mut client = connect("ref021").await;
    let (text, is_error) = client.ask("_is_mcpc_enabled", json!({})).await;
    assert!(!is_error);
    assert_eq!(
        text,
        r#"{"mcpc_enabled":true,"mcpc_version":"0.2.1","mcpc_provider":"ref021","mcpc_direct_updates":true}"#
    );
}

#[tokio::test]
async fn any_result_is_written_as_the_reference_writes_it() {
    for case in include_str!("../../golden/values.jsonl").lines().map(parse) {
        let mut client = connect("values").await;
        client.begin_task("task", "repeat", json!({"value": case["value"]})).await;
        for event in ["update", "complete"] {
            assert_eq!(client.line().await, case[event].as_str().expect("a line"));
        }
    }
}

/// Floats of any size, as JSON.
fn floats() -> impl Iterator<Item = Value> {
    let bits = (1..=300_u64).map(|n| n.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    bits.map(f64::from_bits).filter(|float| float.is_finite()).map(Value::from)
}

#[tokio::test]
async fn a_float_comes_back_as_it_was_sent() {
    let mut client = connect("floats").await;
    let any = Value::from_iter(floats());
    client.begin_task("task", "repeat", json!({"value": any})).await;
    for event in ["update", "complete"] {
        let line = client.line().await;
        assert!(text(&parse(&line)).contains(&format!(r#""result":{any},"#)), "{event}: {line}");
    }
    for float in floats() {
        client.call(1, "measure", json!({"meters": float})).await;
        let content = format!(r#"[{{"type":"text","text":"{{\"meters\":{float}}}"}}]"#);
        assert_eq!(
            client.line().await,
            format!(
                r#"{{"jsonrpc":"2.0","id":1,"result":{{"content":{content},"structuredContent":{{"meters":{float}}},"isError":false}}}}"#
            )
        );
    }
}

#[tokio::test]
async fn a_result_of_a_mebibyte_arrives_whole() {
    let value = json!({"text": "å\"\\\n🦀\u{1}".repeat(1 << 17), "list": [null, 20.0, i64::MIN]});
    let mut client = connect("large").await;
    client.begin_task("task", "repeat", json!({"value": value})).await;
    for event in ["update", "complete"] {
        let message = format!(
            r#"{{"type":"task","event":"{event}","session_id":"s","task_id":"task","tool_name":"repeat","result":{value},"protocol":"mcpc"}}"#
        );
        let line = client.line().await;
        assert!(line.len() > 1 << 20);
        assert_eq!(
            line,
            format!(
                r#"{{"jsonrpc":"2.0","id":"MCPC_CALLBACK","result":{{"content":[{{"type":"text","text":{}}}],"isError":false}}}}"#,
                Value::from(message)
            )
        );
    }
}

#[tokio::test]
async fn nothing_of_the_protocol_is_listed() {
    let mut client = connect("list").await;
    client.send(&request(1, "tools/list", Value::Null)).await;
    let list = client.line().await;
    for name in ["mcpc", "_metadata"] {
        assert!(!list.contains(name), "{list}");
    }
}

#[tokio::test]
async fn a_request_may_carry_the_id_of_callbacks() {
    let mut client = connect("ids").await;
    client.call(CALLBACK, "echo", json!({"text": "hi"})).await;
    let expected = r#"{"jsonrpc":"2.0","id":"MCPC_CALLBACK","result":{"content":[{"type":"text","text":"hi"}],"isError":false}}"#;
    assert_eq!(client.line().await, expected);
}

#[tokio::test]
async fn a_call_that_shows_nothing_gets_the_result_and_no_callback() {
    let mut client = connect("plain").await;
    let (text, is_error) = client.ask("bg", json!({"count": 3})).await;
    let updates = (0..3).map(|i| format!("\n{{\"i\":{i},\"text\":null}}")).collect::<String>();
    let result = r#"{"n":3,"text":null}"#;
    let expected = format!("{result}\n\nUpdates while it ran:{updates}");
    assert_eq!((text, is_error), (expected, false));
    let (text, is_error) = client.ask("bg_fail", json!({"count": 3})).await;
    assert!(text.starts_with("Error: deliberate failure\n\n") && is_error, "{text}");
    assert_eq!(client.finish().await, [""; 0]);
}

#[tokio::test]
async fn after_a_handshake_a_call_without_ids_gets_the_defaults() {
    let mut client = connect("defaults").await;
    // In one write, so that neither waits for the other.
    let handshake = call(0, "_mcpc_init", json!({}));
    client.send(&(handshake + "\n" + &call(1, "bg", json!({})))).await;
    let mut lines = [client.line().await, client.line().await, client.line().await];
    // On several threads, the reply to the handshake may come at any time.
    lines.sort_by_key(|line| parse(line)["id"] != 0);
    let [info, created, complete] = lines.map(|line| parse(&line));
    assert_eq!(info["id"], 0);
    let [created, complete] = [created, complete].map(|line| parse(&text(&line)));
    assert_eq!((&created["event"], &created["session_id"]), (&json!("created"), &json!("default")));
    assert_eq!(complete["event"], "complete");
    assert_eq!(complete["task_id"], created["task_id"]);
    assert_eq!(created["task_id"].as_str().map(str::len), Some(36));
}
