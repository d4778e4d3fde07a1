//! How an argument of a call is read, checked, and explained where it is refused.

mod by_schema;
mod checks;
mod choice;
mod fields;
mod formats;
mod guide;
mod keywords;
mod mend;
mod problems;
mod range;
mod reader;
mod refusal;
mod repair;

pub(crate) use by_schema::read_by_schema;
pub(crate) use checks::{Checks, HEADER, Pattern};
pub(crate) use fields::field_names;
pub(crate) use guide::Guide;
pub use range::{Bound, Range};
pub(crate) use reader::Reader;

use rmcp::model::JsonObject;
use schemars::{Schema, SchemaGenerator};
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use self::mend::Mended;
use self::refusal::Refusal;
use self::repair::Read;

/// How the arguments of a server's calls are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// Nothing is taken for something else.
    pub(crate) exact: bool,
    /// Unknown arguments are dropped.
    pub(crate) ignores_unknown: bool,
}

/// Writes the schema of a type.
pub(crate) type JsonSchema = fn(&mut SchemaGenerator) -> Schema;

/// Where the schema of an argument comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) enum SchemaSource<'a> {
    Type(JsonSchema),
    /// It was given with the tool.
    Given {
        schema: &'a JsonObject,
        /// Whether the type is JSON, which keeps no digits of large numbers.
        is_json: bool,
    },
}

/// An argument without its type: what is asked of it.
#[derive(Debug)]
pub(crate) struct Argument<'a> {
    pub(crate) name: &'static str,
    pub(crate) checks: &'a Checks,
    pub(crate) guide: &'a Guide,
    pub(crate) schema: SchemaSource<'a>,
    pub(crate) has_default: bool,
    /// The names of the arguments, if it is several of them in one object.
    pub(crate) fields: Option<&'a [Box<str>]>,
}

impl Argument<'_> {
    /// Reads the value that a call gave.
    ///
    /// # Errors
    ///
    /// A sentence for the client about each thing that is wrong with it.
    pub(crate) fn read<T: DeserializeOwned>(
        &self,
        exact: Reader<'_>,
        default: Option<fn() -> T>,
        reading: Reading,
    ) -> Result<T, Vec<String>> {
        let mut read = T::deserialize(exact);
        // Many clients write `null` for what they leave out; but where the type has a `null`, it is that.
        let is_refused = read.is_err() && !(exact.json.is_null() && self.has_default);
        let mended = is_refused.then(|| self.mended(exact, reading)).flatten();
        let value = mended.as_ref().map_or(exact, Mended::reader);
        if mended.is_some() {
            read = T::deserialize(value);
        }
        match (read, default.filter(|_| value.json.is_null())) {
            (read, Some(default)) => Ok(read.unwrap_or_else(|_| default())),
            (Ok(read), None) => self.passes(value).map(|()| read),
            (Err(refusal), None) => {
                Err(self.refused(value, refusal, &|value| T::deserialize(value).map(drop)))
            }
        }
    }

    /// What the argument is that a call left out.
    ///
    /// # Errors
    ///
    /// A sentence for the client if it may not be left out.
    pub(crate) fn left_out<T: DeserializeOwned>(
        &self,
        default: Option<fn() -> T>,
    ) -> Result<T, Vec<String>> {
        match default {
            Some(default) => Ok(default()),
            None => of_nothing().ok_or_else(|| self.missing()),
        }
    }

    /// Whether a value that its type took passes its checks and is within the limits inside of the type.
    fn passes(&self, value: Reader<'_>) -> Result<(), Vec<String>> {
        let mut problems = self.unchecked(value);
        let limits = self.guide.limits(self, value);
        problems.extend(limits.iter().map(|problem| self.sentence(problem)));
        if problems.is_empty() { Ok(()) } else { Err(problems) }
    }

    /// What a value's own checks have against it.
    fn unchecked(&self, value: Reader<'_>) -> Vec<String> {
        let Self { name, checks, .. } = self;
        let problems = checks.problems(value);
        problems.map(|problem| format!("argument `{name}`: {problem}")).collect()
    }

    /// What can be made of a value that its type refused.
    #[cold]
    fn mended(&self, value: Reader<'_>, reading: Reading) -> Option<Mended> {
        (!reading.exact).then(|| self.guide.mend(self, value)).flatten()
    }

    /// Everything that is wrong with a value that its type refused.
    #[cold]
    fn refused(&self, value: Reader<'_>, refusal: Refusal, read: Read<'_>) -> Vec<String> {
        let found = self.guide.problems(self, value, refusal, read);
        // What is of another type altogether has no length, or not that one.
        let is_of_its_type = !found.iter().any(Refusal::is_of_another_type);
        let mut problems = if is_of_its_type { self.unchecked(value) } else { Vec::new() };
        // A value that failed its own checks was spoken of already.
        let was_spoken_of = !problems.is_empty();
        let others = found.iter().filter(|other| !was_spoken_of || !other.path.is_empty());
        problems.extend(others.map(|problem| self.sentence(problem)));
        problems
    }

    /// What a client is told of a problem. Of several arguments, each has its own name.
    fn sentence(&self, problem: &Refusal) -> String {
        match self.fields {
            None => problem.sentence(self.name),
            Some(fields) => problem.sentence_about(fields),
        }
    }

    #[cold]
    fn missing(&self) -> Vec<String> {
        vec![format!("argument `{}` is missing", self.name)]
    }
}

/// What an argument is that was left out, if it may be.
pub(crate) fn of_nothing<T: DeserializeOwned>() -> Option<T> {
    // Some `Deserialize` of users panic here.
    crate::guard::guarded(|| T::deserialize(Missing).ok()).ok().flatten()
}

/// Stands for an argument that is not there. As in serde's own derive, a type that reads "none" out
/// of it (`Option<T>`) may be left out, and no other.
struct Missing;

impl<'de> serde::Deserializer<'de> for Missing {
    type Error = serde::de::value::Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(Self::Error::custom("missing"))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Self::Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit
        unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}
