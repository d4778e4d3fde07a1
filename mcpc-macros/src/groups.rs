//! The rules about parameters that are several of a call's arguments, or all of them.
//!
//! What is in a type only rustc knows, so what its fields are is looked at when the server is built.

use proc_macro2::Span;
use syn::Type;

use crate::errors::Errors;
use crate::model::{Parameter, Place, Variant};
use crate::types::{self, Shape};

/// What can be told of one of them.
pub(crate) fn group(place: Place, ty: &Type, errors: &mut Errors) {
    let (Place::Fields | Place::All(_)) = place else { return };
    if types::is_called(ty, "Option") {
        errors.on(ty, "several arguments are not left out as one; make the fields optional");
    } else if types::shape(ty).is_some() && !is_map(ty) {
        let message =
            format!("`{}` has no names for arguments; take a struct or a map", types::text(ty));
        errors.on(ty, message);
    }
}

/// What can be told of all of them together.
pub(crate) fn rules(parameters: &[Variant], input_schema: Option<Span>, errors: &mut Errors) {
    let parameters = || parameters.iter().filter_map(|variant| variant.parameter.as_ref().ok());
    let all = parameters().find_map(|it| match it.place {
        Place::All(span) => Some((it, span)),
        Place::One | Place::Fields => None,
    });
    match (all, input_schema) {
        (None, Some(span)) => errors.at(
            span,
            "`input_schema` is for a tool with one parameter that reads all arguments: \
             `#[arg(all)] arguments: serde_json::Map<String, serde_json::Value>`",
        ),
        (Some((all, span)), _) if parameters().any(|it| is_beside(it, all)) => {
            errors.at(span, "`all` leaves no argument to other parameters; `flatten` does");
        }
        _ => maps(parameters(), errors),
    }
}

/// Whether a parameter is surely an argument beside another one.
fn is_beside(parameter: &Parameter, all: &Parameter) -> bool {
    let is_argument = match parameter.place {
        Place::One => types::shape(types::under_option(&parameter.ty)).is_some(),
        Place::Fields | Place::All(_) => true,
    };
    // One with conditions is several variants, all of one key.
    is_argument && parameter.key != all.key
}

/// Refuses more than one map of what is left.
fn maps<'a>(parameters: impl Iterator<Item = &'a Parameter>, errors: &mut Errors) {
    let mut keys: Vec<&str> = Vec::new();
    for Parameter { ty, key, .. } in
        parameters.filter(|it| matches!(it.place, Place::Fields) && is_map(&it.ty))
    {
        if !keys.is_empty() && !keys.contains(&key.as_str()) {
            errors.on(ty, "two maps would take whatever arguments are left; flatten one");
        }
        keys.push(key);
    }
}

fn is_map(ty: &Type) -> bool {
    const MAPS: [&str; 4] = ["HashMap", "BTreeMap", "Map", "JsonObject"];
    let of_many = types::shape(ty).is_none_or(|shape| shape == Shape::Many);
    of_many && MAPS.iter().any(|name| types::is_called(ty, name))
}
