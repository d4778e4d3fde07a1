//! Code around every call of a tool.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use rmcp::model::JsonObject;

pub use crate::output::{Failed, Success};

use crate::output::{Body, Outcome};
use crate::parameter::Call;
use crate::tool::{Definition, Hints, Kind};

/// A call on its way to its tool, for [`Server::around`](crate::server::Server::around).
///
/// It dereferences to the [`Call`], which says who calls.
pub struct ToolCall {
    tool: Arc<Definition>,
    arguments: JsonObject,
    call: Call,
}

impl fmt::Debug for ToolCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ToolCall").field("name", &self.name()).finish_non_exhaustive()
    }
}

impl Deref for ToolCall {
    type Target = Call;

    fn deref(&self) -> &Call {
        &self.call
    }
}

impl ToolCall {
    pub(crate) fn new(tool: Arc<Definition>, arguments: JsonObject, call: Call) -> Self {
        Self { tool, arguments, call }
    }

    /// The name of the tool.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.tool.about.name
    }

    /// Whether the call starts a task.
    #[must_use]
    pub fn is_background(&self) -> bool {
        self.tool.about.kind == Kind::Background
    }

    /// The name of the tool for people, if it has one.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.tool.about.title.as_deref()
    }

    /// Whether the tool says that it changes nothing.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.hint(|hints| hints.read_only) == Some(true)
    }

    /// Whether the tool says that it may destroy something, or that it does not.
    #[must_use]
    pub fn is_destructive(&self) -> Option<bool> {
        self.hint(|hints| hints.destructive)
    }

    /// Whether the tool says that a second call with the same arguments changes nothing more, or that it does.
    #[must_use]
    pub fn is_idempotent(&self) -> Option<bool> {
        self.hint(|hints| hints.idempotent)
    }

    /// Whether the tool says that it deals with things outside its own world, or that it does not.
    #[must_use]
    pub fn is_open_world(&self) -> Option<bool> {
        self.hint(|hints| hints.open_world)
    }

    fn hint(&self, hint: fn(&Hints) -> Option<bool>) -> Option<bool> {
        hint(&self.tool.about.hints)
    }

    /// The arguments as the client wrote them, without MCPC's metadata. They are read by the tool, and may be anything.
    #[must_use]
    pub fn arguments(&self) -> &JsonObject {
        &self.arguments
    }

    /// The arguments, to be changed before the tool reads them.
    pub fn arguments_mut(&mut self) -> &mut JsonObject {
        &mut self.arguments
    }

    pub(crate) fn into_arguments(self) -> JsonObject {
        self.arguments
    }
}

/// What is around every call of a server, the outermost first.
pub(crate) type Layers = Arc<[Layer]>;

/// One thing around every call.
pub(crate) type Layer = Box<dyn Fn(ToolCall, Next) -> Body + Send + Sync>;

/// The rest of a call's way: what else is around it, and its tool.
pub struct Next {
    layers: Layers,
    at: usize,
    tool: Box<dyn FnOnce(ToolCall) -> Body + Send>,
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Next").finish_non_exhaustive()
    }
}

impl Next {
    pub(crate) fn new(
        layers: Layers,
        tool: impl FnOnce(ToolCall) -> Body + Send + 'static,
    ) -> Self {
        Self { layers, at: 0, tool: Box::new(tool) }
    }

    /// Goes on with a call, to the end of its tool. Dropped before, the tool is dropped.
    ///
    /// # Errors
    ///
    /// What the tool failed with: its error, what is wrong with the arguments, or that it
    /// [panicked](Failed::is_panic).
    pub async fn run(mut self, call: ToolCall) -> Outcome {
        let layers = Arc::clone(&self.layers);
        match layers.get(self.at) {
            Some(layer) => {
                self.at += 1;
                layer(call, self).await
            }
            None => (self.tool)(call).await,
        }
    }
}
