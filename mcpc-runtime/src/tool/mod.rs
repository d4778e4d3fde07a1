//! A tool without its types: what the attributes hand to the runtime.

use std::fmt;
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::{JsonObject, ToolAnnotations};

use crate::argument::Reading;
use crate::error::{Error, Result};
use crate::names::HOST_ARGUMENTS;
use crate::output::{Body, Fails, Fallible, Returns};
use crate::parameter::{Description, Inputs, Source, States};
use crate::phrases::{did_you_mean, shown};
use crate::schema::{Direction, Schemas, Writer};

/// A function that `#[mcpc::tool]` or `#[mcpc::background]` turned into a tool.
///
/// Implemented by the attributes only, on an empty type of the function's name, so that
/// `tools![add]` can name it while `add(1, 2).await` goes on working.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a tool",
    label = "not a tool",
    note = "annotate the function with `#[mcpc::tool]` or `#[mcpc::background]`"
)]
pub trait Tool {
    /// The tool's name, as clients call it.
    const NAME: &'static str;

    /// Everything the runtime needs to list and to run the tool.
    #[doc(hidden)]
    fn definition() -> Definition;

    /// The tool in a `tools![..]` list.
    #[doc(hidden)]
    const LISTED: Listed = Listed { name: Self::NAME, definition: Self::definition, index: 0 };
}

/// What a call of a tool comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[doc(hidden)]
pub enum Kind {
    /// `#[mcpc::tool]`: the call is answered with the result.
    Plain,
    /// `#[mcpc::background]`: the call starts a task.
    Background,
    /// Looks after tasks; answers at once.
    Control,
}

/// What a tool says about itself.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct About {
    /// Whether it is a plain or a background tool.
    pub kind: Kind,
    /// Its name.
    pub name: &'static str,
    /// A name for people.
    pub title: Option<&'static str>,
    /// What it does.
    pub description: &'static str,
    /// The hints of MCP's tool annotations.
    pub hints: Hints,
    /// What a task of it may take.
    pub times: ToolTimes,
    /// The file and line of its declaration.
    pub location: &'static str,
}

/// How long things about a task of a background tool take, as its attribute gave it.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct ToolTimes {
    /// From the call to an answer, if that is not the result.
    pub patience: Option<Duration>,
    /// From its start until it is asked to stop.
    pub timeout: Option<Duration>,
    /// From its end until it is forgotten.
    pub retention: Option<Duration>,
}

