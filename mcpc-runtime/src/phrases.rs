//! What a client is told about values and names, in words.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// Why something ended that took longer than it may.
pub(crate) fn timed_out(timeout: Duration) -> String {
    format!("timed out after {timeout:?}")
}

/// What a JSON value is, with small values spelled out.
pub(crate) fn kind(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => string_kind(text),
        Value::Array(_) => "an array".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// What a string is, spelled out if it is short.
pub(crate) fn string_kind(text: &str) -> String {
    match head(text, 40) {
        None => format!("the string {}", json(text)),
        Some(_) => "a string".to_owned(),
    }
}

/// The known name that was perhaps meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// A longer name is not a typing mistake, and comparing it would take time.
    const LONGEST: usize = 128;
    known
        .filter(|_| name.len() <= LONGEST)
        .map(|candidate| (similarity(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, nearest)| nearest)
}

/// How similar two names are, whatever the case of their letters.
fn similarity(name: &str, candidate: &str) -> f64 {
    strsim::jaro_winkler(&name.to_lowercase(), &candidate.to_lowercase())
}

/// `; did you mean ..?` where a known name is close, else the list of known names.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("; did you mean `{nearest}`?");
    }
    match list(known).as_str() {
        "" => "; there are none".to_owned(),
        list => format!("; expected one of {list}"),
    }
}

/// Names as a list. They are the server's own.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What is said of a name, which is a string or a key, that is none of the known ones.
pub(crate) fn none_of<'a>(
    what: &str,
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let list = list(known.clone());
    let near = nearest(name, known).map(|nearest| format!("; did you mean `{nearest}`?"));
    format!("{what} {} is none of {list}{}", quoted(name), near.unwrap_or_default())
}

/// A text from a client that is repeated to it, or the beginning of a long one.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    cut(text.into(), 200)
}

/// The same as a string of JSON.
pub(crate) fn quoted(text: &str) -> String {
    json(&shown(text))
}

/// A text as a string of JSON, whole.
pub(crate) fn json(text: &str) -> String {
    Value::from(text).to_string()
}

/// A sentence that was not made here, no longer than anybody should be asked to read: it may repeat something.
pub(crate) fn in_short(text: Cow<'_, str>) -> String {
    cut(text, 1000).into_owned()
}

fn cut(text: Cow<'_, str>, most: usize) -> Cow<'_, str> {
    match head(&text, most) {
        None => text,
        Some(head) => format!("{head}…").into(),
    }
}

/// The beginning of a text that has so many bytes at most, and whole characters.
pub(crate) fn cut_to(text: &str, most: usize) -> &str {
    let most = most.min(text.len());
    let end = (0..=most).rev().find(|&end| text.is_char_boundary(end));
    &text[..end.unwrap_or(0)]
}

/// The first characters of a text that has more than so many.
fn head(text: &str, most: usize) -> Option<&str> {
    text.char_indices().nth(most).map(|(end, _)| &text[..end])
}

/// One step into a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Shared, as every problem below a key has it in its path.
    Key(Arc<str>),
    Index(usize),
}

/// Where in a value something is, as `filters[2].min`.
pub(crate) fn path_in_words(value: &str, path: &[Step]) -> String {
    let mut text = value.to_owned();
    for step in path {
        // Writing into a string cannot fail.
        let _ = match step {
            Step::Index(index) => write!(text, "[{index}]"),
            Step::Key(key) if !is_plain(key) => write!(text, "[{}]", quoted(key)),
            Step::Key(key) if text.is_empty() => write!(text, "{key}"),
            Step::Key(key) => write!(text, ".{key}"),
        };
    }
    shown(&text).into_owned()
}

fn is_plain(key: &str) -> bool {
    !key.is_empty() && key.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}
