//! What a tool's function may take, and where each value comes from.

mod call;
mod checks;
mod problems;
mod range;
mod reader;
mod refusal;
mod state;

pub use call::Call;
pub(crate) use call::CallParts;
pub use range::{Bound, Range};
pub(crate) use state::States;
pub use state::{State, StateType};

use std::fmt;
use std::marker::PhantomData;
use std::sync::OnceLock;

use rmcp::model::JsonObject;
use schemars::transform::Transform;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Value;

use crate::log::Owner;
use crate::schema::{AsIs, Direction, NumberLimits, Schemas, Writer};
use crate::task::Sender;

use self::checks::{Checks, Pattern};
use self::reader::Reader;
use self::refusal::Refusal;

/// What a tool's function may take.
///
/// Implemented for every owned type that is `serde::Deserialize` and `schemars::JsonSchema` (an
/// argument of the call), for [`Sender`] in background tools, and for [`State`] and [`Call`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool argument",
    label = "is not `serde::Deserialize`, or not `schemars::JsonSchema`",
    note = "derive both, of serde 1 and schemars 1, for `{Self}` and for every type inside it"
)]
pub trait Parameter: Sized + 'static {
    /// Whether the value is an argument of the call.
    #[doc(hidden)]
    const IS_ARGUMENT: bool = false;

    /// Where the value comes from.
    #[doc(hidden)]
    fn source(generator: &mut SchemaGenerator) -> Source;

    /// Whether a value that stands in the attribute could come from a client.
    #[doc(hidden)]
    fn read_back(value: &Value) -> Result<(), String> {
        let _ = value;
        Ok(())
    }

    /// Takes the value out of `inputs`, or notes there why it cannot.
    #[doc(hidden)]
    fn take(slot: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self>;

    /// The slot of a parameter of this type; the one place where its type is checked.
    #[doc(hidden)]
    fn slot(name: &'static str, description: &'static str, settings: Settings<Self>) -> Slot<Self> {
        Slot {
            name,
            description,
            settings,
            is_argument: Self::IS_ARGUMENT,
            source: Self::source,
            read_back: Self::read_back,
            limits: Limits::default(),
            take: Self::take,
        }
    }
}

/// Where a parameter's value comes from.
#[derive(Debug)]
#[doc(hidden)]
pub enum Source {
    /// The argument of the parameter's name.
    Argument {
        /// Its schema.
        schema: Schema,
        /// Whether it may be left out.
        optional: bool,
    },
    /// The runtime hands in the task's `Sender`.
    Sender,
    /// The server's state of a type.
    State(StateType),
    /// What the call shows of its client.
    Call,
}

/// One parameter of a tool: what the attribute read in the signature.
#[doc(hidden)]
pub struct Slot<T> {
    name: &'static str,
    description: &'static str,
    settings: Settings<T>,
    is_argument: bool,
    source: fn(&mut SchemaGenerator) -> Source,
    read_back: fn(&Value) -> Result<(), String>,
    limits: Limits,
    take: fn(&Self, &mut Inputs<'_>) -> Option<T>,
}

/// What `#[arg(..)]` said about a parameter.
#[doc(hidden)]
pub struct Settings<T> {
    default: Option<fn() -> T>,
    default_json: Option<fn(T) -> Option<Value>>,
    example: Option<fn() -> Option<Value>>,
    checks: Checks,
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
        Self { default: None, default_json: None, example: None, checks: Checks::default() }
    }
}