/// The hints of MCP's tool annotations, each as the attribute gave it.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct Hints {
    /// It changes nothing.
    pub read_only: Option<bool>,
    /// It may destroy something.
    pub destructive: Option<bool>,
    /// A second call with the same arguments changes nothing more.
    pub idempotent: Option<bool>,
    /// It deals with things outside its own world.
    pub open_world: Option<bool>,
}

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
            reading: Reading::default(),
        }
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
        let about = self.about;
        if self.returns_hidden_result {
            return Err(Error::HiddenResult { tool: about.name });
        }
        let description = (!about.description.is_empty()).then(|| about.description.into());
        let input_schema =
            schemas.write(Direction::Input, |writer| self.input_schema(states, writer))?;
        let mut tool = rmcp::model::Tool::new_with_raw(about.name, description, input_schema);
        tool.title = about.title.map(Into::into);
        tool.annotations = about.hints.annotations();
        // The first reply to a background call is no result, so it has no output schema to keep.
        tool.output_schema = match about.kind {
            Kind::Plain | Kind::Control => (self.output_schema)(schemas).map(Into::into),
            Kind::Background => None,
        };
        Ok(tool)
    }

    fn input_schema(&self, states: &States, mut writer: Writer) -> Result<JsonObject> {
        let tool = self.about.name;
        let mut properties = Vec::new();
        let mut required = Vec::new();
        for parameter in &self.parameters {
            let argument = parameter.name;
            let refuse = |problem: &str| {
                Err(Error::Argument { tool, argument, problem: problem.to_owned() })
            };
            if !parameter.is_argument && parameter.is_spoken_of() {
                return refuse("`#[arg(..)]` is about the arguments of the call, and this is none");
            }
            match (parameter.source)(&mut writer.generator) {
                Source::Argument { schema, optional } => {
                    if properties.iter().any(|(earlier, _)| *earlier == argument) {
                        return refuse("another one has the same name in JSON");
                    }
                    let property = parameter
                        .property(schema, optional, &writer)
                        .map_err(|problem| Error::Argument { tool, argument, problem })?;
                    properties.push((argument, property.schema));
                    if property.required {
                        required.push(argument);
                    }
                }
                Source::Sender => match self.about.kind {
                    Kind::Background => {}
                    Kind::Plain | Kind::Control => return Err(Error::SenderInPlainTool { tool }),
                },
                Source::State(state) if states.has(state) => {}
                Source::State(state) => {
                    let in_arc = states.has_in_arc(state);
                    return Err(Error::MissingState { tool, state: state.name, in_arc });
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

/// Whether a host added arguments of its own to those that a model wrote.
fn has_host_arguments(arguments: &JsonObject) -> bool {
    arguments.len() >= HOST_ARGUMENTS.len()
        && HOST_ARGUMENTS.iter().all(|name| arguments.contains_key(*name))
}

impl Hints {
    fn annotations(self) -> Option<ToolAnnotations> {
        let Self { read_only, destructive, idempotent, open_world } = self;
        [read_only, destructive, idempotent, open_world].iter().any(Option::is_some).then(|| {
            ToolAnnotations::from_raw(None, read_only, destructive, idempotent, open_world)
        })
    }
}

/// The body of a tool that cannot fail.
#[doc(hidden)]
pub fn body<T: 'static>(
    run: impl Future<Output = T> + Send + 'static,
    returns: Returns<T>,
) -> Body {
    // An async block would hold `run` twice, before and after it is first polled.
    Box::pin(run.map(move |value| returns.success(value)))
}

/// The body of a tool that may fail.
#[doc(hidden)]
pub fn fallible_body<R: Fallible>(
    run: impl Future<Output = R> + Send + 'static,
    returns: Returns<R::Success>,
    fails: Fails<R::Failure>,
) -> Body
where
    R::Success: 'static,
    R::Failure: 'static,
{
    Box::pin(run.map(move |result| fails.outcome(returns, result.into_result())))
}

/// The tools of a `tools![..]` list, for `Server::tools`.
#[derive(Debug)]
pub struct Tools(pub(crate) Vec<Definition>);

impl Tools {
    /// The list that `tools![..]` wrote down.
    #[doc(hidden)]
    #[must_use]
    pub fn new(listed: &[Listed]) -> Self {
        Self(listed.iter().map(|tool| (tool.definition)()).collect())
    }
}

/// One name in `tools![..]`.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct Listed {
    name: &'static str,
    definition: fn() -> Definition,
    /// Where it stands in the list.
    index: usize,
}

impl Listed {
    /// The same, at its index in a list.
    #[must_use]
    pub const fn at(self, index: usize) -> Self {
        Self { index, ..self }
    }
}

/// What `tools![..]` lists.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct List(pub &'static [Listed]);

impl List {
    /// Fails to compile if the tool at a index has the name of one before it.
    ///
    /// A tool with mistakes has the empty name; they are reported, and it is no duplicate of another.
    ///
    /// # Panics
    ///
    /// While the user's crate is compiled, with `message`.
    #[track_caller]
    pub const fn assert_first(self, index: usize, message: &str) {
        let name = self.name_at(index).as_bytes();
        let mut rest = self.0;
        while let [tool, others @ ..] = rest {
            let is_same = !name.is_empty() && equal(tool.name.as_bytes(), name);
            assert!(!is_same || tool.index >= index, "{}", message);
            rest = others;
        }
    }

    const fn name_at(self, index: usize) -> &'static str {
        let mut rest = self.0;
        while let [tool, others @ ..] = rest {
            if tool.index == index {
                return tool.name;
            }
            rest = others;
        }
        ""
    }
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
