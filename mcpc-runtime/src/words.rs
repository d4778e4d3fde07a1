//! What a client is told about values and names, in words.

use serde_json::Value;

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
    match text.chars().nth(40) {
        None => format!("the string {}", Value::from(text)),
        Some(_) => "a string".to_owned(),
    }
}

/// The known name that was perhaps meant.
pub(crate) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    /// A longer name is no slip of anybody's, and comparing it would take its time.
    const LONGEST: usize = 128;
    known
        .filter(|_| name.len() <= LONGEST)
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(similarity, _)| *similarity > 0.8)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, nearest)| nearest)
}

/// `; did you mean ..?` where a known name is close, else the list of known names.
pub(crate) fn did_you_mean<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    if let Some(nearest) = nearest(name, known.clone()) {
        return format!("; did you mean `{nearest}`?");
    }
    match list(known).as_str() {
        "" => "; there are none".to_owned(),
        list => format!("; known are {list}"),
    }
}

/// Names as a list.
pub(crate) fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

/// What is said of a string that is none of the known ones.
pub(crate) fn none_of<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut sentence = format!("{} is none of {}", string_kind(text), list(known.clone()));
    if let Some(nearest) = nearest(text, known) {
        sentence.push_str(&format!("; did you mean `{nearest}`?"));
    }
    sentence
}
