//! Every problem of a value that its type refused.
//!
//! A type says no at the first thing that it does not like. Its schema tells of all of them, so that a
//! model can mend its call in one go. This runs for refused values only.

use regex_lite::Regex;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::checks::Checks;
use super::refusal::{Problem, Refusal, Step};
use crate::words::{did_you_mean, kind, list, none_of};

/// How many problems of one argument are listed.
const MOST: usize = 20;

/// How many schemas are looked at for one argument: types that contain themselves in several ways
/// make more than anybody waits for.
const STEPS: usize = 20_000;

/// Everything that a schema has against a value that was refused for `refusal`.
pub(super) fn all(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: &Value,
    refusal: Refusal,
) -> Vec<Refusal> {
    let mut search = Search { definitions, path: Vec::new(), steps: 0 };
    let mut found = search.schema(schema, value);
    // What no schema can say, a type says for itself.
    let is_news = match refusal.problem {
        Problem::Wrong(_) => !found.iter().any(|found| found.overlaps(&refusal)),
        Problem::Missing | Problem::Unknown(_) => found.is_empty(),
    };
    if is_news {
        found.push(refusal);
    }
    let more = found.len().saturating_sub(MOST);
    if more > 0 {
        found.truncate(MOST);
        found.push(Refusal::wrong(format!("{more} more problems are not listed")));
    }
    found
}

struct Search<'a> {
    definitions: &'a JsonObject,
    path: Vec<Step>,
    steps: usize,
}

impl<'a> Search<'a> {
    fn at(&self, problem: Problem) -> Vec<Refusal> {
        vec![Refusal { path: self.path.clone(), problem }]
    }

    fn wrong(&self, text: String) -> Vec<Refusal> {
        self.at(Problem::Wrong(text))
    }

    fn inside(&mut self, step: Step, look: impl FnOnce(&mut Self) -> Vec<Refusal>) -> Vec<Refusal> {
        self.path.push(step);
        let found = look(self);
        self.path.pop();
        found
    }

    fn any(&mut self, schema: &Value, value: &Value) -> Vec<Refusal> {
        schema.as_object().map_or_else(Vec::new, |schema| self.schema(schema, value))
    }

    fn schema(&mut self, schema: &JsonObject, value: &Value) -> Vec<Refusal> {
        self.steps += 1;
        if self.steps > STEPS {
            return Vec::new();
        }
        if let Some(sentence) = wrong_type(schema, value).or_else(|| wrong_value(schema, value)) {
            return self.wrong(sentence);
        }
        let mut found = Vec::new();
        for problem in Checks::read(schema, value).problems(value) {
            found.extend(self.wrong(problem));
        }
        match value {
            Value::Array(items) => found.extend(self.items(schema, items)),
            Value::Object(entries) => found.extend(self.entries(schema, entries)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        if let Some(definition) = self.definition(schema) {
            found.extend(self.schema(definition, value));
        }
        for part in array(schema, "allOf") {
            found.extend(self.any(part, value));
        }
        for key in ["anyOf", "oneOf"] {
            found.extend(self.alternatives(array(schema, key), value));
        }
        found
    }

    fn items(&mut self, schema: &JsonObject, items: &[Value]) -> Vec<Refusal> {
        let first = array(schema, "prefixItems");
        let rest = schema.get("items");
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if self.steps > STEPS {
                break;
            }
            if let Some(schema) = first.get(index).or(rest) {
                found.extend(self.inside(Step::Index(index), |search| search.any(schema, item)));
            }
        }
        found
    }

    fn entries(&mut self, schema: &JsonObject, entries: &JsonObject) -> Vec<Refusal> {
        let mut found = Vec::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        for name in array(schema, "required").iter().filter_map(Value::as_str) {
            if !entries.contains_key(name) {
                let missing = |search: &mut Self| search.at(Problem::Missing);
                found.extend(self.inside(Step::Key(name.into()), missing));
            }
        }
        for (name, value) in entries {
            let property = properties.and_then(|properties| properties.get(name));
            let schema = property.or_else(|| other_property(schema, name));
            let step = Step::Key(name.as_str().into());
            found.extend(self.inside(step, |search| match schema {
                Some(Value::Bool(false)) => {
                    let known = properties.into_iter().flat_map(|known| known.keys());
                    let known = did_you_mean(name, known.map(String::as_str));
                    search.at(Problem::Unknown(known))
                }
                Some(schema) => search.any(schema, value),
                None => Vec::new(),
            }));
        }
        found
    }

    /// What the alternative that was meant has against a value; where that is not clear, that it is
    /// none of them.
    fn alternatives(&mut self, alternatives: &[Value], value: &Value) -> Vec<Refusal> {
        let mut meant = Vec::new();
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            if !self.is_meant(alternative, value) {
                continue;
            }
            match self.schema(alternative, value) {
                found if found.is_empty() => return found,
                found => meant.push(found),
            }
        }
        match (meant.len(), alternatives) {
            (_, []) => Vec::new(),
            (1, _) => meant.remove(0),
            (0, _) => self.none_meant(alternatives, value),
            // The type's own sentence has to do.
            (_, _) => Vec::new(),
        }
    }

