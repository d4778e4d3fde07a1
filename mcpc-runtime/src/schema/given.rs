//! Schemas that somebody wrote, of any draft, in the form that arguments are checked by.

use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::inlining::{percent_decoded, reference};

/// How many references may lead from one to the next before they say anything.
const MOST_REFERENCES: usize = 64;

/// The keywords whose entries are schemas, by a name each.
const NAMED: [&str; 6] =
    ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas", "dependencies"];

/// The keywords whose values are data, whatever they look like.
const DATA: [&str; 5] = ["enum", "const", "default", "examples", "example"];

/// The limits that draft 4 makes exclusive by a keyword of their own.
const EXCLUSIVE: [(&str, &str); 2] =
    [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")];

/// A schema that was given with a tool.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// As it was written.
    pub(crate) listed: JsonObject,
    /// The same in draft 2020-12, with all that it refers to in its `$defs`.
    pub(crate) checked: JsonObject,
}

impl Given {
    /// Reads what may be given with a tool.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn new(schema: Value) -> Result<Self, String> {
        let listed = of_objects(schema)?;
        let checked = checked(&listed)?;
        Ok(Self { listed, checked })
    }

    /// Reads the schema of any value, which is checked as the argument of this name.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn of_value(schema: Value, name: &str) -> Result<Self, String> {
        let Value::Object(listed) = schema else { return Err(not_a_schema(&schema)) };
        let mut value = checked(&listed)?;
        let definitions = value.shift_remove("$defs");
        let properties = JsonObject::from_iter([(name.to_owned(), value.into())]);
        let mut checked = JsonObject::from_iter([
            ("type".to_owned(), "object".into()),
            ("properties".to_owned(), properties.into()),
            ("required".to_owned(), json!([name])),
        ]);
        checked.extend(definitions.map(|definitions| ("$defs".to_owned(), definitions)));
        Ok(Self { listed, checked })
    }

    /// Whether an argument is listed by its name.
    pub(crate) fn lists(&self, argument: &str) -> bool {
        let properties = self.checked.get("properties");
        properties.is_some_and(|properties| properties.get(argument).is_some())
    }
}

fn not_a_schema(value: &Value) -> String {
    format!("it is {}, and not a schema", crate::phrases::kind(value))
}

/// A schema of objects, which is all that MCP knows.
fn of_objects(schema: Value) -> Result<JsonObject, String> {
    let Value::Object(mut schema) = schema else { return Err(not_a_schema(&schema)) };
    match schema.get("type") {
        Some(kind) if kind == "object" => {}
        Some(kind) => {
            return Err(format!("it has `\"type\": {kind}`; expected `\"type\": \"object\"`"));
        }
        None => {
            schema.insert("type".to_owned(), "object".into());
        }
    }
    match schema.get("properties") {
        None | Some(Value::Object(_)) => Ok(schema),
        Some(other) => Err(format!("its `properties` are `{other}`; expected an object")),
    }
}

fn checked(given: &JsonObject) -> Result<JsonObject, String> {
    let whole = Value::from(given.clone());
    let mut referred = JsonObject::new();
    let mut nowhere = None;
    visit(&whole, &mut |schema| {
        if let Some(Value::String(reference)) = schema.get("$ref")
            && !referred.contains_key(reference)
        {
            match target(&whole, reference) {
                Some(target) => {
                    referred.insert(reference.clone(), target.clone());
                }
                None => nowhere = nowhere.take().or_else(|| Some(reference.clone())),
            }
        }
    });
    if let Some(reference) = nowhere {
        return Err(format!(
            "its reference `{reference}` leads nowhere; expected a part of this schema"
        ));
    }
    referred.values_mut().for_each(rewrite);
    Circles { definitions: &referred, open: Vec::new(), lengths: HashMap::new() }.look()?;
    let mut checked = given.clone();
    rewrite_object(&mut checked);
    if !referred.is_empty() {
        checked.insert("$defs".to_owned(), referred.into());
    }
    Ok(checked)
}

/// The part of a schema that a reference leads to.
fn target<'a>(whole: &'a Value, reference: &str) -> Option<&'a Value> {
    let pointer = percent_decoded(reference.strip_prefix('#')?)?;
    whole.pointer(&pointer).filter(|target| target.is_object() || target.is_boolean())
}

