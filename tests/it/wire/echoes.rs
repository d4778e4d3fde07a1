//! What a client said is not all said back to it, and what a model is to say is JSON.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use mcpc::{Sender, Server, tools};
use schemars::JsonSchema;
use serde::de::{Deserializer, Error as _, Unexpected};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::messages::meta;
use crate::support::{INITIALIZE, Mcpc, Plain, Wire, texts};

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
enum Target {
    Stdout,
    Disk(String),
    Bucket { name: u8 },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
#[serde(tag = "kind")]
enum Source {
    File { path: u8 },
    Table { schema: Level },
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
#[serde(untagged)]
enum Size {
    Square { side: u8 },
    Name(Level),
}

#[derive(Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only read")]
#[serde(deny_unknown_fields)]
struct Filter {
    min: Option<u8>,
    #[schemars(regex(pattern = "^[a-z]$"))]
    code: Option<String>,
    inner: Option<Box<Filter>>,
    of: Option<BTreeMap<u16, Level>>,
}

/// Its error repeats what it was read from.
#[derive(Deserialize, JsonSchema)]
#[serde(try_from = "String")]
#[schemars(with = "String")]
struct Code;

impl TryFrom<String> for Code {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Err(format!("`{text}` is not a code"))
    }
}

/// So does this one's, in serde's words.
#[derive(JsonSchema)]
struct Other;

impl<'de> Deserialize<'de> for Other {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Err(D::Error::invalid_value(Unexpected::Other(&text), &"something else"))
    }
}

#[mcpc::tool]
#[expect(clippy::too_many_arguments, reason = "one of every kind")]
async fn takes(
    number: Option<u8>,
    float: Option<f64>,
    flag: Option<bool>,
    letter: Option<char>,
    #[arg(length = 1..=5, pattern = "^[a-z]*$")] text: Option<String>,
    level: Option<Level>,
    target: Option<Target>,
    source: Option<Source>,
    size: Option<Size>,
    filter: Option<Filter>,
    code: Option<Code>,
    other: Option<Other>,
    #[arg(range = 1..=5)] range: Option<u32>,
    date: Option<chrono::NaiveDate>,
    id: Option<uuid::Uuid>,
    url: Option<url::Url>,
    address: Option<IpAddr>,
    list: Option<Vec<(u8, Level)>>,
) -> String {
    drop((number, float, flag, letter, text, level, target, source, size, filter));
    drop((code, other, range, date, id, url, address, list));
    "nothing is wrong".to_owned()
}

/// Waits for its end.
#[mcpc::background]
async fn waits(updates: Sender) {
    updates.stopped().await;
}

#[derive(Serialize, JsonSchema)]
struct Nothing {}

#[mcpc::tool]
async fn nothing() -> Nothing {
    Nothing {}
}

fn server() -> Server {
    Server::new("echoes").tools(tools![takes, waits, nothing])
}

const MOST: usize = 4096;

fn big() -> String {
    "x".repeat(1 << 20)
}

/// Stands for a mebibyte of text in a request that is to be sent: `serde_json` takes its time for one in an
/// unoptimized build.
const BIG: &str = "§";

