//! Arguments that no type reads: their schema says what they may be.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::Reading;
use super::mend::{Mended, mend};
use super::problems::Search;
use super::reader::Reader;

/// How many schemas are looked at for one call.
const STEPS: usize = 20_000;

/// The arguments of a call, where they are what the schema says, or were meant to be.
///
/// # Errors
///
/// A sentence for the client about each thing that is wrong with them.
pub(crate) fn read_by_schema(
    schema: &JsonObject,
    arguments: JsonObject,
    reading: Reading,
) -> Result<JsonObject, Vec<String>> {
    let nothing = JsonObject::new();
    let definitions = schema.get("$defs").and_then(Value::as_object).unwrap_or(&nothing);
    let arguments = Value::Object(arguments);
    let problems = |value: Reader<'_>| {
        let found = Search::new(definitions, true, STEPS).schema(schema, value);
        found.iter().map(|problem| problem.sentence("")).collect::<Vec<_>>()
    };
    let exact = Reader::new(&arguments);
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
