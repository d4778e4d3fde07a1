//! What authors of servers on `rmcp` write, and what means the same here.
//!
//! A name can mislead these: what is in a name that others have, too, is left to a trait, which knows the type, and so
//! is what `#[arg(..)]` says is an argument.

pub(crate) mod keys;
mod on_parameters;
mod states;

pub(crate) use on_parameters::{is_of_types, on_parameter};

use syn::{Error, Pat, PatType, Type};

use crate::model::{Kind, Place};
use crate::types::{self, generic_types, is_called, last_segment, one_inside};

/// What to write instead of a description that stands elsewhere.
pub(crate) fn is_doc_comment(what: &str, text: &str) -> String {
    format!("the description of {what} is its doc comment: `/// {text}`")
}

/// What is wrong with a parameter that rmcp's macro would take out of the request, or take apart.
pub(crate) fn parameter(kind: Kind, typed: &PatType) -> Option<Error> {
    let ty = &*typed.ty;
    wrapped(typed)
        .or_else(|| Some(Error::new_spanned(ty, of_request(kind, ty)?)))
        .or_else(|| states::meant(ty))
}

/// rmcp's `Parameters<T>`, whatever its pattern.
fn wrapped(typed: &PatType) -> Option<Error> {
    let segment = last_segment(&typed.ty).filter(|segment| segment.ident == "Parameters")?;
    let of = *generic_types(segment).first()?;
    let (name, of_type) = (name_in(&typed.pat), types::text(of));
    let message = match is_any_object(of) || is_called(of, "Value") {
        true => format!("write `#[arg(all)] {name}: {of_type}` for all arguments of a call"),
        false => format!(
            "the fields of `{of_type}` are the arguments; write `#[arg(flatten)] {name}: {of_type}`"
        ),
    };
    Some(match &*typed.pat {
        Pat::Ident(_) => Error::new_spanned(&typed.ty, message),
        // Both change.
        pattern => {
            let (pattern, ty) = (pattern, &typed.ty);
            Error::new_spanned(quote::quote!(#pattern : #ty), message)
        }
    })
}

/// The name that a pattern binds, if it is one.
fn name_in(pattern: &Pat) -> String {
    match pattern {
        Pat::Ident(pattern) => pattern.ident.to_string(),
        Pat::TupleStruct(pattern) if pattern.elems.len() == 1 => name_in(&pattern.elems[0]),
        _ => "arguments".to_owned(),
    }
}

/// Whether a type is a map of anything, as rmcp takes it for all arguments.
fn is_any_object(ty: &Type) -> bool {
    is_called(ty, "JsonObject") || is_called(ty, "Map")
}

/// What to write instead of a pattern that takes a value apart.
pub(crate) fn taken_apart(pattern: &Pat, ty: &Type, place: Place) -> Option<String> {
    let of_type = types::text(ty);
    let key = if let Place::All(_) = place { "all" } else { "flatten" };
    match pattern {
        Pat::Struct(_) => Some(in_place_of_pattern(key, "arguments", &of_type)),
        Pat::TupleStruct(_) if is_called(ty, "State") => Some(format!(
            "a state needs a plain name; write `{}: {of_type}`, which dereferences to the value",
            name_in(pattern)
        )),
        // An extractor of a framework for HTTP.
        Pat::TupleStruct(_) => {
            let fields = types::text(*generic_types(last_segment(ty)?).first()?);
            Some(in_place_of_pattern(key, &name_in(pattern), &fields))
        }
        _ => None,
    }
}

fn in_place_of_pattern(key: &str, name: &str, fields: &str) -> String {
    format!(
        "an argument needs a plain name; where the fields are the arguments, write \
         `#[arg({key})] {name}: {fields}`"
    )
}

/// What to write instead of something that belongs to the request.
fn of_request(kind: Kind, ty: &Type) -> Option<String> {
    let segment = last_segment(ty)?;
    let is_bare = segment.arguments.is_none();
    let is_rmcps = is_of_rmcp(ty);
    let name = segment.ident.to_string();
    let part = match name.as_str() {
        "RequestContext" | "ToolCallContext" => "call.context()".to_owned(),
        "Peer" if !is_bare => "call.context().peer".to_owned(),
        "Extension" if !is_bare => {
            let of = types::text(generic_types(segment).first()?);
            format!("call.context().extensions.get::<{of}>()")
        }
        "CancellationToken" if kind == Kind::Plain => "call.context().ct".to_owned(),
        "RequestMetaObject" => "call.context().meta".to_owned(),
        "Meta" | "MetaObject" if is_rmcps => "call.context().meta".to_owned(),
        "Extensions" if is_rmcps => "call.context().extensions".to_owned(),
        "RequestId" | "NumberOrString" if is_rmcps => "call.context().id".to_owned(),
        "CancellationToken" => return Some(of_sender("updates.stopped()")),
        "ProgressToken" | "ProgressDispatcher" if kind == Kind::Background => {
            return Some(of_sender("updates.progress(..)"));
        }
        other => return no_part(other).map(str::to_owned),
    };
    Some(format!("write `call: mcpc::Call`; this is `{part}`"))
}

fn of_sender(method: &str) -> String {
    format!("write `updates: mcpc::Sender`; this is `{method}`")
}

/// The same where a `Call` does not have it.
fn no_part(name: &str) -> Option<&'static str> {
    Some(match name {
        "JsonObject" => {
            "write `#[arg(all)]` before this if it is all arguments of a call, or \
             `serde_json::Map<String, serde_json::Value>` if it is one"
        }
        "ToolName" => "a function is one tool; its name is `<function as mcpc::Tool>::NAME`",
        "RequestState" | "InputResponses" => "a tool cannot ask its client for input yet",
        "ProgressToken" | "ProgressDispatcher" => {
            "a plain tool reports no progress; use `#[mcpc::background]` and take `updates: mcpc::Sender`"
        }
        _ => return None,
    })
}

/// Whether a type's path says that it is one of rmcp's.
fn is_of_rmcp(ty: &Type) -> bool {
    let Type::Path(path) = ty else { return false };
    path.path.segments.iter().any(|segment| segment.ident == "rmcp")
}

/// What is in a `Json`.
pub(crate) fn in_json(ty: &Type) -> Option<&Type> {
    one_inside(ty, "Json")
}

/// Whether a type may be rmcp's for something of the request, and may as well be the user's.
pub(crate) fn may_be_of_request(ty: &Type) -> bool {
    ["Extensions", "RequestId", "Meta", "MetaObject"].iter().any(|name| is_called(ty, name))
}

/// What is wrong with a result that only rmcp's macro takes.
pub(crate) fn output(ty: &Type) -> Option<Error> {
    let response = types::find(ty, |ty| is_called(ty, "CallToolResponse").then_some(ty))?;
    let message = "a tool returns the reply alone; write `CallToolResult`";
    Some(Error::new_spanned(response, message))
}
