//! A tool as its attribute and its signature describe it; only what is valid can be written down.

use proc_macro2::{Ident, Span};
use syn::{Expr, Type};

/// Which attribute made the tool.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plain,
    Background,
}

impl Kind {
    /// The attribute, as users write it.
    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Plain => "`#[mcpc::tool]`",
            Self::Background => "`#[mcpc::background]`",
        }
    }
}

pub(crate) struct Tool {
    pub(crate) kind: Kind,
    /// The function's name.
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) description: String,
    pub(crate) hints: Hints,
    pub(crate) parameters: Vec<Parameter>,
    pub(crate) returns: Returns,
}

/// MCP's tool annotations.
#[derive(Default)]
pub(crate) struct Hints {
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

pub(crate) struct Parameter {
    pub(crate) ty: Type,
    /// The JSON key.
    pub(crate) key: String,
    pub(crate) description: String,
    pub(crate) default: Option<Default>,
    pub(crate) range: Option<Range>,
}

/// The value of an argument that was left out.
pub(crate) enum Default {
    /// What the type says; the span is that of the key.
    OfType(Span),
    Value(Expr),
}

/// The two ends of a range.
pub(crate) struct Range {
    pub(crate) low: Option<Expr>,
    pub(crate) high: Option<Expr>,
    pub(crate) exclusive: bool,
}

pub(crate) enum Returns {
    Unit,
    Value(Type),
    /// Something called `Result`, and what of it can be read off the signature.
    Result {
        whole: Type,
        success: Option<Type>,
        failure: Option<Type>,
    },
}
