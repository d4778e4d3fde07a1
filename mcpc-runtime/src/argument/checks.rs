//! What `#[arg(..)]` asks of an argument: checked in every call, and written into the schema.

use std::borrow::Cow;

use regex_lite::Regex;
use rmcp::model::JsonObject;
use serde_json::{Value, json};

use super::formats::with_example;
use super::keywords::{array, is_of_type, types_of};
use super::range::Range;
use super::reader::Reader;
use crate::phrases::kind;

/// What is asked of a value, besides that it is of its type.
#[derive(Clone, Debug, Default)]
pub(crate) struct Checks {
    pub(crate) range: Option<Range>,
    pub(crate) length: Option<Range>,
    pub(crate) pattern: Option<Pattern>,
    /// Asks for nothing either: the header that clients mirror the value into.
    pub(crate) header: Option<&'static str>,
    /// Asks for nothing, but shows what is asked for.
    pub(crate) example: Option<fn() -> Option<Value>>,
}

/// The keyword of a header's name (MCP 2026-07-28).
pub(crate) const HEADER: &str = "x-mcp-header";

/// A regular expression, somewhere in the text.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: Cow<'static, str>,
    regex: Result<Regex, String>,
}

impl Pattern {
    pub(crate) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let regex = Regex::new(&text).map_err(|error| error.to_string());
        Self { text, regex }
    }

    pub(crate) fn is_valid(&self) -> bool {
        self.regex.is_ok()
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.as_ref().is_ok_and(|regex| regex.is_match(text))
    }

    pub(super) fn refuse(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        (self.is_valid() && !self.is_match(text))
            .then(|| format!("{} does not match the pattern `{}`", kind(value), self.text))
    }
}

/// The keywords for the length of a value of each of JSON Schema's types that have one.
const LENGTHS: [(&str, &str, &str); 3] = [
    ("string", "minLength", "maxLength"),
    ("array", "minItems", "maxItems"),
    ("object", "minProperties", "maxProperties"),
];

impl Checks {
    /// Everything that is wrong with a value. What is of another type is left to the type to refuse.
    pub(crate) fn problems(&self, value: Reader<'_>) -> impl Iterator<Item = String> {
        let range = self.range.and_then(|range| range.refuse(value));
        let length = self.length.and_then(|range| {
            let problem = range.refuse(Reader::new(&length(value.json)?.into()))?;
            Some(format!("a length of {problem}"))
        });
        let pattern = self.pattern.as_ref().and_then(|pattern| {
            let sentence = pattern.refuse(value.json)?;
            Some(match self.example() {
                Some(example) => with_example(&sentence, &example.to_string()),
                None => sentence,
            })
        });
        [range, length, pattern].into_iter().flatten()
    }

    pub(crate) fn example(&self) -> Option<Value> {
        self.example.and_then(|example| example())
    }

    /// Whether nothing is said.
    pub(crate) fn is_empty(&self) -> bool {
        self.header.is_none()
            && self.range.is_none()
            && self.length.is_none()
            && self.pattern.is_none()
    }

    /// Writes the checks into the schema of a type.
    ///
    /// # Errors
    ///
    /// Which of them does not fit the type.
    pub(crate) fn write(&self, schema: &mut JsonObject) -> Result<(), String> {
        let types = Types::of(schema);
        if let Some(range) = self.range {
            types.expect(&["integer", "number"], "`range` is for numbers")?;
            range.write(schema, "minimum", "maximum", "exclusiveMaximum");
            let all = Range::read(schema, "minimum", "maximum", "exclusiveMaximum");
            if range.is_empty() || all.is_some_and(Range::is_empty) {
                return Err(format!("no value of its type is in its `range`, {range}"));
            }
        }
        if let Some(length) = self.length {
            types.expect(
                &["string", "array", "object"],
                "`length` is for strings, lists and maps",
            )?;
            let Some(length) = length.of_lengths() else {
                return Err(format!("nothing has its `length`, {length}"));
            };
            for (_, low, high) in LENGTHS.into_iter().filter(|(name, ..)| types.has(name)) {
                length.write(schema, low, high, high);
            }
        }
        if let Some(Pattern { text, regex }) = &self.pattern {
            types.expect(&["string"], "`pattern` is for strings")?;
            regex.as_ref().map_err(|error| format!("its `pattern` is invalid: {error}"))?;
            match schema.contains_key("pattern") {
                false => schema.insert("pattern".into(), text.as_ref().into()),
                // The type has one of its own.
                true => schema.insert("allOf".into(), json!([{"pattern": text}])),
            };
        }
        if let Some(header) = self.header {
            // A client drops a tool with a header of anything else.
            if !matches!(schema.get("type"), Some(Value::String(name)) if IN_HEADERS.contains(&&**name))
            {
                let types = Types::every(schema);
                return Err(format!(
                    "`header` is for strings, whole numbers and booleans, and this is of type `{types}`"
                ));
            }
            schema.insert(HEADER.into(), header.into());
        }
        Ok(())
    }

    /// The checks that are written in a schema, without its pattern.
    pub(super) fn read(schema: &JsonObject, value: &Value) -> Self {
        let length = LENGTHS.into_iter().find(|(name, ..)| is_of_type(name, value));
        let length = length.and_then(|(_, low, high)| Range::read(schema, low, high, ""));
        let range = Range::read(schema, "minimum", "maximum", "exclusiveMaximum");
        Self { range, length, ..Self::default() }
    }
}

/// The types that a header can hold.
const IN_HEADERS: [&str; 3] = ["string", "integer", "boolean"];

/// How long a value is: in characters, items or entries.
fn length(value: &Value) -> Option<u64> {
    let length = match value {
        Value::String(text) => text.chars().count(),
        Value::Array(items) => items.len(),
        Value::Object(entries) => entries.len(),
        Value::Null | Value::Bool(_) | Value::Number(_) => return None,
    };
    u64::try_from(length).ok()
}

/// The types that a schema allows, besides `null`; none if it does not say.
struct Types(Vec<String>);

impl Types {
    fn of(schema: &JsonObject) -> Self {
        let mut types = Vec::new();
        collect_types(schema, &mut types);
        Self(types)
    }

    /// All of them in words, `null` as well.
    fn every(schema: &JsonObject) -> String {
        let mut types = Self::of(schema).0;
        if types_of(schema).contains(&"null") {
            types.push("null".to_owned());
        }
        match types.is_empty() {
            true => "any".to_owned(),
            false => types.join("` or `"),
        }
    }

    fn has(&self, name: &str) -> bool {
        self.0.is_empty() || self.0.iter().any(|known| known == name)
    }

    fn expect(&self, names: &[&str], rule: &str) -> Result<(), String> {
        match names.iter().any(|name| self.has(name)) {
            true => Ok(()),
            false => Err(format!("{rule}, and this is of type `{}`", self.0.join("` or `"))),
        }
    }
}

fn collect_types(schema: &JsonObject, types: &mut Vec<String>) {
    types.extend(types_of(schema).into_iter().filter(|name| *name != "null").map(str::to_owned));
    for alternative in array(schema, "anyOf").iter().chain(array(schema, "oneOf")) {
        if let Value::Object(alternative) = alternative {
            collect_types(alternative, types);
        }
    }
}
