//! Whether the types in a schema are written where they are used, or once.

use std::borrow::Cow;

use rmcp::model::JsonObject;
use serde_json::Value;

/// How many bytes a schema may have if it has fewer when types are written once.
const MOST_BYTES: usize = 8 << 10;

/// How many times larger it may be than that.
const MOST_TIMES: usize = 4;

/// Whether a schema with `$defs` is better without: models' APIs that take no `$ref` take it then, unless it
/// gets too large. No more is looked at than may be written.
pub(super) fn is_better(shared: &JsonObject) -> bool {
    let size = size(shared);
    let most = MOST_BYTES.max(size).min(size.saturating_mul(MOST_TIMES));
    let Some(definitions) = definitions(shared) else { return false };
    let mut meter = Meter { definitions, left: most, open: Vec::new(), recursive: Vec::new() };
    let root = shared.iter().filter(|(key, _)| *key != "$defs");
    meter.entries(root).and_then(|()| meter.kept_definitions()).is_some()
}

/// The definitions of a schema.
pub(crate) fn definitions(schema: &JsonObject) -> Option<&JsonObject> {
    schema.get("$defs").and_then(Value::as_object)
}

/// The name of the definition that a schema refers to.
pub(crate) fn reference(schema: &JsonObject) -> Option<Cow<'_, str>> {
    let name = schema.get("$ref")?.as_str()?.strip_prefix("#/$defs/")?;
    if !name.contains(['%', '~']) {
        return Some(name.into());
    }
    Some(percent_decoded(name)?.replace("~1", "/").replace("~0", "~").into())
}

pub(super) fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::with_capacity(text.len());
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => {
                let digits = [bytes.next()?, bytes.next()?];
                u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?
            }
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

fn size(schema: &JsonObject) -> usize {
    serde_json::to_string(schema).map_or(usize::MAX, |text| text.len())
}

/// Counts the bytes of a schema whose references are replaced by what they refer to; `None` once there are more
/// than may be.
struct Meter<'a> {
    definitions: &'a JsonObject,
    left: usize,
    /// The definitions that this is in.
    open: Vec<Cow<'a, str>>,
    /// Those that were met inside of themselves, which have to stay.
    recursive: Vec<Cow<'a, str>>,
}

impl<'a> Meter<'a> {
    fn take(&mut self, bytes: usize) -> Option<()> {
        self.left = self.left.checked_sub(bytes)?;
        Some(())
    }

    fn entries(&mut self, entries: impl Iterator<Item = (&'a String, &'a Value)>) -> Option<()> {
        self.take("{}".len())?;
        for (key, value) in entries {
            self.take(key.len() + "\"\":,".len())?;
            self.value(value)?;
        }
        Some(())
    }

    fn value(&mut self, value: &'a Value) -> Option<()> {
        match value {
            Value::Object(schema) => self.object(schema),
            Value::Array(items) => {
                self.take("[]".len())?;
                items.iter().try_for_each(|item| {
                    self.take(",".len())?;
                    self.value(item)
                })
            }
            Value::String(text) => self.take(text.len() + "\"\"".len()),
            Value::Null | Value::Bool(_) | Value::Number(_) => self.take(value.to_string().len()),
        }
    }

    fn object(&mut self, schema: &'a JsonObject) -> Option<()> {
        let Some(name) = reference(schema) else { return self.entries(schema.iter()) };
        if self.open.contains(&name) {
            if !self.recursive.contains(&name) {
                self.recursive.push(name);
            }
            return self.entries(schema.iter());
        }
        self.entries(schema.iter().filter(|(key, _)| *key != "$ref"))?;
        self.definition(name)
    }

    fn definition(&mut self, name: Cow<'a, str>) -> Option<()> {
        let definition = self.definitions.get(name.as_ref())?;
        self.open.push(name);
        let counted = self.value(definition);
        self.open.pop();
        counted
    }

    /// The definitions of types that contain themselves.
    fn kept_definitions(&mut self) -> Option<()> {
        let mut next = 0;
        while let Some(name) = self.recursive.get(next).cloned() {
            next += 1;
            self.definition(name)?;
        }
        Some(())
    }
}
