//! JSON schemas from `schemars`, and the portable form of them.

use std::fmt::Write as _;

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

/// How the schemas of a server's tools are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schemas {
    /// In the part of JSON Schema that models and clients agree on. The default.
    ///
    /// - No `$schema`, and no `$ref` but where a type contains itself.
    /// - An optional value is one that may be left out: there is no union with `null` for it in what a
    ///   client sends.
    /// - No formats but those of JSON Schema itself; the limits that `int32` and `uint32` stand for
    ///   are written as numbers.
    /// - An enum without data is one list of strings, its variants' comments part of its description;
    ///   any other is an `anyOf`. No `oneOf`, no `const`.
    /// - No `true` in place of a schema, and no `uniqueItems`. A tuple has `items` beside its `prefixItems`.
    #[default]
    Portable,
    /// In draft 2020-12, as `schemars` writes it.
    Draft2020_12,
}

/// Which of a type's two schemas is wanted; serde lets them differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    /// What a client may send.
    Input,
    /// What a tool sends back.
    Output,
}

/// Writes the schemas of one tool's arguments, or of its result.
pub(crate) struct Writer {
    schemas: Schemas,
    direction: Direction,
    pub(crate) generator: SchemaGenerator,
}

impl Writer {
    pub(crate) fn new(schemas: Schemas, direction: Direction) -> Self {
        let settings = SchemaSettings::draft2020_12().with(|settings| match schemas {
            Schemas::Portable => settings.inline_subschemas = true,
            Schemas::Draft2020_12 => {}
        });
        let settings = match direction {
            Direction::Input => settings.for_deserialize(),
            Direction::Output => settings.for_serialize(),
        };
        Self { schemas, direction, generator: settings.into_generator() }
    }

    /// A schema that the generator made, as clients are to see it.
    pub(crate) fn finished(&self, mut schema: Schema) -> Schema {
        match self.schemas {
            Schemas::Portable => Portable(self.direction).transform(&mut schema),
            Schemas::Draft2020_12 => {}
        }
        schema
    }

    /// Takes `null` out of the finished schema of what may be left out instead.
    pub(crate) fn may_be_left_out(&self, schema: &mut JsonObject) {
        match self.schemas {
            Schemas::Portable => remove_null(schema),
            Schemas::Draft2020_12 => {}
        }
    }

    /// The schema of an object with these properties, in this order.
    pub(crate) fn object(
        self,
        properties: Vec<(&'static str, Value)>,
        required: &[&'static str],
    ) -> JsonObject {
        let mut schema = self.root();
        schema.insert("type".into(), "object".into());
        let properties: Map<String, Value> =
            properties.into_iter().map(|(name, schema)| (name.to_owned(), schema)).collect();
        schema.insert("properties".into(), properties.into());
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        schema.insert("additionalProperties".into(), false.into());
        self.add_definitions(&mut schema);
        schema
    }

    /// The schema of structured content, which is always an object; `None` for anything else.
    pub(crate) fn structured(self, schema: Schema) -> Option<JsonObject> {
        let mut schema = self.finished(self.resolved(schema));
        let object = std::mem::take(schema.ensure_object());
        if !is_object(&object) {
            return None;
        }
        let mut structured = self.root();
        // MCP asks for it even where every alternative says so by itself.
        structured.insert("type".into(), "object".into());
        structured.extend(object.into_iter().filter(|(key, _)| key != "title"));
        self.add_definitions(&mut structured);
        Some(structured)
    }

    /// The schema that a schema refers to, if all it does is refer.
    fn resolved(&self, schema: Schema) -> Schema {
        let name = schema.get("$ref").and_then(Value::as_str);
        let name = name.and_then(|name| name.strip_prefix("#/$defs/"));
        let definition = name.and_then(|name| self.generator.definitions().get(name));
        definition.and_then(|it| Schema::try_from(it.clone()).ok()).unwrap_or(schema)
    }

    fn root(&self) -> JsonObject {
        let mut root = JsonObject::new();
        if let (Schemas::Draft2020_12, Some(meta)) =
            (self.schemas, &self.generator.settings().meta_schema)
        {
            root.insert("$schema".into(), meta.to_string().into());
        }
        root
    }

    /// Adds what the schema refers to: in the portable form, types that contain themselves.
    fn add_definitions(self, schema: &mut JsonObject) {
        let definitions = match self.schemas {
            Schemas::Portable => {
                let portable = Portable(self.direction);
                self.definitions(portable)
            }
            Schemas::Draft2020_12 => self.definitions(AsIs),
        };
        if !definitions.is_empty() {
            schema.insert("$defs".into(), definitions.into());
        }
    }

    /// What the schemas that were made so far refer to, by name, each of them transformed.
    pub(crate) fn definitions(mut self, mut transform: impl Transform) -> JsonObject {
        let mut definitions = self.generator.take_definitions(true);
        for definition in definitions.values_mut() {
            if let Ok(schema) = <&mut Schema>::try_from(definition) {
                transform.transform(schema);
            }
        }
        definitions
    }
}

/// Whether every value of a schema is an object.
fn is_object(schema: &JsonObject) -> bool {
    let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
    match (schema.get("type"), alternatives) {
        (Some(kind), _) => kind == "object",
        (None, Some(Value::Array(alternatives))) => {
            alternatives.iter().all(|schema| schema.as_object().is_some_and(is_object))
        }
        (None, _) => false,
    }
}

/// Rewrites a schema into the portable form.
struct Portable(Direction);

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
        replace_rust_format(object);
        replace_const(object);
        replace_one_of(object);
        add_items(object);
        // Here, `true` and `false` are what clients expect.
        let additional = object.get("additionalProperties").filter(|it| it.is_boolean()).cloned();
        transform_subschemas(self, schema);
        if let Some(additional) = additional {
            schema.insert("additionalProperties".into(), additional);
        }
    }
}

/// Leaves schemas as they are.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

impl Transform for AsIs {
    fn transform(&mut self, _: &mut Schema) {}
}

/// Writes the limits that the formats of Rust's numbers stand for as numbers.
#[derive(Clone, Copy)]
pub(crate) struct NumberLimits;

impl Transform for NumberLimits {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            let format = object.get("format").cloned();
            replace_rust_format(object);
            // What a text looks like is said where it looks like something else.
            object.extend(format.map(|format| ("format".to_owned(), format)));
        }
        transform_subschemas(self, schema);
    }
}

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

fn replace_rust_format(object: &mut JsonObject) {
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

fn replace_const(object: &mut JsonObject) {
    if let Some(value) = object.shift_remove("const") {
        object.insert("enum".into(), json!([value]));
    }
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
        None if object.contains_key("anyOf") => {
            let all_of = object.entry("allOf").or_insert_with(|| json!([]));
            if let Some(all_of) = all_of.as_array_mut() {
                all_of.push(json!({ "anyOf": one_of }));
            }
        }
        None => {
            object.insert("anyOf".into(), one_of);
        }
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

fn describe(object: &mut JsonObject, comments: &str) {
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
fn remove_null(object: &mut JsonObject) {
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
