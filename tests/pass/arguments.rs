//! Every kind of argument, and every key of `#[arg(..)]` on the types it fits.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

const LIMIT: u32 = 100;

fn three() -> u8 {
    3
}

#[derive(Deserialize, JsonSchema, Default)]
struct City {
    name: String,
    twin: Option<Box<City>>,
}

#[derive(Clone, Copy, Deserialize, JsonSchema, Default, PartialEq, Debug)]
#[serde(rename_all = "lowercase")]
enum Unit {
    #[default]
    Metric,
    Imperial,
}

#[mcpc::tool]
async fn types(
    text: String,
    number: f32,
    flag: bool,
    path: PathBuf,
    cow: Cow<'static, str>,
    list: Vec<Option<u8>>,
    map: HashMap<String, BTreeMap<String, i8>>,
    set: HashSet<char>,
    tuple: (u8, String),
    array: [u16; 3],
    boxed: Box<str>,
    city: City,
    unit: Unit,
    json: serde_json::Value,
    unit_argument: (),
) -> String {
    let City { name, twin } = city;
    drop((number, flag, path, cow, list, map, set, tuple, array, boxed, unit, json, twin));
    let () = unit_argument;
    text + &name
}

#[mcpc::tool]
async fn optional(
    a: Option<u8>,
    b: std::option::Option<String>,
    c: ::core::option::Option<City>,
    #[arg(default)] d: Option<u8>,
    #[arg(default = Some(3))] e: Option<u8>,
    #[arg(range = 1..=9)] f: Option<u8>,
) -> bool {
    (a, b, c.is_some(), d, e, f) == (None, None, false, None, Some(3), None)
}

#[mcpc::tool]
async fn defaults(
    #[arg(default)] zero: u8,
    #[arg(default)] empty: Vec<String>,
    #[arg(default)] city: City,
    #[arg(default = 5)] five: u64,
    #[arg(default = -1.5)] negative: f64,
    #[arg(default = true)] flag: bool,
    #[arg(default = 'x')] letter: char,
    #[arg(default = three())] called: u8,
    #[arg(default = LIMIT / 2)] computed: u32,
    #[arg(default = Unit::Imperial)] variant: Unit,
    #[arg(default = City { name: "Bern".to_owned(), twin: None })] built: City,
    #[arg(default = { let list = vec![1, 2]; list })] block: Vec<u8>,
) {
    drop((zero, empty, city, five, negative, flag, letter, called, computed, built, block));
    assert_eq!(variant, Unit::Imperial);
}

#[mcpc::tool]
async fn default_texts(
    #[arg(default = "en")] string: String,
    #[arg(default = "en")] boxed: Box<str>,
    #[arg(default = "en")] cow: Cow<'static, str>,
    #[arg(default = "/tmp")] path: PathBuf,
    #[arg(default = "text")] json: serde_json::Value,
    #[arg(default = r#"a "raw" one"#)] raw: String,
) {
    drop((string, boxed, cow, path, json, raw));
}

#[mcpc::tool]
async fn ranges(
    #[arg(range = 1..=100)] closed: u32,
    #[arg(range = 0..10)] half_open: i8,
    #[arg(range = 1..)] from: u64,
    #[arg(range = ..=-1)] up_to: i64,
    #[arg(range = ..)] any: i64,
    #[arg(range = -0.5..=0.5)] float: f64,
    #[arg(range = 0..=1)] mixed: f32,
    #[arg(range = 0..=LIMIT)] constant: u32,
    #[arg(range = 0..=u64::MAX)] widest: u64,
    #[arg(range = 1u8..=0xff)] suffixed: u8,
    #[arg(default = 5, range = 5..=5)] one: u8,
    #[arg(range = 1_000..=1_000_000)] separated: u32,
) {
    let integers = (closed, half_open, from, up_to, any, constant, widest, suffixed, one);
    let _ = (integers, float, mixed, separated);
}

#[mcpc::tool]
async fn renamed(
    #[arg(rename = "type")] kind: String,
    #[arg(rename = "_id")] id: String,
    #[arg(rename = "with-all.kinds_of")] spaced: String,
    #[arg(rename = "a")]
    #[arg(default)]
    #[arg(range = 1..=3)]
    b: u8,
) {
    drop((kind, id, spaced, b));
}

#[mcpc::background]
#[allow(unused_variables)]
async fn documented(
    /// A comment
    /// of two lines
    a: u8,
    #[doc = "An attribute"] b: u8,
    #[allow(unused_mut)] mut c: u8,
    #[cfg(not(any()))] d: u8,
) {
}

pub fn main() {
    let _ = mcpc::tools![
        types,
        optional,
        defaults,
        default_texts,
        ranges,
        renamed,
        documented,
    ];
}
