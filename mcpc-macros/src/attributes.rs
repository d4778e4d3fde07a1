//! The keys of `#[tool(..)]`, `#[background(..)]` and `#[arg(..)]`, each kept with its span.

use std::time::Duration;

use proc_macro2::{Delimiter, Ident, Span, TokenStream, TokenTree};
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::token::Paren;
use syn::{Attribute, Expr, ExprLit, ExprRange, Lit, LitStr, Meta, Path, Token, Type, parse_quote};

use crate::duration;
use crate::errors::Errors;
use crate::idioms;
use crate::model::{DefaultValue, Hints, Kind, Place, Range, Text, ToolTimes, string};
use crate::suggest::suggest;

/// One `key` or `key = value`.
pub(crate) struct Key {
    pub(crate) name: Ident,
    pub(crate) value: Option<Expr>,
    /// What stands in parentheses after a key of others.
    pub(crate) list: Option<TokenStream>,
}

impl Parse for Key {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if input.peek(Lit) {
            return Err(input.error("expected `key = value`, found a bare literal"));
        }
        let name = input.call(Ident::parse_any)?;
        if input.peek(Paren) && idioms::keys::has_list(&name) {
            let list = Some(idioms::keys::in_parentheses(input)?);
            return Ok(Self { name, value: None, list });
        }
        if input.peek(Paren) {
            let (at, list) = (input.span(), idioms::keys::in_parentheses(input)?);
            let value = idioms::keys::value_of_list(&name, list);
            return Err(syn::Error::new(at, format!("expected `{name} = {value}`")));
        }
        if input.peek(Token![:]) {
            return Err(input.error(format!("expected `=`, as in `{name} = ..`")));
        }
        let value = match input.parse::<Option<Token![=]>>()? {
            Some(_) if input.is_empty() || input.peek(Token![,]) => {
                return Err(syn::Error::new(name.span(), format!("`{name}` needs a value")));
            }
            Some(_) => Some(input.parse()?),
            None => None,
        };
        Ok(Self { name, value, list: None })
    }
}

/// A literal without the invisible group that `macro_rules!` puts around it.
fn ungrouped(token: TokenTree) -> TokenTree {
    if let TokenTree::Group(group) = &token
        && group.delimiter() == Delimiter::None
        && let [TokenTree::Literal(literal)] = Vec::from_iter(group.stream()).as_slice()
    {
        return literal.clone().into();
    }
    token
}

/// Reads a list of keys.
pub(crate) fn parse(tokens: TokenStream, errors: &mut Errors) -> Vec<Key> {
    let tokens = tokens.into_iter().map(ungrouped).collect();
    let parsed = Punctuated::<Key, Token![,]>::parse_terminated.parse2(tokens);
    errors.ok(parsed).into_iter().flatten().collect()
}

/// Keeps of some keys those that are known, each once.
fn checked(parsed: Vec<Key>, known: &[&str], errors: &mut Errors) -> Vec<Key> {
    let mut keys: Vec<Key> = Vec::new();
    for key in parsed {
        let name = key.name.to_string();
        if !known.contains(&name.as_str()) {
            errors.at(key.name.span(), format!("unknown key `{name}`; {}", suggest(&name, known)));
        } else if keys.iter().any(|earlier| earlier.name == key.name) {
            errors.at(key.name.span(), format!("`{name}` is given twice"));
        } else {
            keys.push(key);
        }
    }
    keys
}

