//! What a value looks like that a model would have to guess: in words, and as an example.

use std::net::IpAddr;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::keywords::array;

/// A string that is written in a way of its own.
#[derive(Debug)]
pub(super) struct Format {
    pub(super) words: &'static str,
    example: &'static str,
    /// Whether a text cannot be one, however much a type allows.
    is_far_from: fn(&str) -> bool,
}

const DATE: Format = Format { words: "a date", example: "2026-11-29", is_far_from: has_no_digit };

const DATE_TIME: Format =
    Format { words: "a date and time", example: "2026-11-29T13:45:00Z", is_far_from: has_no_digit };

const TIME: Format = Format { words: "a time", example: "13:45:00Z", is_far_from: has_no_digit };

const ADDRESS: Format =
    Format { words: "an IP address", example: "192.0.2.1", is_far_from: is_no_address };

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
        let format = schema.get("format").and_then(Value::as_str)?;
        Some(match format {
            "date" => DATE,
            "date-time" => DATE_TIME,
            // Without a time zone.
            "partial-date-time" => Self { example: "2026-11-29T13:45:00", ..DATE_TIME },
            "zoned-date-time" => {
                Self { example: "2026-11-29T13:45:00+01:00[Europe/Berlin]", ..DATE_TIME }
            }
            "time" => TIME,
            "partial-time" => Self { example: "13:45:00", ..TIME },
            "duration" => {
                Self { words: "a duration", example: "PT1H30M", is_far_from: has_no_digit }
            }
            "uuid" => Self {
                words: "a UUID",
                example: "123e4567-e89b-12d3-a456-426614174000",
                is_far_from: |text| text.len() < 32,
            },
            "ip" => ADDRESS,
            "ipv4" => Self { words: "an IPv4 address", ..ADDRESS },
            "ipv6" => Self { words: "an IPv6 address", example: "2001:db8::1", ..ADDRESS },
            "uri" => Self {
                words: "a URL",
                example: "https://example.com/path",
                is_far_from: |text| !text.contains(':'),
            },
            "email" => Self {
                words: "an email address",
                example: "name@example.com",
                is_far_from: |text| !text.contains('@'),
            },
            "hostname" => {
                Self { words: "a host name", example: "example.com", is_far_from: str::is_empty }
            }
            _ => return None,
        })
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
    /// A longer one helps nobody in the middle of a sentence.
    const LONGEST: usize = 200;
    sample(schema).map(|sample| sample.to_string()).filter(|example| example.len() <= LONGEST)
}

/// A sentence about what is wrong with a value, and what would not be.
pub(super) fn with_example(sentence: &str, example: &str) -> String {
    format!("{sentence}; an example is {example}")
}
