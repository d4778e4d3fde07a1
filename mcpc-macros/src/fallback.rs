//! What is emitted in place of a tool with mistakes: the function, so that its uses and its body still
//! type-check, a tool that could never run, and every error.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Error, FnArg};

use crate::expand::{handle, implementation};
use crate::input::Function;

/// An item that is no function: as it was.
pub(crate) fn item(error: &Error, item: TokenStream) -> TokenStream {
    let errors = error.to_compile_error();
    quote!(#errors #item)
}

/// A function with mistakes.
pub(crate) fn function(error: &Error, function: &Function) -> TokenStream {
    let errors = error.to_compile_error();
    let item = match stands_alone(function) {
        true => stub(function),
        // A method: neither a type nor an `impl` can stand beside it.
        false => function.to_token_stream(),
    };
    quote!(#errors #item)
}

fn stands_alone(function: &Function) -> bool {
    let is_method = matches!(function.signature.inputs.first(), Some(FnArg::Receiver(_)));
    function.has_body() && !is_method
}

fn stub(function: &Function) -> TokenStream {
    let mut function = function.clone();
    if function.awaits() {
        function.signature.asyncness.get_or_insert_default();
    }
    let ident = &function.signature.ident;
    let definition = quote!(::core::panic!("this tool was not compiled"));
    implementation(ident, "", &function, &handle(ident, &function), &definition)
}
