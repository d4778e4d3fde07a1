//! What can be asked of arguments, on the types it fits, and examples of everything.

use std::collections::{BTreeMap, HashSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const LONGEST: usize = 64;

#[derive(Serialize, Deserialize, JsonSchema)]
struct City {
    name: String,
}

type Name = String;

#[mcpc::tool]
async fn lengths(
    #[arg(length = 1..=64)] text: String,
    #[arg(length = ..LONGEST)] alias: Name,
    #[arg(length = 1..)] optional: Option<String>,
    #[arg(length = 2..=2)] list: Vec<City>,
    #[arg(length = 0..9)] set: HashSet<char>,
    #[arg(length = ..=3)] map: Option<BTreeMap<String, u8>>,
    #[arg(length = ..)] boxed: Box<str>,
    #[arg(length = ..=3)] json: serde_json::Value,
) -> usize {
    drop((alias, optional, list, set, map, boxed, json));
    text.len()
}

#[mcpc::tool]
async fn patterns(
    #[arg(pattern = "^[a-z]+$")] text: String,
    #[arg(pattern = r"^\d{4}-\d{2}$", length = 7..=7, default = "2026-11")] month: Name,
    #[arg(pattern = "^(?:a|b)$", example = "a")] optional: Option<String>,
) -> usize {
    drop((month, optional));
    text.len()
}

#[mcpc::background]
async fn examples(
    #[arg(example = 5, range = 1..=9)] number: u8,
    #[arg(example = -0.5)] float: Option<f64>,
    #[arg(example = "Bern")] text: String,
    #[arg(example = City { name: "Bern".to_owned() })] city: Option<City>,
    #[arg(example = vec![1, 2], default)] list: Vec<u8>,
    #[arg(example = LONGEST / 2)] computed: usize,
    #[arg(example = (1, 'x'))] tuple: (u8, char),
) -> usize {
    drop((number, float, text, city, list, tuple));
    computed
}

pub fn main() {
    let _ = mcpc::tools![lengths, patterns, examples];
}
