//! A function whose body stays unparsed: compiling it is rustc's business, and so are its errors.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::ToTokens;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::{Attribute, Error, Expr, ExprLit, FnArg, Lit, Meta, Signature, Token, Visibility};

use crate::model::Kind;

/// The item an attribute stands on.
pub(crate) struct Function {
    attributes: Vec<Attribute>,
    pub(crate) visibility: Visibility,
    pub(crate) signature: Signature,
    /// `None` for a trait's method, which ends in a semicolon.
    body: Option<Group>,
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

/// The keyword of an item that is no function.
fn keyword(item: TokenStream) -> Option<TokenTree> {
    const FUNCTION: [&str; 1] = ["fn"];
    const OTHER: [&str; 11] = [
        "struct",
        "enum",
        "union",
        "impl",
        "mod",
        "trait",
        "type",
        "static",
        "use",
        "macro_rules",
        "let",
    ];
    for token in item {
        if let TokenTree::Ident(ident) = &token {
            let ident = ident.to_string();
            if FUNCTION.contains(&ident.as_str()) {
                return None;
            }
            if OTHER.contains(&ident.as_str()) {
                return Some(token);
            }
        }
    }
    None
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let attributes = input.call(Attribute::parse_outer)?;
        let visibility = input.parse()?;
        let signature = input.parse()?;
        let body = if input.peek(Token![;]) {
            input.parse::<Token![;]>()?;
            None
        } else {
            Some(input.parse()?)
        };
        Ok(Self { attributes, visibility, signature, body })
    }
}

impl Function {
    pub(crate) fn has_body(&self) -> bool {
        self.body.is_some()
    }

    /// The text of the doc comment.
    pub(crate) fn doc(&self) -> String {
        doc(&self.attributes)
    }
}

/// Emits the function as it was, but for what rustc would not accept on a parameter.
impl ToTokens for Function {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let mut signature = self.signature.clone();
        for parameter in &mut signature.inputs {
            let attributes = match parameter {
                FnArg::Typed(typed) => &mut typed.attrs,
                FnArg::Receiver(receiver) => &mut receiver.attrs,
            };
            attributes.retain(|attribute| !is_ours(attribute));
        }
        tokens.extend(self.attributes.iter().map(ToTokens::to_token_stream));
        self.visibility.to_tokens(tokens);
        signature.to_tokens(tokens);
        match &self.body {
            Some(body) => body.to_tokens(tokens),
            None => <Token![;]>::default().to_tokens(tokens),
        }
    }
}

/// Whether an attribute of a parameter is read by us, and unknown to rustc there.
fn is_ours(attribute: &Attribute) -> bool {
    attribute.path().is_ident("doc") || attribute.path().is_ident("arg")
}

/// The text of doc comments, without the space that starts most of their lines.
pub(crate) fn doc(attributes: &[Attribute]) -> String {
    let lines: Vec<String> = attributes.iter().filter_map(doc_line).collect();
    lines.join("\n").trim().to_owned()
}

fn doc_line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(meta) = &attribute.meta else {
        return None;
    };
    let Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) = &meta.value else {
        return None;
    };
    let text = text.value();
    meta.path.is_ident("doc").then(|| text.strip_prefix(' ').unwrap_or(&text).to_owned())
}
