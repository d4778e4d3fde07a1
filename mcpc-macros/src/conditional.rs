//! `#[cfg_attr(..)]`. rustc has not looked at it yet when an attribute is expanded, and only rustc knows
//! whether it applies; so what depends on it is written down for either case, each with its `#[cfg(..)]`.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::Parser as _;
use syn::{Attribute, Meta, parse_quote};

/// A condition, and the attributes that are there if it holds.
struct Conditional {
    predicate: TokenStream,
    attributes: Vec<Attribute>,
}

/// `None` if an attribute is not a `#[cfg_attr(..)]`, or one that rustc will complain of.
fn read(attribute: &Attribute) -> Option<Conditional> {
    let Meta::List(list) = &attribute.meta else {
        return None;
    };
    if !list.path.is_ident("cfg_attr") {
        return None;
    }
    let mut parts = split(list.tokens.clone()).into_iter();
    let predicate = parts.next()?;
    let mut attributes = Vec::new();
    for part in parts.filter(|part| !part.is_empty()) {
        attributes.extend(Attribute::parse_outer.parse2(quote!(#[#part])).ok()?);
    }
    Some(Conditional { predicate, attributes })
}

/// What stands between commas.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for token in tokens {
        match (&token, parts.last_mut()) {
            (TokenTree::Punct(comma), _) if comma.as_char() == ',' => {
                parts.push(TokenStream::new());
            }
            (_, Some(part)) => part.extend([token]),
            (_, None) => {}
        }
    }
    parts
}

/// Every way in which the conditions on attributes that are `wanted` can turn out: the attributes that are there
/// then, a `#[cfg(..)]` for each condition among them.
pub(crate) fn variants(
    attributes: &[Attribute],
    wanted: fn(&Attribute) -> bool,
) -> Vec<Vec<Attribute>> {
    let mut variants = vec![Vec::new()];
    for attribute in attributes {
        variants = match read(attribute) {
            Some(it) if it.attributes.iter().any(|inner| holds(inner, wanted)) => {
                in_either_case(&variants, &it, wanted)
            }
            _ => {
                variants.iter_mut().for_each(|variant| variant.push(attribute.clone()));
                variants
            }
        };
    }
    variants
}

fn in_either_case(
    variants: &[Vec<Attribute>],
    Conditional { predicate, attributes }: &Conditional,
    wanted: fn(&Attribute) -> bool,
) -> Vec<Vec<Attribute>> {
    let holds: Attribute = parse_quote!(#[cfg(#predicate)]);
    let does_not: Attribute = parse_quote!(#[cfg(not(#predicate))]);
    let mut cases: Vec<Vec<Attribute>> = self::variants(attributes, wanted);
    cases.iter_mut().for_each(|case| case.insert(0, holds.clone()));
    cases.push(vec![does_not]);
    let both = |variant: &Vec<Attribute>| {
        cases.iter().map(|case| [variant.as_slice(), case].concat()).collect::<Vec<_>>()
    };
    variants.iter().flat_map(both).collect()
}

/// Whether an attribute is `wanted`, or may be one that is.
fn holds(attribute: &Attribute, wanted: fn(&Attribute) -> bool) -> bool {
    match read(attribute) {
        Some(it) => it.attributes.iter().any(|inner| holds(inner, wanted)),
        None => wanted(attribute),
    }
}

/// What `keep` makes of each attribute, under the conditions that it had.
pub(crate) fn filter_map(
    attributes: &[Attribute],
    keep: fn(&Attribute) -> Option<Attribute>,
) -> Vec<Attribute> {
    let one = |attribute: &Attribute| {
        let Some(Conditional { predicate, attributes }) = read(attribute) else {
            return keep(attribute);
        };
        let kept = filter_map(&attributes, keep);
        let metas = kept.iter().map(|attribute| &attribute.meta);
        (!kept.is_empty()).then(|| parse_quote!(#[cfg_attr(#predicate, #(#metas),*)]))
    };
    attributes.iter().filter_map(one).collect()
}
