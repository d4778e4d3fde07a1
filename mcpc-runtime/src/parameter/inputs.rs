//! What a call brings to a tool, and what is found wrong with it.

use rmcp::model::JsonObject;
use schemars::SchemaGenerator;
use serde_json::Value;

use super::checks::Checks;
use super::guide::{Limits, every_problem};
use super::reader::Reader;
use super::refusal::Refusal;
use super::{CallParts, Source, States};
use crate::log::Owner;
use crate::numbers::{Large, LargeNumbers};
use crate::task::Sender;

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

impl<'a> Inputs<'a> {
    /// Takes an argument out, if it was given.
    pub(super) fn argument(&mut self, name: &str) -> Option<Value> {
        self.arguments.shift_remove(name)
    }

    /// The large numbers of an argument, where the transport has seen how they are written.
    pub(super) fn large(&self, name: &str) -> Option<&'a Large> {
        self.call.context.extensions.get::<LargeNumbers>()?.of_argument(name)
    }

    /// Whose tasks the call may know of.
    pub(crate) fn owner(&self) -> Owner {
        self.call.owner
    }

    /// Whether an argument passes its checks; notes why not.
    pub(super) fn passes(&mut self, name: &str, checks: &Checks, value: Reader<'_>) -> bool {
        let before = self.problems.len();
        let problems =
            checks.problems(value).map(|problem| format!("argument `{name}`: {problem}"));
        self.problems.extend(problems);
        self.problems.len() == before
    }

    /// Whether an argument is within the limits inside of its type; notes where not.
    pub(super) fn is_within(
        &mut self,
        name: &str,
        limits: &Limits,
        source: fn(&mut SchemaGenerator) -> Source,
        value: Reader<'_>,
    ) -> bool {
        let found = limits.problems(source, value);
        self.problems.extend(found.iter().map(|problem| problem.sentence(name)));
        found.is_empty()
    }

    /// Notes everything that is wrong with an argument that its type refused.
    #[cold]
    pub(super) fn refused(
        &mut self,
        name: &str,
        checks: &Checks,
        value: Reader<'_>,
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
    pub(super) fn missing(&mut self, name: &str) {
        self.problems.push(format!("argument `{name}` is missing"));
    }
}
