//! Every rule, one small function each.

use proc_macro2::{Span, TokenStream};
use syn::ext::IdentExt as _;
use syn::{Attribute, Error, FnArg, LitStr, Pat, PatType, ReturnType, Signature, Type};

use crate::attributes::{self, ToolKeys};
use crate::checks;
use crate::errors::Errors;
use crate::groups;
use crate::idioms;
use crate::input::{self, Function, Role, cfgs, doc};
use crate::model::{Description, Kind, Parameter, Place, Returns, Tool, Variant};
use crate::types;

/// Names that belong to the protocol: its handshakes and the control tools.
/// `names.rs` of the runtime says what the others are for.
const RESERVED: [&str; 6] = [
    "is_mcpc_enabled",
    "_is_mcpc_enabled",
    "_mcpc_init",
    "check_task",
    "stop_task",
    "message_task",
];

/// Arguments that carry the protocol's ids.
const METADATA: [&str; 2] = ["_metadata", "mcpc_params"];

/// How long the name of an argument may be: the APIs of models refuse a longer one, and what is malformed.
const MOST_OF_A_KEY: usize = 64;

/// Checks a function against every rule.
///
/// # Errors
///
/// All mistakes of the function, combined.
pub(crate) fn tool(
    kind: Kind,
    attributes: TokenStream,
    function: &Function,
) -> Result<Tool, Error> {
    let mut errors = Errors::new();
    let keys = attributes::tool(kind, attributes, &mut errors);
    signature(kind, function, &mut errors);
    let name = name(&keys, &function.signature, &mut errors);
    let (parameters, are_all) = parameters(kind, &function.signature, &mut errors);
    // One that was refused may have been what the schema is for.
    let input_schema = keys.input_schema_at.filter(|_| are_all);
    groups::rules(&parameters, input_schema, &mut errors);
    let returns = returns(&function.signature, &mut errors);
    errors.result()?;
    Ok(Tool {
        kind,
        ident: function.signature.ident.clone(),
        name,
        title: keys.title,
        descriptions: match keys.description {
            Some(text) => vec![Description { cfgs: Vec::new(), text }],
            None => function.docs(),
        },
        hints: keys.hints,
        times: keys.times,
        meta: keys.meta,
        icons: keys.icons,
        input_schema: keys.input_schema,
        check: keys.check,
        required: keys.required,
        join: keys.join,
        parameters,
        returns,
    })
}

fn signature(kind: Kind, function: &Function, errors: &mut Errors) {
    let signature = &function.signature;
    if !function.has_body() {
        let attribute = kind.attribute();
        let message =
            format!("{attribute} goes on a free `async fn`; this looks like a trait method");
        return errors.on(signature, message);
    }
    if signature.asyncness.is_none() {
        errors.at(signature.fn_token.span, "a tool must be an `async fn`");
    }
    qualifiers(signature, errors);
    generics(signature, errors);
    roles(function, errors);
}

fn roles(function: &Function, errors: &mut Errors) {
    for (attribute, role) in function.roles() {
        match role {
            Role::Tool => errors.on(attribute, "a function is either a tool or a background tool"),
            Role::Entry => {
                let path = types::text(attribute.path());
                errors.on(attribute, format!("a tool cannot also be `#[{path}]`"));
            }
        }
    }
}

fn qualifiers(signature: &Signature, errors: &mut Errors) {
    if let Some(constness) = &signature.constness {
        errors.on(constness, "a tool cannot be `const`");
    }
    if let syn::Safety::Unsafe(unsafety) = &signature.safety {
        errors.on(unsafety, "a tool cannot be `unsafe`");
    }
    if let Some(abi) = &signature.abi {
        errors.on(abi, "a tool cannot be `extern`");
    }
    if let Some(variadic) = &signature.variadic {
        errors.on(variadic, "a tool cannot be variadic");
    }
}

fn generics(signature: &Signature, errors: &mut Errors) {
    let generics = &signature.generics;
    if generics.type_params().next().is_some() || generics.const_params().next().is_some() {
        let message = "a tool cannot be generic; its schema must be known when the server is built";
        errors.on(&generics.params, message);
    } else if let Some(lifetime) = generics.lifetimes().next() {
        let message = "a tool cannot have lifetime parameters; take owned values";
        errors.on(lifetime, message);
    }
    if let Some(clause) = &generics.where_clause {
        errors.on(clause, "a tool cannot have a `where` clause");
    }
}