    /// Whether a value seems to be meant for an alternative: it is of its type, and has the tag of an
    /// enum's variant.
    fn is_meant(&mut self, schema: &JsonObject, value: &Value) -> bool {
        self.steps += 1;
        if let Some(definition) = self.definition(schema).filter(|_| self.steps <= STEPS) {
            return self.is_meant(definition, value);
        }
        let has_tags = value.as_object().is_none_or(|entries| {
            let tags = tags(schema).all(|(tag, name)| entries.get(tag) == Some(name));
            tags && external_tag(schema).is_none_or(|tag| entries.contains_key(tag))
        });
        has_tags && wrong_type(schema, value).or_else(|| wrong_value(schema, value)).is_none()
    }

    fn none_meant(&mut self, alternatives: &[Value], value: &Value) -> Vec<Refusal> {
        let objects = || alternatives.iter().filter_map(Value::as_object);
        // An enum whose variants are told apart by a field of theirs.
        if let Value::Object(entries) = value
            && let Some((tag, _)) = objects().flat_map(tags).next()
        {
            let names = objects().flat_map(tags).filter(|(name, _)| *name == tag);
            let names: Vec<&str> = names.filter_map(|(_, name)| name.as_str()).collect();
            return self.inside(Step::Key(tag.into()), |search| match entries.get(tag) {
                None => search.at(Problem::Missing),
                Some(Value::String(name)) => search.wrong(none_of(name, names.iter().copied())),
                Some(other) => search.wrong(expected_one_of(&names, other)),
            });
        }
        // One whose variants are a key or a string each.
        let keys = objects().filter_map(external_tag);
        let strings = objects().flat_map(values).filter_map(Value::as_str);
        match value {
            Value::Object(entries) if entries.len() == 1 && keys.clone().next().is_some() => {
                let name = entries.keys().next().map_or("", String::as_str);
                if strings.clone().any(|string| string == name) {
                    return self.wrong(format!("expected the string {name:?}, got an object"));
                }
                self.wrong(none_of(name, strings.chain(keys)))
            }
            Value::String(name) if keys.clone().any(|key| key == name) => self
                .wrong(format!("expected an object `{{{name:?}: ..}}`, got the string {name:?}")),
            Value::String(name) if strings.clone().next().is_some() => {
                self.wrong(none_of(name, strings.chain(keys)))
            }
            other => {
                let mut types: Vec<&str> = Vec::new();
                for name in objects().flat_map(types_of) {
                    if !types.contains(&name) {
                        types.push(name);
                    }
                }
                match types.as_slice() {
                    [] => Vec::new(),
                    types => self.wrong(expected_types(types, other)),
                }
            }
        }
    }

    /// What a schema refers to.
    fn definition(&self, schema: &JsonObject) -> Option<&'a JsonObject> {
        let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
        self.definitions.get(name)?.as_object()
    }
}

fn array<'a>(schema: &'a JsonObject, key: &str) -> &'a [Value] {
    schema.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The schema of an entry that is no property of its own. What matches none of the patterns that keys
/// may have is left to the type, which knows what it wanted to read.
fn other_property<'a>(schema: &'a JsonObject, name: &str) -> Option<&'a Value> {
    let Some(patterns) = schema.get("patternProperties").and_then(Value::as_object) else {
        return schema.get("additionalProperties");
    };
    let matches = |pattern: &str| Regex::new(pattern).is_ok_and(|regex| regex.is_match(name));
    patterns.iter().find(|(pattern, _)| matches(pattern)).map(|(_, schema)| schema)
}

/// The types that a schema names.
fn types_of(schema: &JsonObject) -> Vec<&str> {
    match schema.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// The values that a schema lists.
fn values(schema: &JsonObject) -> Vec<&Value> {
    let listed = array(schema, "enum").iter();
    schema.get("const").into_iter().chain(listed).collect()
}

/// The fields of an object that can only have one value: the tags of serde's enums.
fn tags(schema: &JsonObject) -> impl Iterator<Item = (&str, &Value)> {
    let properties = schema.get("properties").and_then(Value::as_object).into_iter().flatten();
    properties.filter_map(|(name, schema)| Some((name.as_str(), schema.get("const")?)))
}

/// The key of a variant that is an object of its own: `{"Name": ..}`.
fn external_tag(schema: &JsonObject) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
    let name = properties.keys().next().filter(|_| closed && properties.len() == 1)?;
    array(schema, "required").iter().any(|required| required == name).then_some(name)
}

/// Says so if a value is of no type that a schema allows.
fn wrong_type(schema: &JsonObject, value: &Value) -> Option<String> {
    let types = types_of(schema);
    let fits = types.is_empty() || types.iter().any(|name| is_of_type(name, value));
    (!fits).then(|| expected_types(&types, value))
}

/// Says so if a value is none of those that a schema lists.
fn wrong_value(schema: &JsonObject, value: &Value) -> Option<String> {
    let values = values(schema);
    if values.is_empty() || values.contains(&value) {
        return None;
    }
    let names: Vec<&str> = values.iter().filter_map(|value| value.as_str()).collect();
    Some(match value {
        Value::String(text) => none_of(text, names.iter().copied()),
        other => expected_one_of(&names, other),
    })
}

fn expected_one_of(names: &[&str], came: &Value) -> String {
    format!("expected one of {}, got {}", list(names.iter().copied()), kind(came))
}

fn expected_types(types: &[&str], came: &Value) -> String {
    // That `null` is allowed, too, helps nobody who sent something else.
    let words: Vec<&str> =
        types.iter().filter(|name| **name != "null").map(|name| type_in_words(name)).collect();
    match words.as_slice() {
        [] => format!("expected null, got {}", kind(came)),
        words => format!("expected {}, got {}", words.join(" or "), kind(came)),
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

fn is_of_type(name: &str, value: &Value) -> bool {
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
