//! A tool that is made at run time, of a schema and a closure.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::{Icon, JsonObject};
use serde_json::Value;

use super::definition::Prepare;
use super::listing::Said;
use super::{About, AnyTool, Definition, Hints, Kind, ToolTimes, fallible_body};
use crate::argument::read_by_schema;
use crate::names::HOST_ARGUMENTS;
use crate::output::{Body, Fails, Failure, Output, Returns};
use crate::parameter::{Call, InputSchema, Inputs};
use crate::question::Instructions;
use crate::schema::Given;
use crate::task::{Receiver, Sender};

/// A tool that is made at run time: of a name, the JSON schema of its arguments, and a closure.
///
/// It is for tools that are not known when the program is compiled, such as those of a configuration or of another
/// server. The closure is called once for each call, and what it returns may be anything that a tool may return; its error
/// is shown as it displays itself. The schema is JSON in a `&str` or a `String`, a `serde_json::Value`, a map, an `Arc` of
/// one, or a `schemars::Schema`. A client sees it as it was written, and the arguments are checked by it: a call is refused
/// with everything that is wrong with it, as for any other tool.
///
/// A closure returns a `Result`. Where rustc finds no type of its error, as in one that never fails or uses `?`, it is
/// written: `Ok::<_, String>(value)`. One that is kept in a variable first writes the types of its parameters, too:
/// `|arguments: JsonObject, call: Call| async move { .. }`.
///
/// The [guide](https://docs.rs/mcpc/latest/mcpc/guide/servers/index.html#tools-made-at-run-time) has an example.
#[derive(Clone, Debug)]
pub struct DynamicTool(Definition);

impl DynamicTool {
    /// A tool whose call is answered when the closure's future ends.
    #[must_use]
    #[track_caller]
    pub fn plain<T, E, R>(
        name: impl Into<String>,
        input_schema: impl InputSchema,
        run: impl Fn(JsonObject, Call) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: Output,
        E: Failure + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (returns, fails) = (T::returns(), Fails::displayed());
        let body = move |arguments, inputs: &mut Inputs<'_>| {
            let call = inputs.make_call(None)?;
            Some(fallible_body(run(arguments, call), returns, fails))
        };
        Self::new::<T>(about(Kind::Plain, name.into()), input_schema.read(), Box::new(body))
    }

    /// A tool whose call starts a task, which ends with the closure's future.
    #[must_use]
    #[track_caller]
    pub fn background<T, E, R>(
        name: impl Into<String>,
        input_schema: impl InputSchema,
        run: impl Fn(JsonObject, Call, Sender) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: Output,
        E: Failure + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (returns, fails) = (T::returns(), Fails::displayed());
        let body = move |arguments, inputs: &mut Inputs<'_>| {
            let (call, sender) = (inputs.make_call(inputs.sender)?, inputs.sender.cloned()?);
            Some(fallible_body(run(arguments, call, sender), returns, fails))
        };
        Self::new::<T>(about(Kind::Background, name.into()), input_schema.read(), Box::new(body))
    }

    /// A tool whose call starts a task that can be told something while it runs.
    ///
    /// What it can be told is said by a schema of its own, of any value; the tool `message_task` tells it to models. The
    /// closure hears it by its [`Receiver`], each as the JSON that fits the schema.
    #[must_use]
    #[track_caller]
    pub fn told<T, E, R>(
        name: impl Into<String>,
        input_schema: impl InputSchema,
        instruction_schema: impl InputSchema,
        run: impl Fn(JsonObject, Call, Sender, Receiver<Value>) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: Output,
        E: Failure + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (returns, fails) = (T::returns(), Fails::displayed());
        let instructions = instruction_schema.read().and_then(Instructions::by_schema);
        let read = instructions.as_ref().ok().and_then(Instructions::reader).map(Arc::new);
        let body = move |arguments, inputs: &mut Inputs<'_>| {
            let (call, sender) = (inputs.make_call(inputs.sender)?, inputs.sender.cloned()?);
            let read = Arc::clone(read.as_ref()?);
            let told = Receiver::reading(&sender, move |value| read(value));
            Some(fallible_body(run(arguments, call, sender, told), returns, fails))
        };
        let about = about(Kind::Background, name.into());
        let mut tool = Self::new::<T>(about, input_schema.read(), Box::new(body));
        tool.0.rewrite(|written| written.instructions = Some(instructions));
        tool
    }

    fn new<T: Output>(about: About, input: Result<Value, String>, body: Box<Start>) -> Self {
        let written = Written {
            input: Arc::new(input.and_then(Given::new)),
            output: None,
            instructions: None,
            may_be_structured: T::may_be_structured,
        };
        let run = prepare(written.clone(), body);
        Self(Definition::written(about, written, T::returns(), run))
    }

    /// What it does, for a model.
    #[must_use]
    pub fn description(mut self, description: impl Into<Cow<'static, str>>) -> Self {
        self.0.about.description = description.into();
        self
    }

    /// A name for people.
    #[must_use]
    pub fn title(mut self, title: impl Into<Cow<'static, str>>) -> Self {
        self.0.about.title = Some(title.into());
        self
    }

    /// Whether it changes nothing.
    #[must_use]
    pub fn read_only(mut self, read_only: bool) -> Self {
        self.0.about.hints.read_only = Some(read_only);
        self
    }

    /// Whether it may destroy something.
    #[must_use]
    pub fn destructive(mut self, destructive: bool) -> Self {
        self.0.about.hints.destructive = Some(destructive);
        self
    }

    /// Whether a second call with the same arguments changes nothing more.
    #[must_use]
    pub fn idempotent(mut self, idempotent: bool) -> Self {
        self.0.about.hints.idempotent = Some(idempotent);
        self
    }

    /// Whether it deals with things outside its own world.
    #[must_use]
    pub fn open_world(mut self, open_world: bool) -> Self {
        self.0.about.hints.open_world = Some(open_world);
        self
    }

    /// How long a call may take before it is dropped and fails; of a background tool, how long a task may run before it is
    /// asked to stop.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.0.about.times.timeout = Some(timeout);
        self
    }

    /// How long the call of a background tool waits for its result, if not for
    /// [`Server::patience`](crate::server::Server::patience).
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.0.about.times.patience = Some(patience);
        self
    }

    /// How long a task of a background tool can be asked about after its end, if not for
    /// [`Server::retention`](crate::server::Server::retention).
    #[must_use]
    pub fn retention(mut self, retention: Duration) -> Self {
        self.0.about.times.retention = Some(retention);
        self
    }

    /// Its icons, of which a client picks one.
    #[must_use]
    pub fn icons(mut self, icons: impl IntoIterator<Item = Icon>) -> Self {
        self.0.listing().icons = Some(Said::AtRunTime(icons.into_iter().collect()));
        self
    }

    /// What else a client may know of it: MCP's `_meta`.
    #[must_use]
    pub fn meta(mut self, meta: impl Into<JsonObject>) -> Self {
        self.0.listing().meta = Some(Said::AtRunTime(Ok(meta.into())));
        self
    }

    /// The JSON schema of what it returns, if that says more than the type does. A plain tool lists it.
    ///
    /// Structured content is an object; what is returned and is not one is the `result` of one: `5` is `{"result": 5}`. A
    /// type that is never structured, as a `String`, is an error when the server is built. A `CallToolResult` is passed on
    /// as it is. What is returned is not checked by the schema.
    #[must_use]
    pub fn output_schema(mut self, schema: impl InputSchema) -> Self {
        let output = schema.read().and_then(Given::new).map(|given| given.listed);
        self.0.rewrite(|written| written.output = Some(output));
        self
    }
}

