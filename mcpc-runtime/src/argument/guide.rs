//! The schema of an argument, as a guide to what a value is meant to be and to what is wrong with it.

use std::sync::OnceLock;

use super::mend::{Mended, mend};
use super::problems::{Judge, Search};
use super::reader::Reader;
use super::refusal::Refusal;
use super::repair::{Read, add_others, located};
use super::{Argument, SchemaSource};
use super::{keywords, problems};
use crate::schema::{AsIs, NumberLimits, Writer};
use rmcp::model::JsonObject;
use schemars::transform::Transform;
use serde_json::Value;

impl Judge {
    fn of(source: SchemaSource<'_>) -> Self {
        match source {
            SchemaSource::Type(_) => Self::Type,
            SchemaSource::Given { is_json: false, .. } => Self::Both,
            SchemaSource::Given { is_json: true, .. } => Self::BothOfJson,
        }
    }
}

/// The schema of a type, for looking for problems by it.
#[derive(Debug)]
struct Schema {
    root: JsonObject,
    definitions: JsonObject,
}

impl Schema {
    /// `None` if the schema says nothing.
    fn new(source: SchemaSource<'_>, mut transform: impl Transform + Copy) -> Option<Self> {
        let mut writer = Writer::for_problems();
        let mut schema = match source {
            SchemaSource::Type(json_schema) => json_schema(&mut writer.generator),
            SchemaSource::Given { schema, .. } => schema.clone().into(),
        };
        transform.transform(&mut schema);
        let mut definitions = writer.definitions(transform);
        let mut root = std::mem::take(schema.as_object_mut()?);
        // One that was given brings its own.
        if let Some(Value::Object(own)) = root.shift_remove("$defs") {
            definitions.extend(own);
        }
        Some(Self { root, definitions })
    }

    fn has_limits(source: SchemaSource<'_>) -> bool {
        Self::new(source, AsIs).is_some_and(|Self { root, definitions }| {
            keywords::has_limits(&root.into()) || keywords::has_limits(&definitions.into())
        })
    }
}

/// What the schema of an argument's type says about its values, which the type itself does not. Generated at the
/// first call that needs it.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    /// Whether `#[schemars(..)]` wrote limits inside of the type.
    has_limits: OnceLock<bool>,
    schema: OnceLock<Option<Box<Schema>>>,
}

impl Guide {
    /// The limits that a value is out of.
    pub(super) fn limits(&self, argument: &Argument<'_>, value: Reader<'_>) -> Vec<Refusal> {
        let judge = Judge::of(argument.schema);
        // Of a schema that was given, all limits count.
        let has_limits = judge != Judge::Type
            || *self.has_limits.get_or_init(|| Schema::has_limits(argument.schema));
        let schema = has_limits.then(|| self.schema(argument)).flatten();
        schema.map_or_else(Vec::new, |it| problems::limits(&it.root, &it.definitions, value, judge))
    }

    /// Everything that is wrong with a value that its type refused.
    pub(super) fn problems(
        &self,
        argument: &Argument<'_>,
        value: Reader<'_>,
        refusal: Refusal,
        read: Read<'_>,
    ) -> Vec<Refusal> {
        let Some(Schema { root, definitions }) = self.schema(argument) else {
            return vec![refusal];
        };
        let refusal = located(root, definitions, value, refusal, read);
        let mut found =
            problems::all(root, definitions, value, refusal, Judge::of(argument.schema));
        add_others(root, definitions, value, &mut found, read);
        found
    }

    /// What is made of a value that its type refused, if anything in it can be mended.
    pub(super) fn mend(&self, argument: &Argument<'_>, value: Reader<'_>) -> Option<Mended> {
        let Schema { root, definitions } = self.schema(argument)?;
        let search = Search::new(definitions, false, 0);
        match argument.has_default && search.is_nothing(root, value.json) {
            true => Some(Mended::null()),
            false => mend(root, definitions, value),
        }
    }

    fn schema(&self, argument: &Argument<'_>) -> Option<&Schema> {
        let find = || {
            let mut schema = Schema::new(argument.schema, NumberLimits)?;
            if let Some(example) = argument.checks.example() {
                schema.root.insert("examples".into(), [example].as_slice().into());
            }
            Some(Box::new(schema))
        };
        self.schema.get_or_init(find).as_deref()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use schemars::JsonSchema as _;

    use super::*;

    #[test]
    fn problems_are_looked_for_with_every_format_at_hand() {
        let schema =
            Schema::new(SchemaSource::Type(IpAddr::json_schema), NumberLimits).expect("a schema");
        assert_eq!(schema.root["format"], "ip");
        let schema =
            Schema::new(SchemaSource::Type(u32::json_schema), NumberLimits).expect("a schema");
        assert_eq!(
            (&schema.root["format"], &schema.root["maximum"]),
            (&"uint32".into(), &u32::MAX.into())
        );
    }
}
