//! What is objected to in the schema of a tool's arguments.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use rmcp::model::JsonObject;
use serde_json::Value;

use super::{About, Rule};
use crate::argument::HEADER;
use crate::phrases::{Step, path_in_words};
use crate::schema::{definitions, reference};

/// How many objects may be in one another: OpenAI's API takes ten, in strict mode.
const MOST_LEVELS: usize = 10;

/// Keywords that Gemini's API refuses ("Unknown name"), and what to do. It does not know `additionalProperties`
/// either, which is therefore dropped by every host.
const KEYWORDS: [(&str, &str); 15] = [
    ("const", PORTABLE),
    ("uniqueItems", PORTABLE),
    ("prefixItems", "take a struct, whose fields have names"),
    ("patternProperties", "take a map whose keys are strings, or a list of structs"),
    ("propertyNames", "take a map whose keys are any strings, or a list of structs"),
    ("exclusiveMinimum", "use an inclusive minimum"),
    ("exclusiveMaximum", "use an inclusive maximum: `..=`"),
    ("examples", PORTABLE),
    (HEADER, "leave `header` out where no proxy reads it"),
    ("if", SAY),
    ("not", SAY),
    ("contains", SAY),
    ("dependentRequired", SAY),
    ("dependentSchemas", SAY),
    ("unevaluatedProperties", SAY),
];

const PORTABLE: &str = "leave it to `Schemas::Portable`, which says it in another way";
const SAY: &str = "say it in the description";

/// Adds everything that is objected to in the arguments of a tool.
pub(super) fn look(about: &mut About<'_>) {
    let schema = &about.tool.input_schema.clone();
    let none = JsonObject::new();
    let definitions = definitions(schema).unwrap_or(&none);
    of_all_arguments(about, schema);
    let arguments = schema.get("properties").and_then(Value::as_object);
    let mut levels = Levels { definitions, of_definitions: HashMap::new() };
    let mut search = Search { about, definitions, seen: HashSet::new() };
    for (name, argument) in arguments.into_iter().flatten() {
        let path = path_in_words("", &[Step::Key(name.as_str().into())]);
        search.described(argument, &path);
        search.schema(argument, &path);
        let levels = 1 + levels.of(argument);
        if levels > MOST_LEVELS {
            let text = format!(
                "objects are nested {levels} levels deep: OpenAI's API takes a maximum of {MOST_LEVELS} in strict \
                 mode; take flatter types"
            );
            search.about.add(Rule::Depth, Some(&path), text);
        }
    }
}

fn of_all_arguments(about: &mut About<'_>, schema: &JsonObject) {
    for keyword in ["anyOf", "oneOf", "allOf"] {
        if schema.contains_key(keyword) {
            let text = format!(
                "its arguments are one of several groups (`{keyword}`): Anthropic's API refuses every request with \
                 such a tool; make all of them arguments that may be left out, or a tool for each group"
            );
            about.add(Rule::Union, None, text);
        }
    }
    if schema.contains_key("$schema") {
        about.add(Rule::Keyword, None, unknown("$schema", "leave it to `Schemas::Portable`"));
    }
}

fn unknown(keyword: &str, what_to_do: &str) -> String {
    format!(
        "its schema has `{keyword}`: Gemini's API does not know it, and refuses every request of a host that \
         passes it on; {what_to_do}"
    )
}

struct Search<'a, 'b> {
    about: &'a mut About<'b>,
    definitions: &'a JsonObject,
    /// The definitions that were looked at.
    seen: HashSet<Cow<'a, str>>,
}

