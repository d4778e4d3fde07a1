//! A server with every kind of type.

#![allow(clippy::too_many_arguments, reason = "a tool takes one of everything")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU8;
use std::path::PathBuf;

use mcpc::{Schemas, Server, tools};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A tool that returns its last argument.
macro_rules! tool {
    ($name:ident: $ty:ty) => {
        #[mcpc::tool]
        async fn $name(value: $ty) -> $ty {
            value
        }
    };
}

#[mcpc::tool]
async fn primitives(
    flag: bool,
    letter: char,
    text: String,
    i8: i8,
    i16: i16,
    i32: i32,
    i64: i64,
    i128: i128,
    isize: isize,
    u8: u8,
    u16: u16,
    u32: u32,
    u64: u64,
    u128: u128,
    usize: usize,
    f32: f32,
    f64: f64,
    unit: (),
    non_zero: NonZeroU8,
) -> f64 {
    drop((flag, letter, text, i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize));
    let () = unit;
    let _ = (f32, non_zero);
    f64
}

#[mcpc::tool]
async fn options(
    number: Option<u32>,
    text: Option<String>,
    list: Option<Vec<Option<u8>>>,
    level: Option<Level>,
    city: Option<City>,
    shape: Option<Shape>,
) -> Options {
    drop((list, shape));
    Options { number, text, level, city }
}

/// What may be there.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Options {
    number: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    level: Option<Level>,
    city: Option<City>,
}

#[mcpc::tool]
async fn lists(
    numbers: Vec<u8>,
    nested: Vec<Vec<String>>,
    cities: Vec<City>,
    set: BTreeSet<u16>,
    array: [f32; 3],
) -> Vec<City> {
    drop((numbers, nested, set, array));
    cities
}

#[mcpc::tool]
async fn maps(
    of_texts: HashMap<String, u8>,
    of_numbers: BTreeMap<u16, String>,
    of_levels: BTreeMap<Level, City>,
    of_anything: HashMap<String, Value>,
) -> BTreeMap<String, City> {
    drop((of_texts, of_numbers, of_anything));
    of_levels.into_values().map(|city| (city.name.clone(), city)).collect()
}

tool!(tuples: (u8, String, (bool, Level)));
tool!(unit_enum: Level);
tool!(documented_enum: Documented);
tool!(external_enum: Shape);
tool!(internal_enum: Source);
tool!(adjacent_enum: Event);
tool!(untagged_enum: Either);
tool!(nested: Company);
tool!(recursive: Tree);
tool!(newtype: Meters);
tool!(transparent: Wrapped);
tool!(serde_keys: Keys);
tool!(flattened: Flat);
tool!(open_flattened: OpenFlat);
tool!(closed: Closed);
tool!(different_both_ways: BothWays);
tool!(newtype_of_struct: WrapCity);
tool!(two_enums_flattened: TwoEnums);

/// Several arguments that are fields, between others.
#[mcpc::tool]
async fn groups(
    /// What it is called
    name: String,
    #[arg(flatten)] company: Company,
    /// What is read
    #[arg(flatten)]
    keys: Keys,
    #[arg(default = 3)] third: u8,
) -> u8 {
    drop((name, company, keys));
    third
}

/// A lone one, of a type that has others in it.
#[mcpc::tool]
async fn lone_group(#[arg(flatten)] arguments: Commented) -> bool {
    let _ = arguments;
    true
}

#[mcpc::tool]
async fn open_group(
    #[arg(flatten)] city: WrapCity,
    #[arg(flatten)] rest: HashMap<String, City>,
) -> bool {
    drop((city, rest));
    true
}

#[mcpc::tool(input_schema = json!({"type": "object", "minProperties": 1, "x-own": true}))]
async fn given(#[arg(all)] arguments: Value) -> bool {
    drop(arguments);
    true
}

#[mcpc::tool]
async fn all_of_any(#[arg(all)] arguments: serde_json::Map<String, Value>) -> bool {
    drop(arguments);
    true
}

