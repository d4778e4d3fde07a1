//! `tools![..]`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Path, Token};

use crate::errors::Errors;
use crate::expand::parenthesized;
use crate::input::is_cfg;
use crate::types;

/// One tool of a list.
struct Entry {
    /// When it is there at all.
    cfgs: Vec<Attribute>,
    /// Attributes that mean nothing here.
    others: Vec<Attribute>,
    path: Path,
}

fn parse(input: ParseStream<'_>) -> syn::Result<Punctuated<Entry, Token![,]>> {
    Punctuated::parse_terminated_with(input, |input| {
        let attributes = input.call(Attribute::parse_outer)?;
        let (cfgs, others) = attributes.into_iter().partition(is_cfg);
        Ok(Entry { cfgs, others, path: input.call(Path::parse_mod_style)? })
    })
}

pub(crate) fn expand(list: TokenStream) -> TokenStream {
    let entries = match parse.parse2(list) {
        Ok(entries) => entries,
        Err(error) => {
            let message = "`tools![..]` takes the names of tools, separated by commas";
            return Error::new(error.span(), message).to_compile_error();
        }
    };
    let entries: Vec<Entry> = entries.into_iter().collect();
    match check(&entries) {
        Ok(()) => tools(&entries),
        Err(error) => error.to_compile_error(),
    }
}

/// Finds tools that are listed twice under one path, and attributes that mean nothing here.
fn check(entries: &[Entry]) -> Result<(), Error> {
    let mut errors = Errors::new();
    for other in entries.iter().flat_map(|entry| &entry.others) {
        errors.on(other, "only `#[cfg(..)]` can stand before a name in `tools![..]`");
    }
    for (index, Entry { cfgs, path, .. }) in entries.iter().enumerate() {
        let text = types::text(path);
        let is_same = |earlier: &Entry| {
            let always = earlier.cfgs.is_empty() && cfgs.is_empty();
            always && types::text(&earlier.path) == text
        };
        if entries[..index].iter().any(is_same) {
            errors.on(path, format!("`{text}` is listed twice"));
        }
    }
    errors.result()
}

/// The list, and the assertions that no two of its tools have one name.
fn tools(entries: &[Entry]) -> TokenStream {
    let listed = entries.iter().enumerate().map(|(place, entry)| listed(entry, place));
    let assertions = entries.iter().enumerate().map(|(place, entry)| assertion(entry, place));
    quote! {{
        const __MCPC_TOOLS: &[::mcpc::__private::Listed] = &[#(#listed),*];
        #(#assertions)*
        ::mcpc::__private::Tools::new(__MCPC_TOOLS)
    }}
}

/// Finds a tool that has the name of one before it under another path.
fn assertion(Entry { cfgs, path, .. }: &Entry, place: usize) -> TokenStream {
    let message = format!("`{}` has the name of a tool before it", types::text(path));
    let at = path.span();
    let list = parenthesized(quote!(::mcpc::__private::List(__MCPC_TOOLS)), at);
    let arguments = parenthesized(quote!(#place, #message), at);
    quote! {
        #(#cfgs)*
        const _: () = #list.assert_first #arguments;
    }
}

/// Looks a tool up by its type. (An import of it would leave room for a better word on what is no tool,
/// but it is ambiguous where a crate has the tool's name.)
fn listed(Entry { cfgs, path, .. }: &Entry, place: usize) -> TokenStream {
    quote! {
        #(#cfgs)*
        <#path as ::mcpc::__private::Tool>::LISTED.at(#place)
    }
}
