//! What is emitted in place of a tool with mistakes: the function, so that its uses and its body still
//! type-check, a tool that could never run, and every error.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::ext::IdentExt as _;
use syn::{Error, FnArg, Item, Path, Signature, parse_quote};

use crate::expand::{implementation, implementation_of_tool};
use crate::input::Function;
use crate::types;

/// An item that is not a function: as it was, but a type may be listed as if it were a tool.
pub(crate) fn item(error: &Error, item: TokenStream, krate: &Path) -> TokenStream {
    let errors = error.to_compile_error();
    let ident = match syn::parse2::<Item>(item.clone()) {
        Ok(Item::Struct(it)) if it.generics.params.is_empty() => Some(it.ident),
        Ok(Item::Enum(it)) if it.generics.params.is_empty() => Some(it.ident),
        _ => None,
    };
    let tool = ident.map(|ident| implementation_of_tool(&ident, "", &never(), krate));
    quote!(#errors #item #tool)
}

/// The definition of a tool that never runs.
fn never() -> TokenStream {
    quote!(::core::panic!("this tool was not compiled"))
}

/// A function with mistakes.
pub(crate) fn function(error: &Error, function: &Function, krate: &Path) -> TokenStream {
    let errors = error.to_compile_error();
    let item = match stands_alone(function) {
        true => stub(function, krate),
        // A method: neither a type nor an `impl` can stand beside it.
        false => method(function),
    };
    quote!(#errors #item)
}

/// A method, and beside it what `tools![..]` looks for when it lists one.
fn method(function: &Function) -> TokenStream {
    let (visibility, mark) = (&function.visibility, mark(&function.signature.ident));
    let cfgs = function.cfgs();
    quote! {
        #function
        #(#cfgs)*
        #[doc(hidden)]
        #visibility const #mark: () = ();
    }
}

/// The name of a constant that a method has beside it if it has the attribute, so that its mistake is told once. rustc
/// shows it where a method without the attribute is listed.
pub(crate) fn mark(method: &Ident) -> Ident {
    let name = method.unraw();
    Ident::new(&format!("{name}_is_a_method_and_a_tool_is_a_free_function"), Span::mixed_site())
}

fn stands_alone(function: &Function) -> bool {
    let is_method = matches!(function.signature.inputs.first(), Some(FnArg::Receiver(_)));
    function.has_body() && !is_method
}

fn stub(function: &Function, krate: &Path) -> TokenStream {
    let mut function = function.clone();
    if function.awaits() {
        function.signature.asyncness.get_or_insert_default();
    }
    if without_senders(&mut function.signature) {
        function.hollow();
    }
    let ident = &function.signature.ident;
    implementation(ident, "", &function, &never(), krate)
}

/// Takes away every `Sender` of something: if it is ours, rustc would complain of its brackets once more.
/// Returns whether there was one.
fn without_senders(signature: &mut Signature) -> bool {
    let mut found = false;
    for input in &mut signature.inputs {
        if let FnArg::Typed(typed) = input
            && types::typed_sender(&typed.ty).is_some()
        {
            *typed.ty = parse_quote!(());
            found = true;
        }
    }
    found
}
