//! What a tool hands over is one line of JSON that a client can read, whatever shape it has.

use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::support::{CALLBACK, Mcpc, Wire, parse, text, texts};

/// JSON as somebody wrote it into a file.
fn in_lines() -> Box<RawValue> {
    RawValue::from_string("{\n  \"a\": [1,\r\n 2],\n  \"b\": \"c d\"\n}".to_owned()).expect("JSON")
}

fn in_lines_parsed() -> Value {
    json!({"a": [1, 2], "b": "c d"})
}

/// Sends, emits and returns JSON of several lines.
#[mcpc::background]
async fn lines(updates: Sender) -> Value {
    updates.emit("lines", in_lines()).await;
    updates.send(in_lines()).await;
    json!({"lines": in_lines()})
}

/// A result that holds JSON of several lines.
#[derive(Serialize, JsonSchema)]
struct Lines {
    #[schemars(with = "Value")]
    lines: Box<RawValue>,
}

#[mcpc::tool]
async fn plain_lines() -> Lines {
    Lines { lines: in_lines() }
}

fn nested(depth: usize) -> Value {
    (0..depth).fold(json!(1), |inside, _| json!([inside]))
}

#[derive(Serialize, JsonSchema)]
struct Deep {
    value: Value,
}

/// Emits, sends and returns a value nested so deep.
#[mcpc::background]
async fn deep(depth: usize, updates: Sender) -> Deep {
    updates.emit("deep", nested(depth)).await;
    updates.send(nested(depth)).await;
    Deep { value: nested(depth) }
}

#[mcpc::tool]
async fn plain_deep(depth: usize) -> Deep {
    Deep { value: nested(depth) }
}

async fn clients() -> [Mcpc; 2] {
    let server = || Server::new("shape").tools(tools![lines, plain_lines, deep, plain_deep]);
    let (ours, rmcps) = (Wire::open(server()), Wire::open_over_rmcp(server()));
    [Mcpc::begin(ours).await, Mcpc::begin(rmcps).await]
}

#[tokio::test]
async fn line_breaks_between_tokens_do_not_break_lines() {
    for client in &mut clients().await {
        let (before, reply) = client.reply_and_before("lines", json!({})).await;
        let data = json!({"event": "lines", "data": in_lines_parsed()});
        assert_eq!(before.len(), 1, "{before:?}");
        assert_eq!(before[0]["params"]["data"], data);
        let text_of_both = text(&reply);
        let (result, _updates) = text_of_both.split_once("\n\n").expect("both");
        assert_eq!(parse(result), json!({"lines": in_lines_parsed()}));
        let (_, reply) = client.reply_and_before("plain_lines", json!({})).await;
        let result = json!({"lines": in_lines_parsed()});
        assert_eq!(reply["result"]["structuredContent"], result);
        assert_eq!(parse(&text(&reply)), result);
        let events = client.events("lines", json!({})).await;
        let results: Vec<&Value> = events.iter().skip(1).map(|(_, result)| result).collect();
        assert_eq!(results, [&in_lines_parsed(), &in_lines_parsed(), &result]);
    }
}

/// 128 levels are what `serde_json`, and so rmcp, reads; what a value is part of has some of them.
const SHALLOW: usize = 119;

#[tokio::test]
async fn what_a_client_can_read_is_structured_content_and_what_it_cannot_is_told() {
    for client in &mut clients().await {
        for depth in [SHALLOW, SHALLOW + 1, 127, 128, 200] {
            let is_shallow = depth == SHALLOW;
            let result = json!({"value": nested(depth)}).to_string();
            let (before, reply) = client.reply_and_before("deep", json!({ "depth": depth })).await;
            let data = &before[0]["params"]["data"]["data"];
            let is_whole = match data.as_str() {
                Some(text) => text == nested(depth).to_string().as_str(),
                None => depth <= SHALLOW + 1 && *data == nested(depth),
            };
            assert!(is_whole, "{depth}: {data}");
            assert!(texts(&reply).iter().any(|text| text.contains(&result)), "{depth}: {reply}");

            let (_, reply) = client.reply_and_before("plain_deep", json!({ "depth": depth })).await;
            let says = "the result is nested deeper than 120 levels, which clients cannot read as \
                        structured content; as text it is ";
            let expected = if is_shallow { result } else { format!("{says}{result}") };
            assert_eq!(text(&reply), expected, "{depth}");
            assert_eq!(reply["result"]["structuredContent"].is_object(), is_shallow, "{depth}");
            assert_eq!(reply["result"]["isError"], !is_shallow, "{depth}");
        }
    }
}

/// In a callback a value is part of a text, which is never deep.
#[tokio::test]
async fn an_mcpc_client_gets_values_of_any_depth() {
    for client in &mut clients().await {
        for depth in [SHALLOW, 128, 200] {
            client.start("t", "deep", json!({ "depth": depth })).await;
            let values = [
                nested(depth).to_string(),
                nested(depth).to_string(),
                json!({"value": nested(depth)}).to_string(),
            ];
            let mut messages = Vec::new();
            while messages.len() < 3 {
                let line = client.value().await;
                if line["id"] == CALLBACK {
                    messages.push(text(&line));
                }
            }
            for (message, value) in messages.iter().zip(values) {
                assert!(message.contains(&format!(r#""result":{value},"protocol""#)), "{depth}");
            }
        }
    }
}
