//! What a call brings to a tool, and what is found wrong with it.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::groups::{Group, Groups};
use super::{CallParts, States};
use crate::argument::Reading;
use crate::numbers::{Large, LargeNumbers};
use crate::task::{Sender, Tasks};

/// Everything a call brings to a tool.
#[derive(Debug)]
#[doc(hidden)]
pub struct Inputs<'a> {
    pub(crate) arguments: JsonObject,
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
        arguments: JsonObject,
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
        self.arguments.shift_remove(name)
    }

    /// Takes the arguments out that a parameter is made of, as one object.
    pub(super) fn group(&mut self, parameter: &str) -> (Value, &'a Group) {
        let groups = self.groups.expect("a tool is listed before it is called");
        let group = groups.of(parameter);
        let arguments = std::mem::take(&mut self.arguments).into_iter();
        let (own, others): (JsonObject, JsonObject) =
            arguments.partition(|(name, _)| groups.is_in(group, name, self.has_host));
        self.arguments = others;
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

    /// The tasks that the call may know of.
    pub(crate) fn tasks(&self) -> Tasks {
        self.call.tasks.clone()
    }
}