impl<T> Settings<T> {
    /// Nothing was said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
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
        self.example = Some(example);
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
            source: self.source,
            read_back: self.read_back,
            has_default: self.settings.default.is_some(),
            default: self
                .settings
                .default
                .zip(self.settings.default_json)
                .and_then(|(default, json)| json(default())),
            example: self.settings.example.and_then(|example| example()),
            checks: self.settings.checks.clone(),
        }
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
    pub(crate) source: fn(&mut SchemaGenerator) -> Source,
    read_back: fn(&Value) -> Result<(), String>,
    has_default: bool,
    /// The default for the schema, where its type can be written as JSON.
    default: Option<Value>,
    example: Option<Value>,
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
        schema: Schema,
        optional: bool,
        writer: &Writer,
    ) -> Result<Property, String> {
        let mut schema = writer.finished(schema);
        let object = schema.ensure_object();
        object.shift_remove("title");
        if !self.description.is_empty() {
            object.insert("description".into(), self.description.into());
        }
        if optional || self.has_default {
            writer.may_be_left_out(object);
        }
        self.checks.write(object)?;
        // A type may write itself in a way that it does not read.
        if let Some(default) = &self.default
            && (self.read_back)(default).is_ok()
        {
            self.accepts("default", default)?;
            object.insert("default".into(), default.clone());
        }
        if let Some(example) = &self.example {
            (self.read_back)(example)
                .map_err(|problem| format!("its `example` cannot be read back: {problem}"))?;
            self.accepts("example", example)?;
            object.insert("examples".into(), [example.clone()].as_slice().into());
        }
        Ok(Property { schema: schema.to_value(), required: !optional && !self.has_default })
    }

    /// Whether something was said about a parameter that is no argument.
    pub(crate) fn is_spoken_of(&self) -> bool {
        let Self { has_default, example, checks, .. } = self;
        *has_default || example.is_some() || !checks.is_empty()
    }

    /// Whether a value that stands in the attribute fits what else stands there.
    fn accepts(&self, what: &str, value: &Value) -> Result<(), String> {
        match self.checks.problems(value).next() {
            None => Ok(()),
            Some(problem) => Err(format!("its `{what}` does not fit: {problem}")),
        }
    }
}

/// Picks, for a concrete type, how a default is written into the schema: not at all where the type
/// cannot be written as JSON.
#[doc(hidden)]
pub struct DefaultKind<T>(PhantomData<fn(T)>);

impl<T> fmt::Debug for DefaultKind<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DefaultKind")
    }
}

impl<T> DefaultKind<T> {
    /// The kind of the type `T`.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "only generated code makes one")]
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

/// A type that a string literal in `#[arg(..)]` can become: `#[arg(default = "en")]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a string is no `{Self}`",
    label = "not a `{Self}`, nor can it become one"
)]
pub trait FromText {
    /// Makes the value.
    fn from_text(text: &'static str) -> Self;
}

#[diagnostic::do_not_recommend]
impl<T: From<&'static str>> FromText for T {
    fn from_text(text: &'static str) -> Self {
        text.into()
    }
}

/// A type whose values can stand in a schema: `#[arg(example = ..)]`.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "an `example` of `{Self}` cannot be shown",
    label = "cannot be written as JSON",
    note = "derive `serde::Serialize` for `{Self}` and for every type inside it"
)]
pub trait Example: Sized {
    /// Writes the example.
    fn shown(self) -> Option<Value>;
}

#[diagnostic::do_not_recommend]
impl<T: Serialize> Example for T {
    fn shown(self) -> Option<Value> {
        serde_json::to_value(self).ok()
    }
}

/// A default that can be shown.
#[doc(hidden)]
pub trait ShownDefault<T> {
    /// How to write it.
    fn json(&self) -> fn(T) -> Option<Value>;
}

impl<T: Serialize> ShownDefault<T> for &DefaultKind<T> {
    fn json(&self) -> fn(T) -> Option<Value> {
        // That nothing is the default need not be said.
        |default| serde_json::to_value(default).ok().filter(|default| !default.is_null())
    }
}

/// A default that cannot.
#[doc(hidden)]
pub trait HiddenDefault<T> {
    /// Does not write it.
    fn json(&self) -> fn(T) -> Option<Value>;
}

impl<T> HiddenDefault<T> for DefaultKind<T> {
    fn json(&self) -> fn(T) -> Option<Value> {
        |_| None
    }
}

/// Everything a call brings to a tool.
#[derive(Debug)]
#[doc(hidden)]
pub struct Inputs<'a> {
    pub(crate) arguments: JsonObject,
    pub(crate) problems: Vec<String>,
    pub(crate) sender: Option<&'a Sender>,
    pub(crate) states: &'a States,
    pub(crate) call: CallParts<'a>,
}

/// What a call says about an argument.
enum Given {
    Value(Value),
    Missing,
}

