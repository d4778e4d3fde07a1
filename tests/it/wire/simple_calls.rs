//! Calls that need nothing but their arguments take a shorter way than others, and that is not to be seen: the same lines
//! are answered with the same bytes where something is around every call.

use std::collections::BTreeMap;
use std::time::Duration;

use mcpc::around::{Next, ToolCall};
use mcpc::{Server, State, tools};
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};
use tokio::time::sleep;

use crate::support::Plain;
use crate::support::messages;

/// Any JSON.
#[mcpc::tool]
async fn any(value: Value) -> Value {
    value
}

/// A text.
#[mcpc::tool]
async fn text(text: String) -> String {
    text
}

/// An object.
#[mcpc::tool]
async fn object(entries: Map<String, Value>) -> Map<String, Value> {
    entries
}

/// A list.
#[mcpc::tool]
async fn list(items: Vec<Value>) -> Vec<Value> {
    items
}

/// A number that may be large.
#[mcpc::tool]
async fn natural(number: u128) -> u128 {
    number
}

/// A large number of a small one.
#[mcpc::tool]
async fn power(of_two: u32) -> u128 {
    1 << of_two
}

/// The same of a float.
#[mcpc::tool]
async fn power_of_ten(exponent: i32) -> Vec<f64> {
    vec![10_f64.powi(exponent)]
}

/// Halves a number, or none.
#[mcpc::tool]
async fn half(
    #[arg(range = ..=1e300)] number: Option<f64>,
    #[arg(default = 2.0)] by: f64,
) -> Option<f64> {
    number.map(|number| number / by)
}

/// Nothing, or a reason.
#[mcpc::tool]
async fn fails(why: Option<String>) -> Result<(), String> {
    why.map_or(Ok(()), Err)
}

/// Panics.
#[mcpc::tool]
async fn panics() {
    panic!("over");
}

#[derive(Serialize, schemars::JsonSchema)]
struct Report {
    title: String,
    lines: Vec<i64>,
    share: f64,
}

/// A struct.
#[mcpc::tool]
async fn report(title: String, lines: Vec<i64>) -> Report {
    let share = lines.len() as f64 / 3.0;
    Report { title, lines, share }
}

#[derive(Serialize, schemars::JsonSchema)]
struct Written {
    #[schemars(with = "Value")]
    json: Box<RawValue>,
}

/// What a tool wrote by hand.
#[mcpc::tool]
async fn written(json: String) -> Result<Written, String> {
    let json = RawValue::from_string(json).map_err(|error| error.to_string())?;
    Ok(Written { json })
}

#[derive(Serialize, schemars::JsonSchema)]
#[serde(transparent)]
struct Alone {
    #[schemars(with = "Value")]
    json: Box<RawValue>,
}

/// The same, and nothing around it.
#[mcpc::tool]
async fn written_alone(json: String) -> Result<Alone, String> {
    let json = RawValue::from_string(json).map_err(|error| error.to_string())?;
    Ok(Alone { json })
}

#[derive(Serialize, schemars::JsonSchema)]
struct Twice {
    id: u8,
    #[serde(flatten)]
    more: BTreeMap<String, u8>,
}

/// A name that may be there twice.
#[mcpc::tool]
async fn twice(name: String) -> Twice {
    Twice { id: 1, more: [(name, 2)].into() }
}

/// A state, a name of its own, and a timeout.
#[mcpc::tool(timeout = "1s")]
async fn waits(limit: State<u64>, #[arg(rename = "for")] seconds: u64) -> bool {
    sleep(Duration::from_secs(seconds)).await;
    seconds < *limit
}

fn server() -> Server {
    let tools = tools![any, text, object, list, natural, half, fails, panics, report];
    let more = tools![power, power_of_ten, written, written_alone, twice, waits];
    Server::new("simple").tools(tools).tools(more).state(7_u64)
}

