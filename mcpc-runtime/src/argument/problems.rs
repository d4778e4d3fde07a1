//! Every problem of a value that its type refused.
//!
//! A type says no at the first thing that it does not like. Its schema tells of all of them, so that a
//! model can mend its call in one go. This runs for refused values, and for those whose schema has limits of
//! its own.

use std::collections::HashMap;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::checks::{Checks, Pattern};
use super::formats::{Format, example, sample, with_example};
use super::keywords::{array, equal_items, fits, misfit, types_of};
use super::mend::{Mend, count};
use super::range::further_limits;
use super::reader::Reader;
use super::refusal::{Problem, Refusal};
use crate::phrases::{Step, did_you_mean};
use crate::schema::reference;

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
    judge: Judge,
) -> Vec<Refusal> {
    let type_misses = refusal.problem == Problem::Missing;
    let mut search = Search::new(definitions, type_misses, STEPS);
    search.asked = Some(refusal.path.clone());
    search.judge = judge;
    let mut found = search.schema(schema, value);
    // What no schema can say, a type says for itself.
    let is_news = match refusal.problem {
        Problem::Wrong(_) | Problem::Limit(_) => {
            !found.iter().any(|found| found.overlaps(&refusal))
        }
        Problem::Missing | Problem::Unknown(_) => found.is_empty(),
    };
    if is_news {
        found.push(search.advised(refusal));
    }
    found
}

/// What a type says of a place in a value, with what the schema knows about it.
pub(super) fn advised(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    refusal: Refusal,
) -> Refusal {
    let mut search = Search::new(definitions, false, STEPS);
    search.asked = Some(refusal.path.clone());
    search.schema(schema, value);
    search.advised(refusal)
}

/// The texts in an enum's variant of which an example is known, with their places and that.
pub(super) fn samples_below(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    path: &[Step],
) -> Vec<(Vec<Step>, Value)> {
    let mut search = Search::new(definitions, false, STEPS);
    search.asked = Some(path.to_vec());
    search.schema(schema, value);
    // Elsewhere a type knows the place, unless the reason is something else.
    if search.chooses { search.samples } else { Vec::new() }
}

/// What a schema adds to a type's own words.
enum Advice {
    /// It knows of a format, which is more than many types say.
    Format(String),
    /// It has an example.
    Example(String),
}

/// Who says what a value may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judge {
    /// Its type, of which the schema was made.
    Type,
    /// Its type, and a schema that was given.
    Both,
    /// The same, where the type is JSON, which keeps no digits of large numbers.
    BothOfJson,
    /// A schema that was given.
    Schema,
}

/// The limits in a schema that a value is out of, although its type took it.
pub(super) fn limits(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    judge: Judge,
) -> Vec<Refusal> {
    let mut found = to_the_end(schema, definitions, value, judge);
    // In all else a type has its reasons: another name of a field, a form of its own.
    found.retain(|refusal| matches!(refusal.problem, Problem::Limit(_)));
    found
}

/// Everything that a schema has against a value, which is refused if that would take too long to find.
pub(super) fn to_the_end(
    schema: &JsonObject,
    definitions: &JsonObject,
    value: Reader<'_>,
    judge: Judge,
) -> Vec<Refusal> {
    let is_alone = judge == Judge::Schema;
    let search = Search::new(definitions, is_alone, STEPS_TO_THE_END);
    Search { is_taken: !is_alone, judge, ..search }.everything(schema, value)
}

/// The entries that a schema which was given, or what it refers to, does not take.
pub(super) fn unknown_entries(
    schema: &JsonObject,
    definitions: &JsonObject,
    entries: &JsonObject,
) -> Vec<String> {
    let mut search = Search::new(definitions, false, STEPS);
    search.judge = Judge::Schema;
    let mut unknown = Vec::new();
    let mut next = Some(schema);
    while let Some(schema) = next {
        let names = entries.keys();
        unknown.extend(names.filter(|name| search.is_unknown(schema, name)).cloned());
        next = search.definition(schema);
    }
    unknown
}

