//! A tool that is made at run time, of a schema and a closure.

use std::borrow::Cow;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use rmcp::model::JsonObject;
use serde_json::Value;

use super::{About, AnyTool, Definition, Hints, Kind, ToolTimes, fallible_body};
use crate::argument::read_by_schema;
use crate::error::{Error, Result};
use crate::names::HOST_ARGUMENTS;
use crate::output::{Body, Fails, Failure, Output};
use crate::parameter::{Call, Inputs};
use crate::task::Sender;

/// A tool that is made at run time: of a name, the JSON schema of its arguments, and a closure.
///
/// It is for tools that are not known when the program is compiled, such as those of a configuration or of another
/// server. The closure is called once for each call, and what it returns may be anything that a tool may return; its error
/// is shown as it displays itself. A client sees the input schema as it was written, and the arguments are checked by it:
/// a call is refused with everything that is wrong with it, as for any other tool. What the schema says in words that
/// [this crate's own schemas](crate::schema::Schemas) do not use, such as `if` or `not`, is not checked.
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
        input_schema: impl Into<Value>,
        run: impl Fn(JsonObject, Call) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: Output,
        E: Failure + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (returns, fails) = (T::returns(), Fails::displayed());
        let body = move |arguments, inputs: &mut Inputs<'_>| {
            let call = inputs.call.to_call();
            Some(fallible_body(run(arguments, call), returns, fails))
        };
        let about = about(Kind::Plain, name.into());
        Self::new(about, input_schema.into(), T::schema, Box::new(body))
    }

    /// A tool whose call starts a task, which ends with the closure's future.
    #[must_use]
    #[track_caller]
    pub fn background<T, E, R>(
        name: impl Into<String>,
        input_schema: impl Into<Value>,
        run: impl Fn(JsonObject, Call, Sender) -> R + Send + Sync + 'static,
    ) -> Self
    where
        T: Output,
        E: Failure + 'static,
        R: Future<Output = Result<T, E>> + Send + 'static,
    {
        let (returns, fails) = (T::returns(), Fails::displayed());
        let body = move |arguments, inputs: &mut Inputs<'_>| {
            let (call, sender) = (inputs.call.to_call(), inputs.sender.cloned()?);
            Some(fallible_body(run(arguments, call, sender), returns, fails))
        };
        let about = about(Kind::Background, name.into());
        Self::new(about, input_schema.into(), T::schema, Box::new(body))
    }

    fn new(
        about: About,
        input: Value,
        output_schema: fn(crate::schema::Schemas) -> Option<JsonObject>,
        body: Box<Start>,
    ) -> Self {
        let input = Arc::new(input);
        let schema = Arc::clone(&input);
        let prepare = move |inputs: &mut Inputs<'_>| {
            let arguments = arguments(inputs, schema.as_object()?)?;
            body(arguments, inputs)
        };
        Self(Definition::written(about, Written { input, output: None }, output_schema, prepare))
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

    /// The JSON schema of what it returns, if that says more than the type does. A plain tool lists it.
    #[must_use]
    pub fn output_schema(mut self, schema: impl Into<Value>) -> Self {
        self.0.set_output_schema(schema.into());
        self
    }
}

impl From<DynamicTool> for AnyTool {
    fn from(DynamicTool(definition): DynamicTool) -> Self {
        Self(definition)
    }
}

/// Makes the body of a call, given its arguments.
type Start = dyn Fn(JsonObject, &mut Inputs<'_>) -> Option<Body> + Send + Sync;

/// Schemas that were written, and not made of types.
#[derive(Clone, Debug)]
pub(super) struct Written {
    pub(super) input: Arc<Value>,
    pub(super) output: Option<Arc<Value>>,
}

impl Written {
    /// The schema of the arguments, as it is listed.
    pub(super) fn input_schema(&self, tool: &str) -> Result<JsonObject> {
        object(tool, "input", &self.input)
    }

    /// Whether the schema of the arguments lists one of this name.
    pub(super) fn takes(&self, argument: &str) -> bool {
        self.input.get("properties").is_some_and(|it| it.get(argument).is_some())
    }

    /// The schema of what is returned, if it was written.
    pub(super) fn output_schema(&self, tool: &str) -> Result<Option<JsonObject>> {
        self.output.as_ref().map(|output| object(tool, "output", output)).transpose()
    }
}

/// A schema of objects, which is all that MCP knows.
fn object(tool: &str, which: &'static str, schema: &Value) -> Result<JsonObject> {
    let refuse = |found: String| {
        let expected = r#"expected an object with `"type": "object"`"#;
        let problem = format!("{found}; {expected}");
        Err(Error::Schema { tool: tool.to_owned(), which, problem })
    };
    let Value::Object(schema) = schema else { return refuse(format!("`{schema}` is not one")) };
    let mut schema = schema.clone();
    match schema.get("type") {
        Some(Value::String(name)) if name == "object" => {}
        Some(other) => return refuse(format!("its `type` is `{other}`")),
        None => {
            schema.insert("type".to_owned(), "object".into());
        }
    }
    match schema.get("properties") {
        None | Some(Value::Object(_)) => Ok(schema),
        Some(other) => refuse(format!("its `properties` are `{other}`")),
    }
}

/// The arguments of a call, checked by the schema, or `None` if problems were noted.
fn arguments(inputs: &mut Inputs<'_>, schema: &JsonObject) -> Option<JsonObject> {
    let mut arguments = std::mem::take(&mut inputs.arguments);
    let reading = inputs.reading;
    let is_known = |name: &str| schema.get("properties").is_some_and(|it| it.get(name).is_some());
    let takes_others = schema.get("additionalProperties") != Some(&Value::Bool(false));
    if reading.ignores_unknown && !takes_others {
        arguments.retain(|name, _| is_known(name));
    } else if !reading.exact && super::definition::has_host_arguments(&arguments) {
        arguments.retain(|name, _| is_known(name) || !HOST_ARGUMENTS.contains(&name.as_str()));
    }
    let read = read_by_schema(schema, arguments, reading);
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
