//! What a schema says, keyword by keyword, and what a value has to do with it.

use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::formats::{Format, example};
use crate::numbers::is_large;
use crate::phrases::{json, kind, none_of};

/// Whether a schema has limits that do not just repeat what a Rust type is.
pub(super) fn has_limits(schema: &Value) -> bool {
    match schema {
        Value::Object(schema) => is_limited(schema) || schema.values().any(has_limits),
        Value::Array(schemas) => schemas.iter().any(has_limits),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn is_limited(schema: &JsonObject) -> bool {
    let format = schema.get("format").and_then(Value::as_str);
    let [low, high] = match format {
        Some("int8") => [Some(i64::from(i8::MIN)), Some(i8::MAX.into())],
        Some("int16") => [Some(i16::MIN.into()), Some(i16::MAX.into())],
        Some("uint8") => [Some(0), Some(u8::MAX.into())],
        Some("uint16") => [Some(0), Some(u16::MAX.into())],
        Some("uint32" | "uint64" | "uint128" | "uint") => [Some(0), None],
        _ => [None, None],
    };
    let is = |key: &str, value: Option<i64>| {
        schema.get(key).is_none_or(|found| value.is_some_and(|value| *found == value))
    };
    let is_char = format == Some("char");
    let has = |key: &&str| schema.contains_key(*key) && !is_char;
    // Of as many items as the type has.
    let is_fixed = schema.get("minItems") == schema.get("maxItems");
    let others = [
        "pattern",
        "minLength",
        "maxLength",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minProperties",
        "maxProperties",
    ];
    !is("minimum", low) || !is("maximum", high) || !is_fixed || others.iter().any(has)
}

pub(super) fn array<'a>(schema: &'a JsonObject, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The types that a schema names.
pub(super) fn types_of(schema: &JsonObject) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The values that a schema lists.
pub(super) fn values(schema: &JsonObject) -> Vec<&Value> {
    let listed = array(schema, "enum").iter();
    schema.get("const").into_iter().chain(listed).collect()
}

/// How many entries of a value a schema has a property for.
pub(super) fn known_entries(schema: &JsonObject, value: &Value) -> usize {
    let properties = schema.get("properties").and_then(Value::as_object);
    let (Some(properties), Some(entries)) = (properties, value.as_object()) else { return 0 };
    entries.keys().filter(|name| properties.contains_key(*name)).count()
}

/// The fields of an object that can only have one value: the tags of serde's enums.
pub(super) fn tags(schema: &JsonObject) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter_map(|(name, schema)| Some((name.as_str(), schema.get("const")?)))
}

/// The key of a variant that is an object of its own: `{"Name": ..}`.
pub(super) fn external_tag(schema: &JsonObject) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let name = properties.keys().next().filter(|_| closed && properties.len() == 1)?;
    array(schema, "required").iter().any(|required| required == name).then_some(name)
}

/// The first two items that are equal.
pub(super) fn equal_items(items: &[Value]) -> Option<(usize, usize)> {
    let mut seen = HashMap::new();
    items.iter().enumerate().find_map(|(index, item)| {
        let mut item = item.clone();
        // Objects are equal whatever the order of their entries.
        item.sort_all_objects();
        Some((seen.insert(item.to_string(), index)?, index))
    })
}

/// Whether a value is of a type that a schema allows, and one of those that it lists.
pub(super) fn fits(schema: &JsonObject, value: &Value) -> bool {
    let (types, values) = (types_of(schema), values(schema));
    (types.is_empty() || types.iter().any(|name| is_of_type(name, value)))
        && (values.is_empty() || values.contains(&value))
}

/// What is said of a value that does not fit.
pub(super) fn misfit(schema: &JsonObject, value: &Value) -> String {
    let (types, values) = (types_of(schema), values(schema));
    if !values.is_empty() {
        return expected_one_of(&values, value);
    }
    let words = match Format::of(schema) {
        Some(format) => format.words.to_owned(),
        None => types_in_words(&types),
    };
    match example(schema) {
        Some(example) => expected(&format!("{words} like {example}"), value),
        None => expected_types(&types, value),
    }
}

pub(super) fn expected_one_of(values: &[&Value], came: &Value) -> String {
    let names: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
    match came {
        Value::String(text) if names.len() == values.len() => {
            none_of("the string", text, names.iter().copied())
        }
        _ => {
            let values: Vec<String> = values.iter().map(|value| in_code(value)).collect();
            format!("expected one of {}, got {}", values.join(", "), kind(came))
        }
    }
}

fn in_code(value: &Value) -> String {
    match value {
        Value::String(text) => format!("`{text}`"),
        other => format!("`{other}`"),
    }
}

pub(super) fn expected_types(types: &[&str], came: &Value) -> String {
    let sentence = expected(&types_in_words(types), came);
    let is_written = types.contains(&"array") || types.contains(&"object");
    match came {
        Value::Bool(_) | Value::Number(_) if types.contains(&"string") && !is_large(came) => {
            let text = json(&came.to_string());
            format!("{sentence}; send it as a string: {text}")
        }
        Value::String(text) if is_written && is_broken(text) => {
            format!("{sentence}, which is not JSON")
        }
        _ => sentence,
    }
}

/// Whether a text begins like a list or an object in JSON, and is neither.
pub(super) fn is_broken(text: &str) -> bool {
    text.trim_ascii_start().starts_with(['[', '{'])
        && serde_json::from_str::<IgnoredAny>(text).is_err()
}

pub(super) fn expected(wanted: &str, came: &Value) -> String {
    format!("expected {wanted}, got {}", kind(came))
}

fn types_in_words(types: &[&str]) -> String {
    // That `null` is allowed, too, is of no use to a client that sent something else.
    let words: Vec<&str> =
        types.iter().filter(|name| **name != "null").map(|name| type_in_words(name)).collect();
    match words.as_slice() {
        [] => "null".to_owned(),
        words => words.join(" or "),
    }
}

fn type_in_words(name: &str) -> &str {
    match name {
        "integer" => "a whole number",
        "number" => "a number",
        "string" => "a string",
        "boolean" => "true or false",
        "array" => "an array",
        "object" => "an object",
        other => other,
    }
}

pub(super) fn is_of_type(name: &str, value: &Value) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => {
            let is_whole = number.as_f64().is_some_and(|number| number.fract() == 0.0);
            name == "number" || (name == "integer" && is_whole)
        }
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}
