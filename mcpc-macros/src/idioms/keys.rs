//! Keys that the attributes of other crates have, and what means the same here.

use proc_macro2::{Ident, TokenStream};
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Expr, Token, Type, parenthesized};

use super::is_doc_comment;
use super::on_parameters::{ends, list_of};
use crate::attributes::{Key, parse};
use crate::errors::Errors;
use crate::model::{Kind, string};
use crate::types::{self, Shape};

/// What stands in parentheses after a key.
pub(crate) fn in_parentheses(input: ParseStream<'_>) -> syn::Result<TokenStream> {
    let list;
    parenthesized!(list in input);
    list.parse()
}

/// The value of a key, as it is written after `=`.
pub(crate) fn value_of_list(name: &Ident, list: TokenStream) -> String {
    let of_numbers = [LIMITS[0].0, LIMITS[1].0].iter().any(|key| name == key);
    let ends = ends(list_of(list.clone())).filter(|ends| of_numbers && ends != "..");
    let values = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(list);
    let values: Vec<String> = values.iter().flatten().map(types::text).collect();
    ends.unwrap_or_else(|| match values.as_slice() {
        [value] => value.clone(),
        [low, high] if of_numbers => format!("{low}..={high}"),
        _ => "..".to_owned(),
    })
}

/// Whether a key of others has a list in parentheses.
pub(crate) fn has_list(name: &Ident) -> bool {
    name == "annotations" || name == "execution"
}

/// Takes the keys of rmcp's `#[tool(..)]` out of some keys, and says what to write instead.
pub(crate) fn of_tools(kind: Kind, keys: &mut Vec<Key>, errors: &mut Errors) {
    keys.retain(|key| match of_tool(kind, key) {
        Some(message) => {
            errors.on(&key.name, message);
            false
        }
        None => true,
    });
}

fn of_tool(kind: Kind, key: &Key) -> Option<String> {
    if let Some(hint) = hint(key) {
        return Some(format!("write `{hint}`"));
    }
    Some(match key.name.to_string().as_str() {
        "annotations" => annotations(key.list.clone().unwrap_or_default()),
        "output_schema" => {
            "the output schema is that of the return type, which derives `schemars::JsonSchema`"
                .to_owned()
        }
        "execution" | "task_support" if is_required(key) => match kind {
            Kind::Plain => "write `#[mcpc::background(required)]`".to_owned(),
            Kind::Background => "write `required`".to_owned(),
        },
        "execution" | "task_support" => match kind {
            Kind::Plain => "a tool that may run as a task is a `#[mcpc::background]`".to_owned(),
            Kind::Background => {
                "a background tool runs as a task for each client that takes one; leave this out"
                    .to_owned()
            }
        },
        "background" => match kind {
            Kind::Plain => "write `#[mcpc::background]`".to_owned(),
            Kind::Background => "this is a background tool already; leave this out".to_owned(),
        },
        "retries" => {
            "`retries` needs a task log that outlives the process, which mcpc does not have yet; \
                      leave this out"
                .to_owned()
        }
        "local" => "the future of a tool must be `Send`; leave this out".to_owned(),
        _ => return None,
    })
}

/// Whether a client has to take tasks, as rmcp says it.
fn is_required(key: &Key) -> bool {
    let is_required = |value: &Option<Expr>| {
        value.as_ref().and_then(string).is_some_and(|value| value == "required")
    };
    let mut ignored = Errors::new();
    let list = parse(key.list.clone().unwrap_or_default(), &mut ignored);
    let _ = ignored.result();
    is_required(&key.value)
        || list.iter().any(|key| key.name == "task_support" && is_required(&key.value))
}

/// One of MCP's hints under its name there, as it is written here.
fn hint(key: &Key) -> Option<String> {
    let hint = match key.name.to_string().replace('_', "").to_lowercase().as_str() {
        "readonlyhint" => "read_only",
        "destructivehint" => "destructive",
        "idempotenthint" => "idempotent",
        "openworldhint" => "open_world",
        _ => return None,
    };
    Some(match key.value.as_ref().map(types::text).as_deref() {
        None | Some("true") => hint.to_owned(),
        Some(value) => format!("{hint} = {value}"),
    })
}