#[mcpc::tool]
async fn all_of_a_struct(#[arg(all)] arguments: Closed) -> bool {
    let _ = arguments;
    true
}

#[mcpc::tool]
async fn other_crates(
    id: uuid::Uuid,
    address: url::Url,
    date: chrono::NaiveDate,
    moment: chrono::DateTime<chrono::Utc>,
    local: chrono::NaiveDateTime,
    time: Option<chrono::NaiveTime>,
    weekday: chrono::Weekday,
) -> String {
    format!("{id}{address}{date}{moment}{local}{time:?}{weekday}")
}

#[mcpc::tool]
async fn of_std(
    path: PathBuf,
    duration: std::time::Duration,
    v4: Ipv4Addr,
    any: IpAddr,
    boxed: Box<str>,
    cow: std::borrow::Cow<'static, str>,
    result: Result<u8, String>,
    bound: std::ops::Range<u8>,
) -> String {
    format!("{path:?}{duration:?}{v4}{any}{boxed}{cow}{result:?}{bound:?}")
}

#[mcpc::tool]
async fn several_types(
    /// What it costs
    price: Decimal,
    discount: Option<Decimal>,
    numbers: Vec<Option<u8>>,
    levels: Vec<Option<Level>>,
    cities: HashMap<String, Option<City>>,
    pairs: Vec<(u8, Option<String>)>,
    lists: Vec<Option<Vec<Option<f64>>>>,
    prices: Vec<Option<Decimal>>,
    choices: Vec<Option<Either>>,
) -> Several {
    drop((discount, levels, pairs, lists, prices, choices));
    Several { price, number: numbers.into_iter().next().flatten(), cities }
}

#[derive(Serialize, JsonSchema)]
struct Several {
    price: Decimal,
    /// If there is one
    number: Option<u8>,
    cities: HashMap<String, Option<City>>,
}

/// As the decimals of several crates are read and written.
#[derive(Serialize, Deserialize)]
struct Decimal(Value);

impl JsonSchema for Decimal {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Decimal".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": ["string", "number"], "pattern": r"^-?\d+(\.\d+)?$"})
    }
}

tool!(anything: Value);

/// Comments at every level.
///
/// More than a paragraph of them.
#[mcpc::tool]
async fn comments(
    /// Of the argument,
    /// on two lines
    argument: Commented,
    no_comment: Commented,
    /// Of one that may be left out
    optional: Option<Commented>,
) -> Commented {
    let _ = (argument, optional);
    no_comment
}

#[mcpc::tool]
async fn checks(
    #[arg(default = 5, range = 1..=100, example = 7)] passes: u32,
    #[arg(range = 0.0..1.0)] share: Option<f64>,
    /// Two of them
    #[arg(length = 1..=64, pattern = "^[a-z]+$", default = "en")]
    language: String,
    #[arg(length = 2.., example = vec!["a".to_owned(), "b".to_owned()])] names: Vec<String>,
    #[arg(length = ..9)] labels: Option<HashMap<String, u8>>,
    #[arg(rename = "type", default)] kind: Option<Level>,
    /// Where nothing can be left out, nothing is `null`
    #[arg(default)]
    pair: Option<(u8, Option<String>)>,
    #[arg(default = both_ways())] both: BothWays,
    #[arg(length = 1..=3, default = json!("x"))] any: Value,
    // Tighter than its type on one side only.
    #[arg(range = -1..=100)] byte: Byte,
    /// Where it runs
    #[doc = concat!("or ", "ran")]
    #[arg(header = "Region", length = 1..=9)]
    region: String,
    #[arg(header = "X-Dry", default)] dry: bool,
) -> String {
    drop((passes, share, names, labels, kind, pair, both, any, byte, region, dry));
    language
}

/// Hides from the attribute what it is.
type Byte = u8;

#[derive(Clone, Copy, Serialize, Deserialize, JsonSchema, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Level {
    Low,
    High,
}

