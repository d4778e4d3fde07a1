//! What `tools/list` says about a function.

use std::collections::BTreeMap;

use mcpc::{Schemas, Sender, Server, State, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Plain;

/// A place to deploy to.
#[derive(Deserialize, JsonSchema)]
struct Target {
    /// Where it is
    _region: String,
    _zone: Option<u8>,
}

#[derive(Serialize, JsonSchema)]
struct Status {
    service: String,
    version: Option<String>,
}

/// Says how a service is.
///
/// Not how it feels.
#[mcpc::tool(title = "Status", read_only, open_world = false)]
async fn status(
    #[arg(rename = "service-name")] service: String,
    verbose: Option<bool>,
    _database: State<u8>,
) -> Status {
    Status { service, version: verbose.map(|_| "2".to_owned()) }
}

#[mcpc::background(name = "deploy.now", description = "Deploys it.", destructive)]
async fn deploy(
    _targets: State<u8>,
    /**
     * Where to,
     * in order
     */
    targets: Vec<Target>,
    #[arg(default = 0.5, range = 0.0..1.0)] share: f64,
    #[arg(default)] labels: BTreeMap<String, i32>,
    _updates: Sender,
) -> Option<Status> {
    (targets.len() + labels.len() > 9 && share > 0.0).then(status_of_nothing)
}

fn status_of_nothing() -> Status {
    Status { service: String::new(), version: None }
}

#[mcpc::tool]
async fn perhaps() -> Option<Status> {
    None
}

async fn listed() -> Vec<Value> {
    let server = Server::new("schemas").state(1u8).tools(tools![status, deploy, perhaps]);
    let mut client = Plain::connect(server).await;
    client.list().await
}

#[tokio::test]
async fn a_plain_tool() {
    assert_eq!(
        listed().await[0],
        json!({
            "name": "status",
            "title": "Status",
            "description": "Says how a service is.\n\nNot how it feels.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "service-name": {"type": "string"},
                    "verbose": {"type": "boolean"},
                },
                "required": ["service-name"],
                "additionalProperties": false,
            },
            // What is sent may be null, and is always there.
            "outputSchema": {
                "type": "object",
                "properties": {
                    "service": {"type": "string"},
                    "version": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                },
                "required": ["service", "version"],
            },
            "annotations": {"readOnlyHint": true, "openWorldHint": false},
        })
    );
}

#[tokio::test]
async fn a_background_tool() {
    assert_eq!(
        listed().await[1],
        json!({
            "name": "deploy.now",
            "description": "Deploys it.",
            "inputSchema": {
                "type": "object",
                "properties": {
                    "targets": {
                        "description": "Where to,\nin order",
                        "type": "array",
                        "items": {
                            "description": "A place to deploy to.",
                            "type": "object",
                            "properties": {
                                "_region": {"description": "Where it is", "type": "string"},
                                "_zone": {"type": "integer", "minimum": 0, "maximum": 255},
                            },
                            "required": ["_region"],
                        },
                    },
                    "share": {
                        "type": "number",
                        "minimum": 0.0,
                        "exclusiveMaximum": 1.0,
                        "default": 0.5,
                    },
                    "labels": {
                        "type": "object",
                        "additionalProperties": {
                            "type": "integer",
                            "minimum": i32::MIN,
                            "maximum": i32::MAX,
                        },
                        "default": {},
                    },
                },
                "required": ["targets"],
                "additionalProperties": false,
            },
            "annotations": {"destructiveHint": true},
        })
    );
}

#[tokio::test]
async fn what_is_not_always_an_object_has_no_output_schema() {
    assert_eq!(listed().await[2]["outputSchema"], Value::Null);
}

