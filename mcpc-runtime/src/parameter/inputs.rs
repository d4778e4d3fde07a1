//! What a call brings to a tool, and what is found wrong with it.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::groups::{Group, Groups};
use super::{Call, CallParts, States};
use crate::argument::Reading;
use crate::numbers::{Large, LargeNumbers};
use crate::task::{Sender, Tasks};

/// The arguments of a call.
#[derive(Debug)]
pub(crate) enum CallArguments {
    Any(JsonObject),
    /// Each has the name of a parameter, and no two have the same.
    Known(Vec<(&'static str, Value)>),
}

impl CallArguments {
    pub(crate) fn into_object(self) -> JsonObject {
        match self {
            Self::Any(object) => object,
            Self::Known(arguments) => {
                arguments.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            }
        }
    }

    /// Takes one out.
    fn take(&mut self, name: &str) -> Option<Value> {
        match self {
            Self::Any(object) => object.shift_remove(name),
            Self::Known(arguments) => {
                let at = arguments.iter().position(|(known, _)| *known == name)?;
                Some(arguments.swap_remove(at).1)
            }
        }
    }
}

/// Everything a call brings to a tool.
#[derive(Debug)]
#[doc(hidden)]
pub struct Inputs<'a> {
    pub(crate) arguments: CallArguments,
    pub(crate) problems: Vec<String>,
    pub(crate) sender: Option<&'a Sender>,
    pub(crate) states: &'a States,
    pub(crate) call: CallParts<'a>,
    pub(crate) reading: Reading,
    /// Which of the arguments go together.
    pub(crate) groups: Option<&'a Groups>,
    /// Whether a host added arguments of its own.
    pub(crate) has_host: bool,
}

impl<'a> Inputs<'a> {
    /// Those of a call that nothing is wrong with yet.
    pub(crate) fn new(
        arguments: CallArguments,
        sender: Option<&'a Sender>,
        states: &'a States,
        call: CallParts<'a>,
    ) -> Self {
        let reading = Reading::default();
        let (problems, groups, has_host) = (Vec::new(), None, false);
        Self { arguments, problems, sender, states, call, reading, groups, has_host }
    }

    /// Takes an argument out, if it was given.
    pub(super) fn argument(&mut self, name: &str) -> Option<Value> {
        self.arguments.take(name)
    }

    /// Takes all arguments out.
    pub(crate) fn all_arguments(&mut self) -> JsonObject {
        std::mem::replace(&mut self.arguments, CallArguments::Known(Vec::new())).into_object()
    }

    /// Takes the arguments out that a parameter is made of, as one object.
    pub(super) fn group(&mut self, parameter: &str) -> (Value, &'a Group) {
        let groups = self.groups.expect("a tool is listed before it is called");
        let group = groups.of(parameter);
        let arguments = self.all_arguments().into_iter();
        let (own, others): (JsonObject, JsonObject) =
            arguments.partition(|(name, _)| groups.is_in(group, name, self.has_host));
        self.arguments = CallArguments::Any(others);
        (own.into(), group)
    }

    /// The large numbers of all arguments.
    pub(crate) fn large_of_all(&self) -> Option<&'a Large> {
        self.call.context.extensions.get::<LargeNumbers>().map(LargeNumbers::of_arguments)
    }

    /// The large numbers of an argument, where the transport has seen how they are written.
    pub(super) fn large(&self, name: &str) -> Option<&'a Large> {
        self.call.context.extensions.get::<LargeNumbers>()?.of_argument(name)
    }

    /// The call. Without it, the problem is noted.
    pub(crate) fn make_call(&mut self, sender: Option<&Sender>) -> Option<Call> {
        let call = self.call.to_call(sender);
        if call.is_none() {
            self.problems
                .push(format!("`{}` was just replaced; call it again", self.call.tool_name));
        }
        call
    }

    /// The tasks that the call may know of.
    pub(crate) fn tasks(&self) -> Tasks {
        self.call.tasks.clone()
    }
}
