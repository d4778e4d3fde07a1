//! What the formats of values say, in the portable form.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::portable::describe;

/// The one format of strings that Gemini's API takes.
const TAKEN: &str = "date-time";

/// What is said of a string in place of its format: what it is, and what it may look like.
const WORDS: [(&str, &str, &str); 13] = [
    ("date", "A date", "2026-11-29"),
    ("time", "A time", "13:30:00Z"),
    ("partial-time", "A time", "13:30:00"),
    ("partial-date-time", "A date and time without a time zone", "2026-11-29T13:30:00"),
    (
        "zoned-date-time",
        "A date and time in a time zone",
        "2026-11-29T13:30:00+01:00[Europe/Berlin]",
    ),
    ("duration", "A duration", "PT1H30M"),
    ("email", "An email address", "ada@example.com"),
    ("hostname", "A host name", "example.com"),
    ("ipv4", "An IPv4 address", "192.0.2.1"),
    ("ipv6", "An IPv6 address", "2001:db8::1"),
    ("ip", "An IP address", "192.0.2.1"),
    ("uri", "A URL", "https://example.com/page"),
    ("uuid", "A UUID", "67e55044-10b1-426f-9247-bb680e5fe0c8"),
];

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
        describe(object, &in_words(&format));
    }
}

/// Writes the limits that a format of Rust's numbers stands for as numbers.
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

/// Whether a format only says which of Rust's types it is.
fn is_of_rust(format: &str) -> bool {
    let digits = format.trim_start_matches("uint").trim_start_matches("int");
    let is_integer = digits.len() < format.len() && digits.bytes().all(|it| it.is_ascii_digit());
    is_integer || ["float", "double", "char"].contains(&format)
}

fn in_words(format: &str) -> String {
    match WORDS.iter().find(|(name, ..)| *name == format) {
        Some((_, what, example)) => format!("{what}, like {example}"),
        None => format!("In the format `{format}`"),
    }
}