/// The parameters of calls, as they are written.
fn calls() -> Vec<String> {
    let deep = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
    let long = json!("x".repeat(10_000));
    let values = [
        r#"1 20.0 -0.0 1e3 1e300 0.1 1.7976931348623157e308 12345678901234567.5 9007199254740993"#,
        r#"18446744073709551615 18446744073709551616 -9223372036854775808 true false null {} []"#,
        r#""" "true" "truth" "nullable" "42" "-" "-1" "[]" "{}" "{" "\"a\"" "\u0020" "\n1" "\u00e9" "\u0000""#,
        r#"{"b":1,"a":[1.5,{"c":null}]} {"b":"\u2028","b":2} [1,"1e5",123456789012345.5] [1e400]"#,
        r#"{"resultType":1,"":{"result":[]}} [[0.1234567890123456789]] ["12345678901234567890"]"#,
    ];
    let values = values.iter().flat_map(|line| line.split(' ').map(ToOwned::to_owned));
    let values = values.chain([long.to_string(), deep(118), deep(121), r#"" 1""#.to_owned()]);
    let mut calls = Vec::new();
    for value in values {
        for (tool, argument) in [
            ("any", "value"),
            ("text", "text"),
            ("object", "entries"),
            ("list", "items"),
            ("natural", "number"),
            ("half", "number"),
            ("fails", "why"),
            ("waits", "for"),
        ] {
            calls.push(format!(r#""name":"{tool}","arguments":{{"{argument}":{value}}}"#));
        }
    }
    calls.extend(
        [
            r#""name":"half""#,
            r#""name":"half","arguments":null"#,
            r#""name":"half","arguments":{"number":3,"by":null}"#,
            r#""name":"half","arguments":{"number":3,"number":5}"#,
            r#""name":"half","arguments":{"number":"3","by":"4"}"#,
            r#""name":"half","arguments":{"by":4,"\u006eumber":3}"#,
            r#""name":"half","arguments":{"numbers":3}"#,
            r#""name":"half","arguments":{"number":[],"by":{},"more":1}"#,
            r#""name":"half","arguments":{"number":1e301}"#,
            r#""name":"half","arguments":{"number":1,"_metadata":{"mcpc_task_id":"t"}}"#,
            r#""name":"half","arguments":{"number":1,"sessionId":"","action":"","chatInput":"","toolCallId":""}"#,
            r#""name":"ha\u006cf","arguments":{"number":1}"#,
            r#""name":"halve","arguments":{"number":1}"#,
            r#""name":"natural""#,
            r#""name":"panics","arguments":{}"#,
            r#""name":"report","arguments":{"lines":[3,1,2],"title":"\"T\""}"#,
            r#""name":"report","arguments":{"lines":"[3]","title":7}"#,
            r#""name":"written","arguments":{"json":"{\"a\":1}"}"#,
            r#""name":"written","arguments":{"json":"{\"a\":\"\\ud800\"}"}"#,
            r#""name":"written","arguments":{"json":"{\"a\":1,\"a\":2}"}"#,
            r#""name":"written_alone","arguments":{"json":"\"a\\ud800\""}"#,
            r#""name":"written_alone","arguments":{"json":"[1]"}"#,
            r#""name":"twice","arguments":{"name":"id"}"#,
            r#""name":"twice","arguments":{"name":"more"}"#,
            r#""name":"waits","arguments":{"for":0}"#,
            r#""name":"power","arguments":{"of_two":40}"#,
            r#""name":"power","arguments":{"of_two":63}"#,
            r#""name":"power","arguments":{"of_two":64}"#,
            r#""name":"power","arguments":{"of_two":127}"#,
            r#""name":"power_of_ten","arguments":{"exponent":-9}"#,
            r#""name":"power_of_ten","arguments":{"exponent":15}"#,
            r#""name":"power_of_ten","arguments":{"exponent":17}"#,
            r#""name":"power_of_ten","arguments":{"exponent":300}"#,
            r#""name":"half","arguments":{"number":1},"task":{"ttl":1}"#,
            r#""name":"half","arguments":{"number":1},"requestState":"unknown""#,
        ]
        .map(ToOwned::to_owned),
    );
    calls
}

/// What is read of each of these calls, which a client makes one after the other.
async fn replies(server: Server, meta: &str) -> Vec<String> {
    let mut client = Plain::connect(server).await;
    let mut replies = Vec::new();
    for call in calls() {
        let line = format!(
            r#"{{"jsonrpc":"2.0","id":"c","method":"tools/call","params":{{{call}{meta}}}}}"#
        );
        client.send(&line).await;
        replies.push(client.wire.line().await);
    }
    replies
}

#[tokio::test(start_paused = true)]
async fn the_short_way_of_a_simple_call_is_not_to_be_seen() {
    let mut can_be_asked = messages::meta();
    can_be_asked["io.modelcontextprotocol/clientCapabilities"] = json!({"elicitation": {}});
    let mut long = messages::meta();
    long["io.modelcontextprotocol/protocolVersion"] = json!("2026-07-28".repeat(100));
    let metas = [Value::Null, messages::meta(), can_be_asked, long, json!({"progressToken": 1})];
    let servers =
        [server, || server().exact_arguments(true), || server().ignore_unknown_arguments(true)];
    for meta in
        metas.map(|meta| if meta.is_null() { String::new() } else { format!(r#","_meta":{meta}"#) })
    {
        for server in servers {
            let simple = replies(server(), &meta).await;
            let around = |call: ToolCall, next: Next| next.run(call);
            let usual = replies(server().around(around), &meta).await;
            for ((call, simple), usual) in calls().iter().zip(simple).zip(usual) {
                assert_eq!(simple, usual, "{call}{meta}");
            }
        }
    }
}
