//! Every problem of a value that its type refused.
//!
//! A type says no at the first thing that it does not like. Its schema tells of all of them, so that a
//! model can mend its call in one go. This runs for refused values, and for those whose schema has limits of
//! its own.

use std::cmp::Reverse;
use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::checks::{Checks, Pattern};
use super::keywords::{
    array, expected_one_of, expected_types, external_tag, known_entries, tags, types_of, values,
    wrong_type, wrong_value,
};
use super::reader::Reader;
use super::refusal::{Problem, Refusal, expected_content};
use crate::schema::reference;
use crate::words::{Step, did_you_mean, list, none_of, quoted};

/// How many problems of one argument are looked for; a call lists fewer.
const MOST: usize = 50;

/// How many schemas are looked at for an argument that is refused: types that contain themselves in several
/// ways make more than anybody waits for.
const STEPS: usize = 20_000;

/// How many are looked at for one that its type took, which is checked to its end: a second's work.
const STEPS_TO_THE_END: usize = 10_000_000;

/// Everything that a schema has against a value that was refused for `refusal`.
pub(super) fn all(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    refusal: Refusal,
) -> Vec<Refusal> {
    let type_misses = refusal.problem == Problem::Missing;
    let mut found = Search::new(definitions, type_misses, STEPS).schema(schema, value);
    // What no schema can say, a type says for itself.
    let is_news = match refusal.problem {
        Problem::Wrong(_) | Problem::Limit(_) => {
            !found.iter().any(|found| found.overlaps(&refusal))
        }
        Problem::Missing | Problem::Unknown(_) => found.is_empty(),
    };
    if is_news {
        found.push(refusal);
    }
    found
}

/// The limits in a schema that a value is out of, although its type took it.
pub(super) fn limits(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
) -> Vec<Refusal> {
    let mut search = Search::new(definitions, false, STEPS_TO_THE_END);
    let mut found = search.schema(schema, value);
    if search.steps > STEPS_TO_THE_END {
        found.push(Refusal::limit("it is too large to be checked"));
    }
    // In all else a type has its reasons: another name of a field, a form of its own.
    found.retain(|refusal| matches!(refusal.problem, Problem::Limit(_)));
    found
}

struct Search<'a> {
    definitions: &'a JsonObject,
    /// Whether the type refused the value because something is missing.
    type_misses: bool,
    /// Whether this is to find out which of several alternatives was meant.
    choosing: bool,
    path: Vec<Step>,
    steps: usize,
    most_steps: usize,
    problems: usize,
    patterns: HashMap<&'a str, Option<Pattern>>,
}

impl<'a> Search<'a> {
    fn new(definitions: &'a JsonObject, type_misses: bool, most_steps: usize) -> Self {
        Self {
            definitions,
            type_misses,
            choosing: false,
            path: Vec::new(),
            steps: 0,
            most_steps,
            problems: 0,
            patterns: HashMap::new(),
        }
    }

    fn at(&mut self, problem: Problem) -> Vec<Refusal> {
        self.problems += 1;
        vec![Refusal { path: self.path.clone(), problem }]
    }

    fn wrong(&mut self, text: String) -> Vec<Refusal> {
        self.at(Problem::Wrong(text))
    }

    /// Whether this has gone on for long enough.
    fn is_over(&self) -> bool {
        self.steps > self.most_steps || self.problems > MOST
    }

    fn inside(&mut self, step: Step, look: impl FnOnce(&mut Self) -> Vec<Refusal>) -> Vec<Refusal> {
        self.path.push(step);
        let found = look(self);
        self.path.pop();
        found
    }

    fn any(&mut self, schema: &'a Value, value: Reader<'_>) -> Vec<Refusal> {
        schema.as_object().map_or_else(Vec::new, |schema| self.schema(schema, value))
    }

