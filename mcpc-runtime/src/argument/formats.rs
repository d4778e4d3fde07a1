//! What a value looks like that a model would have to guess: in words, and as an example.

use std::net::IpAddr;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::keywords::array;
use crate::schema;

/// A string that is written in a way of its own.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) words: &'static str,
    example: &'static str,
    /// Whether a text cannot be one, however much a type allows.
    is_far_from: fn(&str) -> bool,
}

/// How [`DECIMAL`] is found in a schema: `schemars` gives it no format.
const DECIMAL_PATTERN: &str = r"^-?\d+(\.\d+)?([eE]\d+)?$";

const DECIMAL: Format =
    Format { words: "a decimal number", example: "12.50", is_far_from: has_no_digit };

impl Format {
    /// The one that a schema asks for, if it is known.
    pub(super) fn of(schema: &JsonObject) -> Option<Self> {
        if schema.get("pattern").is_some_and(|pattern| pattern == DECIMAL_PATTERN) {
            return Some(DECIMAL);
        }
        let name = schema.get("format").and_then(Value::as_str)?;
        let schema::Format { words, example, .. } = schema::Format::named(name)?;
        let is_far_from: fn(&str) -> bool = match name {
            "uuid" => |text| text.len() < 32,
            "uri" => |text| !text.contains(':'),
            "email" => |text| !text.contains('@'),
            "hostname" => str::is_empty,
            "ip" | "ipv4" | "ipv6" => is_no_address,
            // Of dates, times and durations.
            _ => has_no_digit,
        };
        Some(Self { words, example, is_far_from })
    }

    pub(super) fn is_far_from(&self, text: &str) -> bool {
        (self.is_far_from)(text)
    }
}

fn has_no_digit(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_digit())
}

fn is_no_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_err()
}

/// A value that fits: the author's example, or one of the schema's format.
pub(super) fn sample(schema: &JsonObject) -> Option<Value> {
    let given = array(schema, "examples").first().cloned();
    given.or_else(|| Some(Format::of(schema)?.example.into()))
}

/// The same as JSON.
pub(super) fn example(schema: &JsonObject) -> Option<String> {
    /// A longer one is hard to read in the middle of a sentence.
    const LONGEST: usize = 200;
    sample(schema).map(|sample| sample.to_string()).filter(|example| example.len() <= LONGEST)
}

/// A sentence about what is wrong with a value, and what would not be.
pub(super) fn with_example(sentence: &str, example: &str) -> String {
    format!("{sentence}; an example is {example}")
}
