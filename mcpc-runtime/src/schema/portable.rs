//! The portable form: what models' APIs and clients take alike.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use schemars::Schema;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Value, json};

use super::{Direction, formats};

/// Rewrites a schema into the portable form.
pub(super) struct Portable(pub(super) Direction);

impl Transform for Portable {
    fn transform(&mut self, schema: &mut Schema) {
        // Clients that expect an object find one in place of `true`.
        let object = schema.ensure_object();
        for key in ["$schema", "uniqueItems"] {
            object.shift_remove(key);
        }
        match self.0 {
            Direction::Input => remove_null_of_optional(object),
            // What a tool sends does hold `null`, and clients check it against this.
            Direction::Output => {}
        }
        formats::replace(object);
        formats::replace_examples(object);
        replace_const(object);
        replace_one_of(object);
        replace_types(object);
        add_items(object);
        // Here, `true` and `false` are what clients expect.
        let additional = object.get("additionalProperties").filter(|it| it.is_boolean()).cloned();
        transform_subschemas(self, schema);
        if let Some(additional) = additional {
            schema.insert("additionalProperties".into(), additional);
        }
        join_alternatives(schema.ensure_object());
    }
}

fn replace_const(object: &mut JsonObject) {
    if let Some(value) = object.shift_remove("const") {
        object.insert("enum".into(), json!([value]));
    }
}

/// A list of types becomes an `anyOf`, each alternative with the keywords that are about its type: Gemini's API
/// refuses the list, and a `items` without its `array`.
fn replace_types(object: &mut JsonObject) {
    let Some(Value::Array(types)) = object.get_mut("type") else { return };
    let types = std::mem::take(types);
    object.shift_remove("type");
    let values = object.shift_remove("enum");
    let about_types: JsonObject = keywords_of_types(object);
    let alternatives = types.iter().filter_map(Value::as_str);
    let alternatives = alternatives.filter_map(|kind| of_type(kind, values.as_ref(), &about_types));
    let mut alternatives: Vec<JsonObject> = alternatives.collect();
    match alternatives.len() {
        // No value fits, which the values say without a type, too.
        0 => object.extend(values.map(|values| ("enum".into(), values))),
        1 => object.extend(alternatives.remove(0)),
        _ => add_any_of(object, alternatives.into()),
    }
}

/// Takes the keywords out of a schema that are about values of some types only.
fn keywords_of_types(object: &mut JsonObject) -> JsonObject {
    let (of_types, others) =
        std::mem::take(object).into_iter().partition(|(key, _)| !types_of_keyword(key).is_empty());
    *object = others;
    of_types
}

/// The alternative for one of several types; `None` if no value of that type is among `values`.
fn of_type(kind: &str, values: Option<&Value>, keywords: &JsonObject) -> Option<JsonObject> {
    let mut schema = JsonObject::new();
    schema.insert("type".into(), kind.into());
    if let Some(Value::Array(values)) = values {
        let mut values = values.clone();
        values.retain(|value| is_of_type(value, kind));
        if values.is_empty() {
            return None;
        }
        // There is only one `null`.
        if kind != "null" {
            schema.insert("enum".into(), values.into());
        }
    }
    let about = keywords.iter().filter(|(key, _)| types_of_keyword(key).contains(&kind));
    schema.extend(about.map(|(key, value)| (key.clone(), value.clone())));
    Some(schema)
}

/// The types that a keyword says something about; none if it is about values of any type.
fn types_of_keyword(keyword: &str) -> &'static [&'static str] {
    match keyword {
        "minLength" | "maxLength" | "pattern" | "format" | "contentEncoding"
        | "contentMediaType" | "contentSchema" => &["string"],
        "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf" => {
            &["integer", "number"]
        }
        "items" | "prefixItems" | "minItems" | "maxItems" | "contains" | "minContains"
        | "maxContains" | "unevaluatedItems" => &["array"],
        "properties"
        | "required"
        | "patternProperties"
        | "additionalProperties"
        | "propertyNames"
        | "minProperties"
        | "maxProperties"
        | "unevaluatedProperties"
        | "dependentRequired"
        | "dependentSchemas" => &["object"],
        _ => &[],
    }
}

fn is_of_type(value: &Value, kind: &str) -> bool {
    match value {
        Value::Null => kind == "null",
        Value::Bool(_) => kind == "boolean",
        Value::Number(number) => kind == "number" || (kind == "integer" && !number.is_f64()),
        Value::String(_) => kind == "string",
        Value::Array(_) => kind == "array",
        Value::Object(_) => kind == "object",
    }
}

