//! The server whose schemas and types are held against each other.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use mcpc::{Schemas, Server, tools};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Scalars {
    pub(crate) flag: bool,
    pub(crate) byte: i8,
    pub(crate) short: u16,
    pub(crate) int: i32,
    pub(crate) unsigned: u32,
    pub(crate) float: f64,
    pub(crate) letter: char,
    pub(crate) text: String,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Containers {
    pub(crate) list: Vec<u8>,
    pub(crate) pair: (u8, String),
    pub(crate) array: [bool; 2],
    pub(crate) set: BTreeSet<u8>,
    pub(crate) map: BTreeMap<String, i8>,
    pub(crate) numbered: BTreeMap<u8, bool>,
    pub(crate) maybe: Option<u8>,
    #[serde(default)]
    pub(crate) deep: Vec<Option<Point>>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Point {
    pub(crate) x: i8,
    pub(crate) y: Option<f64>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Shape {
    /// Nothing.
    Nothing,
    Circle(u8),
    Line(Point, Point),
    Square {
        corner: Point,
        name: Option<String>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub(crate) enum Tagged {
    Empty,
    Named { name: String, size: Option<u8> },
    Flagged { flag: bool },
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "t", content = "c")]
pub(crate) enum Adjacent {
    Number(u8),
    Text { text: String },
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tree {
    pub(crate) name: Newtype,
    pub(crate) level: Level,
    pub(crate) children: Vec<Tree>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Newtype(pub(crate) String);

#[derive(Clone, Copy, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Level {
    Low,
    High,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Limited {
    #[schemars(range(min = 1, max = 9))]
    pub(crate) number: u8,
    #[schemars(length(min = 1, max = 3), regex(pattern = "^[a-c]*$"))]
    pub(crate) text: Option<String>,
    #[schemars(length(max = 2))]
    pub(crate) list: Vec<Bounded>,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) enum Bounded {
    Upto(#[schemars(range(max = 5))] u8),
    Word(#[schemars(length(min = 2))] String),
}

/// What may be `null`, or of several types, but cannot be left out.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Several {
    pub(crate) price: Price,
    pub(crate) prices: Vec<Option<Price>>,
    pub(crate) numbers: Vec<Option<u8>>,
    pub(crate) levels: Vec<Option<Level>>,
    pub(crate) points: BTreeMap<String, Option<Point>>,
}

/// As the decimals of several crates are read: digits in a string, or a number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Price(pub(crate) serde_json::Value);

impl JsonSchema for Price {
    fn schema_name() -> Cow<'static, str> {
        "Price".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({"type": ["string", "number"], "pattern": "^[0-9]+$"})
    }
}

impl<'de> Deserialize<'de> for Price {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let is_price = match &value {
            serde_json::Value::Number(_) => true,
            serde_json::Value::String(text) => {
                !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
            }
            _ => false,
        };
        is_price.then_some(Self(value)).ok_or_else(|| D::Error::custom("no price"))
    }
}

macro_rules! takes {
    ($($name:ident: $ty:ty),*) => {
        $(
            #[mcpc::tool]
            async fn $name(value: $ty) -> bool {
                drop(value);
                true
            }
        )*
    };
}

takes! {
    scalars: Scalars, containers: Containers, shape: Shape, tagged: Tagged, adjacent: Adjacent,
    tree: Tree, optional: Option<Scalars>, limited: Limited, several: Several
}

#[mcpc::tool]
async fn checked(
    #[arg(range = 1..=9)] number: u8,
    #[arg(range = -0.5..0.5)] float: Option<f64>,
    #[arg(length = 1..4, pattern = "^[a-cä]*$")] text: String,
    #[arg(length = 2..)] list: Vec<bool>,
    #[arg(length = ..=1)] map: BTreeMap<String, u8>,
    #[arg(default = 5, range = 5..)] default: i32,
    #[arg(header = "Region", length = ..=3)] region: String,
) -> bool {
    drop((number, float, text, list, map, default, region));
    true
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Entry {
    #[serde(rename = "a", alias = "other")]
    pub(crate) first: i8,
    #[serde(default)]
    pub(crate) x: Vec<Point>,
    #[schemars(range(min = 1, max = 9))]
    pub(crate) number: Option<u8>,
}

#[mcpc::tool]
async fn grouped(#[arg(flatten)] entry: Entry, name: Level, #[arg(flatten)] point: Place) -> bool {
    drop((entry, name, point));
    true
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Place {
    pub(crate) y: Option<f64>,
}

#[mcpc::tool]
async fn open(#[arg(flatten)] entry: Entry, #[arg(flatten)] rest: BTreeMap<String, u8>) -> bool {
    drop((entry, rest));
    true
}

#[mcpc::tool]
async fn all(#[arg(all)] entry: Entry) -> bool {
    drop(entry);
    true
}

#[mcpc::tool(input_schema = schemars::schema_for!(Closed))]
async fn given(#[arg(all)] entry: Closed) -> bool {
    drop(entry);
    true
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Closed {
    pub(crate) x: i8,
    pub(crate) name: Level,
    #[schemars(length(min = 1))]
    pub(crate) texts: Vec<String>,
}

pub(crate) fn server(schemas: Schemas) -> Server {
    // What is taken besides is not in the schema.
    Server::new("agreement").schemas(schemas).exact_arguments(true).tools(tools![
        scalars, containers, shape, tagged, adjacent, tree, optional, limited, several, checked,
        grouped, open, all, given
    ])
}