impl Inputs<'_> {
    fn given(&mut self, name: &str) -> Given {
        self.arguments.shift_remove(name).map_or(Given::Missing, Given::Value)
    }

    /// Whose tasks the call may know of.
    pub(crate) fn owner(&self) -> Owner {
        self.call.owner
    }

    /// Whether an argument passes its checks; notes why not.
    fn passes(&mut self, name: &str, checks: &Checks, value: &Value) -> bool {
        let before = self.problems.len();
        let problems =
            checks.problems(value).map(|problem| format!("argument `{name}`: {problem}"));
        self.problems.extend(problems);
        self.problems.len() == before
    }

    /// Whether an argument is within the limits inside of its type; notes where not.
    fn is_within(
        &mut self,
        name: &str,
        limits: &Limits,
        source: fn(&mut SchemaGenerator) -> Source,
        value: &Value,
    ) -> bool {
        let Some(Guide { schema, definitions }) = limits.get(source) else { return true };
        let found = problems::limits(schema, definitions, value);
        self.problems.extend(found.iter().map(|problem| problem.sentence(name)));
        found.is_empty()
    }

    /// Notes everything that is wrong with an argument that its type refused.
    #[cold]
    fn refused(
        &mut self,
        name: &str,
        checks: &Checks,
        value: &Value,
        refusal: Refusal,
        source: fn(&mut SchemaGenerator) -> Source,
    ) {
        let found = every_problem(value, refusal, source);
        // What is of another type altogether has no length, or not that one.
        let passed =
            found.iter().any(Refusal::is_of_another_type) || self.passes(name, checks, value);
        for problem in found {
            // A value that failed its own checks was spoken of already.
            if passed || !problem.path.is_empty() {
                self.problems.push(problem.sentence(name));
            }
        }
    }

    #[cold]
    fn missing(&mut self, name: &str) {
        self.problems.push(format!("argument `{name}` is missing"));
    }
}

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
        let mut writer = Writer::new(Schemas::Draft2020_12, Direction::Input);
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
struct Limits(OnceLock<Option<Box<Guide>>>);

impl Limits {
    fn get(&self, source: fn(&mut SchemaGenerator) -> Source) -> Option<&Guide> {
        let find = || {
            let Guide { schema, definitions } = Guide::new(source, AsIs)?;
            let (schema, definitions) = (Value::Object(schema), Value::Object(definitions));
            if !problems::has_limits(&schema) && !problems::has_limits(&definitions) {
                return None;
            }
            Guide::new(source, NumberLimits).map(Box::new)
        };
        self.0.get_or_init(find).as_deref()
    }
}

fn every_problem(
    value: &Value,
    refusal: Refusal,
    source: fn(&mut SchemaGenerator) -> Source,
) -> Vec<Refusal> {
    match Guide::new(source, NumberLimits) {
        Some(Guide { schema, definitions }) => problems::all(&schema, &definitions, value, refusal),
        None => vec![refusal],
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + 'static> Parameter for T {
    const IS_ARGUMENT: bool = true;

    fn source(generator: &mut SchemaGenerator) -> Source {
        Source::Argument {
            schema: T::json_schema(generator),
            optional: T::deserialize(Missing).is_ok(),
        }
    }

    fn read_back(value: &Value) -> Result<(), String> {
        T::deserialize(Reader(value)).map(drop).map_err(|refusal| refusal.to_string())
    }

    fn take(slot: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        let Slot { name, settings, .. } = slot;
        match (inputs.given(name), settings.default) {
            (Given::Missing, Some(default)) => Some(default()),
            (Given::Missing, None) => {
                T::deserialize(Missing).map_err(|_| inputs.missing(name)).ok()
            }
            // Many clients write `null` for what they leave out; but where the type has a `null`, it is that.
            (Given::Value(Value::Null), Some(default)) => {
                Some(T::deserialize(Reader(&Value::Null)).unwrap_or_else(|_| default()))
            }
            (Given::Value(value), _) => match T::deserialize(Reader(&value)) {
                Ok(read) => {
                    let passed = inputs.passes(name, &settings.checks, &value);
                    let within = inputs.is_within(name, &slot.limits, Self::source, &value);
                    (passed && within).then_some(read)
                }
                Err(refusal) => {
                    inputs.refused(name, &settings.checks, &value, refusal, Self::source);
                    None
                }
            },
        }
    }
}

#[diagnostic::do_not_recommend]
impl Parameter for Sender {
    fn source(_: &mut SchemaGenerator) -> Source {
        Source::Sender
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        inputs.sender.cloned()
    }
}

#[diagnostic::do_not_recommend]
impl<T: 'static> Parameter for State<T> {
    fn source(_: &mut SchemaGenerator) -> Source {
        Source::State(StateType::of::<T>())
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        inputs.states.get()
    }
}

#[diagnostic::do_not_recommend]
impl Parameter for Call {
    fn source(_: &mut SchemaGenerator) -> Source {
        Source::Call
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        Some(inputs.call.to_call())
    }
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