    fn schema(&mut self, schema: &'a JsonObject, value: Reader<'_>) -> Vec<Refusal> {
        self.steps += 1;
        if self.is_over() {
            return Vec::new();
        }
        let json = value.json;
        if let Some(sentence) = wrong_type(schema, json).or_else(|| wrong_value(schema, json)) {
            return self.wrong(sentence);
        }
        let mut found = Vec::new();
        let pattern = schema.get("pattern").and_then(Value::as_str);
        let pattern = pattern.and_then(|pattern| self.pattern(pattern)?.refuse(json));
        for problem in Checks::read(schema, json).problems(value).chain(pattern) {
            found.extend(self.at(Problem::Limit(problem)));
        }
        match json {
            Value::Array(items) => found.extend(self.items(schema, value, items)),
            Value::Object(entries) => found.extend(self.entries(schema, value, entries)),
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

    fn pattern(&mut self, pattern: &'a str) -> Option<&Pattern> {
        let new = || Some(Pattern::new(pattern.to_owned())).filter(Pattern::is_valid);
        self.patterns.entry(pattern).or_insert_with(new).as_ref()
    }

    fn items(
        &mut self,
        schema: &'a JsonObject,
        whole: Reader<'_>,
        items: &[Value],
    ) -> Vec<Refusal> {
        let first = array(schema, "prefixItems");
        let rest = schema.get("items");
        let mut found = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if self.is_over() {
                break;
            }
            if let Some(schema) = first.get(index).or(rest) {
                let item = whole.item(index, item);
                found.extend(self.inside(Step::Index(index), |search| search.any(schema, item)));
            }
        }
        found
    }

    fn entries(
        &mut self,
        schema: &'a JsonObject,
        object: Reader<'_>,
        entries: &JsonObject,
    ) -> Vec<Refusal> {
        let mut found = Vec::new();
        let properties = schema.get("properties").and_then(Value::as_object);
        let is_known =
            |name: &String| properties.is_some_and(|properties| properties.contains_key(name));
        // A name that the schema does not know may be another name of a field: then the type knows best.
        let schema_misses = self.type_misses || self.choosing || entries.keys().all(is_known);
        for name in array(schema, "required").iter().filter_map(Value::as_str) {
            if schema_misses && !entries.contains_key(name) {
                found.extend(self.inside(Step::Key(name.into()), |it| it.at(Problem::Missing)));
            }
        }
        for (name, value) in entries {
            if self.is_over() {
                break;
            }
            self.steps += 1;
            let property = properties.and_then(|properties| properties.get(name));
            let schema = property.or_else(|| self.other_property(schema, name));
            let step = Step::Key(name.as_str().into());
            found.extend(self.inside(step, |search| match schema {
                Some(Value::Bool(false)) => {
                    let known = properties.into_iter().flat_map(|known| known.keys());
                    let known = did_you_mean(name, known.map(String::as_str));
                    search.at(Problem::Unknown(known))
                }
                Some(schema) => search.any(schema, object.entry(name, value)),
                None => Vec::new(),
            }));
        }
        found
    }

    /// The schema of an entry that is no property of its own. What matches none of the patterns that keys
    /// may have is left to the type, which knows what it wanted to read.
    fn other_property(&mut self, schema: &'a JsonObject, name: &str) -> Option<&'a Value> {
        let Some(patterns) = schema.get("patternProperties").and_then(Value::as_object) else {
            return schema.get("additionalProperties");
        };
        let matching = patterns.iter().find(|(pattern, _)| {
            self.pattern(pattern).is_some_and(|pattern| pattern.is_match(name))
        });
        matching.map(|(_, schema)| schema)
    }

    /// What the alternative that was meant has against a value; where that is not clear, that it is
    /// none of them.
    fn alternatives(&mut self, alternatives: &'a [Value], value: Reader<'_>) -> Vec<Refusal> {
        let is_null = |schema: &&Value| schema.get("type").is_some_and(|kind| kind == "null");
        let mut others = alternatives.iter().filter(|schema| !is_null(schema));
        // What may be `null`, and is not, is the only other thing.
        if let (Some(only), None) = (others.next(), others.next()) {
            return if value.json.is_null() { Vec::new() } else { self.any(only, value) };
        }
        let outside = std::mem::replace(&mut self.choosing, true);
        let found = self.nearest(alternatives, value);
        self.choosing = outside;
        match (found, alternatives) {
            (_, []) => Vec::new(),
            (Some(found), _) => found,
            (None, _) => self.none_meant(alternatives, value.json),
        }
    }

    /// What the nearest of the alternatives that seem to be meant has against a value.
    fn nearest(&mut self, alternatives: &'a [Value], value: Reader<'_>) -> Option<Vec<Refusal>> {
        let mut nearest: Option<(usize, Reverse<usize>, Vec<Refusal>)> = None;
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            if !self.is_meant(alternative, value.json) {
                continue;
            }
            let found = self.schema(alternative, value);
            if found.is_empty() {
                return Some(found);
            }
            // The one that has the least against the value, and of these the one that knows most of it.
            let rank = (found.len(), Reverse(known_entries(alternative, value.json)));
            if nearest.as_ref().is_none_or(|(problems, known, _)| rank < (*problems, *known)) {
                nearest = Some((rank.0, rank.1, found));
            }
        }
        nearest.map(|(_, _, found)| found)
    }

    /// Whether a value seems to be meant for an alternative: it is of its type, and has the tag of an
    /// enum's variant.
    fn is_meant(&mut self, schema: &'a JsonObject, value: &Value) -> bool {
        self.steps += 1;
        if let Some(definition) = self.definition(schema).filter(|_| !self.is_over()) {
            return self.is_meant(definition, value);
        }
        let has_tags = value.as_object().is_none_or(|entries| {
            let tags = tags(schema).all(|(tag, name)| entries.get(tag) == Some(name));
            tags && external_tag(schema).is_none_or(|tag| entries.contains_key(tag))
        });
        has_tags && wrong_type(schema, value).or_else(|| wrong_value(schema, value)).is_none()
    }

    fn none_meant(&mut self, alternatives: &'a [Value], value: &Value) -> Vec<Refusal> {
        let resolved = alternatives.iter().filter_map(Value::as_object);
        let resolved = resolved.map(|schema| self.definition(schema).unwrap_or(schema));
        let resolved: Vec<&'a JsonObject> = resolved.collect();
        let objects = || resolved.iter().copied();
        // An enum whose variants are told apart by a field of theirs.
        if let Value::Object(entries) = value
            && let Some((tag, _)) = objects().flat_map(tags).next()
        {
            let names = objects().flat_map(tags).filter(|(name, _)| *name == tag);
            let names: Vec<&Value> = names.map(|(_, name)| name).collect();
            return self.inside(Step::Key(tag.into()), |search| match entries.get(tag) {
                None => search.at(Problem::Missing),
                Some(other) => search.wrong(expected_one_of(&names, other)),
            });
        }
        // One whose variants are a key or a string each.
        let keys = objects().filter_map(external_tag);
        let strings = objects().flat_map(values).filter_map(Value::as_str);
        match value {
            Value::Object(entries) if entries.len() != 1 && keys.clone().next().is_some() => {
                let keys = list(keys);
                let count = entries.len();
                self.wrong(format!(
                    "expected an object with one key, one of {keys}, got {count} keys"
                ))
            }
            Value::Object(entries) if keys.clone().next().is_some() => {
                let name = entries.keys().next().map_or("", String::as_str);
                if strings.clone().any(|string| string == name) {
                    return self
                        .wrong(format!("expected the string {}, got an object", quoted(name)));
                }
                self.wrong(none_of("the key", name, strings.chain(keys)))
            }
            Value::String(name) if keys.clone().any(|key| key == name) => {
                self.wrong(expected_content(name))
            }
            Value::String(name) if strings.clone().next().is_some() => {
                self.wrong(none_of("the string", name, strings.chain(keys)))
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
        self.definitions.get(reference(schema)?.as_ref())?.as_object()
    }
}