/// Requests that are wrong in one place, where there is a mebibyte of text.
fn requests() -> Vec<Value> {
    let big = BIG.to_owned();
    let mut deep = json!({"min": 256});
    for _ in 0..100 {
        deep = json!({"inner": deep});
    }
    let arguments = [
        json!({big.clone(): 1}),
        json!({"number": big}),
        json!({"float": big}),
        json!({"flag": big}),
        json!({"letter": big}),
        json!({"text": big}),
        json!({"text": [big]}),
        json!({"level": big}),
        json!({"level": {big.clone(): 1}}),
        json!({"target": big}),
        json!({"target": {big.clone(): 1}}),
        json!({"target": {"Disk": {big.clone(): 1}}}),
        json!({"target": {"Bucket": {"name": big}}}),
        json!({"source": big}),
        json!({"source": {"kind": big}}),
        json!({"source": {"kind": "Table", "schema": big}}),
        json!({"size": big}),
        json!({"size": {"side": big}}),
        json!({"filter": {big.clone(): 1}}),
        json!({"filter": {"code": big}}),
        json!({"filter": {"of": {big.clone(): "low"}}}),
        json!({"filter": {"of": {"1": big}}}),
        json!({"filter": {"inner": {"inner": {"min": big}}}}),
        json!({"filter": deep}),
        json!({"code": big}),
        json!({"other": big}),
        json!({"range": big}),
        json!({"date": big}),
        json!({"id": big}),
        json!({"url": big}),
        json!({"url": format!("http://{big}:{big}")}),
        json!({"address": big}),
        json!({"list": [[big, "low"], [1, big]]}),
        json!({"_metadata": big}),
        json!({"_metadata": {"mcpc_task_id": [big]}}),
        json!({"mcpc_params": {"session_id": {big.clone(): big}}}),
    ];
    let call = |tool: &str, arguments: &Value| json!({"name": tool, "arguments": arguments});
    let meta = json!({"progressToken": big});
    let mut requests: Vec<(&str, Value)> = Vec::new();
    for arguments in &arguments {
        requests.push(("tools/call", call("takes", arguments)));
    }
    requests.extend([
        (big.as_str(), json!({})),
        (big.as_str(), json!([big])),
        (big.as_str(), Value::Null),
        ("tools/call", json!({"name": big, "arguments": {}})),
        ("tools/call", json!({"name": {"is": big}})),
        ("tools/call", json!({"name": "takes", "arguments": big})),
        ("tools/call", json!({"name": "takes", "arguments": [big]})),
        ("tools/call", json!({"name": "takes", "_meta": big})),
        ("tools/call", json!([big])),
        ("tools/call", json!({"name": "takes", "arguments": {"number": big}, "_meta": meta})),
        ("tools/call", call("waits", &json!({big.clone(): 1}))),
        ("tools/call", call("check_task", &json!({"task_id": big}))),
        ("tools/call", call("stop_task", &json!({"task_id": big}))),
        ("tools/call", call("check_task", &json!({"task_id": "t", "wait_seconds": big}))),
        ("tasks/get", json!({"taskId": big})),
        ("tasks/get", json!({"taskId": [big]})),
        ("tasks/cancel", json!({"taskId": big})),
        ("tasks/update", json!({"taskId": "t", "inputResponses": big})),
        ("initialize", json!({"protocolVersion": [big], "capabilities": {}})),
        ("resources/read", json!({"uri": big})),
        ("resources/read", json!({"uri": [big]})),
        ("resources/subscribe", json!({"uri": big})),
        ("prompts/get", json!({"name": big})),
        ("prompts/get", json!({"name": [big]})),
        ("completion/complete", json!({"ref": big})),
        ("completion/complete", json!({"ref": {"type": "ref/prompt", "name": big}, "argument": {"name": big, "value": big}})),
        ("logging/setLevel", json!({"level": big})),
        ("subscriptions/listen", json!({"notifications": big})),
    ]);
    let requests = requests.into_iter().map(|(method, params)| {
        json!({"jsonrpc": "2.0", "id": "big", "method": method, "params": params})
    });
    let mut requests: Vec<Value> = requests.collect();
    requests.push(json!({"jsonrpc": big, "id": "big", "method": "ping"}));
    requests.push(json!({"jsonrpc": "2.0", "id": "big", "method": [big]}));
    requests.push(json!({"jsonrpc": "2.0", "id": [big], "method": "ping"}));
    requests.push(json!([big]));
    requests
}

/// A request as of MCP 2026-07-28, by a client that knows tasks.
fn modern(mut request: Value, version: &str) -> Option<Value> {
    let mut meta = meta();
    meta["io.modelcontextprotocol/protocolVersion"] = json!(version);
    let params = request.get_mut("params")?.as_object_mut()?;
    params.insert("_meta".to_owned(), meta).is_none().then_some(request)
}

