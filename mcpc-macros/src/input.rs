//! A function whose body stays unparsed: compiling it is rustc's business, and so are its errors.

use proc_macro2::{TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Error, Expr, ExprLit, FnArg, Lit, Meta, ReturnType, Signature, Token, Type,
    Visibility,
};

use crate::model::{Description, Kind, Text};
use crate::{conditional, idioms};

/// The item an attribute stands on.
#[derive(Clone)]
pub(crate) struct Function {
    attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// `None` for a trait's method, which ends in a semicolon.
    body: Option<TokenStream>,
}

/// Parses the item, or says where the attribute belongs.
pub(crate) fn parse(kind: Kind, item: TokenStream) -> Result<Function, Error> {
    Function::parse.parse2(item.clone()).map_err(|error| match keyword(item) {
        Some(keyword) => {
            Error::new_spanned(keyword, format!("{} goes on a free `async fn`", kind.attribute()))
        }
        None => error,
    })
}

/// The keyword of an item that is not a function.
fn keyword(item: TokenStream) -> Option<TokenTree> {
    let mut start = None;
    for token in item {
        let TokenTree::Ident(word) = &token else {
            continue;
        };
        match word.to_string().as_str() {
            "fn" => return None,
            "pub" | "async" | "unsafe" | "safe" => {}
            // Of a function, or an item of its own.
            "const" | "extern" => start = Some(token),
            _ => return start.or(Some(token)),
        }
    }
    start
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = match input.parse::<Option<Token![;]>>()? {
            Some(_) => None,
            None => Some(input.parse()?),
        };
        Ok(Self { attributes, visibility, signature, body })
    }
}

impl Function {
    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// Whether the body awaits something.
    pub(crate) fn awaits(&self) -> bool {
        self.body.clone().is_some_and(awaits)
    }

    /// The attributes that would make the function something else than this one tool.
    pub(crate) fn roles(&self) -> impl Iterator<Item = (&Attribute, Role)> {
        let attributes = self.attributes.iter();
        attributes.filter_map(|attribute| Some((attribute, role(attribute)?)))
    }

    /// When the function is there at all.
    pub(crate) fn cfgs(&self) -> Vec<Attribute> {
        conditional::filter_map(&self.attributes, |it| is_cfg(it).then(|| it.clone()))
    }

    /// The lints that what stands beside the function may trip as the function may.
    pub(crate) fn lints(&self) -> Vec<Attribute> {
        conditional::filter_map(&self.attributes, allowed)
    }

    /// The text of the doc comment, in each case in which it is another one.
    pub(crate) fn docs(&self) -> Vec<Description> {
        let variants = conditional::variants(&self.attributes, is_doc);
        let description =
            |variant: &Vec<Attribute>| Description { cfgs: cfgs(variant), text: doc(variant) };
        variants.iter().map(description).collect()
    }

    /// Takes away a body that would not compile without a type that the signature will not have.
    pub(crate) fn hollow(&mut self) {
        self.body = Some(quote!({ ::core::unreachable!() }));
        for parameter in &mut self.signature.inputs {
            if let FnArg::Typed(typed) = parameter {
                *typed.pat = syn::parse_quote!(_);
            }
        }
    }
}

/// Emits the function as it was, without what rustc would report in its own words.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut signature = self.signature.clone();
        signature.constness = None;
        signature.variadic = None;
        for parameter in &mut signature.inputs {
            let attributes = match parameter {
                FnArg::Typed(typed) => {
                    if let Type::Never(_) = *typed.ty {
                        *typed.ty = syn::parse_quote!(::core::convert::Infallible);
                    }
                    &mut typed.attrs
                }
                FnArg::Receiver(receiver) => &mut receiver.attrs,
            };
            *attributes =
                conditional::filter_map(attributes, |it| (!is_ours(it)).then(|| it.clone()));
        }
        if let ReturnType::Type(_, ty) = &mut signature.output
            && let Type::Reference(reference) = &mut **ty
        {
            reference.lifetime.get_or_insert_with(|| syn::parse_quote!('static));
        }
        let attributes = self.attributes.iter();
        let attributes = attributes.filter(|attribute| role(attribute).is_none());
        tokens.extend(attributes.map(ToTokens::to_token_stream));
        self.visibility.to_tokens(tokens);
        signature.to_tokens(tokens);
        match &self.body {
            Some(body) => body.to_tokens(tokens),
            None => <Token![;]>::default().to_tokens(tokens),
        }
    }
}