impl Key {
    /// A string literal with something in it.
    fn text(&self, errors: &mut Errors) -> Option<LitStr> {
        let name = &self.name;
        match &self.value {
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. }))
                if text.value().trim().is_empty() =>
            {
                errors.on(text, format!("`{name}` must not be empty"));
                None
            }
            Some(Expr::Lit(ExprLit { lit: Lit::Str(text), .. })) => Some(text.clone()),
            _ => {
                let is_time = name == "timeout" || OF_TASKS.iter().any(|key| name == key);
                let example = if is_time { "10m" } else { ".." };
                self.refuse(format!("`{name}` takes a string: `{name} = \"{example}\"`"), errors);
                None
            }
        }
    }

    /// A string literal, or what rustc knows to be a text.
    fn text_or_constant(&self, what: &'static str, errors: &mut Errors) -> Option<Text> {
        match &self.value {
            None | Some(Expr::Lit(_)) => Some(Text::Written(self.text(errors)?.value())),
            Some(value) if string(value).is_some() => string(value).map(Text::Written),
            Some(value) => {
                Some(Text::Constant { value: Box::new(value.clone()), span: value.span(), what })
            }
        }
    }

    /// Something that becomes an object.
    fn object(self, errors: &mut Errors) -> Option<Expr> {
        let is_object = |text: String| text.trim_start().starts_with('{');
        match &self.value {
            Some(value @ Expr::Lit(_)) if !string(value).is_some_and(is_object) => {
                let name = &self.name;
                errors.on(value, format!("`{name}` takes an object: `{name} = json!({{..}})`"));
                None
            }
            _ => self.expression(errors),
        }
    }

    /// The address of an icon, or icons.
    fn icons(self, errors: &mut Errors) -> Option<Expr> {
        match &self.value {
            Some(value @ Expr::Lit(_)) if !string(value).is_some_and(|text| is_address(&text)) => {
                let message = "an icon starts with `https://`, `http://` or `data:`";
                errors.on(value, message);
                None
            }
            _ => self.expression(errors),
        }
    }

    /// The name of a header.
    fn header(&self, errors: &mut Errors) -> Option<LitStr> {
        let text = self.text(errors)?;
        let wrong = text.value().chars().find(|it| !is_token(*it));
        if let Some(wrong) = wrong {
            let message = format!(
                "a header's name is made of letters, digits and `!#$%&'*+-.^_`|~`; `{wrong}` is none of them"
            );
            errors.on(&text, message);
        }
        wrong.is_none().then_some(text)
    }

    /// A bare key, or `true` or `false`.
    fn flag(&self, errors: &mut Errors) -> Option<bool> {
        match &self.value {
            None => Some(true),
            Some(Expr::Lit(ExprLit { lit: Lit::Bool(flag), .. })) => Some(flag.value),
            Some(other) => {
                let name = &self.name;
                errors.on(other, format!("`{name}` is a flag: `{name}` or `{name} = false`"));
                None
            }
        }
    }

    fn range(&self, errors: &mut Errors) -> Option<Range> {
        let name = &self.name;
        match &self.value {
            Some(Expr::Range(range)) if may_be_numbers(range) => Some(Range(range.clone())),
            _ => {
                let message = format!("`{name}` takes a range of numbers: `{name} = 1..=100`");
                self.refuse(message, errors);
                None
            }
        }
    }

    /// Any expression.
    fn expression(self, errors: &mut Errors) -> Option<Expr> {
        if self.value.is_none() {
            let name = &self.name;
            errors.on(name, format!("`{name}` takes a value: `{name} = ..`"));
        }
        self.value
    }

    /// The path of this crate, which [`krate`] reads.
    fn path(&self, errors: &mut Errors) {
        let path = self.value.as_ref().map(ToTokens::to_token_stream);
        if path.and_then(|path| Path::parse_mod_style.parse2(path).ok()).is_none() {
            let message = "`crate` takes the path of `mcpc` in this crate: `crate = my_mcpc`";
            self.refuse(message, errors);
        }
    }

    /// A string literal that says how long something takes.
    fn duration(&self, errors: &mut Errors) -> Option<Duration> {
        let text = self.text(errors)?;
        match duration::parse(&text.value()) {
            Some(Duration::ZERO) if self.name == "timeout" || self.name == "retention" => {
                errors.on(&text, format!("`{}` must not be zero", self.name));
                None
            }
            Some(duration) => Some(duration),
            None => {
                let message = format!(
                    "`{}` is not a duration; write it like `\"50s\"`, `\"10m\"` or `\"1h 30m\"`",
                    text.value()
                );
                errors.on(&text, message);
                None
            }
        }
    }

    /// Notes a mistake on the value, or on the name where there is no value.
    fn refuse(&self, message: impl std::fmt::Display, errors: &mut Errors) {
        match &self.value {
            Some(value) => errors.on(value, message),
            None => errors.on(&self.name, message),
        }
    }
}

