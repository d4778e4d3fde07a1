//! The schema of all arguments of a call, and what types bring to it that are several of them.

use rmcp::model::JsonObject;
use schemars::Schema;
use serde_json::{Map, Value, json};

use super::{MOST_REFERENCES, Writer};

/// The entries of an object, in their order.
#[derive(Debug)]
pub(crate) struct Entries {
    properties: Map<String, Value>,
    required: Vec<String>,
    /// What else may be there.
    rest: Value,
    description: Vec<String>,
}

/// What a schema may say of a struct or of a map whose entries become arguments. What says more would be lost.
const OF_FIELDS: [&str; 9] = [
    "type",
    "title",
    "description",
    "properties",
    "required",
    "additionalProperties",
    "unevaluatedProperties",
    "deprecated",
    "examples",
];

const ALTERNATIVES: [&str; 3] = ["oneOf", "anyOf", "allOf"];

/// What says by itself which other entries there may be, or leaves that to its parts.
const SAYS_MORE: [&str; 6] =
    ["additionalProperties", "patternProperties", "$ref", "oneOf", "anyOf", "allOf"];

impl Entries {
    /// None yet; anything else is refused.
    pub(crate) fn new() -> Self {
        let (properties, required, rest) = (Map::new(), Vec::new(), false.into());
        Self { properties, required, rest, description: Vec::new() }
    }

    /// Whether there is one of this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.properties.contains_key(name)
    }

    pub(crate) fn add(&mut self, name: &str, schema: Value, required: bool) {
        self.properties.insert(name.to_owned(), schema);
        if required {
            self.required.push(name.to_owned());
        }
    }

    /// Adds those of a schema that was [made for it](Writer::fields). What is said of all of them follows their
    /// names, where there are others.
    pub(crate) fn add_all(
        &mut self,
        mut fields: JsonObject,
        description: Option<&str>,
        alone: bool,
    ) {
        let own = fields.get("description").and_then(Value::as_str);
        let properties = fields.get("properties").and_then(Value::as_object);
        if let Some(description) = description.or(own) {
            let names = properties.into_iter().flat_map(Map::keys).map(String::as_str);
            self.description.push(match crate::phrases::list(names).as_str() {
                names if !alone && !names.is_empty() => format!("{names}: {description}"),
                _ => description.to_owned(),
            });
        }
        if is_open(&fields, false) {
            self.rest = fields.get("additionalProperties").cloned().unwrap_or(true.into());
        }
        if let Some(Value::Array(required)) = fields.shift_remove("required") {
            self.required.extend(required.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        if let Some(Value::Object(properties)) = fields.shift_remove("properties") {
            self.properties.extend(properties);
        }
    }

    pub(super) fn into_object(self) -> JsonObject {
        let Self { properties, required, rest, description } = self;
        let mut schema = JsonObject::new();
        schema.insert("type".into(), "object".into());
        if !description.is_empty() {
            schema.insert("description".into(), description.join("\n\n").into());
        }
        schema.insert("properties".into(), properties.into());
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        schema.insert("additionalProperties".into(), rest);
        schema
    }
}

impl Writer {
    /// The schema of a type whose fields, or entries, become arguments, before it is [finished](Self::finished).
    ///
    /// # Errors
    ///
    /// Why a type of this name has none that could.
    pub(crate) fn fields(&self, schema: Schema, type_name: &str) -> Result<JsonObject, String> {
        let schema = self.followed(schema);
        if ALTERNATIVES.iter().any(|key| schema.contains_key(*key)) {
            return Err(format!(
                "`{type_name}` is one of several things, and models' APIs take no alternatives for all arguments; \
                 take it as one argument, without `flatten`"
            ));
        }
        let is_object = schema.get("type").is_some_and(|kind| kind == "object");
        if let Some(other) = schema.keys().find(|key| is_object && !is_of_fields(key)) {
            return Err(format!(
                "the schema of `{type_name}` says `{other}` of all fields together, which has no place among \
                 arguments; take it as one argument, without `flatten`"
            ));
        }
        if !is_object {
            return Err(format!(
                "`{type_name}` has no named fields, and only those of a struct, or a map, can be arguments"
            ));
        }
        Ok(schema)
    }

    /// The schema of a type that is all arguments, before it is [finished](Self::finished).
    ///
    /// # Errors
    ///
    /// Why a type of this name cannot be.
    pub(crate) fn all_arguments(
        &self,
        schema: Schema,
        type_name: &str,
    ) -> Result<JsonObject, String> {
        let mut schema = self.followed(schema);
        let is_any = schema.keys().all(|key| ["title", "description"].contains(&key.as_str()));
        if !is_any && !self.is_object(&schema, MOST_REFERENCES) {
            return Err(format!(
                "`{type_name}` is read from something else than an object, which all arguments are"
            ));
        }
        schema.shift_remove("title");
        // MCP asks for it even where every alternative says so by itself.
        let mut object = JsonObject::new();
        object.insert("type".into(), "object".into());
        object.extend(schema);
        if is_any {
            object.insert("additionalProperties".into(), true.into());
        } else if !SAYS_MORE.iter().any(|key| object.contains_key(*key)) {
            object.insert("additionalProperties".into(), false.into());
        }
        Ok(object)
    }

    /// All arguments as one type reads them.
    pub(crate) fn whole(
        self,
        schema: JsonObject,
        description: Option<&str>,
        ignores_others: bool,
    ) -> JsonObject {
        let mut root = self.root();
        let mut schema = self.finished(schema.into());
        root.extend(std::mem::take(schema.ensure_object()));
        if let Some(description) = description {
            root.insert("description".into(), description.into());
        }
        ignore(&mut root, ignores_others);
        self.add_definitions(&mut root);
        root
    }

    /// What a schema refers to, in the end.
    fn followed(&self, mut schema: Schema) -> JsonObject {
        for _ in 0..MOST_REFERENCES {
            schema = self.resolved(schema);
        }
        std::mem::take(schema.ensure_object())
    }
}

/// Does not say that other entries are refused, if they are ignored.
pub(super) fn ignore(schema: &mut JsonObject, ignores_others: bool) {
    if ignores_others && schema.get("additionalProperties") == Some(&false.into()) {
        schema.shift_remove("additionalProperties");
    }
}

fn is_of_fields(key: &str) -> bool {
    OF_FIELDS.contains(&key) || key.starts_with("x-")
}

/// Whether a schema takes entries that it has no name for; `if_silent` where it does not say.
pub(crate) fn is_open(schema: &JsonObject, if_silent: bool) -> bool {
    match schema.get("additionalProperties") {
        Some(Value::Bool(is_open)) => *is_open || schema.contains_key("patternProperties"),
        Some(_) => true,
        None => if_silent,
    }
}
