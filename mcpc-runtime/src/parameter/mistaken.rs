//! Traits for what may be an argument and is often meant to be something else, as the servers of rmcp have it.
//!
//! Each says what to write where a type is not an argument; where it is one, nothing changes. (None of them has
//! `Parameter` above it, as rustc would report that.)

use std::any::TypeId;

use rmcp::model::{MetaObject, ProgressToken, RequestId, RequestMetaObject};

use super::{Parameter, Settings, Slot};

/// An `Arc<T>`, which is the argument `T` where serde's feature `rc` is on.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a tool argument",
    label = "cannot be read from JSON",
    note = "write `mcpc::State<{T}>` for what the server was given with `Server::state`"
)]
pub trait MayBeState<T: ?Sized>: Sized {
    /// The slot of a parameter of this type.
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self>;
}

#[diagnostic::do_not_recommend]
impl<T: ?Sized, A: Parameter> MayBeState<T> for A {
    fn slot_of(
        name: &'static str,
        description: &'static str,
        settings: Settings<Self>,
    ) -> Slot<Self> {
        Self::slot(name, description, settings)
    }
}

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
