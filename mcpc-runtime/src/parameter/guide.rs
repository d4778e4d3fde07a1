//! The schema of an argument, as a guide to what a value is meant to be and to what is wrong with it.

use std::sync::OnceLock;

use super::checks::Checks;
use super::mend::{Mended, mend};
use super::problems::Search;
use super::reader::Reader;
use super::refusal::Refusal;
use super::repair::{Read, add_others, located};
use super::{Source, keywords, problems};
use crate::schema::{AsIs, NumberLimits, Writer};
use rmcp::model::JsonObject;
use schemars::SchemaGenerator;
use schemars::transform::Transform;

type MakeSource = fn(&mut SchemaGenerator) -> Source;

/// The schema of a type, for looking for problems by it.
#[derive(Debug)]
struct Schema {
    root: JsonObject,
    definitions: JsonObject,
}

impl Schema {
    /// `None` if the schema says nothing.
    fn new(source: MakeSource, mut transform: impl Transform + Copy) -> Option<Self> {
        let mut writer = Writer::for_problems();
        let Source::Argument { mut schema, .. } = source(&mut writer.generator) else {
            return None;
        };
        transform.transform(&mut schema);
        let definitions = writer.definitions(transform);
        let root = std::mem::take(schema.as_object_mut()?);
        Some(Self { root, definitions })
    }

    fn has_limits(source: MakeSource) -> bool {
        Self::new(source, AsIs).is_some_and(|Self { root, definitions }| {
            keywords::has_limits(&root.into()) || keywords::has_limits(&definitions.into())
        })
    }
}

/// What the schema of an argument's type knows of its values, which the type itself does not tell. Made at the
/// first call that has to know.
#[derive(Debug, Default)]
pub(super) struct Guide {
    /// Whether `#[schemars(..)]` wrote limits inside of the type.
    has_limits: OnceLock<bool>,
    schema: OnceLock<Option<Box<Schema>>>,
}

impl Guide {
    /// The limits that a value is out of.
    pub(super) fn limits(&self, asked: &Asked<'_>, value: Reader<'_>) -> Vec<Refusal> {
        let has_limits = *self.has_limits.get_or_init(|| Schema::has_limits(asked.source));
        let schema = has_limits.then(|| self.schema(asked)).flatten();
        schema.map_or_else(Vec::new, |it| problems::limits(&it.root, &it.definitions, value))
    }

    /// Everything that is wrong with a value that its type refused.
    pub(super) fn problems(
        &self,
        asked: &Asked<'_>,
        value: Reader<'_>,
        refusal: Refusal,
        read: Read<'_>,
    ) -> Vec<Refusal> {
        let Some(Schema { root, definitions }) = self.schema(asked) else { return vec![refusal] };
        let refusal = located(root, definitions, value, refusal, read);
        let mut found = problems::all(root, definitions, value, refusal);
        add_others(root, definitions, value, &mut found, read);
        found
    }

    /// What is made of a value that its type refused, if anything in it can be mended.
    pub(super) fn mend(&self, asked: &Asked<'_>, value: Reader<'_>) -> Option<Mended> {
        let Schema { root, definitions } = self.schema(asked)?;
        let search = Search::new(definitions, false, 0);
        match asked.has_default && search.is_nothing(root, value.json) {
            true => Some(Mended::null()),
            false => mend(root, definitions, value),
        }
    }

    fn schema(&self, asked: &Asked<'_>) -> Option<&Schema> {
        let find = || {
            let mut schema = Schema::new(asked.source, NumberLimits)?;
            if let Some(example) = asked.checks.example() {
                schema.root.insert("examples".into(), [example].as_slice().into());
            }
            Some(Box::new(schema))
        };
        self.schema.get_or_init(find).as_deref()
    }
}

/// An argument without its type: what is asked of it.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) name: &'static str,
    pub(super) checks: &'a Checks,
    pub(super) guide: &'a Guide,
    pub(super) source: MakeSource,
    pub(super) has_default: bool,
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::parameter::Parameter;

    #[test]
    fn problems_are_looked_for_with_every_format_at_hand() {
        let schema = Schema::new(<IpAddr as Parameter>::source, NumberLimits).expect("a schema");
        assert_eq!(schema.root["format"], "ip");
        let schema = Schema::new(<u32 as Parameter>::source, NumberLimits).expect("a schema");
        assert_eq!(
            (&schema.root["format"], &schema.root["maximum"]),
            (&"uint32".into(), &u32::MAX.into())
        );
    }
}