#[tokio::test]
async fn structured_content_is_as_listed() {
    let server = Server::new("schemas").state(1u8).tools(tools![status]);
    let mut client = Plain::connect(server).await;
    let result = client.result("status", json!({"service-name": "web"})).await;
    assert_eq!(result["structuredContent"], json!({"service": "web", "version": null}));
    assert_eq!(result["content"][0]["text"], r#"{"service":"web","version":null}"#);
}

#[mcpc::tool]
async fn nullable(numbers: Vec<Option<u8>>, price: Price) -> u8 {
    drop(price);
    numbers.into_iter().flatten().sum()
}

/// A number, or a string.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
enum Price {
    Number(#[allow(dead_code, reason = "only read")] f64),
    Text(#[allow(dead_code, reason = "only read")] String),
}

#[tokio::test]
async fn what_may_be_null_is_one_of_two_types() {
    let mut client = Plain::connect(Server::new("schemas").tools(tools![nullable])).await;
    assert_eq!(
        client.list().await[0]["inputSchema"]["properties"],
        json!({
            "numbers": {
                "type": "array",
                "items": {
                    "anyOf": [
                        {"type": "integer", "minimum": 0, "maximum": 255},
                        {"type": "null"},
                    ],
                },
            },
            "price": {
                "description": "A number, or a string.",
                "anyOf": [{"type": "number"}, {"type": "string"}],
            },
        })
    );
    let (text, is_error) = client.ask("nullable", json!({"numbers": [1, null], "price": 1})).await;
    assert_eq!((text.as_str(), is_error), ("1", false));
    let (text, is_error) =
        client.ask("nullable", json!({"numbers": [300, null, "x"], "price": null})).await;
    assert!(is_error);
    assert_eq!(
        text,
        "argument `numbers[0]`: 300 is not in 0..=255\n\
         argument `numbers[2]`: expected a whole number, got the string \"x\"\n\
         argument `price`: expected a number or a string, got null"
    );
}

#[mcpc::tool]
async fn book(
    /// When it starts
    start: chrono::NaiveDate,
    end: Option<chrono::NaiveTime>,
    made: chrono::DateTime<chrono::Utc>,
    /// Who comes
    guests: Vec<uuid::Uuid>,
    part: Part,
    /// Which of them
    wing: Wing,
) -> String {
    format!("{start}{end:?}{made}{guests:?}{part:?}{wing:?}")
}

/// A part of it.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Part {
    #[schemars(extend("format" = "isin"))]
    code: String,
    page: Option<url::Url>,
}

/// Where.
#[derive(Debug, Deserialize, JsonSchema)]
enum Wing {
    /// By the sea.
    East,
    West,
}

#[mcpc::tool]
async fn translate(
    /// Into which language
    #[arg(example = "en", length = 2..)]
    language: String,
    #[arg(example = 7, range = 1..)] pages: u8,
    /// From when on
    #[arg(example = chrono::NaiveDate::from_ymd_opt(2026, 1, 31).expect("a date"))]
    since: chrono::NaiveDate,
    source: Source,
) -> String {
    format!("{language}{pages}{since}{source:?}")
}

#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[schemars(example = Self { pages: vec![1, 2] })]
struct Source {
    /// Which of them
    #[schemars(example = [1, 2], example = [3])]
    pages: Vec<u8>,
}

/// Gemini's API refuses `examples`, too.
#[tokio::test]
async fn an_example_is_said_in_words() {
    let server = || Server::new("schemas").tools(tools![translate]);
    let mut client = Plain::connect(server()).await;
    assert_eq!(
        client.list().await[0]["inputSchema"]["properties"],
        json!({
            "language": {
                "type": "string",
                "description": "Into which language\n\nFor example \"en\"",
                "minLength": 2,
            },
            "pages": {
                "type": "integer",
                "description": "For example 7",
                "minimum": 1,
                "maximum": 255,
            },
            "since": {
                "type": "string",
                "description": "From when on\n\nA date\n\nFor example \"2026-01-31\"",
            },
            "source": {
                "type": "object",
                "description": "For example {\"pages\":[1,2]}",
                "properties": {
                    "pages": {
                        "type": "array",
                        "description": "Which of them\n\nFor example [1,2], or [3]",
                        "items": {"type": "integer", "minimum": 0, "maximum": 255},
                    },
                },
                "required": ["pages"],
            },
        })
    );
    let mut client = Plain::connect(server().schemas(Schemas::Draft2020_12)).await;
    let language = client.list().await[0]["inputSchema"]["properties"]["language"].clone();
    assert_eq!(language["examples"], json!(["en"]));
    assert_eq!(language["description"], "Into which language");
}

/// Gemini's API refuses any format of a string but `date-time`.
#[tokio::test]
async fn a_format_that_models_apis_refuse_is_said_in_words() {
    let mut client = Plain::connect(Server::new("schemas").tools(tools![book])).await;
    assert_eq!(
        client.list().await[0]["inputSchema"]["properties"],
        json!({
            "start": {"type": "string", "description": "When it starts\n\nA date, like 2026-11-29"},
            "end": {"type": "string", "description": "A time, like 13:30:00"},
            "made": {"type": "string", "format": "date-time"},
            "guests": {
                "type": "array",
                "description": "Who comes",
                "items": {
                    "type": "string",
                    "description": "A UUID, like 67e55044-10b1-426f-9247-bb680e5fe0c8",
                },
            },
            "part": {
                "description": "A part of it.",
                "type": "object",
                "properties": {
                    "code": {"type": "string", "description": "In the format `isin`"},
                    "page": {"type": "string", "description": "A URL, like https://example.com/page"},
                },
                "required": ["code"],
            },
            // What is said of the argument takes nothing from what is said of its values.
            "wing": {
                "description": "Which of them\n\n- `East`: By the sea.",
                "type": "string",
                "enum": ["West", "East"],
            },
        })
    );
}

#[mcpc::tool]
async fn open_and_closed(open: Part, closed: Closed, either: Vec<Either>) -> String {
    format!("{open:?}{closed:?}{either:?}")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[allow(dead_code, reason = "only read")]
struct Closed {
    x: u8,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
enum Either {
    One { x: u8 },
}

/// `additionalProperties` is what is true: a struct that ignores what it does not know does not say that it refuses
/// it.
#[tokio::test]
async fn a_schema_is_closed_where_unknown_fields_are_refused() {
    let mut client = Plain::connect(Server::new("schemas").tools(tools![open_and_closed])).await;
    let schema = client.list().await[0]["inputSchema"].clone();
    assert_eq!(schema["additionalProperties"], false);
    let properties = &schema["properties"];
    assert_eq!(properties["open"]["additionalProperties"], Value::Null);
    assert_eq!(properties["closed"]["additionalProperties"], false);
    let one = &properties["either"]["items"]["anyOf"][0];
    assert_eq!(one["additionalProperties"], false);
    assert_eq!(one["properties"]["One"]["additionalProperties"], Value::Null);

    let good = json!({
        "open": {"code": "x", "more": 1}, "closed": {"x": 1}, "either": [{"One": {"x": 1, "more": 1}}],
    });
    let (text, is_error) = client.ask("open_and_closed", good).await;
    assert!(!is_error, "{text}");
    let bad = json!({
        "open": {"code": "x"}, "closed": {"x": 1, "y": 1}, "either": [{"One": {"x": 1}, "Two": 2}], "more": 1,
    });
    let (text, _) = client.ask("open_and_closed", bad).await;
    assert_eq!(
        text,
        "unknown argument `closed.y`; expected one of `x`\n\
         unknown argument `either[0].Two`; expected one of `One`\n\
         unknown argument `more`; expected one of `open`, `closed`, `either`"
    );
}
