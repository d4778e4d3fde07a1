//! What a tool returns, as a client gets it.

use std::collections::BTreeMap;

use mcpc::content::{
    AudioContent, CallToolResult, ContentBlock, EmbeddedResource, ImageContent, Resource,
    ResourceContents, TextContent,
};
use mcpc::{Server, Tools, tools};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::support::Wire;

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
    image_or_not: Result<ImageContent, String> = Ok(ImageContent::new("aW1hZ2U=", "image/png"));
}

/// What a client gets of a tool, and the schema it was promised.
async fn returned(tool: &str) -> (Value, Value) {
    let mut wire = Wire::connect(Server::new("results").tools(all())).await;
    let list = wire.list().await;
    let listed = list.iter().find(|listed| listed["name"] == tool);
    let schema = listed.expect("the tool")["outputSchema"].clone();
    wire.call(2, tool, json!({})).await;
    (wire.value().await["result"].take(), schema)
}

#[tokio::test]
async fn as_text() {
    for (tool, text) in [
        ("string", "it is \"fine\""),
        ("text", "two\nlines"),
        ("boxed", "boxed"),
        ("flag", "true"),
        ("integer", "-5"),
        ("large", "340282366920938463463374607431768211455"),
        ("float", "20.0"),
        ("letter", "ä"),
        ("list", r#"[{"kind":"Clear"},{"kind":"Clouds","cover":3}]"#),
        ("tuple", r#"[1,"a"]"#),
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
        let structured = crate::support::parse(text);
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
