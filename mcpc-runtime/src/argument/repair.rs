//! What a type has against a value after the first thing that it refused.
//!
//! A type says no once. To hear what else it would have said, every place that is known to be wrong is filled with
//! something that its schema allows, and the value is read again.

use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::formats;
use super::keywords::{array, types_of, values};
use super::mend::{Mended, count};
use super::problems::{Search, advised, samples_below};
use super::reader::Reader;
use super::refusal::{Problem, Refusal};
use crate::guard::guarded;
use crate::phrases::Step;

/// How many problems are enough: a call lists fewer.
const MOST: usize = 25;

/// How often a value is read again, and how many values there may be in all that is read.
const READS: usize = 60;
const VALUES: usize = 200_000;

/// How deep a value is that is made up.
const DEEPEST: usize = 8;

/// Reads a value, for what its type has against it.
pub(super) type Read<'a> = &'a dyn Fn(Reader<'_>) -> Result<(), Refusal>;

/// Adds to what was found whatever else the type has against the value.
pub(super) fn add_others(
    root: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    found: &mut Vec<Refusal>,
    read: Read<'_>,
) {
    let mut repair = Repair {
        root,
        search: Search::new(definitions, false, VALUES),
        repaired: Mended::of(value),
        tried: HashMap::new(),
    };
    let reads = READS.min(VALUES / count(value.json).max(1));
    if reads == 0 {
        return;
    }
    let mut told: Vec<bool> = found.iter().map(|it| !it.is_about_a_key()).collect();
    for problem in found.iter().filter(|it| !it.is_about_a_key()) {
        repair.fill(problem);
    }
    for _ in 0..reads {
        let refusal = match guarded(|| read(repair.repaired.reader())) {
            Ok(Err(refusal)) => located(root, definitions, repair.repaired.reader(), refusal, read),
            // A key may have a name that only the type knows.
            Ok(Ok(())) => return keep_told(found, &told),
            Err(_) => return,
        };
        let known = found.iter().position(|known| known.is_the_same_as(&refusal));
        let known = known.unwrap_or(found.len());
        if known == found.len() {
            if found.len() > MOST || repair.is_vague(&refusal, found) {
                return;
            }
            found.push(advised(root, definitions, value, refusal));
            told.push(true);
        }
        told[known] = true;
        if !repair.fill(&found[known]) {
            return;
        }
    }
}

/// Drops what the schema said of keys, and the type did not. Something was said in any case.
fn keep_told(found: &mut Vec<Refusal>, told: &[bool]) {
    if told.contains(&true) {
        let mut told = told.iter();
        found.retain(|_| told.next().is_none_or(|told| *told));
    }
}

/// A refusal with the place that it is about. What serde reads from a buffer of its own has none in it; there, it is
/// the text without which the type would say something else.
pub(super) fn located(
    root: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    refusal: Refusal,
    read: Read<'_>,
) -> Refusal {
    let is_wrong = matches!(refusal.problem, Problem::Wrong(_));
    if !is_wrong || count(value.json) > VALUES / READS {
        return refusal;
    }
    let mut tried = Mended::of(value);
    let places = samples_below(root, definitions, value, &refusal.path);
    for (path, example) in places.into_iter().take(READS) {
        tried.set(&path, (example, None));
        match guarded(|| read(tried.reader())) {
            Ok(Err(other)) if other == refusal => {}
            Ok(_) => return Refusal { path, ..refusal },
            Err(_) => return refusal,
        }
    }
    refusal
}

struct Repair<'a> {
    root: &'a JsonObject,
    search: Search<'a>,
    repaired: Mended,
    /// How often a place was filled.
    tried: HashMap<String, usize>,
}

impl<'a> Repair<'a> {
    /// Whether it is not clear that a refusal is about the value, or where: it may be about what was made up, and
    /// serde knows no places in what it reads from a buffer of its own.
    fn is_vague(&mut self, refusal: &Refusal, found: &[Refusal]) -> bool {
        let path = &refusal.path;
        match refusal.problem {
            Problem::Missing => self.schemas_at(path).is_empty(),
            Problem::Unknown(_) => self.repaired.get(path).is_none(),
            Problem::Wrong(_) | Problem::Limit(_) => {
                found.iter().any(|known| known.path.starts_with(path))
            }
        }
    }

