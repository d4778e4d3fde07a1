//! The attributes of `mcpc`. Use the `mcpc` crate, which re-exports and documents them.

mod attributes;
mod checks;
mod conditional;
mod duration;
mod entry;
mod errors;
mod expand;
mod fallback;
mod groups;
mod idioms;
mod input;
mod list;
mod model;
mod pattern;
mod suggest;
mod types;
mod validate;

use proc_macro::TokenStream;

/// See `mcpc::tool`.
#[proc_macro_attribute]
pub fn tool(attributes: TokenStream, item: TokenStream) -> TokenStream {
    entry::tool(model::Kind::Plain, attributes.into(), item.into()).into()
}

/// See `mcpc::background`.
#[proc_macro_attribute]
pub fn background(attributes: TokenStream, item: TokenStream) -> TokenStream {
    entry::tool(model::Kind::Background, attributes.into(), item.into()).into()
}

/// See `mcpc::tools`.
#[proc_macro]
pub fn tools(list: TokenStream) -> TokenStream {
    list::expand(list.into()).into()
}
