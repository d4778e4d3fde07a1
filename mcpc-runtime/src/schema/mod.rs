//! JSON schemas from `schemars`, and the portable form of them.

mod arguments;
mod formats;
mod given;
mod inlining;
mod portable;
mod together;
mod wrapped;

use rmcp::model::JsonObject;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Value, json};

pub(crate) use self::arguments::{Entries, is_open};
pub(crate) use self::formats::Format;
pub(crate) use self::given::Given;
pub(crate) use self::inlining::{definitions, reference};
use self::portable::{Portable, remove_null};
pub(crate) use self::together::Definitions;
use self::wrapped::{has_wide_integers, is_text, is_wrapped};

/// How the schemas of a server's tools are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Schemas {
    /// In the part of JSON Schema that models and clients agree on. The default.
    ///
    /// - No `$schema`, and no `$ref`, except where a type contains itself, or where a schema without would have more than
    ///   8 KiB, or four times as many as one whose types are written once.
    /// - An optional value is one that may be left out: there is no union with `null` for it in what a
    ///   client sends. What may be of several types is an `anyOf` of one type each, never a list of types.
    /// - No format but `date-time`. What any other one says of a string is part of its description, and the limits
    ///   that `int32` and `uint32` stand for are written as numbers. No `examples`: they are part of it, too.
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

/// How a writer writes types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// In the portable form, where they are used.
    Inlined,
    /// In the portable form, those that have a name once.
    Shared,
    /// As `schemars` does: those that have a name once.
    Plain,
}

impl Schemas {
    /// The schema that `write` writes, in this form. It may be asked twice.
    pub(crate) fn write<E>(
        self,
        direction: Direction,
        write: impl Fn(Writer) -> Result<JsonObject, E>,
    ) -> Result<JsonObject, E> {
        let form = match self {
            Self::Portable => Form::Shared,
            Self::Draft2020_12 => Form::Plain,
        };
        let schema = write(Writer::new(form, direction))?;
        // `schemars` inlines whatever becomes of it, so it is asked once it is known to end.
        match form == Form::Shared && inlining::is_better(&schema) {
            true => write(Writer::new(Form::Inlined, direction)),
            false => Ok(schema),
        }
    }
}

/// Writes the schemas of one tool's arguments, or of its result.
pub(crate) struct Writer {
    form: Form,
    direction: Direction,
    pub(crate) generator: SchemaGenerator,
}

impl Writer {
    fn new(form: Form, direction: Direction) -> Self {
        let settings = SchemaSettings::draft2020_12()
            .with(|settings| settings.inline_subschemas = form == Form::Inlined);
        let settings = match direction {
            Direction::Input => settings.for_deserialize(),
            Direction::Output => settings.for_serialize(),
        };
        Self { form, direction, generator: settings.into_generator() }
    }

    /// Writes what a type takes as its author wrote it, whatever form clients are shown: every format is there,
    /// and what `#[schemars(..)]` asks. For looking for what is wrong with a value.
    pub(crate) fn for_problems() -> Self {
        Self::new(Form::Plain, Direction::Input)
    }

    /// A schema that the generator made, as clients are to see it.
    pub(crate) fn finished(&self, mut schema: Schema) -> Schema {
        match self.form {
            Form::Inlined | Form::Shared => Portable(self.direction).transform(&mut schema),
            Form::Plain => {}
        }
        schema
    }

    /// Takes `null` out of the schema of what may be left out instead.
    pub(crate) fn may_be_left_out(&self, schema: &mut JsonObject) {
        match self.form {
            Form::Inlined | Form::Shared => remove_null(schema),
            Form::Plain => {}
        }
    }

    /// The schema of an object with these entries. It does not say so of others that are ignored.
    pub(crate) fn object(self, entries: Entries, ignores_others: bool) -> JsonObject {
        let mut schema = self.root();
        schema.extend(entries.into_object());
        arguments::ignore(&mut schema, ignores_others);
        self.add_definitions(&mut schema);
        schema
    }

