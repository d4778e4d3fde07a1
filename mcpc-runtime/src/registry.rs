//! The tools of a server, by name.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::logging::event;
use crate::parameter::States;
use crate::phrases::{did_you_mean, shown};
use crate::schema::Schemas;
use crate::tool::{Definition, Kind};

/// A tool that can be called.
#[derive(Debug)]
pub(crate) struct Registry {
    tools: Vec<Definition>,
    by_name: HashMap<Arc<str>, usize>,
    /// What `tools/list` answers, written once.
    listed: Vec<rmcp::model::Tool>,
    has_tasks: bool,
}

impl Registry {
    /// Checks that the tools go together and that `states` has what they take.
    pub(crate) fn new(tools: Vec<Definition>, states: &States, schemas: Schemas) -> Result<Self> {
        if let Some(state) = states.given_twice() {
            return Err(Error::DuplicateState { state });
        }
        let mut by_name = HashMap::with_capacity(tools.len());
        for (index, tool) in tools.iter().enumerate() {
            if let Some(earlier) = by_name.insert(Arc::clone(&tool.about.name), index) {
                let first: &Definition = &tools[earlier];
                return Err(Error::DuplicateTool {
                    name: tool.about.name.to_string(),
                    first: first.about.location.to_string(),
                    second: tool.about.location.to_string(),
                });
            }
        }
        let listed = tools.iter().map(|tool| tool.list(states, schemas)).collect::<Result<_>>()?;
        let has_tasks = tools.iter().any(|tool| tool.about.kind == Kind::Background);
        Ok(Self { tools, by_name, listed, has_tasks })
    }

    /// Logs what a model will miss in a server, which may also have a handler.
    pub(crate) fn warn(&self, server: &str, has_handler: bool) {
        if self.tools.is_empty() && !has_handler {
            event!(warn, server, "the server has no tools: give it some with `Server::tools`");
        }
        for Definition { about, .. } in &self.tools {
            if about.kind == Kind::Background && about.description.is_empty() {
                event!(
                    warn,
                    tool = &*about.name,
                    place = &*about.location,
                    "a background tool has no description: a model cannot tell what it starts"
                );
            }
        }
    }

    /// The tool called `name`, if there is one.
    pub(crate) fn find(&self, name: &str) -> Option<&Definition> {
        self.by_name.get(name).map(|&index| &self.tools[index])
    }

    /// The tool called `name`.
    ///
    /// # Errors
    ///
    /// A sentence for the client if there is none, with the nearest name there is.
    pub(crate) fn get(&self, name: &str) -> Result<&Definition, String> {
        self.find(name).ok_or_else(|| {
            let known = self.tools.iter().map(|tool| &*tool.about.name);
            format!("unknown tool `{}`{}", shown(name), did_you_mean(name, known))
        })
    }

    /// Every tool, as a client sees it, in the order of registration.
    pub(crate) fn list(&self) -> &[rmcp::model::Tool] {
        &self.listed
    }

    /// Whether a tool has a schema of what it returns.
    pub(crate) fn has_output_schema(&self, name: &str) -> bool {
        let index = self.by_name.get(name);
        index.is_some_and(|&index| self.listed[index].output_schema.is_some())
    }

    /// Whether any tool runs as a task.
    pub(crate) fn has_tasks(&self) -> bool {
        self.has_tasks
    }
}
