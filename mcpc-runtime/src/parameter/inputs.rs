//! What a call brings to a tool, and what is found wrong with it.

use rmcp::model::JsonObject;
use serde_json::Value;

use super::guide::Asked;
use super::mend::Mended;
use super::reader::Reader;
use super::refusal::Refusal;
use super::repair::Read;
use super::{CallParts, States};
use crate::numbers::{Large, LargeNumbers};
use crate::task::{Sender, Tasks};

/// How the arguments of a server's calls are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reading {
    /// Nothing is taken for something else.
    pub(crate) exact: bool,
    /// Arguments that nobody knows are dropped.
    pub(crate) ignores_unknown: bool,
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

    /// Whether an argument that its type took passes its checks and is within the limits inside of the type;
    /// notes where not.
    pub(super) fn passes(&mut self, asked: &Asked<'_>, value: Reader<'_>) -> bool {
        let before = self.problems.len();
        self.check(asked, value);
        for problem in asked.guide.limits(asked, value) {
            self.problems.push(problem.sentence(asked.name));
        }
        self.problems.len() == before
    }

    fn check(&mut self, Asked { name, checks, .. }: &Asked<'_>, value: Reader<'_>) {
        let problems = checks.problems(value);
        self.problems.extend(problems.map(|problem| format!("argument `{name}`: {problem}")));
    }

    /// What can be made of an argument that its type refused.
    #[cold]
    pub(super) fn mended(&self, asked: &Asked<'_>, value: Reader<'_>) -> Option<Mended> {
        (!self.reading.exact).then(|| asked.guide.mend(asked, value)).flatten()
    }

    /// Notes everything that is wrong with an argument that its type refused.
    #[cold]
    pub(super) fn refused(
        &mut self,
        asked: &Asked<'_>,
        value: Reader<'_>,
        refusal: Refusal,
        read: Read<'_>,
    ) {
        let found = asked.guide.problems(asked, value, refusal, read);
        let before = self.problems.len();
        // What is of another type altogether has no length, or not that one.
        if !found.iter().any(Refusal::is_of_another_type) {
            self.check(asked, value);
        }
        let passed = self.problems.len() == before;
        for problem in found {
            // A value that failed its own checks was spoken of already.
            if passed || !problem.path.is_empty() {
                self.problems.push(problem.sentence(asked.name));
            }
        }
    }

    #[cold]
    pub(super) fn missing(&mut self, name: &str) {
        self.problems.push(format!("argument `{name}` is missing"));
    }
}
