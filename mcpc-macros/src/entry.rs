//! Drives an attribute: parse, validate, expand or fall back.

use proc_macro2::TokenStream;

use crate::model::Kind;
use crate::{attributes, expand, fallback, input, validate};

pub(crate) fn tool(kind: Kind, attributes: TokenStream, item: TokenStream) -> TokenStream {
    let krate = attributes::krate(attributes.clone());
    let function = match input::parse(kind, item.clone()) {
        Ok(function) => function,
        Err(error) => return fallback::item(&error, item, &krate),
    };
    match validate::tool(kind, attributes, &function) {
        Ok(tool) => expand::tool(&tool, &function, &krate),
        Err(error) => fallback::function(&error, &function, &krate),
    }
}