pub(super) struct Search<'a> {
    definitions: &'a JsonObject,
    /// Whether the type refused the value because something is missing.
    type_misses: bool,
    /// Whether the type took the value, so that nothing but limits is a problem of it.
    is_taken: bool,
    judge: Judge,
    /// Whether this is to find out which of several alternatives was meant.
    pub(super) choosing: bool,
    /// What is taken for something else, if anything may be.
    pub(super) mends: Option<Vec<Mend>>,
    /// Where the type refused the value.
    asked: Option<Vec<Step>>,
    /// What the schema says about that place.
    advice: Option<Advice>,
    /// The texts below that place of which an example is known, and that.
    samples: Vec<(Vec<Step>, Value)>,
    /// Whether there are several alternatives for that place.
    chooses: bool,
    pub(super) path: Vec<Step>,
    /// How many lists were made of lone items, one inside of the other.
    pub(super) lists: usize,
    pub(super) steps: usize,
    most_steps: usize,
    pub(super) problems: usize,
    patterns: HashMap<&'a str, Option<Pattern>>,
}

impl<'a> Search<'a> {
    pub(super) fn new(definitions: &'a JsonObject, type_misses: bool, most_steps: usize) -> Self {
        Self {
            definitions,
            type_misses,
            is_taken: false,
            judge: Judge::Type,
            choosing: false,
            mends: None,
            asked: None,
            advice: None,
            samples: Vec::new(),
            chooses: false,
            path: Vec::new(),
            lists: 0,
            steps: 0,
            most_steps,
            problems: 0,
            patterns: HashMap::new(),
        }
    }

    /// What the schema has against a value, which is refused where that was not found out.
    fn everything(mut self, schema: &'a JsonObject, value: Reader<'_>) -> Vec<Refusal> {
        let mut found = self.schema(schema, value);
        if self.steps > self.most_steps {
            found.push(Refusal::limit("it is too large to be checked"));
        }
        found
    }

    pub(super) fn at(&mut self, problem: Problem) -> Vec<Refusal> {
        let found = vec![Refusal { path: self.path.clone(), problem }];
        self.count(&found);
        found
    }

    /// Counts problems, as there may be enough of them.
    pub(super) fn count(&mut self, found: &[Refusal]) {
        let counts = |it: &&Refusal| !self.is_taken || matches!(it.problem, Problem::Limit(_));
        self.problems += found.iter().filter(counts).count();
    }

    pub(super) fn wrong(&mut self, text: String) -> Vec<Refusal> {
        self.at(Problem::Wrong(text))
    }

    /// Whether this has gone on for long enough.
    pub(super) fn is_over(&self) -> bool {
        self.steps > self.most_steps || self.problems > MOST
    }

    pub(super) fn inside(
        &mut self,
        step: Step,
        look: impl FnOnce(&mut Self) -> Vec<Refusal>,
    ) -> Vec<Refusal> {
        let lists = self.lists;
        if matches!(step, Step::Key(_)) {
            self.lists = 0;
        }
        self.path.push(step);
        let found = look(self);
        self.path.pop();
        self.lists = lists;
        found
    }

