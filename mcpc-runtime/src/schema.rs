//! Portable JSON schemas from `schemars`.
//!
//! Models and clients reject much of what `schemars` writes by default, so a schema here has no
//! `$schema`, no references except where a type contains itself, no union with `null` in what a client
//! sends, and no formats that only Rust knows.

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// Formats that `schemars` invents for Rust's number types.
const RUST_FORMATS: [&str; 15] = [
    "int8", "int16", "int32", "int64", "int128", "int", "uint8", "uint16", "uint32", "uint64",
    "uint128", "uint", "float", "double", "char",
];

/// Which of a type's two schemas is wanted; serde lets them differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What a client may send.
    Input,
    /// What a tool sends back.
    Output,
}

/// A generator whose schemas every client can read.
pub(crate) fn generator(direction: Direction) -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.meta_schema = None;
        settings.inline_subschemas = true;
    });
    let settings = match direction {
        Direction::Input => settings.for_deserialize(),
        Direction::Output => settings.for_serialize(),
    };
    settings.with_transform(Portable(direction)).into_generator()
}

/// The schema of an object with these properties, in this order.
pub(crate) fn object(
    properties: Vec<(&'static str, Value)>,
    required: &[&'static str],
    mut generator: SchemaGenerator,
) -> JsonObject {
    let mut schema = JsonObject::new();
    schema.insert("type".into(), "object".into());
    let properties: Map<String, Value> =
        properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
    schema.insert("properties".into(), properties.into());
    if !required.is_empty() {
        schema.insert("required".into(), json!(required));
    }
    schema.insert("additionalProperties".into(), false.into());
    add_definitions(&mut schema, &mut generator);
    schema
}

/// The schema of structured content, which is always an object; `None` for anything else.
pub(crate) fn structured(schema: Schema, mut generator: SchemaGenerator) -> Option<JsonObject> {
    let mut schema = portable(schema, Direction::Output);
    let object = schema.ensure_object();
    if object.get("type").is_none_or(|kind| kind != "object") {
        return None;
    }
    object.shift_remove("title");
    add_definitions(object, &mut generator);
    Some(std::mem::take(object))
}

/// Types that contain themselves are the only ones that are still referred to.
fn add_definitions(schema: &mut JsonObject, generator: &mut SchemaGenerator) {
    let definitions = generator.take_definitions(true);
    if !definitions.is_empty() {
        schema.insert("$defs".into(), definitions.into());
    }
}

/// The portable form of a schema.
pub(crate) fn portable(mut schema: Schema, direction: Direction) -> Schema {
    Portable(direction).transform(&mut schema);
    schema
}

/// Rewrites a schema into the portable form.
#[derive(Clone)]
struct Portable(Direction);

impl Transform for Portable {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            object.shift_remove("$schema");
            remove_rust_format(object);
            match self.0 {
                Direction::Input => remove_null(object),
                // What a tool sends does hold `null`, and clients check it against this.
                Direction::Output => {}
            }
        }
        transform_subschemas(self, schema);
    }
}

fn remove_rust_format(object: &mut JsonObject) {
    let rust_only = object
        .get("format")
        .and_then(Value::as_str)
        .is_some_and(|format| RUST_FORMATS.contains(&format));
    if rust_only {
        object.shift_remove("format");
    }
}

/// `Option<T>` becomes `T`: that the property is not required says the rest.
fn remove_null(object: &mut JsonObject) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
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
    let null = json!({"type": "null"});
    if !choices.contains(&null) {
        return;
    }
    choices.retain(|choice| *choice != null);
    if let [Value::Object(only)] = choices.as_slice() {
        let only = only.clone();
        object.shift_remove("anyOf");
        for (key, value) in only {
            // The outer schema's own words (a field's doc comment) say more than the type's.
            object.entry(key).or_insert(value);
        }
    }
}
