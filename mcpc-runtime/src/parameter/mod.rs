//! What a tool's function may take, and where each value comes from.

mod all;
mod call;
mod check;
mod groups;
mod inputs;
mod mistaken;
mod slot;
mod state;
mod values;

pub use crate::argument::{Bound, Range};
pub use crate::delivery::LogLevel;
pub use all::{Arguments, InputSchema};
pub use call::Call;
pub(crate) use call::CallParts;
#[cfg(feature = "http")]
pub(crate) use call::Principal;
pub use check::Checked;
pub(crate) use groups::Groups;
pub(crate) use inputs::CallArguments;
pub use inputs::Inputs;
pub use mistaken::{MayBeOfRequest, MayBeReceiver};
pub use slot::{Description, Settings, Slot};
pub(crate) use state::States;
pub use state::{State, StateType};
pub use values::{DefaultKind, Example, FromText, HiddenDefault, ShownDefault};

use std::any::{TypeId, type_name};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::mistaken::{part_of_request, state_behind};
use crate::argument::{Guide, Reader, SchemaSource, field_names, of_nothing};
use crate::question::Instructions;
use crate::task::{Receiver, Sender};

/// What a tool's function may take.
///
/// Implemented for every owned type that is `serde::Deserialize` and `schemars::JsonSchema` (an
/// argument of the call), for [`Sender`] and [`Receiver`] in background tools, and for [`State`] and [`Call`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool argument",
    label = "is not `serde::Deserialize`, or not `schemars::JsonSchema`",
    note = "derive both, of serde 1 and schemars 1, for `{Self}` and for every type inside it",
    note = "if it is the server's own, write `mcpc::State<{Self}>`"
)]
pub trait Parameter: Sized + 'static {
    /// Whether the value is an argument of the call.
    #[doc(hidden)]
    const IS_ARGUMENT: bool = false;

    /// Whether the value is a [`Call`].
    #[doc(hidden)]
    const IS_CALL: bool = false;

    /// Where the value comes from.
    #[doc(hidden)]
    fn source(generator: &mut SchemaGenerator) -> Source;

    /// The names by which the type reads its fields, as far as it tells them.
    #[doc(hidden)]
    fn field_names() -> &'static [&'static str] {
        &[]
    }

    /// Whether a value that stands in the attribute could come from a client.
    #[doc(hidden)]
    fn read_back(value: &Value) -> Result<(), String> {
        let _ = value;
        Ok(())
    }

    /// What the tasks of a tool that takes it can be told, if it is what tells them.
    #[doc(hidden)]
    fn instructions() -> Option<Instructions> {
        None
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
            is_call: Self::IS_CALL,
            of_type: StateType::of::<Self>(),
            source: Self::source,
            field_names: Self::field_names,
            instructions: Self::instructions,
            read_back: Self::read_back,
            guide: Guide::default(),
            take: Self::take,
        }
    }
}

/// Which of a call's arguments a parameter is, if it is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The one of its name.
    One,
    /// Those that are called like its fields.
    Fields,
    /// All of them.
    All,
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
    /// Nowhere: it is a part of the request, which a `Call` has as this.
    PartOfRequest(&'static str),
    /// Nowhere: it is shared or locked, as a state of this type is.
    Locked(&'static str),
    /// All arguments, by a schema that was given with the tool.
    Given,
    /// The runtime hands in the task's `Sender`.
    Sender,
    /// The runtime hands in a task's `Receiver`.
    Receiver,
    /// The server's state of a type.
    State(StateType),
    /// What the call shows of its client.
    Call,
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned + JsonSchema + 'static> Parameter for T {
    const IS_ARGUMENT: bool = true;

    fn source(generator: &mut SchemaGenerator) -> Source {
        if let Some(part) = part_of_request(TypeId::of::<T>()) {
            return Source::PartOfRequest(part);
        }
        if let Some(state) = state_behind(type_name::<T>()) {
            return Source::Locked(state);
        }
        Source::Argument {
            schema: T::json_schema(generator),
            optional: of_nothing::<T>().is_some(),
        }
    }

    fn field_names() -> &'static [&'static str] {
        field_names::<T>()
    }

    fn read_back(value: &Value) -> Result<(), String> {
        T::deserialize(Reader::new(value)).map(drop).map_err(|refusal| refusal.to_string())
    }

    fn take(slot: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        let Slot { name, settings, .. } = slot;
        let schema = SchemaSource::Type(T::json_schema);
        if settings.place != Place::One {
            return all::take_group(slot, inputs, schema);
        }
        let argument = slot.argument(schema);
        let read = match inputs.argument(name) {
            Some(value) => {
                let value = Reader::new(&value).with_large(inputs.large(name));
                argument.read(value, settings.default, inputs.reading)
            }
            None => argument.left_out(settings.default),
        };
        read.map_err(|problems| inputs.problems.extend(problems)).ok()
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
impl<M: DeserializeOwned + JsonSchema + 'static> Parameter for Receiver<M> {
    fn source(_: &mut SchemaGenerator) -> Source {
        Source::Receiver
    }

    fn instructions() -> Option<Instructions> {
        Some(Instructions::of::<M>())
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        inputs.sender.map(Receiver::new)
    }
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized + 'static> Parameter for State<T> {
    fn source(_: &mut SchemaGenerator) -> Source {
        Source::State(StateType::of::<T>())
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        inputs.states.get()
    }
}

#[diagnostic::do_not_recommend]
impl Parameter for Call {
    const IS_CALL: bool = true;

    fn source(_: &mut SchemaGenerator) -> Source {
        Source::Call
    }

    fn take(_: &Slot<Self>, inputs: &mut Inputs<'_>) -> Option<Self> {
        inputs.make_call(inputs.sender)
    }
}
