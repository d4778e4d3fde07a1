//! Parameters that are several of a call's arguments, or all of them.

use std::collections::{BTreeMap, HashMap};

use mcpc::{Sender, Server, Tools, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::support::{Mcpc, Plain};

/// Where something is.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
struct Selector {
    /// Which zone
    #[serde(rename = "zone", alias = "region")]
    area: String,
    #[schemars(range(min = 1, max = 9))]
    row: Option<u8>,
    #[serde(default = "default_depth")]
    depth: u32,
    #[serde(default)]
    corner: Option<Point>,
}

fn default_depth() -> u32 {
    3
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Point {
    x: i64,
    y: u128,
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Page {
    limit: u16,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only shown")]
struct Deep {
    id: u8,
    #[serde(flatten)]
    page: Part,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only shown")]
struct Part {
    limit: u16,
    #[serde(default)]
    offset: u16,
}

/// From one number to another.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(try_from = "RawSpan")]
#[schemars(with = "RawSpan")]
struct Span(u8, u8);

#[derive(Deserialize, JsonSchema)]
struct RawSpan {
    from: u8,
    to: u8,
}

impl TryFrom<RawSpan> for Span {
    type Error = &'static str;

    fn try_from(RawSpan { from, to }: RawSpan) -> Result<Self, Self::Error> {
        if from <= to { Ok(Self(from, to)) } else { Err("it ends before it begins") }
    }
}

#[mcpc::tool]
async fn select(
    #[arg(flatten)] at: Selector,
    #[arg(range = 1..=5)] times: u8,
    #[arg(flatten)] page: Page,
) -> String {
    format!("{at:?} {times} {page:?}")
}

#[mcpc::background]
async fn select_later(#[arg(flatten)] page: Page, updates: Sender) -> u16 {
    updates.progress(1, 1, "done");
    page.limit
}

#[mcpc::tool]
async fn deep(#[arg(flatten)] deep: Deep) -> String {
    format!("{deep:?}")
}

#[mcpc::tool]
async fn span(#[arg(flatten)] span: Span) -> u8 {
    span.1 - span.0
}

#[mcpc::tool]
async fn open(
    name: String,
    #[arg(flatten)] page: Page,
    #[arg(flatten)] rest: BTreeMap<String, u8>,
) -> String {
    format!("{name} {page:?} {rest:?}")
}

fn all_tools() -> Tools {
    tools![select, select_later, deep, span, open]
}

async fn connect() -> Mcpc {
    Mcpc::connect(Server::new("groups").tools(all_tools())).await
}

async fn answers(tool: &str, arguments: Value, expected: &str) {
    let (text, is_error) = connect().await.ask(tool, arguments.clone()).await;
    assert_eq!(text, expected, "{arguments}");
    assert!(!is_error, "{arguments}");
}

async fn refused(tool: &str, arguments: Value, expected: &[&str]) {
    let (text, is_error) = connect().await.ask(tool, arguments.clone()).await;
    assert_eq!(text.lines().collect::<Vec<_>>(), expected, "{arguments}");
    assert!(is_error, "{arguments}");
}

#[tokio::test(start_paused = true)]
async fn the_fields_of_a_struct_are_arguments_beside_others() {
    answers(
        "select",
        json!({"zone": "a", "times": 2, "limit": 5, "row": 3, "tags": ["x"]}),
        r#"Selector { area: "a", row: Some(3), depth: 3, corner: None } 2 Page { limit: 5, tags: ["x"] }"#,
    )
    .await;
    answers(
        "deep",
        json!({"id": 1, "limit": 5}),
        "Deep { id: 1, page: Part { limit: 5, offset: 0 } }",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn another_name_of_a_field_is_one_of_its_group() {
    answers(
        "select",
        json!({"region": "a", "times": 2, "limit": 5}),
        r#"Selector { area: "a", row: None, depth: 3, corner: None } 2 Page { limit: 5, tags: [] }"#,
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn fields_are_read_as_leniently_as_arguments_and_as_exactly() {
    answers(
        "select",
        json!({
            "zone": "a", "times": "2", "limit": "5", "row": "", "depth": null, "tags": "x",
            "corner": "{\"x\":1,\"y\":2}",
        }),
        "Selector { area: \"a\", row: None, depth: 3, corner: Some(Point { x: 1, y: 2 }) } 2 \
         Page { limit: 5, tags: [\"x\"] }",
    )
    .await;
    // 128 bits, as they were written.
    let mut client = connect().await;
    let line = r#"{"jsonrpc":"2.0","id":"7","method":"tools/call","params":{"name":"select","arguments":{"zone":"a","times":1,"limit":1,"corner":{"x":1e3,"y":340282366920938463463374607431768211455}}}}"#;
    client.send(line).await;
    let (_, reply) = client.until_reply_to("7").await;
    let text = reply["result"]["content"][0]["text"].as_str().expect("a text");
    assert!(
        text.contains("Point { x: 1000, y: 340282366920938463463374607431768211455 }"),
        "{text}"
    );
}

#[tokio::test(start_paused = true)]
async fn every_problem_is_told_at_once_by_the_names_of_the_fields() {
    refused(
        "select",
        json!({
            "row": 10, "depth": "deep", "corner": {"x": "left", "y": 1, "z": 1}, "times": 9,
            "limits": 5, "tags": [1],
        }),
        &[
            "argument `zone` is missing",
            "argument `row`: 10 is not in 1..=9",
            "argument `depth`: expected a whole number, got the string \"deep\"",
            "argument `corner.x`: expected a whole number, got the string \"left\"",
            "unknown argument `corner.z`; expected one of `x`, `y`",
            "argument `times`: 9 is not in 1..=5",
            "argument `limit` is missing",
            "argument `tags[0]`: expected a string, got the number 1; send it as a string: \"1\"",
            "unknown argument `limits`; did you mean `limit`?",
        ],
    )
    .await;
    refused(
        "deep",
        json!({"id": 300, "what": 1}),
        &[
            "argument `limit` is missing",
            "argument `id`: 300 is not in 0..=255",
            "unknown argument `what`; expected one of `id`, `limit`, `offset`",
        ],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn limits_of_fields_are_checked_where_their_type_takes_the_value() {
    refused(
        "select",
        json!({"zone": "a", "times": 2, "limit": 5, "row": 0}),
        &["argument `row`: 0 is not in 1..=9"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn what_a_type_says_of_all_its_fields_names_them() {
    answers("span", json!({"from": 1, "to": 3}), "2").await;
    refused(
        "span",
        json!({"from": 3, "to": 1}),
        &["the arguments `from`, `to`: it ends before it begins"],
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_map_takes_what_is_left() {
    answers(
        "open",
        json!({"b": 2, "limit": 1, "name": "n", "a": "1"}),
        r#"n Page { limit: 1, tags: [] } {"a": 1, "b": 2}"#,
    )
    .await;
    refused(
        "open",
        json!({"b c": "many", "limit": -1, "name": "n"}),
        &[
            "argument `limit`: -1 is not in 0..=65535",
            "argument `b c`: expected a whole number, got the string \"many\"",
        ],
    )
    .await;
    // Nor what a host adds.
    answers(
        "open",
        json!({"name": "n", "limit": 1, "sessionId": "s", "action": "a", "chatInput": "c", "toolCallId": "t"}),
        "n Page { limit: 1, tags: [] } {}",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_background_tool_has_groups_too() {
    let mut client = connect().await;
    let events = client.events("select_later", json!({"limit": "7"})).await;
    assert_eq!(events.last(), Some(&("complete".to_owned(), json!(7))));
    refused("select_later", json!({}), &["argument `limit` is missing"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_group_says_so_in_the_schema() {
    let listed = connect().await.listed("select").await["inputSchema"].clone();
    let names: Vec<&String> = listed["properties"].as_object().expect("an object").keys().collect();
    assert_eq!(names, ["zone", "row", "depth", "corner", "times", "limit", "tags"]);
    assert_eq!(listed["required"], json!(["zone", "times", "limit"]));
    assert_eq!(listed["additionalProperties"], false);
    assert_eq!(listed["description"], "`zone`, `row`, `depth`, `corner`: Where something is.");
    let open = connect().await.listed("open").await["inputSchema"].clone();
    assert_eq!(
        open["additionalProperties"],
        json!({"type": "integer", "minimum": 0, "maximum": 255})
    );
}

const SCHEMA: &str = r##"{
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "name": {"$ref": "#/$defs/name"},
        "count": {"type": "integer", "minimum": 1}
    },
    "required": ["name"],
    "additionalProperties": false,
    "$defs": {"name": {"type": "string", "maxLength": 3}}
}"##;

fn open_schema() -> Value {
    json!({"type": "object", "properties": {"a": {"oneOf": [{"type": "string"}, {"type": "null"}]}}})
}

/// It has no schema of its own.
#[derive(Debug, Deserialize)]
#[allow(dead_code, reason = "it is only shown")]
struct Unwritten {
    name: String,
    count: Option<u32>,
}

#[mcpc::tool(input_schema = SCHEMA)]
async fn by_text(#[arg(all)] arguments: Unwritten) -> String {
    format!("{arguments:?}")
}

#[mcpc::tool(input_schema = open_schema())]
async fn by_value(#[arg(all)] arguments: Map<String, Value>) -> Value {
    arguments.into()
}

#[mcpc::background(input_schema = schemars::schema_for!(Page))]
async fn by_type(#[arg(all)] arguments: Value, updates: Sender) -> Value {
    drop(updates);
    arguments
}

#[mcpc::tool]
async fn any(#[arg(all)] arguments: HashMap<String, Value>) -> usize {
    arguments.len()
}

/// One thing or the other.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "it is only shown")]
#[serde(tag = "kind", rename_all = "lowercase")]
enum Either {
    One { x: u8 },
    Other { y: u8 },
}

#[mcpc::tool]
async fn either(#[arg(all)] arguments: Either) -> String {
    format!("{arguments:?}")
}

#[mcpc::tool]
async fn one(#[arg(all)] arguments: Page) -> u16 {
    arguments.limit
}

async fn connect_to_all() -> Plain {
    let tools = tools![by_text, by_value, by_type, any, either, one];
    Plain::connect(Server::new("all").tools(tools)).await
}

async fn all_answer(tool: &str, arguments: Value, expected: &str, is_error: bool) {
    let answer = connect_to_all().await.ask(tool, arguments.clone()).await;
    assert_eq!(answer, (expected.to_owned(), is_error), "{arguments}");
}

#[tokio::test(start_paused = true)]
async fn a_schema_that_is_given_is_listed_as_it_is() {
    let mut client = connect_to_all().await;
    let text: Value = serde_json::from_str(SCHEMA).expect("JSON");
    assert_eq!(client.listed("by_text").await["inputSchema"], text);
    assert_eq!(client.listed("by_value").await["inputSchema"], open_schema());
    let of_type = schemars::schema_for!(Page).to_value();
    assert_eq!(client.listed("by_type").await["inputSchema"], of_type);
}

#[tokio::test(start_paused = true)]
async fn a_parameter_that_is_all_arguments_reads_the_whole_object() {
    all_answer("by_text", json!({"name": "a"}), r#"Unwritten { name: "a", count: None }"#, false)
        .await;
    all_answer("by_value", json!({"b": [1], "a": null}), r#"{"b":[1],"a":null}"#, false).await;
    all_answer("by_type", json!({"limit": 5}), r#"{"limit":5}"#, false).await;
    all_answer("any", json!({"a": 1, "b": 2}), "2", false).await;
    all_answer("either", json!({"kind": "other", "y": 2}), "Other { y: 2 }", false).await;
    all_answer("one", json!({"limit": "3"}), "3", false).await;
}

#[tokio::test(start_paused = true)]
async fn what_it_refuses_is_told_as_of_arguments() {
    let arguments = json!({"name": 5, "count": "many", "extra": 1, "nam": 1});
    let expected = "argument `name`: expected a string, got the number 5; send it as a string: \"5\"\n\
                    argument `count`: expected a whole number, got the string \"many\"\n\
                    unknown argument `extra`; expected one of `name`, `count`\n\
                    unknown argument `nam`; did you mean `name`?";
    all_answer("by_text", arguments, expected, true).await;
    let expected = "argument `name`: a length of 4 is not in ..=3\n\
                    argument `count`: 0 is not in 1..";
    all_answer("by_text", json!({"name": "long", "count": 0}), expected, true).await;
    all_answer("by_text", json!({"count": "2"}), "argument `name` is missing", true).await;
    all_answer(
        "one",
        json!({"limits": 1}),
        "argument `limit` is missing\n\
                unknown argument `limits`; did you mean `limit`?",
        true,
    )
    .await;
}