/// Shows every schema in one, itself among them.
fn visit<'a>(schema: &'a Value, see: &mut impl FnMut(&'a JsonObject)) {
    let Value::Object(object) = schema else { return };
    see(object);
    for (key, value) in object.iter().filter(|(key, _)| !is_data(key)) {
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                named.values().for_each(|schema| visit(schema, see));
            }
            Value::Array(schemas) => schemas.iter().for_each(|schema| visit(schema, see)),
            other => visit(other, see),
        }
    }
}

fn is_data(key: &str) -> bool {
    DATA.contains(&key) || key.starts_with("x-")
}

/// Writes a schema, and those in it, in the form that arguments are checked by.
fn rewrite(schema: &mut Value) {
    if let Value::Object(schema) = schema {
        rewrite_object(schema);
    }
}

fn rewrite_object(schema: &mut JsonObject) {
    // What is referred to has its place elsewhere.
    schema.shift_remove("$defs");
    schema.shift_remove("definitions");
    if let Some(Value::String(reference)) = schema.get_mut("$ref") {
        let name = reference.replace('~', "~0").replace('/', "~1").replace('%', "%25");
        *reference = format!("#/$defs/{name}");
    }
    for (exclusive, limit) in EXCLUSIVE {
        if let Some(Value::Bool(is_exclusive)) = schema.get(exclusive) {
            let is_exclusive = *is_exclusive;
            schema.shift_remove(exclusive);
            if let Some(limit) = is_exclusive.then(|| schema.shift_remove(limit)).flatten() {
                schema.insert(exclusive.to_owned(), limit);
            }
        }
    }
    if let Some(Value::Array(first)) = schema.get_mut("items") {
        let first = std::mem::take(first);
        let rest = schema.shift_remove("additionalItems").unwrap_or(true.into());
        schema.insert("items".to_owned(), rest);
        schema.insert("prefixItems".to_owned(), first.into());
    }
    each_in(schema, &mut rewrite);
}

/// Has a look at each schema that is a part of one.
pub(super) fn each_in(schema: &mut JsonObject, look: &mut impl FnMut(&mut Value)) {
    for (key, value) in schema.iter_mut().filter(|(key, _)| !is_data(key)) {
        match value {
            Value::Object(named) if NAMED.contains(&key.as_str()) => {
                named.values_mut().for_each(&mut *look);
            }
            Value::Array(schemas) => schemas.iter_mut().for_each(&mut *look),
            other => look(other),
        }
    }
}

/// Looks for references that lead to themselves without a step into the value, which no check would come to an end
/// with.
struct Circles<'a> {
    definitions: &'a JsonObject,
    open: Vec<&'a str>,
    /// How many references lead from one to the next, beginning with each of these.
    lengths: HashMap<&'a str, usize>,
}

impl<'a> Circles<'a> {
    fn look(mut self) -> Result<(), String> {
        let definitions = self.definitions;
        definitions.iter().try_for_each(|(name, schema)| self.definition(name, schema).map(drop))
    }

    fn definition(&mut self, name: &'a str, schema: &'a Value) -> Result<usize, String> {
        if let Some(length) = self.lengths.get(name) {
            return Ok(*length);
        }
        if self.open.contains(&name) {
            return Err(format!("its reference `{name}` leads back to itself"));
        }
        self.open.push(name);
        // Looked at on the way down, too, which is not to be too deep for the stack.
        let is_short = |length: usize| length <= MOST_REFERENCES;
        let length = is_short(self.open.len()).then(|| self.schema(schema)).transpose()?;
        self.open.pop();
        match length.map(|length| length + 1).filter(|length| is_short(*length)) {
            Some(length) => {
                self.lengths.insert(name, length);
                Ok(length)
            }
            None => Err(format!(
                "its reference `{name}` is one of more than {MOST_REFERENCES} that lead from one to the next"
            )),
        }
    }

    /// The longest way from a schema, through all that says something of the same value.
    fn schema(&mut self, schema: &'a Value) -> Result<usize, String> {
        let Value::Object(schema) = schema else { return Ok(0) };
        let mut longest = 0;
        if let Some(name) = reference(schema)
            && let Some((name, schema)) = self.definitions.get_key_value(name.as_ref())
        {
            longest = self.definition(name, schema)?;
        }
        for part in ["allOf", "anyOf", "oneOf"].iter().filter_map(|key| schema.get(*key)) {
            for part in part.as_array().into_iter().flatten() {
                longest = longest.max(self.schema(part)?);
            }
        }
        Ok(longest)
    }
}
