//! What a call brings to a tool, and what is found wrong with it.

use rmcp::model::JsonObject;
use serde_json::Value;

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
        Self { arguments, problems: Vec::new(), sender, states, call, reading }
    }

    /// Takes an argument out, if it was given.
    pub(super) fn argument(&mut self, name: &str) -> Option<Value> {
        self.arguments.shift_remove(name)
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
