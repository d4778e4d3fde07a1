//! What `tools![..]` lists.

use super::Definition;

/// The tools of a `tools![..]` list, for [`Server::tools`](crate::server::Server::tools).
///
/// A function can return a list, such as that of a module; several lists go to a server one after the other. Two tools of
/// one name in different lists are [`Error::DuplicateTool`](crate::error::Error::DuplicateTool) when the server is built.
///
#[doc = include_str!("../../docs/tools.md")]
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
    pub(super) const fn new(name: &'static str, definition: fn() -> Definition) -> Self {
        Self { name, definition, index: 0 }
    }

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
    /// Fails to compile if the tool at an index has the name of one before it.
    ///
    /// A tool with mistakes has the empty name; they are reported, and it is not a duplicate of another.
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
