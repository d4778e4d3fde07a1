//! What can be said about a type by looking at it.

use quote::ToTokens;
use syn::visit::{Visit, visit_type};
use syn::{Error, GenericArgument, PathArguments, PathSegment, Type, TypePath, TypeReference};

/// A type or a path as a person would write it.
pub(crate) fn text(tokens: &impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, tight) in [
        (" :: ", "::"),
        (":: ", "::"),
        (" <", "<"),
        ("< ", "<"),
        (" >", ">"),
        (" ,", ","),
        ("& ", "&"),
        ("* ", "*"),
        ("- ", "-"),
        ("( ", "("),
        (" )", ")"),
        ("[ ", "["),
        (" ]", "]"),
        (" ;", ";"),
        (" ..", ".."),
        ("..= ", "..="),
    ] {
        text = text.replace(spaced, tight);
    }
    text
}

/// The last segment of a type's path.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match ty {
        Type::Path(TypePath { qself: None, path, .. }) => path.segments.last(),
        // What `macro_rules!` makes of a fragment.
        Type::Group(group) => last_segment(&group.elem),
        _ => None,
    }
}

/// The types in the angle brackets of a segment.
pub(crate) fn generic_types(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return Vec::new();
    };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// What is in a type of that name with one other in its brackets.
pub(crate) fn one_inside<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    let segment = last_segment(ty).filter(|segment| segment.ident == name)?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    match arguments.args.first() {
        Some(GenericArgument::Type(of)) if arguments.args.len() == 1 => Some(of),
        _ => None,
    }
}

/// Whether a type is called `name`, wherever it comes from.
pub(crate) fn is_called(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|segment| segment.ident == name)
}

/// A `Sender` of something, which ours is not, anywhere in a type.
pub(crate) fn typed_sender(ty: &Type) -> Option<&Type> {
    find(ty, |ty| {
        let segment = last_segment(ty)?;
        (segment.ident == "Sender" && !segment.arguments.is_none()).then_some(ty)
    })
}

/// Whether a type is `mcpc::name`, as far as its path says.
pub(crate) fn is_ours(ty: &Type, name: &str) -> bool {
    let starts_with_us = match ty {
        Type::Path(path) => path.path.segments.first().is_some_and(|first| first.ident == "mcpc"),
        _ => false,
    };
    starts_with_us && is_called(ty, name)
}

/// The type of an argument that is given: what an `Option` holds.
pub(crate) fn under_option(ty: &Type) -> &Type {
    match last_segment(ty) {
        Some(segment) if segment.ident == "Option" => match generic_types(segment).as_slice() {
            [inner] => under_option(inner),
            _ => ty,
        },
        _ => ty,
    }
}

/// What a type looks like in JSON, where that can be told from its name.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Number,
    Text,
    /// Something with items or entries.
    Many,
    /// None of these.
    Other,
}

/// The shape of a type that everybody knows.
pub(crate) fn shape(ty: &Type) -> Option<Shape> {
    const MANY: [&str; 7] =
        ["Vec", "VecDeque", "LinkedList", "HashMap", "BTreeMap", "HashSet", "BTreeSet"];
    if let Type::Tuple(_) | Type::Array(_) = ty {
        return Some(Shape::Other);
    }
    let name = last_segment(ty)?.ident.to_string();
    if limits(ty).is_some()
        || ["i64", "u64", "i128", "u128", "isize", "usize", "f32", "f64"].contains(&&*name)
        || name.strip_prefix("NonZero").is_some_and(|of| {
            let of = of.to_lowercase();
            of.is_empty() || of.starts_with(['i', 'u']) && of[1..].parse::<u8>().is_ok()
        })
    {
        Some(Shape::Number)
    } else if ["String", "PathBuf"].contains(&&*name) {
        Some(Shape::Text)
    } else if MANY.contains(&&*name) {
        Some(Shape::Many)
    } else if ["bool", "char"].contains(&&*name) {
        Some(Shape::Other)
    } else {
        None
    }
}

