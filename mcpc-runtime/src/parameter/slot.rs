//! A parameter as the attribute read it in the signature.

use std::fmt;

use schemars::{Schema, SchemaGenerator};
use serde_json::Value;

use super::groups::Group;
use super::{Inputs, Place, Source, StateType};
use crate::argument::{Argument, Checks, Guide, Pattern, Range, Reader, SchemaSource};
use crate::question::Instructions;
use crate::schema::Writer;

/// One parameter of a tool: what the attribute read in the signature.
#[doc(hidden)]
pub struct Slot<T> {
    pub(super) name: &'static str,
    pub(super) description: &'static str,
    pub(super) settings: Settings<T>,
    pub(super) is_argument: bool,
    pub(super) is_call: bool,
    pub(super) of_type: StateType,
    pub(super) source: fn(&mut SchemaGenerator) -> Source,
    pub(super) field_names: fn() -> &'static [&'static str],
    pub(super) instructions: fn() -> Option<Instructions>,
    pub(super) read_back: fn(&Value) -> Result<(), String>,
    pub(super) guide: Guide,
    pub(super) take: fn(&Self, &mut Inputs<'_>) -> Option<T>,
}

/// What `#[arg(..)]` said about a parameter.
#[doc(hidden)]
pub struct Settings<T> {
    pub(super) place: Place,
    pub(super) default: Option<fn() -> T>,
    pub(super) default_json: Option<fn(T) -> Option<Value>>,
    pub(super) checks: Checks,
}

impl<T> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Slot").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for Settings<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("checks", &self.checks).finish_non_exhaustive()
    }
}

impl<T> Default for Settings<T> {
    fn default() -> Self {
        Self { place: Place::One, default: None, default_json: None, checks: Checks::default() }
    }
}

impl<T> Settings<T> {
    /// Nothing was said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its fields are arguments.
    #[must_use]
    pub fn fields(mut self) -> Self {
        self.place = Place::Fields;
        self
    }

    /// It is all arguments.
    #[must_use]
    pub fn all(mut self) -> Self {
        self.place = Place::All;
        self
    }

    /// The argument may be left out, and is this value then.
    #[must_use]
    pub fn default_value(mut self, value: fn() -> T, json: fn(T) -> Option<Value>) -> Self {
        self.default = Some(value);
        self.default_json = Some(json);
        self
    }

    /// What the argument may look like.
    #[must_use]
    pub fn example(mut self, example: fn() -> Option<Value>) -> Self {
        self.checks.example = Some(example);
        self
    }

    /// The argument must be a number in `range`.
    #[must_use]
    pub fn range(mut self, range: Range) -> Self {
        self.checks.range = Some(range);
        self
    }

    /// The argument must be that long.
    #[must_use]
    pub fn length(mut self, length: Range) -> Self {
        self.checks.length = Some(length);
        self
    }

    /// The argument is mirrored into this header, where there are any.
    #[must_use]
    pub fn header(mut self, header: &'static str) -> Self {
        self.checks.header = Some(header);
        self
    }

    /// Some part of the argument must match `pattern`.
    #[must_use]
    pub fn pattern(mut self, pattern: &'static str) -> Self {
        self.checks.pattern = Some(Pattern::new(pattern));
        self
    }
}

impl<T> Slot<T> {
    /// What a server has to know about the parameter.
    #[must_use]
    pub fn describe(&self) -> Description {
        Description {
            name: self.name,
            description: self.description,
            is_argument: self.is_argument,
            is_call: self.is_call,
            place: self.settings.place,
            source: self.source,
            field_names: self.field_names,
            instructions: (self.instructions)(),
            of_type: self.of_type,
            read_back: self.read_back,
            has_default: self.settings.default.is_some(),
            default: self
                .settings
                .default
                .zip(self.settings.default_json)
                .and_then(|(default, json)| json(default())),
            checks: self.settings.checks.clone(),
        }
    }

