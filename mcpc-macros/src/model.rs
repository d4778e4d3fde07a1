//! A tool as its attribute and its signature describe it; only what is valid can be written down.

use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::{
    Attribute, Error, Expr, ExprLit, ExprRange, ExprUnary, Lit, LitStr, RangeLimits, Type, UnOp,
};

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
    pub(crate) title: Option<Text>,
    /// One of which applies.
    pub(crate) descriptions: Vec<Description>,
    pub(crate) hints: Hints,
    pub(crate) times: ToolTimes,
    /// Its `_meta`.
    pub(crate) meta: Option<Expr>,
    pub(crate) icons: Option<Expr>,
    /// The schema that is listed in place of one that is made of the parameters.
    pub(crate) input_schema: Option<Expr>,
    /// What is asked about the arguments of a task before it starts.
    pub(crate) check: Option<Expr>,
    /// Whether a client has to take tasks, if its protocol has them.
    pub(crate) required: bool,
    /// Whether equal calls share a task.
    pub(crate) join: bool,
    pub(crate) parameters: Vec<Variant>,
    pub(crate) returns: Returns,
}

/// What a tool does.
pub(crate) struct Description {
    /// When it is this.
    pub(crate) cfgs: Vec<Attribute>,
    pub(crate) text: Text,
}

/// Something to be read by people and models.
pub(crate) enum Text {
    Written(String),
    /// What only rustc can evaluate: a constant, or a macro. The text says what must not be empty.
    Constant {
        value: Box<Expr>,
        span: Span,
        what: &'static str,
    },
}

/// MCP's tool annotations.
#[derive(Default)]
pub(crate) struct Hints {
    pub(crate) read_only: Option<bool>,
    pub(crate) destructive: Option<bool>,
    pub(crate) idempotent: Option<bool>,
    pub(crate) open_world: Option<bool>,
}

/// How long things about a task take.
#[derive(Default)]
pub(crate) struct ToolTimes {
    pub(crate) patience: Option<Duration>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) retention: Option<Duration>,
}

/// A parameter, or what it is in one of the cases that its `#[cfg_attr(..)]`s make.
pub(crate) struct Variant {
    /// When it is there at all.
    pub(crate) cfgs: Vec<Attribute>,
    /// What is wrong in a case is wrong in that case only.
    pub(crate) parameter: Result<Parameter, Error>,
}

pub(crate) struct Parameter {
    pub(crate) ty: Type,
    /// The JSON key.
    pub(crate) key: String,
    pub(crate) description: Text,
    pub(crate) place: Place,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) range: Option<Range>,
    pub(crate) length: Option<Range>,
    pub(crate) pattern: Option<LitStr>,
    /// The header that the argument is mirrored into.
    pub(crate) header: Option<LitStr>,
    pub(crate) example: Option<Expr>,
}

/// Which of a call's arguments a parameter is.
#[derive(Clone, Copy, Default)]
pub(crate) enum Place {
    /// The one of its name.
    #[default]
    One,
    /// Those that are called like its fields.
    Fields,
    /// All of them, as the key there says.
    All(Span),
}

/// The value of an argument that was left out.
pub(crate) enum DefaultValue {
    /// What the type says; the span is that of the key.
    OfType(Span),
    Value(Expr),
}

/// A range of numbers.
pub(crate) struct Range(pub(crate) ExprRange);

impl Range {
    pub(crate) fn low(&self) -> Option<&Expr> {
        self.0.start.as_deref()
    }

    pub(crate) fn high(&self) -> Option<&Expr> {
        self.0.end.as_deref()
    }

    pub(crate) fn is_exclusive(&self) -> bool {
        matches!(self.0.limits, RangeLimits::HalfOpen(_))
    }

    /// Whether no number is in it, as far as its ends are literals.
    pub(crate) fn is_empty(&self) -> bool {
        self.low().and_then(number).is_some_and(|low| self.ends_before(low))
    }

    /// Whether a number is outside of it, as far as all of them are literals.
    pub(crate) fn excludes(&self, value: f64) -> bool {
        let low = self.low().and_then(number);
        low.is_some_and(|low| value < low) || self.ends_before(value)
    }

    pub(crate) fn ends(&self) -> impl Iterator<Item = &Expr> {
        self.low().into_iter().chain(self.high())
    }

    pub(crate) fn ends_before(&self, value: f64) -> bool {
        let high = self.high().and_then(number);
        high.is_some_and(|high| high < value || (high == value && self.is_exclusive()))
    }
}

/// The value of a literal; precise enough to compare it with another.
pub(crate) fn number(value: &Expr) -> Option<f64> {
    match value {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Int(integer) => integer.base10_digits().parse().ok(),
            Lit::Float(float) => float.base10_digits().parse().ok(),
            _ => None,
        },
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|value| -value),
        // What `macro_rules!` makes of an expression.
        Expr::Group(group) => number(&group.expr),
        Expr::Paren(paren) => number(&paren.expr),
        _ => None,
    }
}

#[expect(clippy::large_enum_variant, reason = "there is one, for as long as a tool is expanded")]
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

/// The value of a string literal.
pub(crate) fn string(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text.value()),
        Expr::Group(group) => string(&group.expr),
        _ => None,
    }
}
