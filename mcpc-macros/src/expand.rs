//! A validated tool as code. Nothing can fail here.
//!
//! The code is small: it names the types of the signature, each once, and hands everything else to
//! the runtime. Every path is absolute, or starts with `__mcpc`, which `mcpc::__definition!` imports, so that
//! the path of `mcpc`, which the user may choose, stands in few places. No name of the user is bound. No name of
//! ours has the span of a token of the user, as editors follow every name that has.
//!
//! No lint is turned off, as a crate may forbid that: rustc applies hardly any to what has the span of a
//! macro, and nothing is written that the others are about.

use std::time::Duration;

use proc_macro2::{Delimiter, Group, Ident, Literal, Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Expr, ExprLit, Lit, Path, Type};

use crate::idioms;
use crate::input::Function;
use crate::model::{
    DefaultValue, Description, Hints, Kind, Parameter, Place, Range, Returns, Text, Tool,
    ToolTimes, Variant,
};
use crate::types::{self, under_option};
use crate::validate::is_sender;

pub(crate) fn tool(tool: &Tool, function: &Function, krate: &Path) -> TokenStream {
    implementation(&tool.ident, &tool.name, function, &definition(tool), krate)
}

/// The function, its handle, and the handle's `Tool`.
pub(crate) fn implementation(
    ident: &Ident,
    name: &str,
    function: &Function,
    definition: &TokenStream,
    krate: &Path,
) -> TokenStream {
    let (cfgs, lints) = (function.cfgs(), function.lints());
    let handle = handle(ident, function);
    let tool = implementation_of_tool(ident, name, definition, krate);
    quote! {
        #function
        #handle
        #(#cfgs)*
        #(#lints)*
        #tool
    }
}

/// What makes a type a tool.
pub(crate) fn implementation_of_tool(
    ident: &Ident,
    name: &str,
    definition: &TokenStream,
    krate: &Path,
) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl #krate::__private::Tool for #ident {
            const NAME: &'static ::core::primitive::str = #name;

            fn definition() -> #krate::__private::Definition {
                #krate::__definition! { #definition }
            }
        }
    }
}

