//! `tools![..]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Path, Token};

use crate::errors::Errors;
use crate::types;

fn parse(input: ParseStream<'_>) -> syn::Result<Punctuated<Path, Token![,]>> {
    Punctuated::parse_terminated_with(input, Path::parse_mod_style)
}

pub(crate) fn expand(list: TokenStream) -> TokenStream {
    let paths = match parse.parse2(list) {
        Ok(paths) => paths,
        Err(error) => {
            let message = "`tools![..]` takes the names of tools, separated by commas";
            return Error::new(error.span(), message).to_compile_error();
        }
    };
    let paths: Vec<Path> = paths.into_iter().collect();
    match distinct(&paths) {
        Ok(()) => tools(&paths),
        Err(error) => error.to_compile_error(),
    }
}

/// Finds a tool that is listed twice under one path, and points at the second one.
fn distinct(paths: &[Path]) -> Result<(), Error> {
    let mut errors = Errors::new();
    for (index, path) in paths.iter().enumerate() {
        let text = path.to_token_stream().to_string();
        if paths[..index].iter().any(|earlier| earlier.to_token_stream().to_string() == text) {
            errors.on(path, format!("`{}` is listed twice", types::text(path)));
        }
    }
    errors.result()
}

/// The list, and assertions about it: each name is that of a tool, and no two tools have one name.
fn tools(paths: &[Path]) -> TokenStream {
    let listed = paths.iter().map(listed);
    let assertions = paths.iter().enumerate().map(|(index, path)| {
        let text = types::text(path);
        let no_tool = format!(
            "`{text}` is not a tool; annotate it with `#[mcpc::tool]` or `#[mcpc::background]`"
        );
        let duplicate = format!("`{text}` has the name of a tool before it");
        quote_spanned! {path.span()=>
            const _: () = ::core::assert!(__MCPC_TOOLS[#index].is_tool(), "{}", #no_tool);
            const _: () = ::core::assert!(
                !::mcpc::__private::duplicate(__MCPC_TOOLS, #index),
                "{}",
                #duplicate,
            );
        }
    });
    quote! {{
        const __MCPC_TOOLS: &[::mcpc::__private::Listed] = &[#(#listed),*];
        #(#assertions)*
        ::mcpc::__private::Tools::new(__MCPC_TOOLS)
    }}
}

/// Looks a tool up by its type, through an import: unlike a plain use of the name, that one leaves room
/// for something else of the name, which is then found to be no tool.
fn listed(path: &Path) -> TokenStream {
    quote_spanned! {path.span()=> {
        #[allow(unused_imports)]
        use ::mcpc::__private::no_tool::*;
        #[allow(unused_imports)]
        use #path as __mcpc_tool;
        ::mcpc::__private::listed::<__mcpc_tool, _>(&__mcpc_tool)
    }}
}