/// Whether a header can hold a type: a string, a whole number or a boolean. What is not known may be one of them.
pub(crate) fn may_be_in_a_header(ty: &Type) -> bool {
    match shape(ty) {
        Some(Shape::Number) => !is_called(ty, "f32") && !is_called(ty, "f64"),
        Some(Shape::Other) => is_called(ty, "bool") || is_called(ty, "char"),
        Some(Shape::Many) => false,
        Some(Shape::Text) | None => true,
    }
}

/// The smallest and the largest number of a type that is small enough to get them wrong.
pub(crate) fn limits(ty: &Type) -> Option<(f64, f64)> {
    let (low, high): (i64, i64) = match last_segment(ty)?.ident.to_string().as_str() {
        "i8" => (i8::MIN.into(), i8::MAX.into()),
        "i16" => (i16::MIN.into(), i16::MAX.into()),
        "i32" => (i32::MIN.into(), i32::MAX.into()),
        "u8" => (0, u8::MAX.into()),
        "u16" => (0, u16::MAX.into()),
        "u32" => (0, u32::MAX.into()),
        _ => return None,
    };
    #[expect(clippy::cast_precision_loss, reason = "none has more than 32 bits")]
    Some((low as f64, high as f64))
}

/// Finds the first type anywhere in `ty` for which `wanted` has an answer.
pub(crate) fn find<'a, T>(ty: &'a Type, wanted: impl FnMut(&'a Type) -> Option<T>) -> Option<T> {
    struct Finder<F, T> {
        wanted: F,
        found: Option<T>,
    }
    impl<'a, T, F: FnMut(&'a Type) -> Option<T>> Visit<'a> for Finder<F, T> {
        fn visit_type(&mut self, ty: &'a Type) {
            if self.found.is_none() {
                self.found = (self.wanted)(ty);
            }
            if self.found.is_none() {
                visit_type(self, ty);
            }
        }
    }
    let mut finder = Finder { wanted, found: None };
    finder.visit_type(ty);
    finder.found
}

/// What is wrong with a type that no value read from JSON can have.
pub(crate) fn unreadable(ty: &Type) -> Option<Error> {
    match ty {
        Type::Reference(reference) if !matches!(*reference.elem, Type::TraitObject(_)) => {
            Some(Error::new(reference.and_token.span, must_be_owned(&reference.elem)))
        }
        Type::ImplTrait(it) => {
            Some(Error::new(it.impl_token.span, "`impl Trait` is generic; write the type"))
        }
        Type::TraitObject(_) | Type::Ptr(_) | Type::FnPtr(_) | Type::Never(_) => {
            Some(Error::new_spanned(ty, format!("`{}` cannot be read from JSON", text(ty))))
        }
        Type::Path(_) if ty.to_token_stream().to_string() == "Self" => {
            Some(Error::new_spanned(ty, "`Self` cannot be read from JSON"))
        }
        _ => None,
    }
}

/// What is wrong with a type that no tool can return.
pub(crate) fn unwritable(ty: &Type) -> Option<Error> {
    match ty {
        Type::Reference(reference) if is_static_str(reference) => None,
        Type::Reference(reference) => {
            let message = format!("a result must be owned; write `{}`", owned(&reference.elem));
            Some(Error::new(reference.and_token.span, message))
        }
        Type::ImplTrait(it) => {
            let message = "a result needs a type with a name; write the type";
            Some(Error::new(it.impl_token.span, message))
        }
        Type::Never(_) => Some(Error::new_spanned(ty, "a tool must return at some time")),
        _ => None,
    }
}

fn is_static_str(reference: &TypeReference) -> bool {
    reference.lifetime.as_ref().is_some_and(|lifetime| lifetime.ident == "static")
        && is_called(&reference.elem, "str")
}

/// What to write instead of a borrowed argument.
pub(crate) fn must_be_owned(of: &Type) -> String {
    format!("an argument must be owned; write `{}`", owned(of))
}

/// The owned type that one in a reference or an `Arc` stands for.
pub(crate) fn owned(ty: &Type) -> String {
    match ty {
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        other if is_called(other, "str") => "String".to_owned(),
        other if is_called(other, "Path") => "PathBuf".to_owned(),
        other => text(other),
    }
}