/// What an attribute makes of a function.
#[derive(Clone, Copy)]
pub(crate) enum Role {
    Tool,
    /// A program or a test.
    Entry,
}

fn role(attribute: &Attribute) -> Option<Role> {
    let name = &attribute.path().segments.last()?.ident;
    if name == "tool" || name == "background" {
        Some(Role::Tool)
    } else if name == "main" || name == "test" {
        Some(Role::Entry)
    } else {
        None
    }
}

fn awaits(body: TokenStream) -> bool {
    body.into_iter().any(|token| match token {
        TokenTree::Ident(word) => word == "await",
        TokenTree::Group(group) => awaits(group.stream()),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// The attributes of a parameter, in each case in which what we read of them is something else.
pub(crate) fn variants(attributes: &[Attribute]) -> Vec<Vec<Attribute>> {
    conditional::variants(attributes, |attribute| is_ours(attribute) || is_cfg(attribute))
}

/// Whether an attribute of a parameter is read by us, and unknown to rustc there.
fn is_ours(attribute: &Attribute) -> bool {
    is_doc(attribute) || attribute.path().is_ident("arg") || idioms::is_of_types(attribute)
}

/// Whether there is any `#[arg(..)]`, be it under a condition.
pub(crate) fn has_arg(attributes: &[Attribute]) -> bool {
    let arg = |it: &Attribute| it.path().is_ident("arg").then(|| it.clone());
    !conditional::filter_map(attributes, arg).is_empty()
}

fn is_doc(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc")
}

/// The lint that an attribute of a function allows.
fn allowed(attribute: &Attribute) -> Option<Attribute> {
    match &attribute.meta {
        // Where nothing trips it, an `expect` would be a mistake.
        Meta::List(list) if list.path.is_ident("allow") || list.path.is_ident("expect") => {
            let lints = &list.tokens;
            Some(syn::parse_quote!(#[allow(#lints)]))
        }
        // The function is called.
        meta if meta.path().is_ident("deprecated") => Some(syn::parse_quote!(#[allow(deprecated)])),
        _ => None,
    }
}

/// The `#[cfg(..)]`s among some attributes.
pub(crate) fn cfgs(attributes: &[Attribute]) -> Vec<Attribute> {
    attributes.iter().filter(|attribute| is_cfg(attribute)).cloned().collect()
}

pub(crate) fn is_cfg(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// The text of doc comments, without the space that starts most of their lines.
pub(crate) fn doc(attributes: &[Attribute]) -> Text {
    let lines: Vec<&Expr> = attributes.iter().filter_map(doc_line).collect();
    let Some(macro_) = lines.iter().find(|line| matches!(line, Expr::Macro(_))) else {
        let lines: Vec<String> = lines.into_iter().filter_map(written_line).collect();
        return Text::Written(lines.join("\n").trim().to_owned());
    };
    let lines = lines.iter().map(|line| match written_line(line) {
        Some(text) => text.to_token_stream(),
        None => line.to_token_stream(),
    });
    // The macros of std that read files and environments are expanded in it, whatever else is not.
    let value = Box::new(syn::parse_quote!(::core::concat!(#(#lines, "\n"),*)));
    Text::Constant { value, span: macro_.span(), what: "doc comment" }
}

/// What a doc attribute has: the text of a comment, or a macro.
fn doc_line(attribute: &Attribute) -> Option<&Expr> {
    match &attribute.meta {
        Meta::NameValue(meta) if meta.path.is_ident("doc") => Some(&meta.value),
        _ => None,
    }
}

fn written_line(line: &Expr) -> Option<String> {
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = line else {
        return None;
    };
    let text = text.value();
    Some(match block(&text) {
        Some(text) => text,
        None => text.strip_prefix(' ').unwrap_or(&text).to_owned(),
    })
}

/// The text of a `/** .. */` whose lines all start with a star.
fn block(text: &str) -> Option<String> {
    let (first, rest) = text.split_once('\n')?;
    let lines = rest.lines().map(|line| line.trim_start().strip_prefix('*'));
    let lines = lines.collect::<Option<Vec<&str>>>();
    // The last one ends the comment.
    let lines = lines.or_else(|| {
        let (rest, _) = rest.rsplit_once('\n')?;
        rest.lines().map(|line| line.trim_start().strip_prefix('*')).collect()
    })?;
    let lines = std::iter::once(first).chain(lines);
    Some(lines.map(|line| line.strip_prefix(' ').unwrap_or(line)).collect::<Vec<_>>().join("\n"))
}
