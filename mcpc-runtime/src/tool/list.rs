//! What `tools![..]` lists.

use std::ops::{Add, AddAssign};

use super::{AnyTool, Definition, DynamicTool};

/// Tools, for [`Server::tools`](crate::server::Server::tools): those of a `tools![..]` list, or any others.
///
/// A function can return a list, such as that of a module; several lists go to a server one after the other. Two tools of
/// one name in different lists are [`Error::DuplicateTool`](crate::error::Error::DuplicateTool) when the server is built.
///
#[doc = include_str!("../../docs/tools.md")]
#[derive(Clone, Debug, Default)]
pub struct Tools(pub(crate) Vec<AnyTool>);

impl Tools {
    /// The list that `tools![..]` wrote down.
    #[doc(hidden)]
    #[must_use]
    pub fn new(listed: &[Listed]) -> Self {
        Self(listed.iter().map(|tool| AnyTool((tool.definition)())).collect())
    }

    /// Adds one tool to the end.
    pub fn push(&mut self, tool: impl Into<AnyTool>) {
        self.0.push(tool.into());
    }

    /// Each of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, AnyTool> {
        self.0.iter()
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that `keep` says yes to.
    #[must_use]
    pub fn filter(mut self, keep: impl FnMut(&AnyTool) -> bool) -> Self {
        self.0.retain(keep);
        self
    }

    /// The same tools, each with `prefix` before its name.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        for AnyTool(Definition { about, .. }) in &mut self.0 {
            about.name = format!("{prefix}{}", about.name).into();
        }
        self
    }
}

impl<T: Into<AnyTool>> From<T> for Tools {
    fn from(tool: T) -> Self {
        Self(vec![tool.into()])
    }
}

impl<T: Into<AnyTool>> FromIterator<T> for Tools {
    fn from_iter<I: IntoIterator<Item = T>>(tools: I) -> Self {
        Self(tools.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<AnyTool>> Extend<T> for Tools {
    fn extend<I: IntoIterator<Item = T>>(&mut self, tools: I) {
        self.0.extend(tools.into_iter().map(Into::into));
    }
}

impl<T: IntoTools> Add<T> for Tools {
    type Output = Self;

    /// The tools of both, in this order.
    fn add(mut self, others: T) -> Self {
        self += others;
        self
    }
}

impl<T: IntoTools> AddAssign<T> for Tools {
    /// Adds the others to the end.
    fn add_assign(&mut self, others: T) {
        self.0.append(&mut others.into_tools().0);
    }
}

impl IntoIterator for Tools {
    type Item = AnyTool;
    type IntoIter = std::vec::IntoIter<AnyTool>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Tools {
    type Item = &'a AnyTool;
    type IntoIter = std::slice::Iter<'a, AnyTool>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

mod sealed {
    use super::{AnyTool, DynamicTool, Tools};

    pub trait Sealed {}

    impl Sealed for Tools {}
    impl Sealed for AnyTool {}
    impl Sealed for DynamicTool {}
    impl<T> Sealed for Vec<T> {}
    impl<T, const N: usize> Sealed for [T; N] {}
}

/// What is a tool, or several: [`Tools`], a [`DynamicTool`], an [`AnyTool`], and a `Vec` or an array of either.
///
/// This trait is sealed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of tools",
    label = "not a list of tools",
    note = "functions are listed by their names: `tools![add]`",
    note = "tools that are made at run time go alone, in a `Vec` or an array, or beside a list: `tools![add] + tool`"
)]
pub trait IntoTools: sealed::Sealed {
    /// The list.
    #[doc(hidden)]
    fn into_tools(self) -> Tools;
}

#[diagnostic::do_not_recommend]
impl IntoTools for Tools {
    fn into_tools(self) -> Tools {
        self
    }
}

#[diagnostic::do_not_recommend]
impl IntoTools for AnyTool {
    fn into_tools(self) -> Tools {
        self.into()
    }
}

#[diagnostic::do_not_recommend]
impl IntoTools for DynamicTool {
    fn into_tools(self) -> Tools {
        self.into()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<AnyTool>> IntoTools for Vec<T> {
    fn into_tools(self) -> Tools {
        self.into_iter().collect()
    }
}

#[diagnostic::do_not_recommend]
impl<T: Into<AnyTool>, const N: usize> IntoTools for [T; N] {
    fn into_tools(self) -> Tools {
        self.into_iter().collect()
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
