//! Results that are not objects, as structured content: each is the `result` of one.

use std::collections::HashSet;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::inlining::reference;

/// Whether every value of a schema is one that a client reads as the `result` of an object: no object, and no text.
pub(super) fn is_wrapped(schema: &JsonObject) -> bool {
    let is_wrapped_or_null = |kind: &Value| {
        ["number", "integer", "boolean", "array", "null"].iter().any(|wrapped| kind == wrapped)
    };
    schema.get("type").is_none_or(|kind| kind != "null") && has_types(schema, is_wrapped_or_null)
}

/// Whether every value of a schema is a text, or nothing.
pub(super) fn is_text(schema: &JsonObject) -> bool {
    has_types(schema, |kind| kind == "string" || kind == "null")
}

/// Whether a schema, or each of its alternatives, says of what types its values are, all of which are of a kind.
fn has_types(schema: &JsonObject, is_of_kind: impl Fn(&Value) -> bool) -> bool {
    let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
    match (schema.get("type"), alternatives) {
        (Some(Value::Array(kinds)), _) => kinds.iter().all(is_of_kind),
        (Some(kind), _) => is_of_kind(kind),
        (None, Some(Value::Array(alternatives))) => alternatives.iter().all(|schema| {
            let kind = schema.as_object().and_then(|schema| schema.get("type"));
            kind.is_some_and(&is_of_kind)
        }),
        (None, _) => false,
    }
}

/// Whether a schema, or one that it refers to, has integers of 128 bits.
pub(super) fn has_wide_integers(schema: &Value, definitions: &JsonObject) -> bool {
    let is_wide = |format: &Value| format == "int128" || format == "uint128";
    let mut seen = HashSet::new();
    let mut left = vec![schema];
    while let Some(next) = left.pop() {
        match next {
            Value::Object(object) => {
                if object.get("format").is_some_and(is_wide) {
                    return true;
                }
                let name = reference(object).filter(|name| seen.insert(name.clone()));
                left.extend(name.and_then(|name| definitions.get(name.as_ref())));
                left.extend(object.values());
            }
            Value::Array(items) => left.extend(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    false
}
