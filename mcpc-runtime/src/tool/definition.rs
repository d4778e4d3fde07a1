//! A tool as a server has it: what it lists, and what it makes of a call.

use std::fmt;

use rmcp::model::{Icon, JsonObject};
use serde_json::Value;

use super::listing::Listing;
use super::{About, Kind};
use crate::argument::{HEADER, Reading};
use crate::error::{Error, Result};
use crate::names::HOST_ARGUMENTS;
use crate::output::{Body, Returns};
use crate::parameter::{Description, Inputs, Source, States};
use crate::phrases::{did_you_mean, shown};
use crate::schema::{Direction, Schemas, Writer};

/// How many problems of one call are listed.
const MOST_PROBLEMS: usize = 20;

type Prepare = dyn Fn(&mut Inputs<'_>) -> Option<Body> + Send + Sync;

/// A tool without its types.
#[doc(hidden)]
pub struct Definition {
    pub(crate) about: About,
    parameters: Box<[Description]>,
    returns_hidden_result: bool,
    output_schema: fn(Schemas) -> Option<JsonObject>,
    prepare: Box<Prepare>,
    listing: Listing,
    /// How the server wants its arguments read.
    pub(crate) reading: Reading,
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
            parameters,
            returns_hidden_result: returns.is_result,
            output_schema: returns.schema,
            prepare,
            listing: Listing::default(),
            reading: Reading::default(),
        }
    }

    /// The `_meta` of the tool.
    #[must_use]
    pub fn meta(mut self, meta: fn() -> std::result::Result<JsonObject, String>) -> Self {
        self.listing.meta = Some(meta);
        self
    }

    /// The icons of the tool.
    #[must_use]
    pub fn icons(mut self, icons: fn() -> Vec<Icon>) -> Self {
        self.listing.icons = Some(icons);
        self
    }

    /// The body of a call with these inputs, or every problem of the call.
    pub(crate) fn prepare(&self, mut inputs: Inputs<'_>) -> Result<Body, Vec<String>> {
        inputs.reading = self.reading;
        let has_host = !self.reading.exact && has_host_arguments(&inputs.arguments);
        let body = (self.prepare)(&mut inputs);
        let Inputs { mut arguments, mut problems, .. } = inputs;
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

    fn unknown_argument(&self, name: &str) -> String {
        let arguments = self.parameters.iter().filter(|parameter| parameter.is_argument);
        let known = arguments.map(|argument| argument.name);
        format!("unknown argument `{}`{}", shown(name), did_you_mean(name, known))
    }

    /// The tool as `tools/list` shows it; also checks that the server has what the tool takes.
    pub(crate) fn list(&self, states: &States, schemas: Schemas) -> Result<rmcp::model::Tool> {
        let about = &self.about;
        if self.returns_hidden_result {
            return Err(Error::HiddenResult { tool: about.name.to_string() });
        }
        let description = (!about.description.is_empty()).then(|| about.description.clone());
        let input_schema =
            schemas.write(Direction::Input, |writer| self.input_schema(states, writer))?;
        let mut tool =
            rmcp::model::Tool::new_with_raw(about.name.to_string(), description, input_schema);
        tool.title = about.title.clone().map(String::from);
        tool.annotations = about.hints.annotations();
        // The first reply to a background call is not a result, so it has no output schema to keep.
        tool.output_schema = match about.kind {
            Kind::Plain | Kind::Control => (self.output_schema)(schemas).map(Into::into),
            Kind::Background => None,
        };
        let written = self.listing.write(&mut tool);
        written.map_err(|problem| Error::Tool { tool: about.name.to_string(), problem })?;
        Ok(tool)
    }

    fn input_schema(&self, states: &States, mut writer: Writer) -> Result<JsonObject> {
        let tool = || self.about.name.to_string();
        let mut properties = Vec::new();
        let mut required = Vec::new();
        for parameter in &self.parameters {
            let argument = parameter.name;
            let refuse = |problem: &str| {
                Err(Error::Argument { tool: tool(), argument, problem: problem.to_owned() })
            };
            if !parameter.is_argument && parameter.is_spoken_of() {
                return refuse("`#[arg(..)]` is for arguments of the call, and this is not one");
            }
            match (parameter.source)(&mut writer.generator) {
                Source::Argument { schema, optional } => {
                    if properties.iter().any(|(earlier, _)| *earlier == argument) {
                        return refuse("another one has the same name in JSON");
                    }
                    let property = parameter
                        .property(schema, optional, &writer)
                        .map_err(|problem| Error::Argument { tool: tool(), argument, problem })?;
                    if is_header_taken(&properties, &property.schema) {
                        return refuse("another one has the same header");
                    }
                    properties.push((argument, property.schema));
                    if property.required {
                        required.push(argument);
                    }
                }
                Source::PartOfRequest(part) => {
                    return refuse(&format!("write `call: mcpc::Call`; this is `{part}`"));
                }
                Source::Sender => match self.about.kind {
                    Kind::Background => {}
                    Kind::Plain | Kind::Control => {
                        return Err(Error::SenderInPlainTool { tool: tool() });
                    }
                },
                Source::State(state) if states.has(state) => {}
                Source::State(state) => {
                    return Err(Error::MissingState { tool: tool(), state: state.name });
                }
                Source::Call => {}
            }
        }
        let mut schema = writer.object(properties, &required);
        if self.reading.ignores_unknown {
            schema.shift_remove("additionalProperties");
        }
        Ok(schema)
    }
}

/// Whether an argument is to be mirrored into the header of one before it.
fn is_header_taken(properties: &[(&str, Value)], schema: &Value) -> bool {
    let header = |schema: &Value| schema.get(HEADER)?.as_str().map(str::to_ascii_lowercase);
    let own = header(schema);
    own.is_some() && properties.iter().any(|(_, earlier)| header(earlier) == own)
}

/// Whether a host added arguments of its own to those that a model wrote.
fn has_host_arguments(arguments: &JsonObject) -> bool {
    arguments.len() >= HOST_ARGUMENTS.len()
        && HOST_ARGUMENTS.iter().all(|name| arguments.contains_key(*name))
}