impl From<DynamicTool> for AnyTool {
    fn from(DynamicTool(definition): DynamicTool) -> Self {
        Self(definition)
    }
}

/// A tool of ours whose arguments are those of a server: a client sees one schema of them, and they are checked by
/// another, which takes more.
pub(crate) fn control(
    about: About,
    given: Given,
    body: impl Fn(JsonObject, &mut Inputs<'_>) -> Option<Body> + Send + Sync + 'static,
) -> Definition {
    let input = Arc::new(Ok(given));
    let written = Written { input, output: None, instructions: None, may_be_structured: || false };
    let run = prepare(written.clone(), Box::new(body));
    Definition::written(about, written, Returns::reply(), run)
}

/// What takes the arguments out of the inputs and makes the body of a call.
fn prepare(Written { input, .. }: Written, body: Box<Start>) -> Box<Prepare> {
    Box::new(move |inputs| {
        let given = input.as_ref().as_ref().ok()?;
        let arguments = arguments(inputs, given)?;
        body(arguments, inputs)
    })
}

/// Makes the body of a call, given its arguments.
type Start = dyn Fn(JsonObject, &mut Inputs<'_>) -> Option<Body> + Send + Sync;

/// What was written of a tool, and not made of types.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) input: Arc<Result<Given, String>>,
    output: Option<Result<JsonObject, String>>,
    /// What its tasks can be told.
    pub(super) instructions: Option<Result<Instructions, String>>,
    may_be_structured: fn() -> bool,
}

impl Written {
    /// What is wrong with what was said of a tool.
    pub(super) fn problem(&self, about: &About) -> Option<String> {
        let ToolTimes { patience, timeout, retention } = about.times;
        let is_plain = about.kind == Kind::Plain;
        let of_tasks = [("patience", patience), ("retention", retention)];
        if let Some((name, _)) = of_tasks.iter().find(|(_, time)| is_plain && time.is_some()) {
            return Some(format!("`{name}` is for background tools"));
        }
        let zero = [("timeout", timeout), ("retention", retention)];
        let (name, _) = zero.iter().find(|(_, time)| *time == Some(Duration::ZERO))?;
        Some(format!("`{name}` must not be zero"))
    }

    /// Whether the schema of the arguments lists one of this name.
    pub(super) fn takes(&self, argument: &str) -> bool {
        (*self.input).as_ref().is_ok_and(|given| given.lists(argument))
    }

    /// The schema of what is returned, if it was written.
    pub(super) fn output_schema(&self) -> Result<Option<JsonObject>, String> {
        let output = self.output.clone().transpose()?;
        if output.is_some() && !(self.may_be_structured)() {
            return Err(
                "the tool returns what is never structured content; expected an object".to_owned()
            );
        }
        Ok(output)
    }
}

/// The arguments of a call, checked by the schema, or `None` if problems were noted.
fn arguments(inputs: &mut Inputs<'_>, given: &Given) -> Option<JsonObject> {
    let mut arguments = inputs.all_arguments();
    if inputs.has_host {
        arguments.retain(|name, _| given.lists(name) || !HOST_ARGUMENTS.contains(&name.as_str()));
    }
    let read = read_by_schema(&given.checked, arguments, inputs.large_of_all(), inputs.reading);
    read.map_err(|problems| inputs.problems.extend(problems)).ok()
}

#[track_caller]
fn about(kind: Kind, name: String) -> About {
    About {
        kind,
        name: name.into(),
        title: None,
        description: Cow::Borrowed(""),
        hints: Hints::default(),
        times: ToolTimes::default(),
        location: {
            let caller = Location::caller();
            format!("{}:{}", caller.file(), caller.line()).into()
        },
    }
}