fn is_address(text: &str) -> bool {
    ["https://", "http://", "data:"].iter().any(|scheme| text.starts_with(scheme))
}

/// Whether a character may be in a token of HTTP (RFC 9110).
fn is_token(character: char) -> bool {
    character.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(character)
}

/// Whether each end of a range is a number, or nothing that can be told from here.
fn may_be_numbers(range: &ExprRange) -> bool {
    [&range.start, &range.end].into_iter().flatten().all(|end| match &**end {
        Expr::Lit(ExprLit { lit, .. }) => matches!(lit, Lit::Int(_) | Lit::Float(_)),
        _ => true,
    })
}

/// What `#[tool(..)]` or `#[background(..)]` says.
#[derive(Default)]
pub(crate) struct ToolKeys {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<Text>,
    pub(crate) description: Option<Text>,
    pub(crate) hints: Hints,
    pub(crate) times: ToolTimes,
    pub(crate) meta: Option<Expr>,
    pub(crate) icons: Option<Expr>,
    pub(crate) input_schema: Option<Expr>,
    /// Where that key stands.
    pub(crate) input_schema_at: Option<Span>,
    pub(crate) check: Option<Expr>,
    pub(crate) required: bool,
    pub(crate) join: bool,
}

/// The keys of both attributes.
const OF_TOOLS: [&str; 12] = [
    "name",
    "title",
    "description",
    "read_only",
    "destructive",
    "idempotent",
    "open_world",
    "meta",
    "icons",
    "timeout",
    "input_schema",
    "crate",
];

/// The keys that are about tasks.
const OF_TASKS: [&str; 5] = ["patience", "retention", "check", "required", "join"];