impl<'a> Search<'a, '_> {
    fn add(&mut self, rule: Rule, path: &str, text: impl Into<String>) {
        self.about.add(rule, Some(path), text);
    }

    fn described(&mut self, argument: &Value, path: &str) {
        let own = argument.get("description").and_then(Value::as_str);
        let referred = || {
            let definition = self.definitions.get(reference(argument.as_object()?)?.as_ref())?;
            definition.get("description")?.as_str()
        };
        if own.or_else(referred).is_none_or(|text| text.trim().is_empty()) {
            let text = "it has no description, so a model has to guess from its name; write a doc comment before it";
            self.add(Rule::Description, path, text);
        }
    }

    fn schema(&mut self, schema: &'a Value, path: &str) {
        let Value::Object(schema) = schema else {
            if schema == &Value::Bool(true) {
                self.any_value(path);
            }
            return;
        };
        self.union(schema, path);
        self.format(schema, path);
        self.keywords(schema, path);
        let says_what = ["type", "enum", "const", "anyOf", "oneOf", "allOf", "$ref"];
        if !says_what.iter().any(|keyword| schema.contains_key(*keyword)) {
            self.any_value(path);
        }
        self.reference(schema, path);
        for (inner, path) in inner(schema, path) {
            self.schema(inner, &path);
        }
    }

    fn any_value(&mut self, path: &str) {
        let text = "its schema allows any value: Codex tells its model that it is a string, and Gemini's API asks \
                    for a type; take a type that says what it is";
        self.add(Rule::AnyValue, path, text);
    }

    fn union(&mut self, schema: &JsonObject, path: &str) {
        if schema.get("type").is_some_and(Value::is_array) {
            let text = "its `type` is a list: Gemini's API refuses every request with it; leave it to \
                        `Schemas::Portable`, or take one type";
            self.add(Rule::Union, path, text);
        }
        for keyword in ["oneOf", "allOf"] {
            if schema.contains_key(keyword) {
                let text = format!(
                    "it is a union (`{keyword}`): Gemini's API does not know it, and OpenAI's refuses it in strict \
                     mode; leave it to `Schemas::Portable`, or take one type"
                );
                self.add(Rule::Union, path, text);
            }
        }
        let Some(alternatives) = schema.get("anyOf").and_then(Value::as_array) else { return };
        let may_be_null = alternatives.iter().any(|it| it.get("type") == Some(&"null".into()));
        let (what, what_to_do) = match may_be_null && alternatives.len() == 2 {
            true => {
                ("it may be `null`", "remove the `Option`, or make it a field that may be left out")
            }
            false => (
                "it may be of several types",
                "take a struct with fields that may be left out, or make a tool for each type",
            ),
        };
        let text = format!(
            "{what} (`anyOf`): Gemini's API on Vertex AI refuses it beside anything else, such as a description; \
             {what_to_do}"
        );
        self.add(Rule::Union, path, text);
    }

    fn format(&mut self, schema: &JsonObject, path: &str) {
        let Some(format) = schema.get("format").and_then(Value::as_str) else { return };
        let types = schema.get("type").map(Value::to_string).unwrap_or_default();
        let taken: &[&str] = match types {
            types if types.contains("integer") => &["int32", "int64"],
            types if types.contains("number") => &["float", "double"],
            _ => &["date-time", "enum"],
        };
        if !taken.contains(&format) {
            let text = format!(
                "it has the format `{format}`: Gemini's API refuses every request with it; leave it to \
                 `Schemas::Portable`, or say it in the description"
            );
            self.add(Rule::Format, path, text);
        }
    }

    fn keywords(&mut self, schema: &JsonObject, path: &str) {
        for (keyword, what_to_do) in KEYWORDS {
            if schema.contains_key(keyword) {
                self.add(Rule::Keyword, path, unknown(keyword, what_to_do));
            }
        }
        let values = schema.get("enum").and_then(Value::as_array);
        if values.is_some_and(|values| !values.iter().all(Value::is_string)) {
            let text = "its values are listed, and not all of them are strings (`enum`): Gemini's API refuses every \
                        request with it; take an enum whose variants have names, or a `range`";
            self.add(Rule::Keyword, path, text);
        }
    }

    fn reference(&mut self, schema: &'a JsonObject, path: &str) {
        let Some(name) = reference(schema) else { return };
        if !self.seen.insert(name.clone()) {
            return;
        }
        let (why, what_to_do) = match self.contains_itself(&name) {
            true => (
                "contains itself, of which Codex shows its model nothing",
                "take a list whose items name what they are in, or a string of JSON",
            ),
            false => {
                ("is written once for several places", "use it in fewer, or take plainer types")
            }
        };
        let text = format!(
            "its type `{name}` {why}: Gemini's API takes the `$ref` in `parametersJsonSchema` only, and refuses every \
             request of a host that uses `parameters`; {what_to_do}"
        );
        self.add(Rule::Reference, path, text);
        if let Some(definition) = self.definitions.get(name.as_ref()) {
            self.schema(definition, path);
        }
    }

    fn contains_itself(&self, name: &str) -> bool {
        let mut seen: HashSet<Cow<'_, str>> = HashSet::new();
        let mut left = vec![Cow::from(name)];
        while let Some(next) = left.pop() {
            let mut found = Vec::new();
            self.definitions
                .get(next.as_ref())
                .into_iter()
                .for_each(|it| references(it, &mut found));
            if found.iter().any(|found| found == name) {
                return true;
            }
            left.extend(found.into_iter().filter(|found| seen.insert(found.clone())));
        }
        false
    }
}