    pub(super) fn any(&mut self, schema: &'a Value, value: Reader<'_>) -> Vec<Refusal> {
        match schema {
            Value::Object(schema) => self.schema(schema, value),
            Value::Bool(false) if self.is_given() => {
                self.wrong("there may be nothing here".to_owned())
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn schema(&mut self, schema: &'a JsonObject, value: Reader<'_>) -> Vec<Refusal> {
        self.steps += 1;
        if self.is_over() {
            return Vec::new();
        }
        let json = value.json;
        if !fits(schema, json) {
            let otherwise = self.otherwise(schema, value);
            return otherwise.unwrap_or_else(|| self.wrong(misfit(schema, json)));
        }
        self.advise(schema, json);
        // A type that took a value allows more than the format.
        let judges_formats = self.mends.is_none() && !self.is_taken;
        if judges_formats && is_far_from_format(schema, json) {
            return self.wrong(misfit(schema, json));
        }
        let mut found = self.limits(schema, value);
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

    /// What is out of the limits that a schema has itself.
    fn limits(&mut self, schema: &'a JsonObject, value: Reader<'_>) -> Vec<Refusal> {
        let pattern = schema.get("pattern").and_then(Value::as_str);
        let pattern = pattern.and_then(|pattern| self.pattern(pattern)?.refuse(value.json));
        let pattern = pattern.map(|sentence| match (Format::of(schema), example(schema)) {
            (Some(_), _) => misfit(schema, value.json),
            (None, Some(example)) => with_example(&sentence, &example),
            (None, None) => sentence,
        });
        let checks = Checks::read(schema, value.json);
        let further = further_limits(schema, value);
        let problems = checks.problems(value).chain(pattern).chain(further);
        let problems = problems.chain(self.of_given(schema, value));
        problems
            .collect::<Vec<_>>()
            .into_iter()
            .flat_map(|problem| self.at(Problem::Limit(problem)))
            .collect()
    }

    /// Whether the schema was given, and not made of the type.
    fn is_given(&self) -> bool {
        self.judge != Judge::Type
    }

    /// What a schema that was given asks for, where one that was made of a type leaves it to that.
    fn of_given(&mut self, schema: &JsonObject, value: Reader<'_>) -> Option<String> {
        if !self.is_given() {
            return None;
        }
        match value.json {
            Value::Array(items) if schema.get("uniqueItems") == Some(&Value::Bool(true)) => {
                self.steps += count(value.json);
                let (first, second) = equal_items(items)?;
                Some(format!(
                    "its items {first} and {second} are equal, and each may be there once"
                ))
            }
            Value::Number(_) => {
                let is_kept = matches!(self.judge, Judge::Type | Judge::Both);
                let types = types_of(schema);
                let is_whole = types.contains(&"integer") && !types.contains(&"number");
                (is_whole && !is_kept).then(|| value.lost_digits()).flatten()
            }
            Value::Null
            | Value::Bool(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => None,
        }
    }

    /// The same refusal with what the schema had to say.
    fn advised(self, mut refusal: Refusal) -> Refusal {
        if let Problem::Wrong(text) = &mut refusal.problem {
            match self.advice {
                Some(Advice::Format(sentence)) => *text = format!("{sentence}: {text}"),
                Some(Advice::Example(example)) => *text = with_example(text, &example),
                None => {}
            }
        }
        refusal
    }

    /// Keeps what a schema has to say about the place where the type refused the value.
    fn advise(&mut self, schema: &JsonObject, value: &Value) {
        let Some(asked) = &self.asked else { return };
        if *asked == self.path {
            let alternatives = ["anyOf", "oneOf"].into_iter().flat_map(|key| array(schema, key));
            let others = alternatives.filter(|other| other.get("type") != Some(&"null".into()));
            self.chooses |= others.count() > 1;
        }
        if *asked != self.path {
            let is_below = value.is_string() && self.path.starts_with(asked);
            if let Some(sample) = is_below.then(|| sample(schema)).flatten() {
                self.samples.push((self.path.clone(), sample));
            }
        } else if self.advice.is_none() {
            self.advice = match Format::of(schema) {
                Some(_) => Some(Advice::Format(misfit(schema, value))),
                None => example(schema).map(Advice::Example),
            };
        }
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
        let all = schema;
        let properties = schema.get("properties").and_then(Value::as_object);
        let is_known =
            |name: &String| properties.is_some_and(|properties| properties.contains_key(name));
        // A name that the schema does not know may be another name of a field: then the type knows best.
        let is_closed = schema.get("additionalProperties") == Some(&Value::Bool(false));
        let schema_misses =
            self.type_misses || self.choosing || is_closed || entries.keys().all(is_known);
        let required = array(schema, "required");
        let may_be_left_out =
            |name: &String| is_known(name) && !required.iter().any(|required| required == name);
        for name in required.iter().filter_map(Value::as_str) {
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
                    let names = properties.into_iter().flat_map(|known| known.keys());
                    // Those that match a pattern are not to be listed.
                    let has_none =
                        names.clone().next().is_none() && all.contains_key("patternProperties");
                    let known = did_you_mean(name, names.map(String::as_str));
                    search.at(Problem::Unknown(if has_none { String::new() } else { known }))
                }
                Some(schema) if may_be_left_out(name) && search.leave_out(schema, value) => {
                    Vec::new()
                }
                Some(schema) => search.any(schema, object.entry(name, value)),
                None => Vec::new(),
            }));
            found.extend(self.further_patterns(all, property.is_some(), object, (name, value)));
        }
        found
    }

    /// What the patterns have against an entry that also has another schema, where they were given.
    fn further_patterns(
        &mut self,
        schema: &'a JsonObject,
        is_property: bool,
        object: Reader<'_>,
        (name, value): (&str, &Value),
    ) -> Vec<Refusal> {
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        let Some(patterns) = patterns.filter(|_| self.is_given()) else { return Vec::new() };
        let is_match = |(pattern, _): &(&'a String, &'a Value)| self.matches(pattern, name);
        let matching: Vec<_> = patterns.iter().filter(is_match).collect();
        let step = Step::Key(name.into());
        self.inside(step, |search| {
            let further = matching.into_iter().skip(usize::from(!is_property));
            further.flat_map(|(_, schema)| search.any(schema, object.entry(name, value))).collect()
        })
    }

    fn matches(&mut self, pattern: &'a str, name: &str) -> bool {
        self.pattern(pattern).is_some_and(|pattern| pattern.is_match(name))
    }

    /// Whether a schema says that there is no entry of a name.
    fn is_unknown(&mut self, schema: &'a JsonObject, name: &str) -> bool {
        let properties = schema.get("properties").and_then(Value::as_object);
        let property = properties.and_then(|properties| properties.get(name));
        property.or_else(|| self.other_property(schema, name)) == Some(&Value::Bool(false))
    }

    /// The schema of an entry that is not a property of its own. What matches none of the patterns that keys
    /// may have is left to the type, if there is one that knows what it wanted to read.
    fn other_property(&mut self, schema: &'a JsonObject, name: &str) -> Option<&'a Value> {
        let Some(patterns) = schema.get("patternProperties").and_then(Value::as_object) else {
            return schema.get("additionalProperties");
        };
        let matching = patterns.iter().find(|(pattern, _)| self.matches(pattern, name));
        // Of patterns that cannot be read, each may be the one.
        let others = || {
            let is_read = patterns.keys().all(|pattern| self.pattern(pattern).is_some());
            schema.get("additionalProperties").filter(|_| self.is_given() && is_read)
        };
        matching.map(|(_, schema)| schema).or_else(others)
    }

    /// What a schema refers to.
    pub(super) fn definition(&self, schema: &JsonObject) -> Option<&'a JsonObject> {
        self.definitions.get(reference(schema)?.as_ref())?.as_object()
    }
}

/// Whether a text is nothing like the format that a schema asks for.
fn is_far_from_format(schema: &JsonObject, value: &Value) -> bool {
    let text = value.as_str().zip(Format::of(schema));
    text.is_some_and(|(text, format)| format.is_far_from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_too_long_to_be_checked_is_refused() {
        let Value::Object(schema) = serde_json::json!({"items": {"type": "integer"}}) else {
            panic!("it is an object");
        };
        let (nothing, value) = (JsonObject::new(), vec![0; 100].into());
        let found = |most_steps| {
            let search = Search::new(&nothing, true, most_steps);
            search.everything(&schema, Reader::new(&value))
        };
        assert_eq!(found(101), []);
        let too_large = Refusal::limit("it is too large to be checked");
        assert_eq!(too_large.sentence_about(&[]), "the arguments: it is too large to be checked");
        assert_eq!(found(100), [too_large]);
    }
}
