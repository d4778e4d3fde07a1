//! The schema of an argument, as a guide to the problems of a value.

use std::sync::OnceLock;

use rmcp::model::JsonObject;
use schemars::SchemaGenerator;
use schemars::transform::Transform;
use serde_json::Value;

use super::reader::Reader;
use super::refusal::Refusal;
use super::{Source, keywords, problems};
use crate::schema::{AsIs, NumberLimits, Writer};

/// The schema of a type, for looking for problems by it.
#[derive(Debug)]
struct Guide {
    schema: JsonObject,
    definitions: JsonObject,
}

impl Guide {
    /// `None` if the schema says nothing.
    fn new(
        source: fn(&mut SchemaGenerator) -> Source,
        mut transform: impl Transform + Copy,
    ) -> Option<Self> {
        let mut writer = Writer::for_problems();
        let Source::Argument { mut schema, .. } = source(&mut writer.generator) else {
            return None;
        };
        transform.transform(&mut schema);
        let definitions = writer.definitions(transform);
        let schema = std::mem::take(schema.as_object_mut()?);
        Some(Self { schema, definitions })
    }
}

/// The limits that `#[schemars(..)]` wrote inside of an argument's type, which the type itself knows
/// nothing of. Looked for once.
#[derive(Debug, Default)]
pub(super) struct Limits(OnceLock<Option<Box<Guide>>>);

impl Limits {
    /// The limits that a value is out of.
    pub(super) fn problems(
        &self,
        source: fn(&mut SchemaGenerator) -> Source,
        value: Reader<'_>,
    ) -> Vec<Refusal> {
        match self.get(source) {
            Some(Guide { schema, definitions }) => problems::limits(schema, definitions, value),
            None => Vec::new(),
        }
    }

    fn get(&self, source: fn(&mut SchemaGenerator) -> Source) -> Option<&Guide> {
        let find = || {
            let Guide { schema, definitions } = Guide::new(source, AsIs)?;
            let (schema, definitions) = (Value::Object(schema), Value::Object(definitions));
            if !keywords::has_limits(&schema) && !keywords::has_limits(&definitions) {
                return None;
            }
            Guide::new(source, NumberLimits).map(Box::new)
        };
        self.0.get_or_init(find).as_deref()
    }
}

/// Everything that is wrong with a value that its type refused.
pub(super) fn every_problem(
    value: Reader<'_>,
    refusal: Refusal,
    source: fn(&mut SchemaGenerator) -> Source,
) -> Vec<Refusal> {
    match Guide::new(source, NumberLimits) {
        Some(Guide { schema, definitions }) => problems::all(&schema, &definitions, value, refusal),
        None => vec![refusal],
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::parameter::Parameter;

    #[test]
    fn problems_are_looked_for_with_every_format_at_hand() {
        let guide = Guide::new(<IpAddr as Parameter>::source, NumberLimits).expect("a schema");
        assert_eq!(guide.schema["format"], "ip");
        let guide = Guide::new(<u32 as Parameter>::source, NumberLimits).expect("a schema");
        assert_eq!(
            (&guide.schema["format"], &guide.schema["maximum"]),
            (&"uint32".into(), &u32::MAX.into())
        );
    }
}