fn name(keys: &ToolKeys, signature: &Signature, errors: &mut Errors) -> String {
    let (name, span) = match &keys.name {
        Some(literal) => (literal.value(), literal.span()),
        None => (signature.ident.unraw().to_string(), signature.ident.span()),
    };
    if let Some(problem) = malformed("a tool's name", &name) {
        errors.at(span, problem);
    } else if name.len() > 128 {
        errors.at(span, "a tool's name has at most 128 characters");
    } else if RESERVED.contains(&name.as_str()) {
        errors.at(span, reserved(&name));
    }
    name
}

/// What is wrong with the characters of a name.
fn malformed(what: &str, name: &str) -> Option<String> {
    let wrong = name.chars().find(|c| !c.is_ascii_alphanumeric() && !"_-.".contains(*c))?;
    Some(format!("{what} is made of letters, digits, `_`, `-` and `.`; `{wrong}` is none of them"))
}

fn reserved(name: &str) -> String {
    let what = if name.contains("mcpc") { "is how clients find MCPC" } else { "controls tasks" };
    format!("`{name}` {what}; choose another name")
}

/// The parameters, and whether none was refused as a whole.
fn parameters(kind: Kind, signature: &Signature, errors: &mut Errors) -> (Vec<Variant>, bool) {
    let mut parameters: Vec<Variant> = Vec::new();
    let (mut seen, mut are_all) = (Seen::default(), true);
    for input in &signature.inputs {
        let typed = match input {
            FnArg::Typed(typed) => typed,
            FnArg::Receiver(receiver) => {
                let message = "a tool is a free function; take `mcpc::State<..>` instead of `self`";
                errors.on(receiver.self_token, message);
                are_all = false;
                continue;
            }
        };
        if let Some(problem) = idiom(kind, typed) {
            errors.push(problem);
            are_all = false;
            continue;
        }
        let variants = variants(typed, &parameters, errors);
        are_all &= !variants.is_empty();
        // Where a `Sender` is there only at times, another may well take its place.
        let is_always = variants.iter().all(|variant| variant.cfgs.is_empty());
        let mut now = if is_always { seen } else { Seen::default() };
        let problem = sender(kind, &typed.ty, &mut now.sender)
            .or_else(|| receiver(kind, &typed.ty, &mut now.receiver))
            .or_else(|| by_value(&typed.ty));
        seen = Seen { sender: seen.sender | now.sender, receiver: seen.receiver | now.receiver };
        if let Some(problem) = problem {
            errors.push(problem);
        } else if is_special(&typed.ty) {
            // What is in it never comes from a client.
        } else if let Some(problem) = types::find(&typed.ty, types::unreadable) {
            errors.push(problem);
        }
        parameters.extend(variants);
    }
    (parameters, are_all)
}

/// What is wrong with a parameter that another macro would understand.
fn idiom(kind: Kind, typed: &PatType) -> Option<Error> {
    // What `#[arg(..)]` says is an argument is one.
    let is_argument = matches!(*typed.pat, Pat::Ident(_)) && input::has_arg(&typed.attrs);
    if is_argument { None } else { idioms::parameter(kind, typed) }
}

/// A parameter in each of its cases. What is wrong with one that has only one case is wrong with the tool.
fn variants(typed: &PatType, earlier: &[Variant], errors: &mut Errors) -> Vec<Variant> {
    let mut variants = input::variants(&typed.attrs);
    if let [attributes] = variants.as_slice() {
        let parameter = parameter(typed, attributes, earlier, errors);
        let cfgs = cfgs(attributes);
        return Vec::from_iter(
            parameter.map(|parameter| Variant { cfgs, parameter: Ok(parameter) }),
        );
    }
    let variant = |attributes: Vec<Attribute>| {
        let mut errors = Errors::new();
        let parameter = parameter(typed, &attributes, earlier, &mut errors);
        let parameter = errors.result().map(|()| parameter.expect("without it, there is an error"));
        Variant { cfgs: cfgs(&attributes), parameter }
    };
    variants.drain(..).map(variant).collect()
}