/// Adds alternatives to a schema that may have others already, of which a value must fit one, too.
fn add_any_of(object: &mut JsonObject, alternatives: Value) {
    if !object.contains_key("anyOf") {
        object.insert("anyOf".into(), alternatives);
        return;
    }
    let all_of = object.entry("allOf").or_insert_with(|| json!([]));
    if let Some(all_of) = all_of.as_array_mut() {
        all_of.push(json!({ "anyOf": alternatives }));
    }
}

/// Alternatives that are nothing but alternatives themselves are joined with those around them.
fn join_alternatives(object: &mut JsonObject) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    let mut joined: Vec<Value> = Vec::new();
    for alternative in std::mem::take(alternatives) {
        let inner = match alternative {
            Value::Object(mut only) if only.len() == 1 && only.contains_key("anyOf") => {
                only.shift_remove("anyOf")
            }
            other => Some(json!([other])),
        };
        let Some(Value::Array(inner)) = inner else { continue };
        for alternative in inner {
            if !joined.contains(&alternative) {
                joined.push(alternative);
            }
        }
    }
    *alternatives = joined;
}

/// Clients that know no `prefixItems` still ask for `items`; to all others these say nothing about a tuple.
fn add_items(object: &mut JsonObject) {
    let (Some(Value::Array(first)), None) = (object.get("prefixItems"), object.get("items")) else {
        return;
    };
    let mut different: Vec<Value> = Vec::new();
    for schema in first {
        if !different.contains(schema) {
            different.push(schema.clone());
        }
    }
    let items = match different.len() {
        1 => different.remove(0),
        _ => json!({ "anyOf": different }),
    };
    object.insert("items".into(), items);
}

/// An enum without data becomes one list, and any other one an `anyOf`: the alternatives that serde
/// knows exclude each other anyhow.
fn replace_one_of(object: &mut JsonObject) {
    let Some(one_of) = object.shift_remove("oneOf") else { return };
    match one_of.as_array().and_then(|variants| unit_variants(variants)) {
        Some((names, comments)) => {
            object.insert("type".into(), "string".into());
            object.insert("enum".into(), names.into());
            describe(object, &comments);
        }
        None => add_any_of(object, one_of),
    }
}

/// The names of variants without data, and a line for each that has a comment.
fn unit_variants(variants: &[Value]) -> Option<(Vec<Value>, String)> {
    let mut names = Vec::new();
    let mut comments = String::new();
    for variant in variants {
        let variant = variant.as_object()?;
        if variant.get("type")? != "string" {
            return None;
        }
        if let Some(Value::Array(several)) = variant.get("enum") {
            names.extend_from_slice(several);
            continue;
        }
        let name = variant.get("const")?;
        names.push(name.clone());
        if let (Some(name), Some(Value::String(comment))) =
            (name.as_str(), variant.get("description"))
        {
            // One line each, so that it is clear where a comment ends.
            let comment = comment.split_whitespace().collect::<Vec<_>>().join(" ");
            let _ = writeln!(comments, "- `{name}`: {comment}");
        }
    }
    Some((names, comments))
}

/// Adds to the description of a schema.
pub(super) fn describe(object: &mut JsonObject, comments: &str) {
    let comments = comments.trim_end();
    if comments.is_empty() {
        return;
    }
    let description = match object.get("description").and_then(Value::as_str) {
        Some(text) => format!("{text}\n\n{comments}"),
        None => comments.to_owned(),
    };
    object.insert("description".into(), description.into());
}

/// Takes `null` out of every property that may be left out instead.
fn remove_null_of_optional(object: &mut JsonObject) {
    let required = object.get("required").cloned();
    let is_required = |name: &str| {
        let required = required.as_ref().and_then(Value::as_array);
        required.is_some_and(|required| required.iter().any(|other| other == name))
    };
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    for (name, property) in properties.into_iter().flatten() {
        if let Value::Object(property) = property
            && !is_required(name)
        {
            remove_null(property);
        }
    }
}

/// `Option<T>` becomes `T`: that the property is not required says the rest.
pub(super) fn remove_null(object: &mut JsonObject) {
    if object.get("default").is_some_and(Value::is_null) {
        object.shift_remove("default");
    }
    if let Some(Value::Array(types)) = object.get_mut("type")
        && types.iter().any(|name| name != "null")
    {
        types.retain(|name| name != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".into(), only);
        }
        if let Some(Value::Array(values)) = object.get_mut("enum") {
            values.retain(|value| !value.is_null());
        }
    }
    let Some(Value::Array(choices)) = object.get_mut("anyOf") else {
        return;
    };
    let is_null = |choice: &Value| choice.get("type").is_some_and(|kind| kind == "null");
    if choices.iter().all(is_null) || !choices.iter().any(is_null) {
        return;
    }
    choices.retain(|choice| !is_null(choice));
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        object.shift_remove("anyOf");
        for (key, value) in only {
            // The outer schema's own words (a field's doc comment) say more than the type's.
            object.entry(key).or_insert(value);
        }
    }
}
