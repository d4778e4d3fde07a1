//! What `#[arg(..)]` asks of an argument: checked in every call, and written into the schema.

use std::borrow::Cow;

use regex_lite::Regex;
use rmcp::model::JsonObject;
use serde_json::Value;

use super::range::Range;
use crate::words::kind;

/// What is asked of a value, besides that it is of its type.
#[derive(Clone, Debug, Default)]
pub(super) struct Checks {
    pub(super) range: Option<Range>,
    pub(super) length: Option<Range>,
    pub(super) pattern: Option<Pattern>,
}

/// A regular expression, somewhere in the text.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    text: Cow<'static, str>,
    regex: Result<Regex, String>,
}

impl Pattern {
    pub(super) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        let text = text.into();
        let regex = Regex::new(&text).map_err(|error| error.to_string());
        Self { text, regex }
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
    pub(super) fn problems(&self, value: &Value) -> impl Iterator<Item = String> {
        let range = self.range.and_then(|range| range.refuse(value));
        let length = self.length.zip(length(value));
        let length = length.and_then(|(range, length)| {
            let problem = range.refuse(&length.into())?;
            Some(format!("a length of {problem}"))
        });
        let pattern = self.pattern.as_ref().and_then(|pattern| pattern.refuse(value));
        [range, length, pattern].into_iter().flatten()
    }

    /// Writes the checks into the schema of a type.
    ///
    /// # Errors
    ///
    /// Which of them does not fit the type.
    pub(super) fn write(&self, schema: &mut JsonObject) -> Result<(), String> {
        let types = Types::of(schema);
        if let Some(range) = self.range {
            types.expect(&["integer", "number"], "`range` is for numbers")?;
            range.write(schema, "minimum", "maximum", "exclusiveMaximum");
        }
        if let Some(length) = self.length {
            types.expect(
                &["string", "array", "object"],
                "`length` is for strings, lists and maps",
            )?;
            let length = length.closed();
            for (_, low, high) in LENGTHS.into_iter().filter(|(name, ..)| types.has(name)) {
                length.write(schema, low, high, high);
            }
        }
        if let Some(Pattern { text, regex }) = &self.pattern {
            types.expect(&["string"], "`pattern` is for strings")?;
            regex.as_ref().map_err(|error| format!("its `pattern` is invalid: {error}"))?;
            schema.insert("pattern".into(), text.as_ref().into());
        }
        Ok(())
    }

    /// The checks that are written in a schema.
    pub(super) fn read(schema: &JsonObject, value: &Value) -> Self {
        let length = match value {
            Value::String(_) => Range::read(schema, "minLength", "maxLength", ""),
            Value::Array(_) => Range::read(schema, "minItems", "maxItems", ""),
            Value::Object(_) => Range::read(schema, "minProperties", "maxProperties", ""),
            Value::Null | Value::Bool(_) | Value::Number(_) => None,
        };
        let pattern = schema.get("pattern").and_then(Value::as_str);
        Self {
            range: Range::read(schema, "minimum", "maximum", "exclusiveMaximum"),
            length,
            pattern: pattern.map(|pattern| Pattern::new(pattern.to_owned())),
        }
    }
}

impl Pattern {
    fn refuse(&self, value: &Value) -> Option<String> {
        let text = value.as_str()?;
        let regex = self.regex.as_ref().ok()?;
        (!regex.is_match(text))
            .then(|| format!("{} does not match the pattern `{}`", kind(value), self.text))
    }
}

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
    let named = match schema.get("type") {
        Some(Value::Array(several)) => several.as_slice(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    };
    types.extend(
        named.iter().filter_map(Value::as_str).filter(|name| *name != "null").map(str::to_owned),
    );
    for key in ["anyOf", "oneOf"] {
        let alternatives = schema.get(key).and_then(Value::as_array).into_iter().flatten();
        for alternative in alternatives.filter_map(Value::as_object) {
            collect_types(alternative, types);
        }
    }
}
