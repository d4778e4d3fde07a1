//! Attributes that belong on the fields of a type and stand on a parameter.

use proc_macro2::TokenStream;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Meta, MetaNameValue, Token};

use super::is_doc_comment;
use crate::errors::Errors;
use crate::types;

/// Whether an attribute is for the fields of types, and unknown to rustc on a parameter.
pub(crate) fn is_of_types(attribute: &Attribute) -> bool {
    ["serde", "schemars", "validate", "garde"].iter().any(|name| attribute.path().is_ident(name))
}

/// Refuses those among the attributes of a parameter.
pub(crate) fn on_parameter(attributes: &[Attribute], errors: &mut Errors) {
    for attribute in attributes.iter().filter(|attribute| is_of_types(attribute)) {
        errors.on(&attribute.meta, instead_of(attribute));
    }
}

/// What to write instead of such an attribute.
fn instead_of(attribute: &Attribute) -> String {
    let parts = parts(attribute);
    if let Some(description) = parts.iter().find_map(description) {
        return is_doc_comment("an argument", &description);
    }
    let keys: Option<Vec<String>> = parts.iter().map(key).collect();
    match keys.filter(|keys| !keys.is_empty()) {
        None if parts.iter().any(|part| part.path().is_ident("alias")) => format!(
            "`#[{}]` is for a field of a struct; write a struct with this field, and take it with `#[arg(flatten)]`",
            types::text(&attribute.meta)
        ),
        Some(keys) => format!("write `#[arg({})]`", keys.join(", ")),
        None => format!(
            "`#[{}]` is for a field of a type; give the parameter a type of yours that does this",
            types::text(&attribute.meta)
        ),
    }
}

fn parts(attribute: &Attribute) -> Vec<Meta> {
    match &attribute.meta {
        Meta::List(list) => list_of(list.tokens.clone()),
        Meta::Path(_) | Meta::NameValue(_) => Vec::new(),
    }
}

pub(super) fn list_of(tokens: TokenStream) -> Vec<Meta> {
    let parsed = Punctuated::<Meta, Token![,]>::parse_terminated.parse2(tokens);
    parsed.into_iter().flatten().collect()
}

fn description(part: &Meta) -> Option<String> {
    match part {
        Meta::NameValue(MetaNameValue {
            path,
            value: Expr::Lit(ExprLit { lit: Lit::Str(text), .. }),
            ..
        }) if path.is_ident("description") => Some(text.value()),
        _ => None,
    }
}

/// The key of `#[arg(..)]` that means the same, where there is one.
fn key(part: &Meta) -> Option<String> {
    let name = part.path().get_ident()?.to_string();
    let value = match part {
        Meta::NameValue(part) => Some(&part.value),
        Meta::Path(_) | Meta::List(_) => None,
    };
    match (name.as_str(), value, part) {
        ("default", Some(Expr::Lit(ExprLit { lit: Lit::Str(function), .. })), _) => {
            Some(format!("default = {}()", function.value()))
        }
        ("default" | "flatten", None, Meta::Path(_)) => Some(name),
        ("rename" | "default" | "example" | "pattern", Some(value), _) => {
            Some(format!("{name} = {}", types::text(value)))
        }
        ("range" | "length", None, Meta::List(list)) => {
            ends(list_of(list.tokens.clone())).map(|ends| format!("{name} = {ends}"))
        }
        ("regex" | "pattern", None, Meta::List(list)) => pattern(list.tokens.clone()),
        _ => None,
    }
}

/// `min = 1, max = 9` as a range.
pub(super) fn ends(parts: Vec<Meta>) -> Option<String> {
    let (mut low, mut high) = (None, None);
    for part in parts {
        let Meta::NameValue(MetaNameValue { path, value, .. }) = part else { return None };
        let value = types::text(&value);
        match path.get_ident()?.to_string().as_str() {
            "min" => low = Some(value),
            "max" => high = Some(value),
            "equal" => (low, high) = (Some(value.clone()), Some(value)),
            _ => return None,
        }
    }
    let low = low.unwrap_or_default();
    Some(high.map_or_else(|| format!("{low}.."), |high| format!("{low}..={high}")))
}

fn pattern(tokens: TokenStream) -> Option<String> {
    let text = match list_of(tokens.clone()).as_slice() {
        [Meta::NameValue(part)] => types::text(&part.value),
        _ => syn::parse2::<syn::LitStr>(tokens).ok().map(|text| types::text(&text))?,
    };
    Some(format!("pattern = {text}"))
}