fn annotations(list: TokenStream) -> String {
    let mut ignored = Errors::new();
    let keys = parse(list, &mut ignored);
    let _ = ignored.result();
    let written = keys.iter().map(|key| {
        hint(key).unwrap_or_else(|| match &key.value {
            Some(value) => format!("{} = {}", key.name, types::text(value)),
            None => key.name.to_string(),
        })
    });
    match written.collect::<Vec<_>>().join(", ") {
        none if none.is_empty() => {
            "the hints are keys: `read_only`, `destructive`, `idempotent`, `open_world`".to_owned()
        }
        keys => format!("the hints are keys themselves; write `{keys}`"),
    }
}

/// Takes the keys of schemars, validators and the like out of some keys of `#[arg(..)]`, and says what to write
/// instead.
pub(crate) fn of_arguments(keys: &mut Vec<Key>, ty: &Type, errors: &mut Errors) {
    let has_length =
        matches!(types::shape(types::under_option(ty)), Some(Shape::Text | Shape::Many));
    for (ours, low, high, example) in LIMITS {
        let (ours, example) = if has_length { LENGTH } else { (ours, example) };
        limits(keys, ours, [low, high], example, errors);
    }
    keys.retain(|key| match of_argument(key) {
        Some(message) => {
            errors.on(&key.name, message);
            false
        }
        None => true,
    });
}

/// A key of ours that has two ends, the names that others have for either, and what it may be.
type Limits = (&'static str, &'static [&'static str], &'static [&'static str], &'static str);

/// The key of what is long, and what it may be.
const LENGTH: (&str, &str) = ("length", "1..=64");

const LIMITS: [Limits; 2] = [
    ("range", &["min", "minimum"], &["max", "maximum"], "1..=100"),
    (LENGTH.0, &["minlength", "minitems"], &["maxlength", "maxitems"], LENGTH.1),
];

/// Takes out what says the two ends of a range one by one; that is one mistake.
fn limits(keys: &mut Vec<Key>, ours: &str, ends: [&[&str]; 2], example: &str, errors: &mut Errors) {
    let is = |key: &Key, names: &[&str]| {
        names.contains(&key.name.to_string().replace('_', "").to_lowercase().as_str())
    };
    let [low, high] = ends.map(|names| keys.iter().find(|key| is(key, names)));
    let Some(first) = keys.iter().find(|key| ends.iter().any(|names| is(key, names))) else {
        return;
    };
    let [low, high] =
        [low, high].map(|key| key.and_then(|key| key.value.as_ref()).map(types::text));
    let range = match (low, high) {
        (None, None) => example.to_owned(),
        (low, None) => format!("{}..", low.unwrap_or_default()),
        (low, Some(high)) => format!("{}..={high}", low.unwrap_or_default()),
    };
    errors.on(&first.name, format!("write `{ours} = {range}`"));
    keys.retain(|key| !ends.iter().any(|names| is(key, names)));
}

fn of_argument(key: &Key) -> Option<String> {
    let value = key.value.as_ref();
    let text = value.and_then(string);
    Some(match key.name.to_string().as_str() {
        "description" | "desc" | "doc" | "help" => {
            let text = text.unwrap_or_else(|| "..".to_owned());
            is_doc_comment("an argument", &text)
        }
        "title" => "an argument has a description only, which is its doc comment".to_owned(),
        "name" => format!("write `rename = {}`", shown(value, "\"..\"")),
        "required" => "an argument is required unless it is an `Option` or has a `default`; leave this out".to_owned(),
        "optional" | "nullable" => "what may be left out is an `Option`, or has a `default`".to_owned(),
        "examples" => format!("write `example = {}`; one is shown", first(value)),
        "regex" => format!("write `pattern = {}`", shown(value, "\"..\"")),
        "enum" | "one_of" | "choices" | "values" => {
            "one of several names is an `enum`, which derives `serde::Deserialize` and `schemars::JsonSchema`".to_owned()
        }
        _ => return None,
    })
}

fn shown(value: Option<&Expr>, otherwise: &str) -> String {
    value.map_or_else(|| otherwise.to_owned(), types::text)
}

/// The first of some values.
fn first(values: Option<&Expr>) -> String {
    match values {
        Some(Expr::Array(array)) => shown(array.elems.first(), ".."),
        other => shown(other, ".."),
    }
}
