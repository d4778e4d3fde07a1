//! Values as models and hosts write them, made into what was wanted: text for a number, a lone item for a
//! list, text or `null` for what is to be left out.
//!
//! This is looked for only where a type refused a value, and by its schema: what may be a string stays one.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::keywords::{array, fits, is_broken, is_of_type, types_of, values};
use super::problems::Search;
use super::reader::Reader;
use super::refusal::{Problem, Refusal};
use crate::numbers::Large;
use crate::phrases::Step;

/// How many schemas are looked at for one argument. That are more than for its problems: a long list of
/// numbers may be one of texts.
const STEPS: usize = 1_000_000;

/// How much of a text is read in the time that it takes to look at a schema.
const BYTES_OF_A_STEP: usize = 16;

/// How deep schemas are followed that say nothing but to look at others.
const DEEPEST: usize = 16;

/// How deep a value may be with what stands in its texts: as deep as one that came without texts.
const DEEPEST_VALUE: usize = 127;

/// How many lists are made around one value: a type may be a list of itself.
const MOST_LISTS: usize = 3;

/// One change to a value.
#[derive(Debug)]
pub(super) struct Mend {
    path: Vec<Step>,
    /// What is there instead, with its large numbers; nothing if it is left out.
    with: Option<(Value, Option<Large>)>,
}

/// What was made of a value.
#[derive(Debug)]
pub(super) struct Mended {
    json: Value,
    large: Option<Large>,
}

impl Mended {
    /// As if `null` had been sent.
    pub(super) fn null() -> Self {
        Self { json: Value::Null, large: None }
    }

    pub(super) fn reader(&self) -> Reader<'_> {
        Reader::new(&self.json).with_large(self.large.as_ref())
    }

    /// The same value.
    pub(super) fn of(value: Reader<'_>) -> Self {
        Self { json: value.json.clone(), large: value.large().cloned() }
    }

    pub(super) fn get(&mut self, path: &[Step]) -> Option<&mut Value> {
        path.iter().try_fold(&mut self.json, |value, step| match step {
            Step::Key(key) => value.get_mut(&**key),
            Step::Index(index) => value.get_mut(index),
        })
    }

    /// Replaces what is at a place, or adds an entry there; `false` if there is no such place.
    pub(super) fn set(&mut self, path: &[Step], (value, large): (Value, Option<Large>)) -> bool {
        if let Some((Step::Key(key), outside)) = path.split_last() {
            let Some(Value::Object(entries)) = self.get(outside) else { return false };
            entries.insert(key.to_string(), value);
        } else if let Some(slot) = self.get(path) {
            *slot = value;
        } else {
            return false;
        }
        self.large = Large::replace(self.large.take(), path, large);
        true
    }

    /// Takes an entry out; `false` if there is none.
    pub(super) fn remove(&mut self, path: &[Step]) -> bool {
        let Some((Step::Key(key), outside)) = path.split_last() else { return false };
        let Some(Value::Object(entries)) = self.get(outside) else { return false };
        entries.shift_remove(&**key).is_some()
    }

    fn apply(&mut self, Mend { path, with }: Mend) {
        match with {
            Some(value) => self.set(&path, value),
            None => self.remove(&path),
        };
    }
}

/// What is made of a value that its type refused; `None` if nothing in it can be mended.
pub(super) fn mend(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
) -> Option<Mended> {
    let mut search = Search::new(definitions, false, STEPS);
    search.mends = Some(Vec::new());
    search.schema(schema, value);
    let mends = search.mends.filter(|mends| !mends.is_empty())?;
    let mut mended = Mended::of(value);
    for mend in mends {
        mended.apply(mend);
    }
    Some(mended)
}

/// Whether a text says that there is nothing.
fn says_nothing(text: &str) -> bool {
    text.is_empty() || text == "null"
}

/// Whether a text may be meant for the only item of a list: it says something, and was not to be a list, or an
/// object that has come to harm.
fn may_be_item(text: &str) -> bool {
    !says_nothing(text) && !text.trim_ascii_start().starts_with('[') && !is_broken(text)
}

/// The value that a text is in JSON, if it is one from its first character to its last, and not a text again.
fn written(text: &str) -> Option<(Value, Option<Large>)> {
    if text.trim_ascii() != text || text.starts_with('"') {
        return None;
    }
    let value = serde_json::from_str(text).ok()?;
    let large = Large::read(&value, text);
    Some((value, large))
}

