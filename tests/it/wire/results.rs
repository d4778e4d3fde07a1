//! What a tool returns, as a client gets it.

use std::collections::BTreeMap;

use mcpc::content::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ErrorData, ImageContent,
    Resource, ResourceContents, TextContent,
};
use mcpc::{Server, Tools, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::{Mcpc, Plain, parse};

#[derive(Serialize, JsonSchema)]
struct Weather {
    degrees: f64,
    sky: Option<Sky>,
}

#[derive(Serialize, JsonSchema)]
#[serde(tag = "kind")]
enum Sky {
    Clear,
    Clouds { cover: u8 },
}

#[derive(Debug, thiserror::Error)]
#[error("cannot reach the station")]
struct Unreachable(#[source] std::io::Error);

/// A tool that returns one value, for each of them.
macro_rules! returning {
    ($($name:ident: $ty:ty = $value:expr;)*) => {
        $(
            #[mcpc::tool]
            async fn $name() -> $ty {
                $value
            }
        )*

        fn all() -> Tools {
            tools![$($name),*]
        }
    };
}

fn weather() -> Weather {
    Weather { degrees: 20.0, sky: Some(Sky::Clouds { cover: 3 }) }
}

fn refused() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused")
}

returning! {
    unit: () = ();
    string: String = "it is \"fine\"".to_owned();
    text: &'static str = "two\nlines";
    boxed: Box<str> = "boxed".into();
    flag: bool = true;
    integer: i64 = -5;
    large: u128 = u128::MAX;
    float: f64 = 20.0;
    letter: char = 'ä';
    list: Vec<Sky> = vec![Sky::Clear, Sky::Clouds { cover: 3 }];
    nothing: Option<Weather> = None;
    something: Option<Weather> = Some(weather());
    object: Weather = weather();
    variant: Sky = Sky::Clear;
    map: BTreeMap<String, u8> = BTreeMap::from([("a".to_owned(), 1)]);
    any: Value = json!({"a": [1, null]});
    tuple: (u8, String) = (1, "a".to_owned());
    image: ImageContent = ImageContent::new("aW1hZ2U=", "image/png");
    audio: AudioContent = AudioContent::new("YXVkaW8=", "audio/wav");
    embedded: EmbeddedResource = EmbeddedResource::new(ResourceContents::text("text", "file:///a"));
    link: Resource = Resource::new("file:///b", "b");
    block: ContentBlock = ContentBlock::text("block");
    content: TextContent = TextContent::new("content");
    blocks: Vec<ContentBlock> = vec![ContentBlock::text("one"), ContentBlock::text("two")];
    whole: CallToolResult = CallToolResult::error(vec![ContentBlock::text("as it is")]);
    fine: Result<Weather, String> = Ok(weather());
    failed: Result<Weather, String> = Err("no weather".to_owned());
    chained: Result<(), Unreachable> = Err(Unreachable(refused()));
    contextual: anyhow::Result<u8> =
        Err(anyhow::Error::new(Unreachable(refused())).context("no weather").context("no forecast"));
    dynamic: Result<u8, Box<dyn std::error::Error + Send + Sync>> =
        Err(Box::new(Unreachable(refused())));
    dynamic_only: Result<u8, Box<dyn std::error::Error>> = Err(Box::new(Unreachable(refused())));
    maybe: Option<u8> = Some(7);
    maybe_not: Option<u8> = None;
    any_number: Value = json!(5);
    digits: &'static str = "0042";
    number_in_a_text: String = "42".to_owned();
    list_in_a_text: &'static str = " [1, 2]\n";
    text_in_a_text: &'static str = "\"a\"";
    object_in_a_text: &'static str = "{\"a\": 1}";
    block_with_a_number: ContentBlock = ContentBlock::text("17");
    code: Result<(), String> = Err("404".to_owned());
    own_error: Result<Weather, CallToolResult> = Err(own_error_of(2));
    unsaid_error: Result<Weather, CallToolResult> =
        Err(CallToolResult::success(vec![ContentBlock::text("it says it went well")]));
    silent_error: Result<(), CallToolResult> = Err(CallToolResult::error(Vec::new()));
    protocol_error: Result<Weather, ErrorData> =
        Err(ErrorData::invalid_params("no such place", Some(json!({"near": "Ulm"}))));
    image_or_not: Result<ImageContent, String> = Ok(ImageContent::new("aW1hZ2U=", "image/png"));
}

fn own_error_of(blocks: usize) -> CallToolResult {
    let texts = (1..=blocks).map(|block| ContentBlock::text(format!("reason {block}")));
    CallToolResult::error(texts.collect())
}

/// The same as tasks.
#[mcpc::background]
async fn own_error_later() -> Result<Weather, CallToolResult> {
    Err(own_error_of(2))
}

#[mcpc::background]
async fn whole_later() -> CallToolResult {
    own_error_of(1)
}

#[mcpc::background]
async fn protocol_error_later() -> Result<Weather, ErrorData> {
    Err(ErrorData::invalid_params("no such place", None))
}

/// What a client gets of a tool, and the schema it was promised.
async fn returned(tool: &str) -> (Value, Value) {
    let mut client = Plain::connect(Server::new("results").tools(all())).await;
    let schema = client.listed(tool).await["outputSchema"].take();
    (client.result(tool, json!({})).await, schema)
}

#[tokio::test]
async fn as_text() {
    for (tool, text) in [
        ("string", "it is \"fine\""),
        ("text", "two\nlines"),
        ("boxed", "boxed"),
        ("letter", "ä"),
        ("block", "block"),
        ("content", "content"),
    ] {
        let expected = json!({"content": [{"type": "text", "text": text}], "isError": false});
        assert_eq!(returned(tool).await, (expected, Value::Null), "{tool}");
    }
    for tool in ["unit", "nothing"] {
        let expected = json!({"content": [], "isError": false});
        assert_eq!(returned(tool).await, (expected, Value::Null), "{tool}");
    }
}

/// Hosts that read a text as JSON, and expect an object there, find one.
#[tokio::test]
async fn as_the_result_of_an_object() {
    let list = r#"[{"kind":"Clear"},{"kind":"Clouds","cover":3}]"#;
    for (tool, text, structured, promised) in [
        ("flag", "true", json!(true), true),
        ("integer", "-5", json!(-5), true),
        ("float", "20.0", json!(20.0), true),
        ("list", list, parse(list), true),
        ("tuple", r#"[1,"a"]"#, json!([1, "a"]), true),
        ("maybe", "7", json!(7), true),
        ("any_number", "5", json!(5), false),
        // A text is a text, also where it looks like something else.
        ("digits", "0042", json!(null), false),
        ("number_in_a_text", "42", json!("42"), false),
        ("list_in_a_text", " [1, 2]\n", json!(" [1, 2]\n"), false),
        ("text_in_a_text", "\"a\"", json!("\"a\""), false),
        ("object_in_a_text", "{\"a\": 1}", json!(null), false),
        ("block_with_a_number", "17", json!("17"), false),
        ("large", "340282366920938463463374607431768211455", json!(u128::MAX.to_string()), false),
    ] {
        let (result, schema) = returned(tool).await;
        let mut expected = json!({"content": [{"type": "text", "text": text}], "isError": false});
        if !structured.is_null() {
            expected["structuredContent"] = json!({ "result": structured });
        }
        assert_eq!(result, expected, "{tool}");
        assert_eq!(!schema.is_null(), promised, "{tool}: {schema}");
        if promised {
            assert_eq!(
                (&schema["type"], &schema["required"], &schema["x-fastmcp-wrap-result"]),
                (&json!("object"), &json!(["result"]), &json!(true)),
                "{tool}"
            );
            let validator = jsonschema::draft202012::new(&schema).expect("a schema");
            assert!(validator.is_valid(&expected["structuredContent"]), "{tool}: {schema}");
        }
    }
    // What was promised is there, also where there is nothing to read.
    let (result, schema) = returned("maybe_not").await;
    assert_eq!(
        (&result["content"], &result["structuredContent"]),
        (&json!([]), &json!({"result": null}))
    );
    let validator = jsonschema::draft202012::new(&schema).expect("a schema");
    assert!(validator.is_valid(&result["structuredContent"]), "{schema}");
    // So is an error that is a number.
    let (result, _) = returned("code").await;
    let content = json!([{"type": "text", "text": "404"}]);
    let structured = json!({"result": "404"});
    assert_eq!(
        result,
        json!({"content": content, "structuredContent": structured, "isError": true})
    );
}

#[tokio::test]
async fn as_structured_content_and_its_twin() {
    let weather = r#"{"degrees":20.0,"sky":{"kind":"Clouds","cover":3}}"#;
    for (tool, text, promised) in [
        ("object", weather, true),
        ("fine", weather, true),
        ("something", weather, false),
        ("variant", r#"{"kind":"Clear"}"#, true),
        ("map", r#"{"a":1}"#, true),
        ("any", r#"{"a":[1,null]}"#, false),
    ] {
        let (result, schema) = returned(tool).await;
        let structured = parse(text);
        let content = json!([{"type": "text", "text": text}]);
        let expected =
            json!({"content": content, "structuredContent": structured, "isError": false});
        assert_eq!(result, expected, "{tool}");
        assert_eq!(!schema.is_null(), promised, "{tool}: {schema}");
        if promised {
            assert_eq!(schema["type"], "object", "{tool}");
            let validator = jsonschema::draft202012::new(&schema).expect("a schema");
            assert!(validator.is_valid(&structured), "{tool}: {schema}");
        }
    }
}

#[tokio::test]
async fn as_content_of_its_own() {
    for (tool, block) in [
        ("image", json!({"type": "image", "data": "aW1hZ2U=", "mimeType": "image/png"})),
        ("image_or_not", json!({"type": "image", "data": "aW1hZ2U=", "mimeType": "image/png"})),
        ("audio", json!({"type": "audio", "data": "YXVkaW8=", "mimeType": "audio/wav"})),
        (
            "embedded",
            json!({
                "type": "resource",
                "resource": {"uri": "file:///a", "mimeType": "text/plain", "text": "text"},
            }),
        ),
        ("link", json!({"type": "resource_link", "uri": "file:///b", "name": "b"})),
    ] {
        let (result, schema) = returned(tool).await;
        assert_eq!(result["content"], json!([block]), "{tool}");
        assert_eq!((&result["isError"], schema), (&json!(false), Value::Null), "{tool}");
    }
    let (result, _) = returned("blocks").await;
    assert_eq!(result["content"].as_array().map(Vec::len), Some(2));
    let (result, _) = returned("whole").await;
    let content = json!([{"type": "text", "text": "as it is"}]);
    assert_eq!(result, json!({"content": content, "isError": true}));
}

#[tokio::test]
async fn as_an_error_with_its_sources() {
    for (tool, text) in [
        ("failed", "no weather"),
        ("chained", "cannot reach the station: connection refused"),
        ("contextual", "no forecast: no weather: cannot reach the station: connection refused"),
        ("dynamic", "cannot reach the station: connection refused"),
        ("dynamic_only", "cannot reach the station: connection refused"),
    ] {
        let (result, _) = returned(tool).await;
        let expected = json!({"content": [{"type": "text", "text": text}], "isError": true});
        assert_eq!(result, expected, "{tool}");
    }
}

/// As the servers of rmcp fail.
#[tokio::test]
async fn as_an_error_that_the_tool_wrote_itself() {
    let (result, _) = returned("own_error").await;
    let texts = json!([{"type": "text", "text": "reason 1"}, {"type": "text", "text": "reason 2"}]);
    assert_eq!(result, json!({"content": texts, "isError": true}));
    let (result, _) = returned("unsaid_error").await;
    let text = json!([{"type": "text", "text": "it says it went well"}]);
    assert_eq!(result, json!({"content": text, "isError": true}), "it is one all the same");
    let mut client = Plain::connect(Server::new("results").tools(all())).await;
    let error = client.reply("protocol_error", json!({})).await["error"].take();
    let expected = json!({"code": -32602, "message": "no such place", "data": {"near": "Ulm"}});
    assert_eq!(error, expected);
}

#[tokio::test(start_paused = true)]
async fn a_task_fails_with_an_error_that_the_tool_wrote_itself() {
    let server = || {
        let tools = tools![own_error_later, whole_later, protocol_error_later];
        Server::new("results").tools(tools)
    };
    // To an MCPC client it is `failed` and a text, and the number of an error says nothing to a model.
    let mut client = Mcpc::connect(server()).await;
    for (tool, text) in [
        ("own_error_later", "reason 1\nreason 2"),
        ("whole_later", "reason 1"),
        ("protocol_error_later", "no such place"),
    ] {
        assert_eq!(
            client.events(tool, json!({})).await[1],
            ("failed".to_owned(), json!(text)),
            "{tool}"
        );
        let (checked, is_error) = client.ask("check_task", json!({"task_id": "t"})).await;
        let expected = format!("Task `t` (`{tool}`) failed. The error:\n{text}");
        assert_eq!((checked, is_error), (expected, true));
    }
    // A call that waits gets what the tool wrote.
    let result = client.result("own_error_later", json!({})).await;
    assert_eq!(
        (&result["content"][1]["text"], &result["isError"]),
        (&json!("reason 2"), &json!(true))
    );
    let reply = client.reply("protocol_error_later", json!({})).await;
    assert_eq!(reply["error"], json!({"code": -32602, "message": "no such place"}));
}