/// The type that `tools![..]` names: it has the function's name, but only among types, where it does
/// not get in the function's way. (Nobody makes one, so that it is non-exhaustive is only for crates that want all
/// their types to be.)
fn handle(ident: &Ident, function: &Function) -> TokenStream {
    let visibility = &function.visibility;
    // What has the span of a macro needs no camel case.
    let span = Span::mixed_site().located_at(ident.span());
    let mut name = ident.clone();
    name.set_span(span);
    let declaration = quote_spanned!(span=> struct #name {});
    let cfgs = function.cfgs();
    quote! {
        #(#cfgs)*
        #[doc(hidden)]
        #[non_exhaustive]
        #visibility #declaration
    }
}

fn definition(tool: &Tool) -> TokenStream {
    let about = about(tool);
    let slots: Vec<Ident> =
        (0..tool.parameters.len()).map(|index| format_ident!("__mcpc_{index}")).collect();
    let parameters = tool.parameters.iter().map(|variant| match &variant.parameter {
        Ok(parameter) => self::parameter(parameter, tool.input_schema.is_some()),
        Err(error) => {
            let errors = error.to_compile_error();
            quote!({ #errors })
        }
    });
    let descriptions = tool.descriptions.iter().map(description);
    let cfgs = cfgs(tool);
    let returns = returns(&tool.returns);
    let (body, returns_slot) = (body(tool, &slots), returns_slot());
    let meta = tool.meta.as_ref().map(|it| quote!(.meta(|| __mcpc::IntoMeta::into_meta(#it))));
    let icons = tool.icons.as_ref().map(|it| quote!(.icons(|| __mcpc::IntoIcons::into_icons(#it))));
    let input_schema = tool.input_schema.as_ref().map(input_schema);
    let required = tool.required.then(|| quote!(.required()));
    let join = tool.join.then(|| quote!(.join()));
    quote! {
        #(#descriptions)*
        #(#cfgs let #slots = #parameters;)*
        #returns
        __mcpc::Definition::new(
            #about,
            ::std::boxed::Box::new([#(#cfgs #slots.describe()),*]),
            #returns_slot,
            ::std::boxed::Box::new(move |__mcpc_inputs| {
                #(#cfgs let #slots = #slots.take(__mcpc_inputs);)*
                #body
            }),
        )
        #meta
        #icons
        #input_schema
        #required
        #join
    }
}

/// The schema that is listed, whatever the expression is; evaluated when the server is built.
fn input_schema(schema: &Expr) -> TokenStream {
    quote!(.input_schema(|| __mcpc::InputSchema::read(#schema)))
}

/// For each parameter, when it is there at all.
fn cfgs(tool: &Tool) -> Vec<TokenStream> {
    let parameters = tool.parameters.iter();
    parameters.map(|Variant { cfgs, .. }| quote!(#(#cfgs)*)).collect()
}

fn description(Description { cfgs, text }: &Description) -> TokenStream {
    let text = self::text(text);
    quote!(#(#cfgs)* let __mcpc_description = #text;)
}

/// A text, which rustc evaluates if only that can; it is trimmed then, and not empty, or there is an error on it.
fn text(text: &Text) -> TokenStream {
    match text {
        Text::Written(text) => text.to_token_stream(),
        Text::Constant { value, span, what } => {
            let message = format!("the {what} is empty");
            let trimmed = parenthesized(quote!(__mcpc::text), *span);
            let arguments = parenthesized(quote!(__MCPC_TEXT, #message), *span);
            quote!({
                const __MCPC_TEXT: &::core::primitive::str = #value;
                const __MCPC_TRIMMED: &::core::primitive::str = #trimmed #arguments;
                __MCPC_TRIMMED
            })
        }
    }
}

fn about(tool: &Tool) -> TokenStream {
    let name = &tool.name;
    let kind = match tool.kind {
        Kind::Plain => quote!(Plain),
        Kind::Background => quote!(Background),
    };
    let title = tool.title.as_ref().map(text);
    let title = title.map(|title| quote!(::core::convert::Into::into(#title)));
    let title = option(title);
    let Hints { read_only, destructive, idempotent, open_world } = &tool.hints;
    let [read_only, destructive, idempotent, open_world] =
        [read_only, destructive, idempotent, open_world].map(|hint| option(hint.as_ref()));
    let times = times(&tool.times);
    quote! {
        __mcpc::About {
            kind: __mcpc::Kind::#kind,
            name: ::core::convert::Into::into(#name),
            title: #title,
            description: ::core::convert::Into::into(__mcpc_description),
            hints: __mcpc::Hints {
                read_only: #read_only,
                destructive: #destructive,
                idempotent: #idempotent,
                open_world: #open_world,
            },
            times: #times,
            location: ::core::convert::Into::into(
                ::core::concat!(::core::file!(), ":", ::core::line!())
            ),
        }
    }
}

fn times(times: &ToolTimes) -> TokenStream {
    let ToolTimes { patience, timeout, retention } = times;
    let [patience, timeout, retention] =
        [patience, timeout, retention].map(|time| option(time.map(duration)));
    quote! {
        __mcpc::ToolTimes {
            patience: #patience,
            timeout: #timeout,
            retention: #retention,
        }
    }
}

fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanoseconds) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanoseconds))
}

fn option(value: Option<impl ToTokens>) -> TokenStream {
    match value {
        Some(value) => quote!(::core::option::Option::Some(#value)),
        None => quote!(::core::option::Option::None),
    }
}

/// A parameter's slot. Its type is named once, so that one which cannot be an argument is reported there,
/// and once.
fn parameter(parameter: &Parameter, is_schema_given: bool) -> TokenStream {
    let Parameter { ty, key, description, place, default, range, length, pattern, example, header } =
        parameter;
    let description = text(description);
    let header = header.as_ref().map(|header| quote!(.header(#header)));
    let place = match place {
        // The type needs no schema of its own.
        Place::All(_) if is_schema_given => {
            return quote!(<#ty as __mcpc::Arguments>::slot(#key, #description));
        }
        Place::One => None,
        Place::Fields => Some(quote!(.fields())),
        Place::All(_) => Some(quote!(.all())),
    };
    let default = default.as_ref().map(|default| default_value(ty, default));
    let example = example.as_ref().map(|example| example_value(under_option(ty), example));
    let range = range.as_ref().map(range_value).map(|range| quote!(.range(#range)));
    let length = length.as_ref().map(range_value).map(|length| quote!(.length(#length)));
    let pattern = pattern.as_ref().map(|pattern| quote!(.pattern(#pattern)));
    let slot = slot(ty);
    quote! {
        #slot(
            #key,
            #description,
            __mcpc::Settings::new() #place #default #range #length #pattern #example #header,
        )
    }
}

/// Where a parameter's type is checked: a trait that says what is meant where the type is none of them.
fn slot(ty: &Type) -> TokenStream {
    if idioms::may_be_of_request(ty) {
        quote!(<#ty as __mcpc::MayBeOfRequest>::slot_of)
    } else if types::is_called(ty, "Receiver") {
        quote!(<#ty as __mcpc::MayBeReceiver>::slot_of)
    } else {
        quote!(<#ty as __mcpc::Parameter>::slot)
    }
}

fn default_value(ty: &Type, default: &DefaultValue) -> TokenStream {
    let value = match default {
        DefaultValue::OfType(span) => quote_spanned!(*span=> ::core::default::Default::default()),
        DefaultValue::Value(value) if is_literal(value) && types::is_called(ty, "Option") => {
            let (value, ty) = (self::value(value), under_option(ty));
            quote! {
                let __mcpc_default: #ty = #value;
                ::core::option::Option::Some(__mcpc_default)
            }
        }
        DefaultValue::Value(value) => self::value(value),
    };
    quote!(.default_value(|| -> #ty { #value }, (&&__mcpc::DefaultKind::<#ty>::new()).json()))
}

/// Whether a value can only be what an `Option` holds.
fn is_literal(value: &Expr) -> bool {
    match value {
        Expr::Lit(_) => true,
        Expr::Unary(unary) => is_literal(&unary.expr),
        _ => false,
    }
}

/// An example. It is an argument that is given, so it needs no `Some`.
fn example_value(ty: &Type, value: &Expr) -> TokenStream {
    let value = self::value(value);
    quote! {
        .example(|| {
            let __mcpc_example: #ty = #value;
            <#ty as __mcpc::Example>::shown(__mcpc_example)
        })
    }
}

/// A value that stands in the attribute: any expression, and `"text"` for a `String`, too.
fn value(value: &Expr) -> TokenStream {
    match value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => {
            // Editors do not follow a text, so names may have its place.
            quote_spanned!(text.span()=> __mcpc::FromText::from_text(#text))
        }
        value => value.to_token_stream(),
    }
}

fn range_value(range: &Range) -> TokenStream {
    let [low, high] = [range.low(), range.high()].map(|end| option(end.map(bound)));
    let exclusive = range.is_exclusive();
    quote!(__mcpc::Range::new(#low, #high, #exclusive))
}

/// One end of a range; a literal gets a type that holds any number.
fn bound(end: &Expr) -> TokenStream {
    let end = match end {
        Expr::Unary(unary) => {
            let (operator, operand) = (&unary.op, widened(&unary.expr));
            quote!(#operator #operand)
        }
        other => widened(other),
    };
    quote!(::core::convert::From::from(#end))
}

fn widened(end: &Expr) -> TokenStream {
    if let Expr::Lit(ExprLit { lit, .. }) = end {
        if let Lit::Int(integer) = lit
            && integer.suffix().is_empty()
            && let Ok(value) = integer.base10_parse::<i128>()
        {
            return with_span(Literal::i128_suffixed(value), integer.span());
        }
        if let Lit::Float(float) = lit
            && float.suffix().is_empty()
            && let Ok(value) = float.base10_parse::<f64>()
        {
            return with_span(Literal::f64_suffixed(value), float.span());
        }
    }
    end.to_token_stream()
}

fn with_span(mut literal: Literal, span: Span) -> TokenStream {
    literal.set_span(span);
    literal.to_token_stream()
}

/// How the result, and the error where there can be one, become text; each call stands on the type
/// that it checks.
fn returns(returns: &Returns) -> TokenStream {
    let slot = returns_slot();
    match returns {
        Returns::Unit => quote!(let #slot = <() as __mcpc::Output>::returns();),
        Returns::Value(ty) => {
            let returns = returns_of(&ty.to_token_stream(), Some(ty));
            quote!(let #slot = #returns;)
        }
        Returns::Result { whole, success, failure } => {
            let success =
                returns_of(&part_of(whole, success.as_ref(), "Success"), success.as_ref());
            let failure = part_of(whole, failure.as_ref(), "Failure");
            let fails = fails_slot();
            // rmcp's has no text of its own, and is what its servers fail with.
            let kind = match whole_reply(returns) {
                true => quote!(__mcpc::Fails::<#failure>::reply()),
                false => quote!((&&&<#failure as __mcpc::Failure>::kind()).fails()),
            };
            quote! {
                let #slot = #success;
                let #fails = #kind;
            }
        }
    }
}

/// Where a result's type is checked; `written` is the type if it stands in the signature.
fn returns_of(ty: &TokenStream, written: Option<&Type>) -> TokenStream {
    match written.and_then(idioms::in_json) {
        Some(of) => quote!(<#ty as __mcpc::MayBeJson<#of>>::returns_of()),
        None => quote!(<#ty as __mcpc::Output>::returns()),
    }
}

/// Whether a tool fails with a reply that it wrote itself.
fn whole_reply(returns: &Returns) -> bool {
    let Returns::Result { failure: Some(failure), .. } = returns else { return false };
    types::is_called(failure, "CallToolResult")
}

/// One of the two types of a `Result`: as it was written, or whatever the alias says.
fn part_of(whole: &Type, written: Option<&Type>, name: &str) -> TokenStream {
    let name = Ident::new(name, whole.span());
    match written {
        Some(ty) => ty.to_token_stream(),
        None => quote_spanned!(whole.span()=> <#whole as __mcpc::Fallible>::#name),
    }
}

// Named here, so that they are the same name even where spans come from different macros.

fn returns_slot() -> Ident {
    Ident::new("__mcpc_returns", Span::mixed_site())
}

fn fails_slot() -> Ident {
    Ident::new("__mcpc_fails", Span::mixed_site())
}

/// The call of the user's function. It stands on the function's name, where rustc says so if the future is
/// not `Send`.
fn body(tool: &Tool, slots: &[Ident]) -> TokenStream {
    let (ident, returns) = (&tool.ident, returns_slot());
    let cfgs = cfgs(tool);
    let check = tool.check.as_ref().map(|check| self::check(check, tool, slots, &cfgs));
    let call = quote_spanned!(ident.span()=> #ident(#(#cfgs #slots?),*));
    let body = match tool.returns {
        Returns::Unit | Returns::Value(_) => quote!(__mcpc::body(#call, #returns)),
        Returns::Result { .. } => {
            let fails = fails_slot();
            quote!(__mcpc::fallible_body(#call, #returns, #fails))
        }
    };
    quote! {
        #check
        ::core::option::Option::Some(#body)
    }
}

/// The call of the function that looks at the arguments before a task starts.
fn check(check: &Expr, tool: &Tool, slots: &[Ident], cfgs: &[TokenStream]) -> TokenStream {
    let arguments = tool.parameters.iter().zip(slots).zip(cfgs);
    let arguments = arguments.filter_map(|((variant, slot), cfgs)| match &variant.parameter {
        Ok(parameter) if is_sender(&parameter.ty) => None,
        _ => Some(quote!(#cfgs #slot)),
    });
    // rustc is to point at the function where its result does not fit.
    let arguments = parenthesized(quote!(#(#arguments),*), check.span());
    let function = match check {
        Expr::Path(_) => check.to_token_stream(),
        // What stands before brackets of a call.
        _ => parenthesized(check.to_token_stream(), check.span()).to_token_stream(),
    };
    quote! {
        {
            #(#cfgs let #slots = #slots.as_ref()?;)*
            __mcpc::Checked::note(#function #arguments, __mcpc_inputs)?;
        }
    }
}

/// Something in parentheses that have a span of the user. rustc reports an expression that starts
/// or ends with them there; an editor follows names, and these are none.
pub(crate) fn parenthesized(tokens: TokenStream, span: Span) -> Group {
    let mut group = Group::new(Delimiter::Parenthesis, tokens);
    group.set_span(span);
    group
}
