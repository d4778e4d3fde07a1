//! A tool as a value.

use std::sync::Arc;

use super::{Definition, Kind};

/// A tool as a value: one of a list, such as [`Tools`](super::Tools), or one that was
/// [made at run time](super::DynamicTool).
///
/// It says what the tool says of itself, and can have another name.
#[derive(Clone, Debug)]
pub struct AnyTool(pub(crate) Definition);

impl AnyTool {
    /// The name by which clients call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.about.name
    }

    /// A name for people, if it has one.
    #[must_use]
    pub fn title(&self) -> Option<&str> {
        self.0.about.title.as_deref()
    }

    /// What it does; empty if nothing is said.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.0.about.description
    }

    /// Whether a call of it starts a task.
    #[must_use]
    pub fn is_background(&self) -> bool {
        self.0.about.kind == Kind::Background
    }

    /// Whether it says that it changes nothing.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.0.about.hints.read_only == Some(true)
    }

    /// The same tool under another name.
    #[must_use]
    pub fn renamed(mut self, name: impl Into<Arc<str>>) -> Self {
        self.0.about.name = name.into();
        self
    }
}