pub(crate) fn tool(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> ToolKeys {
    let mut read = ToolKeys::default();
    for key in tool_keys(kind, tokens, errors) {
        match key.name.to_string().as_str() {
            "name" => read.name = key.text(errors),
            "title" => read.title = key.text_or_constant("title", errors),
            "description" => read.description = key.text_or_constant("description", errors),
            "read_only" => read.hints.read_only = key.flag(errors),
            "destructive" => read.hints.destructive = key.flag(errors),
            "idempotent" => read.hints.idempotent = key.flag(errors),
            "open_world" => read.hints.open_world = key.flag(errors),
            "meta" => read.meta = key.object(errors),
            "icons" => read.icons = key.icons(errors),
            "input_schema" => {
                read.input_schema_at = Some(key.name.span());
                read.input_schema = key.expression(errors);
            }
            "crate" => key.path(errors),
            "patience" => read.times.patience = key.duration(errors),
            "timeout" => read.times.timeout = key.duration(errors),
            "retention" => read.times.retention = key.duration(errors),
            "check" => read.check = key.expression(errors),
            "required" => read.required = key.flag(errors).unwrap_or_default(),
            "join" => read.join = key.flag(errors).unwrap_or_default(),
            _ => unreachable!("`checked` lets known ones through only"),
        }
    }
    read
}

/// The path of `mcpc` in the user's crate, also where nothing else in an attribute makes sense.
pub(crate) fn krate(tokens: TokenStream) -> Path {
    let mut tokens = tokens.into_iter().map(ungrouped).skip_while(|token| !is(token, "crate"));
    let equals = tokens.by_ref().nth(1).filter(|token| is(token, "="));
    let path = tokens.take_while(|token| !is(token, ",")).collect();
    let path = equals.and_then(|_| Path::parse_mod_style.parse2(path).ok());
    path.unwrap_or_else(|| parse_quote!(::mcpc))
}

fn is(token: &TokenTree, text: &str) -> bool {
    token.to_string() == text
}

fn tool_keys(kind: Kind, tokens: TokenStream, errors: &mut Errors) -> Vec<Key> {
    if let Ok(text) = syn::parse2::<LitStr>(tokens.clone()) {
        errors.on(&text, idioms::is_doc_comment("a tool", &text.value()));
        return Vec::new();
    }
    let mut keys = parse(tokens, errors);
    idioms::keys::of_tools(kind, &mut keys, errors);
    match kind {
        Kind::Background => checked(keys, &[&OF_TOOLS[..], &OF_TASKS].concat(), errors),
        Kind::Plain => {
            keys.retain(|key| {
                let of_task = OF_TASKS.iter().any(|name| key.name == name);
                if of_task {
                    let instead = match key.name == "check" {
                        true => "check its arguments in the body",
                        false => "use `#[mcpc::background]`",
                    };
                    let message = format!(
                        "`{}` is about tasks, and a plain tool starts none; {instead}",
                        key.name
                    );
                    errors.on(&key.name, message);
                }
                !of_task
            });
            checked(keys, &OF_TOOLS, errors)
        }
    }
}

/// What `#[arg(..)]` says.
#[derive(Default)]
pub(crate) struct ArgumentKeys {
    pub(crate) place: Place,
    pub(crate) default: Option<DefaultValue>,
    pub(crate) rename: Option<LitStr>,
    pub(crate) range: Option<Range>,
    pub(crate) length: Option<Range>,
    pub(crate) pattern: Option<LitStr>,
    pub(crate) example: Option<Expr>,
    pub(crate) header: Option<LitStr>,
    /// Where any of it was said.
    pub(crate) span: Option<Span>,
}

pub(crate) fn argument(attributes: &[Attribute], ty: &Type, errors: &mut Errors) -> ArgumentKeys {
    const KNOWN: [&str; 9] =
        ["default", "rename", "range", "length", "pattern", "example", "header", "flatten", "all"];
    let mut read = ArgumentKeys::default();
    let mut keys = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("arg")) {
        read.span = Some(attribute.path().span());
        match &attribute.meta {
            Meta::List(list) => match syn::parse2::<LitStr>(list.tokens.clone()) {
                Ok(text) => errors.on(&text, idioms::is_doc_comment("an argument", &text.value())),
                Err(_) => keys.extend(parse(list.tokens.clone(), errors)),
            },
            Meta::Path(_) | Meta::NameValue(_) => {
                errors.on(attribute, "write what you mean in parentheses: `#[arg(default = 5)]`");
            }
        }
    }
    idioms::keys::of_arguments(&mut keys, ty, errors);
    let mut keys = checked(keys, &KNOWN, errors);
    read.place = place(&mut keys, errors);
    for key in keys {
        match key.name.to_string().as_str() {
            "default" => {
                read.default = Some(match key.value {
                    Some(value) => DefaultValue::Value(value),
                    None => DefaultValue::OfType(key.name.span()),
                });
            }
            "rename" => read.rename = key.text(errors),
            "range" => read.range = key.range(errors),
            "length" => read.length = key.range(errors),
            "pattern" => read.pattern = key.text(errors),
            "example" => read.example = key.expression(errors),
            "header" => read.header = key.header(errors),
            _ => unreachable!("`checked` lets known ones through only"),
        }
    }
    read
}

/// The place that a key asks for, if it is about that.
fn place_of(key: &Key) -> Option<Place> {
    match key.name.to_string().as_str() {
        "flatten" => Some(Place::Fields),
        "all" => Some(Place::All(key.name.span())),
        _ => None,
    }
}

/// Which of the arguments a parameter is. What is several of them has no other key, as these are about one; they
/// are taken out.
fn place(keys: &mut Vec<Key>, errors: &mut Errors) -> Place {
    let (places, others) = std::mem::take(keys).into_iter().partition(|it| place_of(it).is_some());
    *keys = others;
    let places: Vec<Key> = places;
    let mut asked = places.iter().filter(|key| key.flag(errors) == Some(true));
    let Some(several) = asked.next() else { return Place::One };
    let others: Vec<&Key> = asked.collect();
    for other in others.into_iter().chain(&*keys) {
        let (other, several) = (&other.name, &several.name);
        let message = format!("`{other}` is about one argument, and `{several}` is for several");
        errors.on(other, message);
    }
    keys.clear();
    place_of(several).unwrap_or_default()
}
