//! Why a value is refused, and where in the argument.

use std::fmt;

use serde::de::{Expected, Unexpected};

use crate::phrases::{
    Step, did_you_mean, in_short, kind, list, none_of, path_in_words, quoted, shown, string_kind,
};

/// What is wrong at some place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// Something required is not there.
    Missing,
    /// Something unknown is there; what to say about the known names.
    Unknown(String),
    /// Something else was expected.
    Wrong(String),
    /// It is of its type, but out of a limit.
    Limit(String),
}

/// Why a value is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// From the outside in.
    pub(super) path: Vec<Step>,
    pub(super) problem: Problem,
}

impl Refusal {
    #[cold]
    fn here(problem: Problem) -> Self {
        Self { path: Vec::new(), problem }
    }

    #[cold]
    pub(super) fn wrong(text: impl Into<String>) -> Self {
        Self::here(Problem::Wrong(text.into()))
    }

    #[cold]
    pub(super) fn limit(text: impl Into<String>) -> Self {
        Self::here(Problem::Limit(text.into()))
    }

    /// The same, seen from one step further out. Paths are short, and this is done for mistakes only.
    #[cold]
    pub(super) fn inside(mut self, step: Step) -> Self {
        self.path.insert(0, step);
        self
    }

    /// The same, where what was refused is a key.
    #[cold]
    pub(super) fn of_key(mut self, key: &str) -> Self {
        // An unknown field names itself.
        if let Problem::Wrong(text) = &mut self.problem {
            *text = format!("the key {}: {text}", quoted(key));
        }
        self
    }

    /// Whether both speak of the same place, or one of a part of the other's.
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.path.iter().zip(&other.path).all(|(ours, theirs)| ours == theirs)
    }

    /// Whether a key is missing, or there is one too many.
    pub(super) fn is_about_a_key(&self) -> bool {
        matches!(self.problem, Problem::Missing | Problem::Unknown(_))
    }

    /// Whether another one says the same, perhaps of a place that it knows less well: serde loses the way to a key in
    /// what it reads from a buffer of its own.
    pub(super) fn is_the_same_as(&self, other: &Self) -> bool {
        let is_key = self.is_about_a_key() && other.is_about_a_key();
        let same_key = match (self.path.split_last(), other.path.split_last()) {
            (Some((key, path)), Some((same, outside))) => key == same && path.starts_with(outside),
            _ => false,
        };
        self.path == other.path || (is_key && same_key)
    }

    /// Whether the whole argument is of another type.
    pub(super) fn is_of_another_type(&self) -> bool {
        self.path.is_empty()
            && matches!(&self.problem, Problem::Wrong(text) if text.starts_with("expected "))
    }

    /// The sentence that a client is told, about the argument of this name.
    pub(super) fn sentence(&self, argument: &str) -> String {
        self.sentence_below(argument, &self.path)
    }

    /// The same about an object whose entries are arguments, of which these are known.
    pub(super) fn sentence_about(&self, arguments: &[Box<str>]) -> String {
        if let Some((Step::Key(argument), path)) = self.path.split_first() {
            return self.sentence_below(argument, path);
        }
        let (Problem::Wrong(text) | Problem::Limit(text)) = &self.problem else {
            return self.sentence("");
        };
        match list(arguments.iter().map(|argument| &**argument)).as_str() {
            "" => format!("the arguments: {text}"),
            list => format!("the arguments {list}: {text}"),
        }
    }

    fn sentence_below(&self, argument: &str, path: &[Step]) -> String {
        let path = path_in_words(argument, path);
        match &self.problem {
            Problem::Missing => format!("argument `{path}` is missing"),
            Problem::Unknown(known) => format!("unknown argument `{path}`{known}"),
            Problem::Wrong(text) | Problem::Limit(text) => format!("argument `{path}`: {text}"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentence(""))
    }
}

impl std::error::Error for Refusal {}

impl serde::de::Error for Refusal {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::wrong(in_short(message.to_string().into()))
    }

    fn invalid_type(came: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {}, got {}", wanted(expected), got(came)))
    }

    fn invalid_value(came: Unexpected<'_>, expected: &dyn Expected) -> Self {
        Self::invalid_type(came, expected)
    }

    fn invalid_length(length: usize, expected: &dyn Expected) -> Self {
        Self::wrong(format!("expected {}, got {length} items", wanted(expected)))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::here(Problem::Missing).inside(Step::Key(field.into()))
    }

    fn unknown_field(field: &str, known: &'static [&'static str]) -> Self {
        let known = did_you_mean(field, known.iter().copied());
        Self::here(Problem::Unknown(known)).inside(Step::Key(field.into()))
    }

    fn unknown_variant(variant: &str, known: &'static [&'static str]) -> Self {
        Self::wrong(none_of("the string", variant, known.iter().copied()))
    }
}

/// What serde says it expected, in the words of JSON.
fn wanted(expected: &dyn Expected) -> String {
    let text = expected.to_string();
    match text.as_str() {
        "u8" => "a whole number from 0 to 255".to_owned(),
        "u16" => "a whole number from 0 to 65535".to_owned(),
        "u32" | "u64" | "u128" | "usize" => "a whole number from 0".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "i128" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a sequence" => "an array".to_owned(),
        "a map" => "an object".to_owned(),
        "unit" => "null".to_owned(),
        text if text.starts_with("struct ") => "an object".to_owned(),
        _ => text,
    }
}

fn got(came: Unexpected<'_>) -> String {
    match came {
        Unexpected::Bool(flag) => kind(&flag.into()),
        Unexpected::Unsigned(number) => kind(&number.into()),
        Unexpected::Signed(number) => kind(&number.into()),
        Unexpected::Float(number) => kind(&number.into()),
        Unexpected::Str(text) => string_kind(text),
        Unexpected::Unit | Unexpected::Option => "null".to_owned(),
        Unexpected::Seq => "an array".to_owned(),
        Unexpected::Map => "an object".to_owned(),
        other => shown(&other.to_string()).into_owned(),
    }
}

/// What is said of a variant that has content, where there is its name alone.
pub(super) fn expected_content(variant: &str) -> String {
    let variant = quoted(variant);
    format!("expected an object `{{{variant}: ..}}`, got the string {variant}")
}
