//! What the formats and examples of values say, in the portable form.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::portable::describe;

/// The one format of strings that Gemini's API takes.
const TAKEN: &str = "date-time";

/// A string that is written in a way of its own.
#[derive(Debug)]
pub(crate) struct Format {
    name: &'static str,
    /// What it is.
    pub(crate) words: &'static str,
    /// What it may look like.
    pub(crate) example: &'static str,
}

const fn format(name: &'static str, words: &'static str, example: &'static str) -> Format {
    Format { name, words, example }
}

const FORMATS: [Format; 14] = [
    format("date", "a date", "2026-11-29"),
    format("date-time", "a date and time", "2026-11-29T13:30:00Z"),
    format("time", "a time", "13:30:00Z"),
    format("partial-time", "a time", "13:30:00"),
    format("partial-date-time", "a date and time without a time zone", "2026-11-29T13:30:00"),
    format(
        "zoned-date-time",
        "a date and time in a time zone",
        "2026-11-29T13:30:00+01:00[Europe/Berlin]",
    ),
    format("duration", "a duration", "PT1H30M"),
    format("email", "an email address", "ada@example.com"),
    format("hostname", "a host name", "example.com"),
    format("ipv4", "an IPv4 address", "192.0.2.1"),
    format("ipv6", "an IPv6 address", "2001:db8::1"),
    format("ip", "an IP address", "192.0.2.1"),
    format("uri", "a URL", "https://example.com/page"),
    format("uuid", "a UUID", "67e55044-10b1-426f-9247-bb680e5fe0c8"),
];

impl Format {
    /// The one of a name, if it is known.
    pub(crate) fn named(name: &str) -> Option<&'static Self> {
        FORMATS.iter().find(|format| format.name == name)
    }
}

/// Says in other keywords what a format says that models' APIs refuse.
pub(super) fn replace(object: &mut JsonObject) {
    write_limits(object);
    let is_replaced = |format: &str| format != TAKEN;
    if !object.get("format").and_then(Value::as_str).is_some_and(is_replaced) {
        return;
    }
    if let Some(Value::String(format)) = object.shift_remove("format")
        && !is_of_rust(&format)
    {
        let words = in_words(&format, object.contains_key("examples"));
        describe(object, &words);
    }
}

/// Writes the limits that the format of a Rust number stands for as numbers.
pub(super) fn write_limits(object: &mut JsonObject) {
    // Larger types have limits, too, but no number of a JavaScript client is precise enough for them.
    let (low, high) = match object.get("format").and_then(Value::as_str) {
        Some("int32") => (i64::from(i32::MIN), i64::from(i32::MAX)),
        Some("uint32") => (0, i64::from(u32::MAX)),
        _ => return,
    };
    object.entry("minimum").or_insert(low.into());
    object.entry("maximum").or_insert(high.into());
}

/// Whether a format only names a Rust type.
fn is_of_rust(format: &str) -> bool {
    let digits = format.trim_start_matches("uint").trim_start_matches("int");
    let is_integer = digits.len() < format.len() && digits.bytes().all(|it| it.is_ascii_digit());
    is_integer || ["float", "double", "char"].contains(&format)
}

/// Says what a value may look like that has a schema.
pub(super) fn replace_examples(object: &mut JsonObject) {
    let Some(Value::Array(examples)) = object.shift_remove("examples") else { return };
    let examples: Vec<String> = examples.iter().map(Value::to_string).collect();
    if !examples.is_empty() {
        describe(object, &format!("For example {}", examples.join(", or ")));
    }
}

/// What is said of a string in place of its format, whose author may have given an example.
fn in_words(name: &str, has_example: bool) -> String {
    match Format::named(name) {
        Some(Format { words, .. }) if has_example => capitalized(words),
        Some(Format { words, example, .. }) => format!("{}, like {example}", capitalized(words)),
        None => format!("In the format `{name}`"),
    }
}

fn capitalized(words: &str) -> String {
    let (first, rest) = words.split_at(1);
    first.to_ascii_uppercase() + rest
}
