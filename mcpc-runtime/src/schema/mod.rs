//! JSON schemas from `schemars`, and the portable form of them.

mod formats;
mod portable;

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use self::portable::{Portable, remove_null};

/// How the schemas of a server's tools are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Schemas {
    /// In the part of JSON Schema that models and clients agree on. The default.
    ///
    /// - No `$schema`, and no `$ref` but where a type contains itself.
    /// - An optional value is one that may be left out: there is no union with `null` for it in what a
    ///   client sends. What may be of several types is an `anyOf` of one type each, never a list of types.
    /// - No format but `date-time`. What any other one says of a string is part of its description, and the limits
    ///   that `int32` and `uint32` stand for are written as numbers.
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

    /// Writes what a type takes as its author wrote it, whatever form clients are shown: every format is there,
    /// and what `#[schemars(..)]` asks. For looking for what is wrong with a value.
    pub(crate) fn for_problems() -> Self {
        Self::new(Schemas::Draft2020_12, Direction::Input)
    }

    /// A schema that the generator made, as clients are to see it.
    pub(crate) fn finished(&self, mut schema: Schema) -> Schema {
        match self.schemas {
            Schemas::Portable => Portable(self.direction).transform(&mut schema),
            Schemas::Draft2020_12 => {}
        }
        schema
    }

    /// Takes `null` out of the schema of what may be left out instead.
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

/// Leaves schemas as they are.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

impl Transform for AsIs {
    fn transform(&mut self, _: &mut Schema) {}
}

/// Writes the limits that the formats of Rust's numbers stand for as numbers, and leaves the formats.
#[derive(Clone, Copy)]
pub(crate) struct NumberLimits;

impl Transform for NumberLimits {
    fn transform(&mut self, schema: &mut Schema) {
        if let Some(object) = schema.as_object_mut() {
            formats::write_limits(object);
        }
        transform_subschemas(self, schema);
    }
}