    /// Fills the place of a problem with the next thing that may be right there.
    fn fill(&mut self, problem: &Refusal) -> bool {
        let Refusal { path, problem } = problem;
        let tried = self.tried.entry(format!("{path:?}")).or_default();
        let attempt = *tried;
        *tried += 1;
        if matches!(problem, Problem::Unknown(_)) {
            return attempt == 0 && self.repaired.remove(path);
        }
        if attempt == 0
            && let Some(sample) = self.sample_at(path)
        {
            return self.repaired.set(path, (sample, None));
        }
        match (attempt, path.split_last()) {
            // The type has taken the items before it.
            (_, Some((Step::Index(index), list))) => {
                let attempt = attempt.max(1);
                let other = if attempt <= *index { index - attempt } else { attempt };
                let other = self.repaired.get(list).and_then(|list| list.get(other)).cloned();
                other.is_some_and(|other| self.repaired.set(path, (other, None)))
            }
            (0 | 1, Some((Step::Key(_), _))) => self.repaired.remove(path),
            _ => false,
        }
    }

    /// Something that the schema of a place allows.
    fn sample_at(&mut self, path: &[Step]) -> Option<Value> {
        let schemas = self.schemas_at(path);
        schemas.into_iter().find_map(|schema| self.sample(schema, DEEPEST))
    }

    fn schemas_at(&mut self, path: &[Step]) -> Vec<&'a JsonObject> {
        let mut value = Some(self.repaired.reader().json);
        let mut schemas = vec![self.root];
        for step in path {
            let parts = parts(&mut self.search, schemas, value);
            schemas = parts.into_iter().filter_map(|schema| inside(schema, step)).collect();
            value = value.and_then(|value| match step {
                Step::Key(key) => value.get(&**key),
                Step::Index(index) => value.get(index),
            });
        }
        schemas
    }

    fn sample(&self, schema: &'a JsonObject, depth: usize) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        let given = formats::sample(schema).or_else(|| schema.get("default").cloned());
        if let Some(value) = given.or_else(|| values(schema).first().copied().cloned()) {
            return Some(value);
        }
        match types_of(schema).as_slice() {
            [] => self.sample_of_parts(schema, depth),
            types if types.contains(&"null") => Some(Value::Null),
            [name, ..] => self.sample_of_type(name, schema, depth),
        }
    }

    fn sample_of_parts(&self, schema: &'a JsonObject, depth: usize) -> Option<Value> {
        let parts = ["allOf", "anyOf", "oneOf"].into_iter().flat_map(|key| array(schema, key));
        let parts = parts.filter_map(Value::as_object);
        self.search
            .definition(schema)
            .into_iter()
            .chain(parts)
            .find_map(|it| self.sample(it, depth))
    }

    fn sample_of_type(&self, name: &str, schema: &'a JsonObject, depth: usize) -> Option<Value> {
        let least = |key: &str| schema.get(key).and_then(Value::as_u64).unwrap_or(0);
        Some(match name {
            "integer" | "number" => schema.get("minimum").cloned().unwrap_or_else(|| 0.into()),
            "boolean" => false.into(),
            "string" if schema.contains_key("pattern") => return None,
            "string" => "a".repeat(usize::try_from(least("minLength")).ok()?.min(1000)).into(),
            "array" => {
                let items = (0..least("minItems").min(100)).map(|index| {
                    let index = usize::try_from(index).ok()?;
                    self.sample(inside(schema, &Step::Index(index))?, depth)
                });
                Value::Array(items.collect::<Option<_>>()?)
            }
            "object" => {
                let required = array(schema, "required").iter().filter_map(Value::as_str);
                let entries = required.map(|name| {
                    let property = inside(schema, &Step::Key(name.into()))?;
                    Some((name.to_owned(), self.sample(property, depth)?))
                });
                Value::Object(entries.collect::<Option<_>>()?)
            }
            _ => return None,
        })
    }
}

/// Schemas, with all that they refer to and are made of, as far as a value may be meant by it.
fn parts<'a>(
    search: &mut Search<'a>,
    mut schemas: Vec<&'a JsonObject>,
    value: Option<&Value>,
) -> Vec<&'a JsonObject> {
    /// More than that are of a type that contains itself in an odd way.
    const MOST: usize = 200;
    let mut next = 0;
    while next < schemas.len() && schemas.len() < MOST {
        let schema = schemas[next];
        next += 1;
        schemas.extend(search.definition(schema));
        schemas.extend(array(schema, "allOf").iter().filter_map(Value::as_object));
        for alternative in ["anyOf", "oneOf"].into_iter().flat_map(|key| array(schema, key)) {
            if let (Some(alternative), Some(value)) = (alternative.as_object(), value)
                && search.is_meant(alternative, value)
            {
                schemas.push(alternative);
            }
        }
    }
    schemas
}

/// The schema of a part of a value.
fn inside<'a>(schema: &'a JsonObject, step: &Step) -> Option<&'a JsonObject> {
    let part = match step {
        Step::Key(key) => {
            let property = schema.get("properties").and_then(|properties| properties.get(&**key));
            property.or_else(|| schema.get("additionalProperties"))
        }
        Step::Index(index) => {
            array(schema, "prefixItems").get(*index).or_else(|| schema.get("items"))
        }
    };
    part?.as_object()
}