fn parameter(
    typed: &PatType,
    attributes: &[Attribute],
    earlier: &[Variant],
    errors: &mut Errors,
) -> Option<Parameter> {
    idioms::on_parameter(attributes, errors);
    let keys = attributes::argument(attributes, &typed.ty, errors);
    let ident = match &*typed.pat {
        Pat::Ident(pattern) if pattern.by_ref.is_none() && pattern.subpat.is_none() => {
            &pattern.ident
        }
        pattern => {
            let plain = || "an argument needs a plain name; it becomes the JSON key".to_owned();
            let message = idioms::taken_apart(pattern, &typed.ty, keys.place).unwrap_or_else(plain);
            errors.on(pattern, message);
            return None;
        }
    };
    let (key, span) = match &keys.rename {
        Some(rename) => (rename.value(), rename.span()),
        None => (ident.unraw().to_string(), ident.span()),
    };
    let special = is_special(&typed.ty);
    if let Some(span) = keys.span.filter(|_| special) {
        errors.at(span, "`#[arg(..)]` is for arguments of the call, and this is not one");
    }
    if !special && matches!(keys.place, Place::One) {
        key_rules(&key, span, &typed.ty, keys.rename.is_some(), errors);
    }
    // Where one of two is there only at times, they may well be alternatives.
    let is_always = cfgs(attributes).is_empty();
    let is_same = |Variant { cfgs, parameter }: &Variant| {
        let is_same = |it: &Parameter| matches!(it.place, Place::One) && it.key == key;
        is_always && cfgs.is_empty() && parameter.as_ref().is_ok_and(is_same)
    };
    if matches!(keys.place, Place::One) && earlier.iter().any(is_same) {
        errors.at(span, format!("two arguments have the JSON key `{key}`"));
    }
    if let Some(header) = keys.header.as_ref().filter(|_| is_always) {
        self::header(header, earlier, errors);
    }
    checks::all(&keys, &typed.ty, errors);
    if !special {
        groups::group(keys.place, &typed.ty, errors);
    }
    Some(Parameter {
        ty: (*typed.ty).clone(),
        key,
        description: doc(attributes),
        place: keys.place,
        default: keys.default,
        range: keys.range,
        length: keys.length,
        pattern: keys.pattern,
        example: keys.example,
        header: keys.header,
    })
}

/// A header holds one argument.
fn header(header: &LitStr, earlier: &[Variant], errors: &mut Errors) {
    let is_same = |it: &LitStr| it.value().eq_ignore_ascii_case(&header.value());
    let is_taken = |Variant { cfgs, parameter }: &Variant| {
        let other = parameter.as_ref().ok().and_then(|it| it.header.as_ref());
        cfgs.is_empty() && other.is_some_and(is_same)
    };
    if earlier.iter().any(is_taken) {
        errors.on(header, format!("two arguments have the header `{}`", header.value()));
    }
}

/// Whether a parameter is surely no argument of the call.
fn is_special(ty: &Type) -> bool {
    types::last_segment(ty).is_some_and(|segment| match segment.arguments.is_none() {
        true => is_sender(ty) || types::is_ours(ty, "Call"),
        // Without anything in brackets it may be a type of the user.
        false => segment.ident == "State" || segment.ident == "Receiver",
    })
}

/// Whether a parameter is the `Sender` of a task.
pub(crate) fn is_sender(ty: &Type) -> bool {
    types::last_segment(ty)
        .is_some_and(|segment| segment.arguments.is_none() && segment.ident == "Sender")
}

fn key_rules(key: &str, span: Span, ty: &Type, chosen: bool, errors: &mut Errors) {
    if METADATA.contains(&key) {
        let message = format!("`{key}` belongs to the MCPC protocol and never reaches a tool");
        errors.at(span, message);
    } else if key.starts_with('_') && !chosen && !types::is_called(ty, "Call") {
        // (A `Call` is most likely ours, which has no key.)
        let message = format!(
            "the JSON key would be `{key}`; name it with `#[arg(rename = \"..\")]` or drop the underscore"
        );
        errors.at(span, message);
    } else if let Some(problem) = malformed("the JSON key of an argument", key) {
        errors.at(span, problem);
    } else if key.len() > MOST_OF_A_KEY {
        errors.at(
            span,
            format!("the JSON key of an argument has at most {MOST_OF_A_KEY} characters"),
        );
    }
}

/// What a tool takes once.
#[derive(Clone, Copy, Default)]
struct Seen {
    sender: bool,
    receiver: bool,
}