/// Whether a request is answered with an error that is no longer than it has to be.
async fn refused(client: &mut Plain, request: &Value) {
    let request = request.to_string();
    client.send(&request.replace(BIG, &big())).await;
    let line = client.line().await;
    let is_error = line.contains(r#""error":{"#) || line.contains(r#""isError":true"#);
    let is_short = line.len() < MOST;
    assert!(is_error && is_short, "{request}: {}", &line[..line.len().min(300)]);
}

#[tokio::test]
async fn no_error_repeats_a_mebibyte() {
    let mut client = Plain::connect(server()).await;
    for request in requests() {
        refused(&mut client, &request).await;
        if let Some(request) = modern(request, "2026-07-28") {
            refused(&mut client, &request).await;
        }
    }
    let ping = json!({"jsonrpc": "2.0", "id": "big", "method": "tools/list", "params": {}});
    refused(&mut client, &modern(ping, BIG).expect("an object")).await;
    client.send(&format!("{}{{", big())).await;
    assert!(client.line().await.len() < MOST);

    // Characters are not taken apart.
    client.send(&json!({"jsonrpc": "2.0", "id": 1, "method": "ä".repeat(201)}).to_string()).await;
    let message = format!("unknown method `{}…`", "ä".repeat(200));
    assert_eq!(client.value().await["error"]["message"], message);
}

/// Such a transport reads messages in its own way.
#[tokio::test]
async fn no_error_over_another_transport_repeats_a_mebibyte() {
    let mut client = Plain::begin(Wire::open_over_rmcp(server())).await;
    for request in requests().into_iter().filter(|request| request["method"] == "tools/call") {
        // What is not a request to rmcp is not answered by it.
        if request["params"]["name"].is_string() && request["params"]["arguments"].is_object() {
            refused(&mut client, &request).await;
        }
    }
}

#[tokio::test]
async fn a_connection_that_begins_with_a_mebibyte() {
    for (from, to) in [("2024-11-05", big()), ("\"raw\"", format!("[\"{}\"]", big()))] {
        let mut wire = Wire::open(server());
        wire.send(&INITIALIZE.replace(from, &to)).await;
        assert!(wire.line().await.len() < MOST);
    }
}

/// An id has to be repeated where it is an id, and is no longer than that elsewhere.
#[tokio::test]
async fn an_id_of_a_mebibyte_is_repeated_where_it_is_one() {
    let mut client = Mcpc::connect(server()).await;
    let id = big();
    client.start(&id, "waits", json!({})).await;
    assert!(client.line().await.contains(&id));
    let ids = json!({"mcpc_task_id": BIG});
    let call = json!({"name": "waits", "arguments": {"_metadata": ids}});
    refused(
        &mut client,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}),
    )
    .await;

    // A request of an id that is taken.
    let mut client = Mcpc::connect(server()).await;
    for _ in 0..2 {
        client.call(id.clone(), "check_task", json!({"task_id": "t", "wait_seconds": "x"})).await;
        let line = client.line().await;
        assert!(line.len() < id.len() + MOST, "{}", line.len());
    }
    client.call(id.clone(), "waits", json!({})).await;
    client.call(id.clone(), "waits", json!({})).await;
    let line = client.line().await;
    assert!(line.contains("is still unanswered") && line.len() < id.len() + MOST, "{}", line.len());
    client.cancel(id.clone()).await;
    client.call(id.clone(), "waits", json!({})).await;
    let line = client.line().await;
    assert!(line.contains("was cancelled") && line.len() < id.len() + MOST, "{}", line.len());
}

/// Whatever a client calls a task, a model can copy the arguments out of the text.
#[tokio::test(start_paused = true)]
async fn the_arguments_in_a_text_are_json() {
    let server = server().patience(Duration::from_secs(1));
    let mut client = Mcpc::connect(server).await;
    let id = "a\u{7f}\u{1}\u{1b}'\"\\\n\u{301}\u{200b}ä";
    client.start(id, "waits", json!({})).await;
    client.message().await;
    // Silent until it is stopped, and then it may be the first to be heard.
    client.call("stop", "stop_task", json!({"task_id": id})).await;
    let replies = [client.value().await, client.value().await];
    let stop = replies.iter().find(|reply| reply["id"] == "stop").expect("a reply");
    let text = texts(stop).remove(0);
    let arguments = |text: &str| -> Value {
        let start = text.find("with {").expect("arguments") + "with ".len();
        let end = text.rfind("} to ").expect("arguments") + 1;
        serde_json::from_str(&text[start..end]).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    assert_eq!(arguments(&text), json!({"task_id": id, "wait_seconds": 50}));
    // A ticket: the call's id is the server's own, or that of a client which forgot its handshake.
    let reply = client.reply("waits", json!({})).await;
    assert!(arguments(&texts(&reply)[0])["task_id"].is_string());

    for (arguments, problem) in [
        (
            json!({"level": "lo\u{7f}\u{1b}w"}),
            r#"the string "lo\u007f\u001bw" is none of `low`, `high`"#,
        ),
        (json!({"filter": {"a\u{301}\n": 1}}), "unknown argument `filter[\"a\u{301}\\n\"]`"),
        (
            json!({"filter": {"of": {"\u{1b}": "low"}}}),
            r#"the key "\u001b": expected a whole number"#,
        ),
    ] {
        let (text, _) = client.ask("takes", arguments).await;
        assert!(text.contains(&problem.replace("\\u007f", "\u{7f}")), "{text}");
    }
}