/// How loud it is.
#[derive(Serialize, Deserialize, JsonSchema)]
enum Documented {
    /// Not at all,
    /// or hardly.
    Quiet,
    Normal,
    /// Too much.
    #[serde(rename = "loud!")]
    Loud,
}

/// A shape.
#[derive(Serialize, Deserialize, JsonSchema)]
enum Shape {
    /// No shape.
    None,
    /// With this radius.
    Circle(f64),
    Point(i32, i32),
    Box {
        /// From left to right
        width: f64,
        height: Option<f64>,
    },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Source {
    Nothing,
    /// A file.
    File {
        path: String,
    },
    Place(City),
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(tag = "event", content = "data")]
enum Event {
    Closed,
    Opened(City),
    Moved { by: i8 },
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Either {
    Number(u8),
    Text(String),
    City(City),
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct City {
    name: String,
    population: Option<u64>,
}

/// A company.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Company {
    /// Where it is
    seat: City,
    branches: Vec<Branch>,
}

/// A branch of it.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Branch {
    city: City,
    level: Level,
}

/// A tree.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Tree {
    name: String,
    children: Vec<Tree>,
    parent: Option<Box<Tree>>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Meters(f64);

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
struct Wrapped {
    city: City,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[allow(dead_code, reason = "some are only written, and some only read")]
struct Keys {
    first_name: String,
    #[serde(rename = "last")]
    last_name: String,
    #[serde(default)]
    nick_name: String,
    #[serde(default = "five")]
    stars: u8,
    #[serde(skip)]
    secret: u8,
    #[serde(skip_deserializing)]
    id: u8,
    #[serde(skip_serializing)]
    password: String,
    #[serde(alias = "town")]
    city: String,
    #[serde(with = "as_text")]
    #[schemars(with = "String")]
    number: u8,
}

fn both_ways() -> BothWays {
    BothWays("text".to_owned())
}

fn five() -> u8 {
    5
}

mod as_text {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&number.to_string())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct Flat {
    id: u8,
    #[serde(flatten)]
    city: City,
    #[serde(flatten)]
    source: Source,
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct WrapCity(City);

#[derive(Serialize, Deserialize, JsonSchema)]
struct TwoEnums {
    #[serde(flatten)]
    source: Source,
    #[serde(flatten)]
    place: Where,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
enum Where {
    Here { x: u8 },
    There { y: u8 },
}

#[derive(Serialize, Deserialize, JsonSchema)]
struct OpenFlat {
    id: u8,
    #[serde(flatten)]
    rest: HashMap<String, u8>,
}

#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Closed {
    id: u8,
}

/// Reads one thing and writes another.
#[derive(Serialize, Deserialize, JsonSchema)]
#[serde(from = "City", into = "BTreeMap<String, u8>")]
#[derive(Clone)]
struct BothWays(String);

impl From<City> for BothWays {
    fn from(city: City) -> Self {
        Self(city.name)
    }
}

impl From<BothWays> for BTreeMap<String, u8> {
    fn from(both: BothWays) -> Self {
        Self::from([(both.0, 1)])
    }
}

/// Of the type.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Commented {
    /// Of the field.
    ///
    /// In two paragraphs.
    field: Inner,
    /// Of another field
    level: Documented,
}

/// Of the type inside.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Inner {
    value: u8,
}

pub(crate) fn server(schemas: Schemas) -> Server {
    Server::new("schemas").schemas(schemas).tools(tools![
        primitives,
        options,
        lists,
        maps,
        tuples,
        unit_enum,
        documented_enum,
        external_enum,
        internal_enum,
        adjacent_enum,
        untagged_enum,
        nested,
        recursive,
        newtype,
        transparent,
        serde_keys,
        flattened,
        open_flattened,
        closed,
        different_both_ways,
        newtype_of_struct,
        two_enums_flattened,
        other_crates,
        of_std,
        several_types,
        anything,
        comments,
        checks,
        groups,
        lone_group,
        open_group,
        given,
        all_of_any,
        all_of_a_struct,
    ])
}
