//! What may be an argument and is meant to be something else.
//!
//! A trait says what to write where a type is not an argument; where it is one, nothing changes. (It does not have
//! `Parameter` above it, as rustc would report that.)

use std::any::TypeId;

use rmcp::model::{MetaObject, ProgressToken, RequestId, RequestMetaObject};

use super::{Parameter, Settings, Slot};

/// Something that is called as a part of a request is in rmcp.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool argument",
    label = "is not `serde::Deserialize`, or not `schemars::JsonSchema`",
    note = "write `call: mcpc::Call` for what rmcp has of a request: `call.context()`"
)]
pub trait MayBeOfRequest: Sized {
    /// The slot of a parameter of this type.
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Parameter> MayBeOfRequest for T {
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self> {
        Self::slot(name, description, settings)
    }
}

/// Something that is called as what tells a task what to do next.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "nothing can be said to a task by a `{Self}`",
    label = "not an `mcpc::Receiver` of what can be read",
    note = "write `mcpc::Receiver<M>`, and derive serde's `Deserialize` and schemars' `JsonSchema` for `M` and for every type inside it"
)]
pub trait MayBeReceiver: Sized {
    /// The slot of a parameter of this type.
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: Parameter> MayBeReceiver for T {
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self> {
        Self::slot(name, description, settings)
    }
}

/// What to write in place of a type that rmcp has for a part of the request. It could be an argument, and nobody means
/// that.
pub(super) fn part_of_request(id: TypeId) -> Option<&'static str> {
    if id == TypeId::of::<RequestId>() {
        Some("call.context().id")
    } else if id == TypeId::of::<RequestMetaObject>() || id == TypeId::of::<MetaObject>() {
        Some("call.context().meta")
    } else if id == TypeId::of::<ProgressToken>() {
        Some("call.context().meta.get_progress_token()")
    } else {
        None
    }
}

/// The type of the state that is meant by a lock, an atomic number, or an `Arc` of one. serde reads them, and nobody means
/// that. The attribute sees those that stand in the signature; these have another name there.
pub(super) fn state_behind(type_name: &str) -> Option<&str> {
    let shared = type_name.strip_prefix("alloc::sync::Arc<");
    let of = shared.and_then(|it| it.strip_suffix('>')).unwrap_or(type_name);
    let path = of.split('<').next()?;
    let (krate, _) = path.split_once("::")?;
    let (_, name) = path.rsplit_once("::")?;
    let is_known = ["std", "core", "lock_api"].contains(&krate);
    let is_lock = ["Mutex", "RwLock", "Cell", "RefCell"].contains(&name);
    (is_known && (is_lock || path.starts_with("core::sync::atomic::"))).then_some(of)
}
