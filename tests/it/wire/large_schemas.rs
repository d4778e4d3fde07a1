//! Schemas of types that use the same types again and again.

use std::time::{Duration, Instant};

use mcpc::{Schemas, Server, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Plain;

/// Each of the types uses the one after it twice.
macro_rules! levels {
    ($last:ident) => {
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        struct $last {
            x: Option<u32>,
        }
    };
    ($first:ident $next:ident $($rest:ident)*) => {
        #[derive(Debug, Serialize, Deserialize, JsonSchema)]
        struct $first {
            a: Option<Box<$next>>,
            b: Option<Box<$next>>,
        }

        levels!($next $($rest)*);
    };
}

levels!(A1 A2 A3 A4 A5 A6 A7 A8 A9 A10 A11 A12 A13 A14 A15 A16 A17 A18 A19 A20 A21 A22 A23 A24 A25 A26);

/// Each of the types may contain all of them.
macro_rules! circle {
    ($($name:ident)*) => { circle!(@ [$($name)*] $($name)*); };
    (@ $all:tt $($name:ident)*) => { $(circle!(# $name $all);)* };
    (# $name:ident [$($other:ident)*]) => {
        #[derive(Debug, Deserialize, JsonSchema)]
        #[serde(rename_all = "lowercase")]
        #[allow(non_snake_case, dead_code, reason = "made of the types' names, and only read")]
        struct $name {
            $($other: Option<Box<$other>>,)*
        }
    };
}

circle!(C1 C2 C3 C4 C5 C6 C7 C8 C9 C10 C11 C12);

/// What is said about a place is said about each.
///
/// It is long enough for twelve of them to be four times as large as one, and then some: that is the bound
/// beyond which a type is written once.
#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Place {
    /// Of the place, as people call it
    name: String,
    #[schemars(range(min = 1))]
    size: Option<u8>,
}

macro_rules! tools_of {
    ($($name:ident: $ty:ty),*) => {
        $(
            #[mcpc::tool]
            async fn $name(value: $ty) -> String {
                format!("{value:?}")
            }
        )*
    };
}

tools_of! { ten_levels: A16, circle: C1 }

#[mcpc::tool]
async fn twenty_five_levels(value: A1) -> A1 {
    value
}

#[mcpc::tool]
async fn two_places(from: Vec<Place>, to: Vec<Place>) -> String {
    format!("{from:?}{to:?}")
}

#[mcpc::tool]
async fn twelve_places(value: Twelve) -> String {
    format!("{value:?}")
}

#[derive(Debug, Deserialize, JsonSchema)]
#[allow(dead_code, reason = "only read")]
struct Twelve {
    a: Place,
    b: Place,
    /// The third
    c: Place,
    d: Option<Place>,
    e: Place,
    f: Place,
    g: Place,
    h: Place,
    i: Place,
    j: Place,
    k: Place,
    l: Vec<Place>,
}

/// Of one of two kinds, each so often that they are written once.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    One(One),
    Other(Box<One>),
}

#[derive(Debug, Serialize, JsonSchema)]
struct One {
    levels: Option<Box<A18>>,
}

/// Returns one of two objects.
#[mcpc::tool]
async fn either() -> Either {
    let one = One { levels: None };
    if std::process::id() == 0 { Either::One(one) } else { Either::Other(Box::new(one)) }
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(rename = "Knoten (größer)/~")]
#[allow(dead_code, reason = "only read")]
struct Node {
    next: Option<Box<Node>>,
    names: Vec<String>,
}

#[mcpc::tool]
async fn any_name(value: Node) -> String {
    format!("{value:?}")
}

fn server() -> Server {
    Server::new("large").tools(tools![
        ten_levels,
        twenty_five_levels,
        circle,
        two_places,
        twelve_places,
        any_name,
        either
    ])
}

async fn listed(tool: &str) -> Value {
    Plain::connect(server()).await.listed(tool).await
}

#[tokio::test]
async fn a_type_that_inlining_makes_many_times_larger_is_written_once() {
    let tool = listed("ten_levels").await;
    let size = tool["inputSchema"].to_string().len();
    assert!(size < 2_000, "{size} bytes");
    let definition = &tool["inputSchema"]["$defs"]["A26"];
    assert_eq!(
        definition["properties"]["x"],
        json!({"type": "integer", "minimum": 0, "maximum": u32::MAX})
    );
}

/// Inlined, it would have 2²⁵ times its last type, and the circle's types are in every order in one another.
#[tokio::test]
async fn what_nobody_could_inline_takes_no_time() {
    let start = Instant::now();
    let tool = listed("twenty_five_levels").await;
    let took = start.elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    for schema in [&tool["inputSchema"], &tool["outputSchema"]] {
        assert!(schema.to_string().len() < 8 << 10, "{schema}");
        jsonschema::draft202012::new(schema).expect("a schema");
    }
    assert!(listed("circle").await["inputSchema"].to_string().len() < 16 << 10);
}

#[tokio::test]
async fn a_type_that_is_used_a_few_times_is_inlined() {
    let schema = &listed("two_places").await["inputSchema"];
    assert_eq!(schema["$defs"], Value::Null);
    assert!(!schema.to_string().contains("$ref"), "{schema}");
}

#[tokio::test]
async fn what_is_written_once_says_the_same() {
    let schema = &listed("twelve_places").await["inputSchema"];
    let value = &schema["properties"]["value"]["properties"];
    assert_eq!(value["b"], json!({"$ref": "#/$defs/Place"}));
    assert_eq!(value["c"], json!({"description": "The third", "$ref": "#/$defs/Place"}));
    assert_eq!(value["d"], value["b"], "it may be left out");
    assert_eq!(value["l"], json!({"type": "array", "items": {"$ref": "#/$defs/Place"}}));
    assert_eq!(
        schema["$defs"]["Place"]["properties"],
        json!({
            "name": {"description": "Of the place, as people call it", "type": "string"},
            "size": {"type": "integer", "minimum": 1, "maximum": 255},
        })
    );
    let place = json!({"name": "x", "size": 1});
    let good = json!({"value": {
        "a": place, "b": place, "c": place, "e": place, "f": place, "g": place, "h": place, "i": place,
        "j": place, "k": place, "l": [place],
    }});
    let mut bad = good.clone();
    bad["value"]["l"][0]["size"] = json!(0);
    bad["value"]["k"] = json!({"nam": "x"});
    let validator = jsonschema::draft202012::new(schema).expect("a schema");
    assert!(validator.is_valid(&good) && !validator.is_valid(&bad));
    let mut client = Plain::connect(server()).await;
    let (_, is_error) = client.ask("twelve_places", good).await;
    assert!(!is_error);
    let (text, _) = client.ask("twelve_places", bad).await;
    assert_eq!(
        text,
        "argument `value.k.name` is missing\nargument `value.l[0].size`: 0 is not in 1..=255"
    );
}

/// In draft 2020-12 it is as `schemars` writes it: each type that has a name is written once.
#[tokio::test]
async fn a_plain_schema_is_inlined_nowhere() {
    let mut client = Plain::connect(server().schemas(Schemas::Draft2020_12)).await;
    let tools = client.list().await;
    let mut schemas = tools.iter().map(|tool| &tool["inputSchema"]);
    assert!(schemas.all(|it| it["$defs"].is_object() || it["properties"] == json!({})));
}

#[tokio::test]
async fn a_type_is_found_whatever_it_is_called() {
    let mut client = Plain::connect(server()).await;
    let next = json!({"next": {"names": [1, "a", 2]}, "names": []});
    let (text, _) = client.ask("any_name", json!({"value": {"next": next, "names": []}})).await;
    assert_eq!(
        text,
        "argument `value.next.next.names[0]`: expected a string, got the number 1; send it as a string: \"1\"\n\
         argument `value.next.next.names[2]`: expected a string, got the number 2; send it as a string: \"2\""
    );
}

#[tokio::test]
async fn a_result_is_an_object_wherever_that_is_written() {
    let schema = listed("either").await["outputSchema"].clone();
    assert_eq!(schema["type"], "object");
    assert_eq!(schema["anyOf"][0], json!({"$ref": "#/$defs/One"}));
}
