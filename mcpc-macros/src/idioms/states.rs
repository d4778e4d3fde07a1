//! What a server keeps for its tools, taken as authors of other servers do: in an `Arc`, behind a lock, borrowed.

use syn::{Error, Type};

use crate::types::{self, is_called, last_segment, one_inside};
use crate::validate::is_sender;

/// What is wrong with a parameter that is meant as a state, or may be.
pub(super) fn meant(ty: &Type) -> Option<Error> {
    let given = types::under_option(unreferenced(ty));
    if types::find(ty, |it| is_sender(it).then_some(())).is_some() {
        return None;
    }
    if let Some(of) = shared(given) {
        if is_text_or_list(of) {
            return Some(Error::new_spanned(ty, types::must_be_owned(of)));
        }
        let of = one_inside(of, "State").unwrap_or(of);
        let owned = match is_lock(of) || is_trait(of) {
            true => String::new(),
            false => format!("; an argument is owned: `{}`", types::owned(of)),
        };
        return Some(Error::new_spanned(ty, instead(of) + &owned));
    }
    if is_lock(given) || (is_trait(given) && !std::ptr::eq(given, ty)) {
        return Some(Error::new_spanned(ty, instead(given)));
    }
    borrowed(ty)
}

/// What to write instead.
fn instead(of: &Type) -> String {
    let how = if is_trait(of) { "in an `Arc`" } else { "bare or in an `Arc`" };
    format!("a state is `mcpc::State<{}>`, which `Server::state` is given {how}", types::text(of))
}

/// A reference to what may be the server's, and not read from JSON.
fn borrowed(ty: &Type) -> Option<Error> {
    let Type::Reference(reference) = ty else { return None };
    let of = &*reference.elem;
    let is_data = types::shape(of).is_some() || last_segment(of).is_none();
    if is_data || is_handed_in(of) || ["str", "Path", "Option"].iter().any(|it| is_called(of, it)) {
        return None;
    }
    let message = types::must_be_owned(of);
    let message = format!("{message}, or `mcpc::State<{}>` for a state", types::text(of));
    Some(Error::new(reference.and_token.span, message))
}

/// What is in an `Arc` or in what else shares.
fn shared(ty: &Type) -> Option<&Type> {
    let of = one_inside(ty, "Arc").or_else(|| one_inside(ty, "Rc"));
    of.or_else(|| one_inside(ty, "Box").filter(|of| is_trait(of)))
}

fn unreferenced(ty: &Type) -> &Type {
    match ty {
        Type::Reference(reference) => unreferenced(&reference.elem),
        Type::Paren(inner) => unreferenced(&inner.elem),
        _ => ty,
    }
}

/// Whether a type is what an argument is made of, and no state.
fn is_text_or_list(ty: &Type) -> bool {
    matches!(ty, Type::Slice(_)) || ["str", "Path"].iter().any(|it| is_called(ty, it))
}

fn is_trait(ty: &Type) -> bool {
    matches!(ty, Type::TraitObject(_))
}

/// Whether a type holds what changes. serde reads some of them.
fn is_lock(ty: &Type) -> bool {
    const ATOMIC: [&str; 12] = [
        "AtomicBool",
        "AtomicI8",
        "AtomicI16",
        "AtomicI32",
        "AtomicI64",
        "AtomicIsize",
        "AtomicU8",
        "AtomicU16",
        "AtomicU32",
        "AtomicU64",
        "AtomicUsize",
        "AtomicPtr",
    ];
    let is_generic = last_segment(ty).is_some_and(|segment| !segment.arguments.is_none());
    let names = if is_generic { &["Mutex", "RwLock", "Cell", "RefCell"][..] } else { &ATOMIC };
    names.iter().any(|name| is_called(ty, name))
}

/// Whether a type is what the runtime hands in.
fn is_handed_in(ty: &Type) -> bool {
    ["Sender", "Receiver", "State", "Call"].iter().any(|name| is_called(ty, name))
}
