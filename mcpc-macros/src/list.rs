//! `tools![..]`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::{Error, Path, Token};

use crate::errors::Errors;

pub(crate) fn expand(list: TokenStream) -> TokenStream {
    let paths = match Punctuated::<Path, Token![,]>::parse_terminated.parse2(list) {
        Ok(paths) => paths,
        Err(error) => return error.to_compile_error(),
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
            errors.on(path, format!("`{}` is listed twice", text.replace(' ', "")));
        }
    }
    errors.result()
}

/// The list; an assertion in it finds tools of one name under different paths.
fn tools(paths: &[Path]) -> TokenStream {
    quote! {{
        const _: () = if let ::core::option::Option::Some(name) = ::mcpc::__private::duplicate(
            &[#(<#paths as ::mcpc::__private::Tool>::NAME),*],
        ) {
            ::core::panic!("{}", name)
        };
        ::mcpc::__private::Tools::new(&[#(<#paths as ::mcpc::__private::Tool>::definition),*])
    }}
}
