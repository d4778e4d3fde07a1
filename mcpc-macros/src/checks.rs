//! What `#[arg(..)]` asks of an argument, held against its type and against what else stands there.
//!
//! Only what can be told from the tokens is told here. The rest is, when the server is built.

use quote::ToTokens;
use syn::{Expr, LitStr, Type};

use crate::attributes::ArgumentKeys;
use crate::errors::Errors;
use crate::model::{DefaultValue, Range, number, string};
use crate::pattern;
use crate::types::{self, Shape};

pub(crate) fn all(keys: &ArgumentKeys, ty: &Type, errors: &mut Errors) {
    let ty = types::under_option(ty);
    if let Some(range) = &keys.range {
        self::range(range, keys, ty, errors);
    }
    if let Some(length) = &keys.length {
        self::length(length, keys, ty, errors);
    }
    if let Some(pattern) = &keys.pattern {
        self::pattern(pattern, keys, ty, errors);
    }
    if let Some(header) = &keys.header
        && !types::may_be_in_a_header(ty)
    {
        errors.on(header, no_key(ty, "header", "strings, whole numbers and booleans"));
    }
}

fn range(range: &Range, keys: &ArgumentKeys, ty: &Type, errors: &mut Errors) {
    if types::shape(ty).is_some_and(|shape| shape != Shape::Number) {
        errors.on(&range.0, no_key(ty, "range", "numbers"));
    } else if range.is_empty() {
        errors.on(&range.0, "no number is in this `range`");
    } else if let Some(end) = beyond(range, ty) {
        errors.on(end, format!("`{}` does not fit into `{}`", types::text(end), types::text(ty)));
    } else {
        for (key, value) in values(keys) {
            if number(value).is_some_and(|number| range.excludes(number)) {
                errors.on(value, format!("the `{key}` is not in the `range`"));
            }
        }
    }
}

/// An end of a range that no number of the type can be.
fn beyond<'a>(range: &'a Range, ty: &Type) -> Option<&'a Expr> {
    let (low, high) = types::limits(ty)?;
    // `0..256` is as good as `0..=255`.
    let high = if range.is_exclusive() { high + 1.0 } else { high };
    range.ends().find(|end| number(end).is_some_and(|end| end < low || end > high))
}

fn length(length: &Range, keys: &ArgumentKeys, ty: &Type, errors: &mut Errors) {
    if let Some(Shape::Number | Shape::Other) = types::shape(ty) {
        errors.on(&length.0, no_key(ty, "length", "strings, lists and maps"));
    } else if let Some(end) = length.ends().find(|end| number(end).is_some_and(is_no_length)) {
        errors.on(
            end,
            format!("`{}` is not a length; write a whole number from 0", types::text(end)),
        );
    } else if length.is_empty() || length.ends_before(0.0) {
        errors.on(&length.0, "nothing has this `length`");
    } else {
        for (key, value) in values(keys) {
            let characters = string(value).map(|text| text.chars().count());
            let characters = characters.and_then(|count| u32::try_from(count).ok());
            if characters.is_some_and(|characters| length.excludes(characters.into())) {
                errors.on(value, format!("the `{key}` does not have the `length`"));
            }
        }
    }
}

fn is_no_length(number: f64) -> bool {
    number < 0.0 || number.fract() != 0.0
}

fn pattern(pattern: &LitStr, keys: &ArgumentKeys, ty: &Type, errors: &mut Errors) {
    if types::shape(ty).is_some_and(|shape| shape != Shape::Text) {
        return errors.on(pattern, no_key(ty, "pattern", "strings"));
    }
    match pattern::parse(&pattern.value()) {
        Err(problem) => errors.on(pattern, problem),
        Ok(regex) => {
            for (key, value) in values(keys) {
                if string(value).is_some_and(|text| !regex.is_match(&text)) {
                    errors.on(value, format!("the `{key}` does not match the `pattern`"));
                }
            }
        }
    }
}

/// The values that stand in the attribute, with their keys.
fn values(keys: &ArgumentKeys) -> impl Iterator<Item = (&'static str, &Expr)> {
    let default = match &keys.default {
        Some(DefaultValue::Value(value)) => Some(("default", value)),
        Some(DefaultValue::OfType(_)) | None => None,
    };
    default.into_iter().chain(keys.example.as_ref().map(|example| ("example", example)))
}

fn no_key(ty: &impl ToTokens, key: &str, what: &str) -> String {
    format!("`{}` has no `{key}`, which is for {what}", types::text(ty))
}
