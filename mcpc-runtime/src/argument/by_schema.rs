//! Arguments that no type reads: their schema says what they may be.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::Reading;
use super::mend::{Mended, mend};
use super::problems::{self, Judge};
use super::reader::Reader;
use crate::numbers::Large;

/// The arguments of a call, where they are what the schema says, or were meant to be.
///
/// # Errors
///
/// A sentence for the client about each thing that is wrong with them.
pub(crate) fn read_by_schema(
    schema: &JsonObject,
    mut arguments: JsonObject,
    large: Option<&Large>,
    reading: Reading,
) -> Result<JsonObject, Vec<String>> {
    let nothing = JsonObject::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&nothing);
    if reading.ignores_unknown {
        let unknown = problems::unknown_entries(schema, definitions, &arguments);
        arguments.retain(|name, _| !unknown.contains(name));
    }
    let arguments = Value::Object(arguments);
    let problems = |value: Reader<'_>| {
        let found = problems::to_the_end(schema, definitions, value, Judge::Schema);
        found.iter().map(|problem| problem.sentence_about(&[])).collect::<Vec<_>>()
    };
    let exact = Reader::new(&arguments).with_large(large);
    let found = problems(exact);
    if found.is_empty() {
        return Ok(into_object(arguments));
    }
    let mended = (!reading.exact).then(|| mend(schema, definitions, exact)).flatten();
    match mended.as_ref().map(Mended::reader) {
        Some(mended) if problems(mended).is_empty() => Ok(into_object(mended.json.clone())),
        _ => Err(found),
    }
}

fn into_object(value: Value) -> JsonObject {
    match value {
        Value::Object(object) => object,
        _ => JsonObject::new(),
    }
}
