//! A tool as a server has it: what it lists, and what it makes of a call.

use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

use rmcp::model::{Icon, JsonObject};
use schemars::SchemaGenerator;
use serde_json::Value;

use super::dynamic::Written;
use super::listing::{Listing, Said};
use super::{About, Kind};
use crate::argument::{HEADER, Reading};
use crate::error::{Error, Result};
use crate::names::HOST_ARGUMENTS;
use crate::output::{Body, Returns};
use crate::parameter::{
    CallArguments, Description, Groups, Inputs, Place, Source, StateType, States,
};
use crate::phrases::{did_you_mean, shown};
use crate::question::Instructions;
use crate::schema::{Direction, Entries, Given, Schemas, Writer};

/// How many problems of one call are listed.
const MOST_PROBLEMS: usize = 20;

/// Evaluates the schema that was given with a tool.
type GivenSchema = fn() -> Result<Value, String>;

pub(super) type Prepare = dyn Fn(&mut Inputs<'_>) -> Option<Body> + Send + Sync;

/// A tool without its types.
#[derive(Clone)]
#[doc(hidden)]
pub struct Definition {
    pub(crate) about: About,
    parameters: Arc<[Description]>,
    /// The schema of the arguments, if it is not made of the parameters.
    input_schema: Option<GivenSchema>,
    /// Which arguments go together; there once the tool is listed.
    groups: OnceLock<Arc<Groups>>,
    /// In place of what the parameters say, if the tool was made at run time.
    written: Option<Written>,
    returns_hidden_result: bool,
    output_schema: fn(Schemas) -> Option<JsonObject>,
    prepare: Arc<Prepare>,
    listing: Listing,
    /// Whether a client is promised structured content.
    pub(crate) promises_output: bool,
    /// Whether a client has to take tasks, if its protocol has them.
    pub(crate) required: bool,
    /// Whether equal calls share a task.
    pub(crate) joins: bool,
    /// How the server wants its arguments read.
    pub(crate) reading: Reading,
    /// Whether calls of it are [simple](Self::takes_single_arguments_alone).
    pub(crate) is_simple: bool,
}

impl fmt::Debug for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Definition")
            .field("about", &self.about)
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Definition {
    /// A tool made of what the attributes read in the function's signature.
    ///
    /// `prepare` takes every parameter out of the inputs and returns the body, or `None` when it
    /// noted a problem there.
    pub fn new<T>(
        about: About,
        parameters: Box<[Description]>,
        returns: Returns<T>,
        prepare: Box<Prepare>,
    ) -> Self {
        Self {
            about,
            parameters: parameters.into(),
            written: None,
            input_schema: None,
            required: false,
            joins: false,
            groups: OnceLock::new(),
            returns_hidden_result: returns.is_result,
            output_schema: returns.schema,
            prepare: prepare.into(),
            listing: Listing::default(),
            promises_output: false,
            is_simple: false,
            reading: Reading::default(),
        }
    }

    /// The `_meta` of the tool.
    #[must_use]
    pub fn meta(mut self, meta: fn() -> std::result::Result<JsonObject, String>) -> Self {
        self.listing.meta = Some(Said::ByAttribute(meta));
        self
    }

    /// The icons of the tool.
    #[must_use]
    pub fn icons(mut self, icons: fn() -> Vec<Icon>) -> Self {
        self.listing.icons = Some(Said::ByAttribute(icons));
        self
    }

    /// The same tool, listed with this schema of its arguments.
    #[must_use]
    pub fn input_schema(mut self, input_schema: GivenSchema) -> Self {
        self.input_schema = Some(input_schema);
        self
    }

    /// The same tool, for clients that take tasks if their protocol has them.
    #[must_use]
    pub fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// The same tool, of which equal calls share a task.
    #[must_use]
    pub fn join(mut self) -> Self {
        self.joins = true;
        self
    }

    /// A tool that was made at run time.
    pub(super) fn written<T>(
        about: About,
        written: Written,
        returns: Returns<T>,
        prepare: Box<Prepare>,
    ) -> Self {
        let typed = Self::new(about, Box::default(), returns, prepare);
        // The closure returns a `Result` in any case; what is in there is a value.
        Self { written: Some(written), returns_hidden_result: false, ..typed }
    }

    /// Whether the tool's code gets a `Call`, by which it may log.
    pub(crate) fn takes_call(&self) -> bool {
        let takes_any = self.written.is_some() && self.about.kind != Kind::Control;
        takes_any || self.parameters.iter().any(|parameter| parameter.is_call)
    }

    /// Whether it is a plain tool that takes nothing of a call but arguments, each by its name.
    pub(crate) fn takes_single_arguments_alone(&self) -> bool {
        let is_single = |it: &Description| !it.is_argument || it.place == Place::One;
        let is_plain = self.about.kind == Kind::Plain;
        is_plain && !self.takes_call() && self.parameters.iter().all(is_single)
    }

    /// The name of a parameter that is one argument, if this is one.
    pub(crate) fn argument_named(&self, name: &str) -> Option<&'static str> {
        let is_one = |it: &&Description| it.is_argument && it.place == Place::One;
        let mut arguments = self.parameters.iter().filter(is_one);
        arguments.find(|argument| argument.name == name).map(|argument| argument.name)
    }

    /// Changes what was written of a tool that was made at run time.
    pub(super) fn rewrite(&mut self, change: impl FnOnce(&mut Written)) {
        if let Some(written) = &mut self.written {
            change(written);
        }
    }

    /// What is listed of the tool beside its schemas.
    pub(super) fn listing(&mut self) -> &mut Listing {
        &mut self.listing
    }

    /// The body of a call with these inputs, or every problem of the call.
    pub(crate) fn prepare<'a>(&'a self, mut inputs: Inputs<'a>) -> Result<Body, Vec<String>> {
        inputs.reading = self.reading;
        inputs.groups = self.groups.get().map(|groups| &**groups);
        inputs.has_host = match &inputs.arguments {
            CallArguments::Any(arguments) => !self.reading.exact && has_host_arguments(arguments),
            // Those of a host are not arguments of the tool.
            CallArguments::Known(_) => false,
        };
        let has_host = inputs.has_host;
        let body = (self.prepare)(&mut inputs);
        let Inputs { arguments, mut problems, .. } = inputs;
        let mut arguments = match arguments {
            CallArguments::Any(arguments) => arguments,
            CallArguments::Known(_) => JsonObject::new(),
        };
        if self.reading.ignores_unknown {
            arguments.clear();
        } else if has_host {
            arguments.retain(|name, _| !HOST_ARGUMENTS.contains(&name.as_str()));
        }
        let room = (MOST_PROBLEMS + 1).saturating_sub(problems.len());
        problems.extend(arguments.keys().take(room).map(|name| self.unknown_argument(name)));
        if problems.len() > MOST_PROBLEMS {
            problems.truncate(MOST_PROBLEMS);
            problems.push("there are more problems than these".to_owned());
        }
        match body {
            Some(body) if problems.is_empty() => Ok(body),
            _ => Err(problems),
        }
    }

    /// The arguments of a call without what a host adds to each, and the tool does not take.
    pub(crate) fn of_the_model<'a>(&self, arguments: &'a JsonObject) -> Cow<'a, JsonObject> {
        if self.reading.exact || !has_host_arguments(arguments) {
            return Cow::Borrowed(arguments);
        }
        let takes = |name: &str| match &self.written {
            Some(written) => written.takes(name),
            None => self.groups.get().is_some_and(|groups| groups.knows(name)),
        };
        let mut others = arguments.clone();
        others.retain(|name, _| takes(name) || !HOST_ARGUMENTS.contains(&name.as_str()));
        Cow::Owned(others)
    }

    fn unknown_argument(&self, name: &str) -> String {
        let arguments = self.parameters.iter().filter(|parameter| parameter.is_argument);
        let known = arguments.flat_map(|argument| {
            let one = (argument.place == Place::One).then_some(argument.name);
            let groups = self.groups.get().into_iter();
            one.into_iter().chain(groups.flat_map(|groups| groups.fields_of(argument.name)))
        });
        format!("unknown argument `{}`{}", shown(name), did_you_mean(name, known))
    }

    /// The tool as `tools/list` shows it; also checks that the server has what the tool takes.
    pub(crate) fn list(&self, states: &States, schemas: Schemas) -> Result<rmcp::model::Tool> {
        let about = &self.about;
        if self.returns_hidden_result {
            return Err(Error::HiddenResult { tool: about.name.to_string() });
        }
        let description = (!about.description.is_empty()).then(|| about.description.clone());
        let groups = self.groups()?;
        let mut input_schema =
            schemas.write(Direction::Input, |writer| self.arguments(states, writer, &groups))?;
        if let Some(given) = groups.given() {
            input_schema = given.listed.clone();
        }
        let _ = self.groups.set(Arc::new(groups));
        let mut tool =
            rmcp::model::Tool::new_with_raw(about.name.to_string(), description, input_schema);
        tool.title = about.title.clone().map(String::from);
        tool.annotations = about.hints.annotations();
        let refused = |problem| Error::Attribute { tool: about.name.to_string(), problem };
        self.listing.write(&mut tool).map_err(refused)?;
        if self.joins && self.instructions().is_some() {
            let problem = "several calls share a task by `join`, so nobody can tell it what to do by a `Receiver`";
            return Err(refused(problem.to_owned()));
        }
        if let Some(header) = header_of_two(&tool.input_schema) {
            return Err(refused(format!("two arguments have the header `{header}`")));
        }
        if let Some(problem) = self.written.as_ref().and_then(|it| it.problem(about)) {
            return Err(refused(problem));
        }
        if let Some(Err(problem)) = self.written.as_ref().and_then(|it| it.instructions.as_ref()) {
            return Err(self.wrong_schema("instruction", problem.clone()));
        }
        let output = self.written.as_ref().map_or(Ok(None), |it| it.output_schema());
        let output = output.map_err(|problem| self.wrong_schema("output", problem))?;
        // The first reply to a background call is not a result, so it has no output schema to keep.
        tool.output_schema = match about.kind {
            Kind::Plain | Kind::Control => output,
            Kind::Background => return Ok(tool),
        }
        .or_else(|| (self.output_schema)(schemas))
        .map(Into::into);
        Ok(tool)
    }

    /// What its tasks can be told, if anything.
    pub(crate) fn instructions(&self) -> Option<Instructions> {
        let written = self.written.as_ref().and_then(|written| written.instructions.as_ref());
        match written {
            Some(instructions) => instructions.as_ref().ok().cloned(),
            None => self.parameters.iter().find_map(|parameter| parameter.instructions.clone()),
        }
    }

    fn wrong_schema(&self, which: &'static str, problem: String) -> Error {
        Error::Schema { tool: self.about.name.to_string(), which, problem }
    }

    /// Which arguments go together.
    fn groups(&self) -> Result<Groups> {
        let tool = || self.about.name.to_string();
        let groups = match self.input_schema {
            None => Groups::of_types(&self.parameters),
            Some(schema) => {
                let given = schema().and_then(Given::new);
                let given = given.map_err(|problem| self.wrong_schema("input", problem))?;
                Groups::of_schema(&self.parameters, given)
            }
        };
        groups.map_err(|(argument, problem)| Error::Argument { tool: tool(), argument, problem })
    }

    /// The schema of the arguments, as the types of the parameters have it.
    fn arguments(
        &self,
        states: &States,
        mut writer: Writer,
        groups: &Groups,
    ) -> Result<JsonObject> {
        if let Some(written) = &self.written {
            let given = (*written.input).as_ref().map(|given| given.listed.clone());
            return given.map_err(|problem| self.wrong_schema("input", problem.clone()));
        }
        let tool = || self.about.name.to_string();
        let mut entries = Entries::new();
        let mut whole = None;
        for parameter in self.parameters.iter() {
            let argument = parameter.name;
            let refused = |problem: String| Error::Argument { tool: tool(), argument, problem };
            if !parameter.is_argument && parameter.is_spoken_of() {
                let problem = "`#[arg(..)]` is for arguments of the call, and this is not one";
                return Err(refused(problem.to_owned()));
            }
            match (parameter.source)(&mut writer.generator) {
                Source::Argument { schema, .. } if parameter.place == Place::All => {
                    let schema = writer.all_arguments(schema, parameter.of_type.name);
                    whole = Some((schema.map_err(refused)?, parameter.comment()));
                }
                Source::Argument { schema, .. } if parameter.place == Place::Fields => {
                    let schema = writer.fields(schema, parameter.of_type.name).map_err(refused)?;
                    let mut schema = writer.finished(schema.into());
                    let fields = std::mem::take(schema.ensure_object());
                    entries.add_all(fields, parameter.comment(), groups.is_one());
                }
                Source::Argument { schema, optional } => {
                    if entries.has(argument) {
                        return Err(refused("another one has the same name in JSON".to_owned()));
                    }
                    let property =
                        parameter.property(schema, optional, &writer).map_err(refused)?;
                    entries.add(argument, property.schema, property.required);
                }
                Source::PartOfRequest(part) => {
                    return Err(refused(format!("write `call: mcpc::Call`; this is `{part}`")));
                }
                Source::Locked(state) => {
                    return Err(refused(format!(
                        "a state is `mcpc::State<{state}>`, which `Server::state` is given bare or in an `Arc`"
                    )));
                }
                Source::Given => {}
                source => self.has(states, &source)?,
            }
        }
        if let Some((schema, description)) = whole {
            return Ok(writer.whole(schema, description, self.reading.ignores_unknown));
        }
        Ok(writer.object(entries, self.reading.ignores_unknown))
    }

    /// The types of the states that it takes.
    pub(crate) fn states(&self) -> impl Iterator<Item = StateType> {
        let others = self.parameters.iter().filter(|parameter| !parameter.is_argument);
        others.filter_map(|it| match (it.source)(&mut SchemaGenerator::default()) {
            Source::State(state) => Some(state),
            _ => None,
        })
    }

    /// Finds an argument of the type of a state that no tool takes.
    pub(crate) fn state_as_argument(&self, states: &States, taken: &[StateType]) -> Result<()> {
        let is_meant = |it: &&Description| {
            let is_one = it.is_argument && it.place == Place::One && it.of_type.is_of_its_own();
            is_one && states.has(it.of_type) && !taken.contains(&it.of_type)
        };
        let Some(meant) = self.parameters.iter().find(is_meant) else { return Ok(()) };
        let (tool, argument) = (self.about.name.to_string(), meant.name);
        let state = meant.of_type.name;
        let problem = format!(
            "the server has a state of this type, which no tool takes; write `mcpc::State<{state}>`"
        );
        Err(Error::Argument { tool, argument, problem })
    }

    /// Checks that the server has what a parameter takes that is not an argument.
    fn has(&self, states: &States, source: &Source) -> Result<()> {
        let tool = || self.about.name.to_string();
        match *source {
            Source::Sender | Source::Receiver if self.about.kind != Kind::Background => {
                Err(Error::SenderInPlainTool { tool: tool() })
            }
            Source::State(state) if !states.has(state) => {
                let given = states.names().to_vec();
                Err(Error::MissingState { tool: tool(), state: state.name, given })
            }
            Source::Sender | Source::Receiver | Source::State(_) | Source::Call => Ok(()),
            // These are arguments, or were refused.
            Source::Argument { .. }
            | Source::Given
            | Source::PartOfRequest(_)
            | Source::Locked(_) => Ok(()),
        }
    }
}

/// A header that two arguments are to be mirrored into.
fn header_of_two(schema: &JsonObject) -> Option<&str> {
    let properties = schema.get("properties")?.as_object()?;
    let headers: Vec<&str> =
        properties.values().filter_map(|property| property.get(HEADER)?.as_str()).collect();
    let is_second = |(index, header): &(usize, &&str)| {
        headers[..*index].iter().any(|earlier| earlier.eq_ignore_ascii_case(header))
    };
    headers.iter().enumerate().find(is_second).map(|(_, header)| *header)
}

/// Whether a host added arguments of its own to those that a model wrote.
pub(super) fn has_host_arguments(arguments: &JsonObject) -> bool {
    arguments.len() >= HOST_ARGUMENTS.len()
        && HOST_ARGUMENTS.iter().all(|name| arguments.contains_key(*name))
}