    /// The argument that this is, of a type with that schema.
    pub(super) fn argument<'a>(&'a self, schema: SchemaSource<'a>) -> Argument<'a> {
        Argument {
            name: self.name,
            checks: &self.settings.checks,
            guide: &self.guide,
            schema,
            has_default: self.settings.default.is_some(),
            fields: None,
        }
    }

    /// The arguments that this is, in one object.
    pub(super) fn arguments<'a>(
        &'a self,
        schema: SchemaSource<'a>,
        group: &'a Group,
    ) -> Argument<'a> {
        Argument { fields: Some(group.fields()), ..self.argument(schema) }
    }

    /// Takes the value out of `inputs`, or notes there why it cannot.
    pub fn take(&self, inputs: &mut Inputs<'_>) -> Option<T> {
        (self.take)(self, inputs)
    }
}

/// A parameter without its type.
#[derive(Debug)]
#[doc(hidden)]
pub struct Description {
    pub(crate) name: &'static str,
    description: &'static str,
    pub(crate) is_argument: bool,
    pub(crate) is_call: bool,
    pub(crate) place: Place,
    pub(crate) source: fn(&mut SchemaGenerator) -> Source,
    pub(super) field_names: fn() -> &'static [&'static str],
    /// The type, as one of a state.
    pub(crate) of_type: StateType,
    /// What a task can be told, if this is what tells it.
    pub(crate) instructions: Option<Instructions>,
    read_back: fn(&Value) -> Result<(), String>,
    has_default: bool,
    /// The default for the schema, where its type can be written as JSON.
    default: Option<Value>,
    checks: Checks,
}

/// An argument as the input schema lists it.
pub(crate) struct Property {
    pub(crate) schema: Value,
    pub(crate) required: bool,
}

impl Description {
    /// The argument's property, given the schema and the optionality of its type.
    ///
    /// # Errors
    ///
    /// What `#[arg(..)]` says that cannot be.
    pub(crate) fn property(
        &self,
        mut schema: Schema,
        optional: bool,
        writer: &Writer,
    ) -> Result<Property, String> {
        let object = schema.ensure_object();
        object.shift_remove("title");
        if optional || self.has_default {
            writer.may_be_left_out(object);
        }
        // Before the schema is finished, which adds to what is said of the argument.
        if !self.description.is_empty() {
            object.insert("description".into(), self.description.into());
        }
        let example = self.checks.example();
        if let Some(example) = &example {
            object.insert("examples".into(), std::slice::from_ref(example).into());
        }
        let mut schema = writer.finished(schema);
        let object = schema.ensure_object();
        self.checks.write(object)?;
        // A type may write itself in a way that it does not read.
        if let Some(default) = &self.default
            && (self.read_back)(default).is_ok()
        {
            self.accepts("default", default)?;
            object.insert("default".into(), default.clone());
        }
        if let Some(example) = &example {
            (self.read_back)(example)
                .map_err(|problem| format!("its `example` cannot be read back: {problem}"))?;
            self.accepts("example", example)?;
        }
        Ok(Property { schema: schema.to_value(), required: !optional && !self.has_default })
    }

    /// What the parameter's own comment says.
    pub(crate) fn comment(&self) -> Option<&'static str> {
        Some(self.description).filter(|text| !text.is_empty())
    }

    /// Whether something was said about a parameter that is not an argument.
    pub(crate) fn is_spoken_of(&self) -> bool {
        let is_one = self.place == Place::One && !self.has_default;
        !is_one || self.checks.example().is_some() || !self.checks.is_empty()
    }

    /// Whether a value that stands in the attribute fits what else stands there.
    fn accepts(&self, what: &str, value: &Value) -> Result<(), String> {
        match self.checks.problems(Reader::new(value)).next() {
            None => Ok(()),
            Some(problem) => Err(format!("its `{what}` does not fit: {problem}")),
        }
    }
}
