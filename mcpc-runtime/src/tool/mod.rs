//! A tool without its types: what the attributes hand to the runtime.

mod any;
mod definition;
mod dynamic;
mod list;
mod listing;

pub use any::AnyTool;
pub use definition::Definition;
pub use dynamic::DynamicTool;
pub(crate) use dynamic::control;
pub use list::{IntoTools, List, Listed, Tools};
pub(crate) use listing::{ICON_ADDRESS, is_icon_address};
pub use listing::{IntoIcons, IntoMeta, text};

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use rmcp::model::ToolAnnotations;

use crate::output::{Body, Fails, Fallible, Returns};

/// A function that `#[mcpc::tool]` or `#[mcpc::background]` turned into a tool.
///
/// This trait is sealed: only the attributes implement it, on an empty type of the function's name, so that
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
    const LISTED: Listed = Listed::new(Self::NAME, Self::definition);
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
#[derive(Clone, Debug)]
#[doc(hidden)]
pub struct About {
    /// Whether it is a plain or a background tool.
    pub kind: Kind,
    /// Its name.
    pub name: Arc<str>,
    /// A name for people.
    pub title: Option<Cow<'static, str>>,
    /// What it does.
    pub description: Cow<'static, str>,
    /// The hints of MCP's tool annotations.
    pub hints: Hints,
    /// What a task of it may take.
    pub times: ToolTimes,
    /// The file and line of its declaration.
    pub location: Cow<'static, str>,
}

/// How long things about a call or a task take, as its attribute gave it.
#[derive(Clone, Copy, Debug, Default)]
#[doc(hidden)]
pub struct ToolTimes {
    /// From the call to an answer, if that is not the result.
    pub patience: Option<Duration>,
    /// From its start until it is asked to stop; of a plain tool, until it is dropped.
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