    /// The schema of structured content, which is always an object: another value is the `result` of one. `None`
    /// for what need not be structured: nothing, a text, or one thing and another.
    pub(crate) fn structured(self, schema: Schema) -> Option<JsonObject> {
        let schema = self.resolved(schema);
        let is_wide = has_wide_integers(schema.as_value(), self.generator.definitions());
        let mut schema = self.finished(schema);
        let object = std::mem::take(schema.ensure_object());
        let mut structured = self.root();
        if !self.is_object(&object, MOST_REFERENCES) {
            // Structured content holds no integer of 128 bits.
            if is_wide || !is_wrapped(&object) {
                return None;
            }
            structured.insert("type".into(), "object".into());
            structured.insert("properties".into(), json!({ "result": object }));
            structured.insert("required".into(), json!(["result"]));
            // With this, FastMCP's clients take the result out of it.
            structured.insert("x-fastmcp-wrap-result".into(), true.into());
            self.add_definitions(&mut structured);
            return Some(structured);
        }
        // MCP asks for it even where every alternative says so by itself.
        structured.insert("type".into(), "object".into());
        structured.extend(object.into_iter().filter(|(key, _)| key != "title"));
        self.add_definitions(&mut structured);
        Some(structured)
    }

    /// The schema of one value that a client sends, and whatever that refers to.
    pub(crate) fn of_one(self, schema: Schema, may_be_left_out: bool) -> JsonObject {
        let mut schema = self.resolved(schema);
        if may_be_left_out {
            self.may_be_left_out(schema.ensure_object());
        }
        let mut schema = self.finished(schema);
        let mut object = std::mem::take(schema.ensure_object());
        object.shift_remove("title");
        self.add_definitions(&mut object);
        object
    }

    /// Whether any value of a type has structured content: not of one that is a text, or nothing.
    pub(crate) fn may_be_structured(json_schema: fn(&mut SchemaGenerator) -> Schema) -> bool {
        let mut writer = Self::new(Form::Plain, Direction::Output);
        let schema = json_schema(&mut writer.generator);
        let schema = writer.resolved(schema);
        schema.as_object().is_none_or(|schema| !is_text(schema))
    }

    /// The schema that a schema refers to, if all it does is refer.
    fn resolved(&self, schema: Schema) -> Schema {
        let name = schema.as_object().and_then(reference);
        let definition = name.and_then(|name| self.generator.definitions().get(name.as_ref()));
        definition.and_then(|it| Schema::try_from(it.clone()).ok()).unwrap_or(schema)
    }

    /// Whether every value of a schema is an object, as far as so many references tell.
    fn is_object(&self, schema: &JsonObject, references: usize) -> bool {
        let definition = reference(schema)
            .and_then(|name| self.generator.definitions().get(name.as_ref())?.as_object());
        let alternatives = schema.get("anyOf").or_else(|| schema.get("oneOf"));
        match (schema.get("type"), alternatives, definition) {
            (Some(kind), ..) => kind == "object",
            (None, Some(Value::Array(alternatives)), _) => {
                let mut schemas = alternatives.iter().map(Value::as_object);
                schemas.all(|it| it.is_some_and(|schema| self.is_object(schema, references)))
            }
            (None, _, Some(definition)) => {
                references > 0 && self.is_object(definition, references - 1)
            }
            (None, ..) => false,
        }
    }

    fn root(&self) -> JsonObject {
        let mut root = JsonObject::new();
        if let (Form::Plain, Some(meta)) = (self.form, &self.generator.settings().meta_schema) {
            root.insert("$schema".into(), meta.to_string().into());
        }
        root
    }

    /// Adds what the schema refers to: where types are inlined, those that contain themselves.
    fn add_definitions(self, schema: &mut JsonObject) {
        let definitions = match self.form {
            Form::Inlined | Form::Shared => {
                let portable = Portable(self.direction);
                self.definitions(portable)
            }
            Form::Plain => self.definitions(AsIs),
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

/// How many references are followed one after the other to find out what a schema is.
const MOST_REFERENCES: usize = 8;

/// Leaves schemas as they are.
#[derive(Clone, Copy)]
pub(crate) struct AsIs;

impl Transform for AsIs {
    fn transform(&mut self, _: &mut Schema) {}
}

/// Writes the limits that the formats of Rust numbers stand for as numbers, and leaves the formats.
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