/// How many values are in one, itself among them.
pub(super) fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(entries) => entries.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// How deep a value is, which was read from a text.
fn depth(value: &Value) -> usize {
    let inside = match value {
        Value::Array(items) => items.iter().map(depth).max(),
        Value::Object(entries) => entries.values().map(depth).max(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return 0,
    };
    1 + inside.unwrap_or(0)
}

/// Whether a schema wants a list of any length.
fn is_list(schema: &JsonObject) -> bool {
    let is_fixed = schema.contains_key("prefixItems")
        || schema.get("maxItems").is_some_and(|most| schema.get("minItems") == Some(most));
    types_of(schema).contains(&"array") && !is_fixed
}

impl<'a> Search<'a> {
    /// How far mending has got.
    pub(super) fn mark(&self) -> usize {
        self.mends.as_ref().map_or(0, Vec::len)
    }

    /// Takes back what was mended since.
    pub(super) fn take_back(&mut self, mark: usize) -> Vec<Mend> {
        self.mends.as_mut().map_or_else(Vec::new, |mends| mends.split_off(mark))
    }

    fn put(&mut self, with: Option<(Value, Option<Large>)>) {
        let path = self.path.clone();
        self.mends.get_or_insert_default().push(Mend { path, with });
    }

    /// Takes what a value that does not fit a schema can be taken for, and says what is wrong with that.
    pub(super) fn otherwise(
        &mut self,
        schema: &'a JsonObject,
        value: Reader<'_>,
    ) -> Option<Vec<Refusal>> {
        if self.mends.is_none() || self.is_over() {
            return None;
        }
        if self.is_nothing(schema, value.json) && self.takes_null(schema) {
            self.put(Some((Value::Null, None)));
            return Some(Vec::new());
        }
        let text = value.json.as_str().filter(|text| !self.takes_text(schema, text));
        // Of many alternatives, each may want to read a long text.
        self.steps += text.map_or(0, |text| text.len() / BYTES_OF_A_STEP);
        let written = text.and_then(written).filter(|(json, _)| {
            fits(schema, json) && self.path.len() + depth(json) <= DEEPEST_VALUE
        });
        if let Some((json, large)) = written {
            self.put(Some((json.clone(), large.clone())));
            return Some(self.schema(schema, Reader::new(&json).with_large(large.as_ref())));
        }
        self.lone_item(schema, value)
    }

    /// Takes a value for the only item of a list, unless it does not fit that either.
    fn lone_item(&mut self, schema: &'a JsonObject, value: Reader<'_>) -> Option<Vec<Refusal>> {
        let is_item = match value.json {
            Value::Array(_) | Value::Null => false,
            Value::String(text) => may_be_item(text),
            Value::Bool(_) | Value::Number(_) | Value::Object(_) => true,
        };
        if !is_list(schema) || !is_item || self.lists == MOST_LISTS {
            return None;
        }
        self.steps += count(value.json);
        self.lists += 1;
        let (mark, problems) = (self.mark(), self.problems);
        let list = Value::from(vec![value.json.clone()]);
        let large = value.large().cloned().map(Large::of_lone_item);
        self.put(Some((list.clone(), large.clone())));
        let found = self.schema(schema, Reader::new(&list).with_large(large.as_ref()));
        self.lists -= 1;
        let depth = self.path.len() + 1;
        let is_item = |refusal: &Refusal| {
            refusal.path.len() > depth || !matches!(refusal.problem, Problem::Wrong(_))
        };
        if !found.iter().all(is_item) {
            self.take_back(mark);
            self.problems = problems;
            return None;
        }
        Some(found)
    }

    /// Takes an entry that need not be there, and says that there is nothing, as if it were not there.
    pub(super) fn leave_out(&mut self, schema: &'a Value, value: &Value) -> bool {
        let Value::Object(schema) = schema else { return false };
        let is_nothing = value.is_null() || self.is_nothing(schema, value);
        let is_left_out = self.mends.is_some() && is_nothing && !self.takes_null(schema);
        if is_left_out {
            self.put(None);
        }
        is_left_out
    }

    /// Takes a value for the `null` that may stand in place of what a schema asks for.
    pub(super) fn takes_for_null(&mut self, schema: &'a Value, value: &Value) -> bool {
        let is_null = self.mends.is_some()
            && schema.as_object().is_some_and(|schema| self.is_nothing(schema, value));
        if is_null {
            self.put(Some((Value::Null, None)));
        }
        is_null
    }

    /// Whether a value is a text that says that there is nothing, where it cannot be a string.
    pub(super) fn is_nothing(&self, schema: &JsonObject, value: &Value) -> bool {
        value.as_str().is_some_and(|text| says_nothing(text) && !self.takes_text(schema, text))
    }

    /// Whether a schema may mean the string itself.
    pub(super) fn takes_text(&self, schema: &JsonObject, text: &str) -> bool {
        self.takes(schema, &Value::from(text), DEEPEST)
    }

    fn takes_null(&self, schema: &JsonObject) -> bool {
        self.takes(schema, &Value::Null, DEEPEST)
    }

    /// Whether a schema allows a value of one of its types and lists. What is not followed to its end may be
    /// anything.
    fn takes(&self, schema: &JsonObject, value: &Value, depth: usize) -> bool {
        let Some(depth) = depth.checked_sub(1) else { return true };
        let takes = |schema: &Value| match schema {
            Value::Object(schema) => self.takes(schema, value, depth),
            other => *other != Value::Bool(false),
        };
        let types = types_of(schema);
        let is_one = types.is_empty() || types.iter().any(|name| is_of_type(name, value));
        let is_listed = values(schema).is_empty() || values(schema).contains(&value);
        is_one
            && is_listed
            && self.definition(schema).is_none_or(|schema| self.takes(schema, value, depth))
            && array(schema, "allOf").iter().all(takes)
            && ["anyOf", "oneOf"].into_iter().all(|key| {
                let alternatives = array(schema, key);
                alternatives.is_empty() || alternatives.iter().any(takes)
            })
    }
}
