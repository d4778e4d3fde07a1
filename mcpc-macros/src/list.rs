//! `tools![..]`.

use proc_macro2::{Span, TokenStream, TokenTree};
use quote::quote;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, Error, Path, Token, bracketed};

use crate::errors::Errors;
use crate::expand::parenthesized;
use crate::fallback;
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

/// What `mcpc::tools!` hands on: the path of `mcpc`, in brackets, and the list.
fn parse(input: ParseStream<'_>) -> syn::Result<(Path, Punctuated<Entry, Token![,]>)> {
    let krate;
    bracketed!(krate in input);
    let entries = Punctuated::parse_terminated_with(input, |input| {
        let attributes = input.call(Attribute::parse_outer)?;
        let (cfgs, others) = attributes.into_iter().partition(is_cfg);
        Ok(Entry { cfgs, others, path: input.call(Path::parse_mod_style)? })
    });
    Ok((krate.call(Path::parse_mod_style)?, entries?))
}

pub(crate) fn expand(list: TokenStream) -> TokenStream {
    let (krate, entries) = match parse.parse2(list.clone()) {
        Ok(parsed) => parsed,
        Err(error) => {
            if let Some(error) = of_module(list) {
                return error.to_compile_error();
            }
            let message = "`tools![..]` takes the names of functions, separated by commas; a tool that is a value goes \
                           beside it: `tools![..] + tool`";
            return Error::new(error.span(), message).to_compile_error();
        }
    };
    let entries: Vec<Entry> = entries.into_iter().collect();
    match check(&entries) {
        Ok(()) => tools(&entries, &krate),
        Err(error) => error.to_compile_error(),
    }
}

/// What to write instead of `module::*` and `module::{add, sub}`.
fn of_module(list: TokenStream) -> Option<Error> {
    let mut module = String::new();
    // The first is the path of `mcpc`.
    for token in list.into_iter().skip(1) {
        match &token {
            TokenTree::Punct(it) if it.as_char() == ',' => module.clear(),
            TokenTree::Punct(it) if it.as_char() == '*' && !module.is_empty() => {
                return Some(Error::new_spanned(token, all_of(&module)));
            }
            TokenTree::Group(names) if module.ends_with("::") => {
                let names = in_braces(&module, names.stream());
                let glob = names.iter().find_map(|name| name.strip_suffix('*'));
                let message = glob.map_or_else(|| format!("write `{}`", names.join(", ")), all_of);
                return Some(Error::new_spanned(token, message));
            }
            other => module.push_str(&other.to_string()),
        }
    }
    None
}

/// What to write instead of `module::*`.
fn all_of(module: &str) -> String {
    let module = module.trim_end_matches(':');
    format!(
        "a macro cannot see what is in `{module}`; list its tools by name: \
         `tools![{module}::add, {module}::sub]`"
    )
}

/// The paths that `module::{..}` stands for.
fn in_braces(module: &str, names: TokenStream) -> Vec<String> {
    let (mut paths, mut path) = (Vec::new(), module.to_owned());
    for token in names {
        match token {
            TokenTree::Punct(it) if it.as_char() == ',' => {
                paths.push(std::mem::replace(&mut path, module.to_owned()));
            }
            TokenTree::Group(names) => paths.extend(in_braces(&path, names.stream())),
            other => path.push_str(&other.to_string()),
        }
    }
    paths.push(path);
    paths.retain(|path| !path.ends_with(':'));
    paths
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
fn tools(entries: &[Entry], krate: &Path) -> TokenStream {
    let us = quote!(#krate::__private);
    let (methods, entries): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(is_method);
    let methods = methods.into_iter().map(method);
    let listed = entries.iter().enumerate().map(|(index, entry)| listed(entry, index, &us));
    let assertions = entries.iter().enumerate().map(|(index, entry)| assertion(entry, index, &us));
    quote! {{
        #(#methods)*
        const __MCPC_TOOLS: &[#us::Listed] = &[#(#listed),*];
        #(#assertions)*
        #us::Tools::new(__MCPC_TOOLS)
    }}
}

/// Whether a path leads into a type, as far as its letters say.
fn is_method(Entry { path, .. }: &&Entry) -> bool {
    let of = path.segments.iter().rev().nth(1).map(|segment| segment.ident.to_string());
    of.is_some_and(|of| of.starts_with(char::is_uppercase))
}

/// Looks for the mark of a method, which cannot be a tool.
fn method(Entry { cfgs, path, .. }: &Entry) -> TokenStream {
    let mut marked = path.clone();
    if let Some(last) = marked.segments.last_mut() {
        last.ident = fallback::mark(&last.ident);
        last.ident.set_span(Span::mixed_site().located_at(path.span()));
    }
    quote!(#(#cfgs)* let () = #marked;)
}

/// Finds a tool that has the name of one before it under another path.
fn assertion(Entry { cfgs, path, .. }: &Entry, index: usize, us: &TokenStream) -> TokenStream {
    let message = format!("`{}` has the name of a tool before it", types::text(path));
    let at = path.span();
    let list = parenthesized(quote!(#us::List(__MCPC_TOOLS)), at);
    let arguments = parenthesized(quote!(#index, #message), at);
    quote! {
        #(#cfgs)*
        const _: () = #list.assert_first #arguments;
    }
}

/// Looks a tool up by its type. (An import of it would leave room for a better word on what is not a tool,
/// but it is ambiguous where a crate has the tool's name.)
fn listed(Entry { cfgs, path, .. }: &Entry, index: usize, us: &TokenStream) -> TokenStream {
    quote! {
        #(#cfgs)*
        <#path as #us::Tool>::LISTED.at(#index)
    }
}
