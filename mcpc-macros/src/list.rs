//! `tools![..]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Error, Path, Token};

use crate::errors::Errors;
use crate::types;

pub(crate) fn expand(list: TokenStream) -> TokenStream {
    let paths = match Punctuated::<Path, Token![,]>::parse_terminated.parse2(list) {
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

/// The list; the assertions in it find tools of one name under different paths.
fn tools(paths: &[Path]) -> TokenStream {
    let distinct = paths.iter().enumerate().skip(1).map(|(index, path)| {
        let message = format!("`{}` has the name of a tool before it", types::text(path));
        quote_spanned! {path.span()=>
            const _: () = ::core::assert!(
                !::mcpc::__private::duplicate(__MCPC_NAMES, #index),
                "{}",
                #message,
            );
        }
    });
    quote! {{
        #[allow(dead_code)]
        const __MCPC_NAMES: &[&::core::primitive::str] =
            &[#(<#paths as ::mcpc::__private::Tool>::NAME),*];
        #(#distinct)*
        ::mcpc::__private::Tools::new(&[#(<#paths as ::mcpc::__private::Tool>::definition),*])
    }}
}
