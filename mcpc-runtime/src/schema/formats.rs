//! What the formats of values say, in the portable form.

use rmcp::model::JsonObject;
use serde_json::Value;

/// The formats of JSON Schema's draft 2020-12.
const FORMATS: [&str; 19] = [
    "date-time",
    "date",
    "time",
    "duration",
    "email",
    "idn-email",
    "hostname",
    "idn-hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uuid",
    "uri-template",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Takes formats away that only Rust knows; the limits that they stand for are written as numbers.
pub(super) fn replace(object: &mut JsonObject) {
    let Some(Value::String(format)) = object.get("format") else { return };
    if FORMATS.contains(&format.as_str()) {
        return;
    }
    // Larger types have limits, too, but no number of a JavaScript client is precise enough for them.
    let limits = match format.as_str() {
        "int32" => Some((i64::from(i32::MIN), i64::from(i32::MAX))),
        "uint32" => Some((0, i64::from(u32::MAX))),
        _ => None,
    };
    object.shift_remove("format");
    if let Some((low, high)) = limits {
        object.entry("minimum").or_insert(low.into());
        object.entry("maximum").or_insert(high.into());
    }
}
