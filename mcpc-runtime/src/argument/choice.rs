//! Which of several alternatives a value was meant for.

use std::cmp::Reverse;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::keywords::{
    expected_one_of, expected_types, external_tag, fits, known_entries, tags, types_of, values,
};
use super::mend::Mend;
use super::problems::Search;
use super::reader::Reader;
use super::refusal::{Problem, Refusal, expected_content};
use crate::phrases::{Step, list, none_of, quoted};

/// The alternative that comes nearest to a value.
struct Nearest {
    rank: (usize, usize, Reverse<usize>),
    found: Vec<Refusal>,
    mends: Vec<Mend>,
}

impl<'a> Search<'a> {
    /// What the alternative that was meant has against a value; where that is not clear, that it is
    /// none of them.
    pub(super) fn alternatives(
        &mut self,
        alternatives: &'a [Value],
        value: Reader<'_>,
    ) -> Vec<Refusal> {
        let is_null = |schema: &&Value| schema.get("type").is_some_and(|kind| kind == "null");
        let mut others = alternatives.iter().filter(|schema| !is_null(schema));
        // What may be `null`, and is not, is the only other thing.
        if let (Some(only), None) = (others.next(), others.next()) {
            let has_null = alternatives.len() > 1;
            if value.json.is_null() || (has_null && self.takes_for_null(only, value.json)) {
                return Vec::new();
            }
            return self.any(only, value);
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
        let is_text = value.json.as_str().is_some_and(|text| {
            let mut objects = alternatives.iter().filter_map(Value::as_object);
            objects.any(|schema| self.takes_text(schema, text))
        });
        let mut nearest: Option<Nearest> = None;
        for alternative in alternatives.iter().filter_map(Value::as_object) {
            let (mark, problems) = (self.mark(), self.problems);
            let found = match self.is_meant(alternative, value.json) {
                true => Some(self.schema(alternative, value)),
                false if is_text => None,
                false => self.otherwise(self.definition(alternative).unwrap_or(alternative), value),
            };
            let Some(found) = found else { continue };
            // What is wrong with those that were not meant is not a problem of the value.
            self.problems = problems;
            let mends = self.take_back(mark);
            if found.is_empty() && mends.is_empty() {
                return Some(found);
            }
            // The one that has the least against the value, and of these the one that changes the least of it
            // and knows the most.
            let known = Reverse(known_entries(alternative, value.json));
            let this = Nearest { rank: (found.len(), mends.len(), known), found, mends };
            if nearest.as_ref().is_none_or(|nearest| this.rank < nearest.rank) {
                nearest = Some(this);
            }
        }
        let Nearest { found, mends, .. } = nearest?;
        self.count(&found);
        if let Some(all) = &mut self.mends {
            all.extend(mends);
        }
        Some(found)
    }

    /// Whether a value seems to be meant for an alternative: it is of its type, and has the tag of an
    /// enum's variant.
    pub(super) fn is_meant(&mut self, schema: &'a JsonObject, value: &Value) -> bool {
        self.steps += 1;
        if let Some(definition) = self.definition(schema).filter(|_| !self.is_over()) {
            return self.is_meant(definition, value);
        }
        let has_tags = value.as_object().is_none_or(|entries| {
            let tags = tags(schema).all(|(tag, name)| entries.get(tag) == Some(name));
            tags && external_tag(schema).is_none_or(|tag| entries.contains_key(tag))
        });
        has_tags && fits(schema, value)
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
}