/// The names of the definitions that a schema refers to.
fn references<'a>(schema: &'a Value, found: &mut Vec<Cow<'a, str>>) {
    let Value::Object(schema) = schema else { return };
    found.extend(reference(schema));
    for (inner, _) in inner(schema, "") {
        references(inner, found);
    }
}

/// The schemas in a schema, each with its place.
fn inner<'a>(schema: &'a JsonObject, at: &str) -> Vec<(&'a Value, String)> {
    let mut found = Vec::new();
    for (keyword, value) in schema {
        match (keyword.as_str(), value) {
            ("properties", Value::Object(properties)) => {
                let key = |name: &str| path_in_words(at, &[Step::Key(name.into())]);
                found.extend(properties.iter().map(|(name, schema)| (schema, key(name))));
            }
            ("patternProperties", Value::Object(schemas)) => {
                found.extend(schemas.values().map(|schema| (schema, format!("{at}.*"))));
            }
            ("additionalProperties", Value::Object(_)) => found.push((value, format!("{at}.*"))),
            // They are what `prefixItems` says, once more.
            ("items", Value::Object(_)) if !schema.contains_key("prefixItems") => {
                found.push((value, format!("{at}[]")));
            }
            ("prefixItems", Value::Array(schemas)) => {
                let index = |index| path_in_words(at, &[Step::Index(index)]);
                let schemas = schemas.iter().enumerate();
                found.extend(schemas.map(|(at, schema)| (schema, index(at))));
            }
            ("anyOf" | "oneOf" | "allOf", Value::Array(schemas)) => {
                found.extend(schemas.iter().map(|schema| (schema, at.to_owned())));
            }
            _ => {}
        }
    }
    found
}

/// How deep objects are in one another.
struct Levels<'a> {
    definitions: &'a JsonObject,
    of_definitions: HashMap<Cow<'a, str>, usize>,
}

impl<'a> Levels<'a> {
    fn of(&mut self, schema: &'a Value) -> usize {
        let Value::Object(schema) = schema else { return 0 };
        let own = usize::from(schema.get("type") == Some(&"object".into()));
        let below = inner(schema, "").into_iter().map(|(schema, _)| self.of(schema)).max();
        let referred = reference(schema).map_or(0, |name| self.of_definition(name));
        (own + below.unwrap_or(0)).max(referred)
    }

    fn of_definition(&mut self, name: Cow<'a, str>) -> usize {
        if let Some(known) = self.of_definitions.get(&name) {
            return *known;
        }
        // Inside of itself it has no end, which is another finding.
        self.of_definitions.insert(name.clone(), 0);
        let levels = self.definitions.get(name.as_ref()).map_or(0, |schema| self.of(schema));
        self.of_definitions.insert(name, levels);
        levels
    }
}