/// What is wrong with a parameter that is, or holds, something called `Sender`.
fn sender(kind: Kind, ty: &Type, seen: &mut bool) -> Option<Error> {
    let found = types::find(ty, |ty| types::is_called(ty, "Sender").then_some(ty))?;
    let is_foreign = types::last_segment(found).is_some_and(|segment| !segment.arguments.is_none());
    let message = if is_foreign {
        return Some(Error::new_spanned(
            found,
            format!(
                "expected `mcpc::Sender`, found `{}`; write `mcpc::Sender`, which sends values of any type",
                types::text(found)
            ),
        ));
    } else if kind == Kind::Plain {
        "a plain tool has no `Sender`; use `#[mcpc::background]`"
    } else if !std::ptr::eq(found, ty) {
        "take the `Sender` by value; it is cheap to clone"
    } else if std::mem::replace(seen, true) {
        "a tool has one `Sender`; clone it where you need more"
    } else {
        return None;
    };
    Some(Error::new_spanned(ty, message))
}

/// What is wrong with a parameter that is, or holds, something called `Receiver`.
fn receiver(kind: Kind, ty: &Type, seen: &mut bool) -> Option<Error> {
    let found = types::find(ty, |ty| {
        let is_receiver =
            types::last_segment(ty).is_some_and(|segment| segment.ident == "Receiver");
        is_receiver.then_some(ty)
    })?;
    let message = if kind == Kind::Plain {
        "a plain tool has no `Receiver`, as nothing can be said to it; use `#[mcpc::background]`"
    } else if !std::ptr::eq(found, ty) {
        "take the `Receiver` by value, as `mut instructions: mcpc::Receiver<..>`"
    } else if std::mem::replace(seen, true) {
        "a tool has one `Receiver`; make its type an enum of all that can be said"
    } else {
        return None;
    };
    Some(Error::new_spanned(ty, message))
}

/// What is wrong with a parameter that holds what the runtime hands in.
fn by_value(ty: &Type) -> Option<Error> {
    let is_handed_in = |ty| types::one_inside(ty, "State").is_some() || types::is_ours(ty, "Call");
    let found = types::find(ty, |ty| is_handed_in(ty).then_some(ty))?;
    let message = match types::is_called(found, "Call") {
        true => "take the `Call` by value; every call has one",
        false => "take the `State` by value; a server without it cannot be built",
    };
    // A reference is told of as all others are.
    let is_inside = !std::ptr::eq(found, ty) && !matches!(ty, Type::Reference(_));
    is_inside.then(|| Error::new_spanned(ty, message))
}

fn returns(signature: &Signature, errors: &mut Errors) -> Returns {
    let ReturnType::Type(_, ty) = &signature.output else {
        return Returns::Unit;
    };
    // An `impl Future` is the result of a function that is to be `async`, which it is told.
    if let Some(problem) = idioms::output(ty) {
        errors.push(problem);
    }
    let is_future = signature.asyncness.is_none() && matches!(**ty, Type::ImplTrait(_));
    if let Some(problem) = types::find(ty, types::unwritable).filter(|_| !is_future) {
        errors.push(problem);
    }
    let ty = (**ty).clone();
    match types::last_segment(&ty) {
        Some(segment) if segment.ident == "Result" => {
            let mut types = types::generic_types(segment).into_iter().cloned();
            let (success, failure) = (types.next(), types.next());
            Returns::Result { whole: ty, success, failure }
        }
        _ => Returns::Value(ty),
    }
}

#[cfg(test)]
mod tests {
    use super::{METADATA, RESERVED};

    #[test]
    fn every_name_of_the_protocol_is_reserved() {
        let names = include_str!("../../mcpc-runtime/src/names.rs");
        let handshakes = names.split("fn handshake(").nth(1).expect("the handshakes");
        let handshakes = handshakes.split("fn ").next().expect("their end");
        let texts = handshakes.split('"').skip(1).step_by(2);
        let tools = names.split("_TASK: &str = \"").skip(1).filter_map(|it| it.split('"').next());
        let names_of_tools: Vec<&str> = texts.chain(tools).collect();
        assert_eq!(names_of_tools.len(), 6, "{names_of_tools:?}");
        for name in names_of_tools {
            assert!(RESERVED.contains(&name), "{name}");
        }
        for name in METADATA {
            assert!(names.contains(&format!("argument: \"{name}\"")), "{name}");
        }
    }
}
