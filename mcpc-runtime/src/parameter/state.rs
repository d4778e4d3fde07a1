//! What a server keeps for its tools.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What the server keeps for its tools: a value given to [`Server::state`](crate::server::Server::state), shared by
/// every call.
///
/// A tool takes it as a parameter, and finds it by its type. It dereferences to the value, and a clone is another
/// handle to the same value. What changes is behind a lock or an atomic. A value that is shared already is given as an
/// `Arc<T>`, and taken as a `State<T>`, too; so is a trait object, `State<dyn Trait>`.
///
#[doc = include_str!("../../docs/state.md")]
#[derive(Debug)]
pub struct State<T: ?Sized>(Arc<T>);

impl<T> State<T> {
    /// Wraps a value, for calling a tool's function directly in a test.
    pub fn new(value: T) -> Self {
        Self(Arc::new(value))
    }
}

impl<T: ?Sized> From<Arc<T>> for State<T> {
    /// The same of a value that is shared already.
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}

impl<T: ?Sized> Clone for State<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: ?Sized> Deref for State<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// The type of a state, by identity and by name.
#[derive(Clone, Copy, Debug)]
#[doc(hidden)]
pub struct StateType {
    id: TypeId,
    /// That of an `Arc` of it, which is as good.
    id_in_arc: TypeId,
    pub(crate) name: &'static str,
}

impl PartialEq for StateType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl StateType {
    /// Whether it is a type of somebody's own, and not one that many values have.
    pub(crate) fn is_of_its_own(self) -> bool {
        let is_theirs = |root: &str| self.name.starts_with(root);
        self.name.contains("::") && !["alloc::", "core::", "std::"].into_iter().any(is_theirs)
    }

    pub(super) fn of<T: ?Sized + 'static>() -> Self {
        let id_in_arc = TypeId::of::<Arc<T>>();
        Self { id: TypeId::of::<T>(), id_in_arc, name: std::any::type_name::<T>() }
    }
}

/// The states a server was given, one per type.
#[derive(Default)]
pub(crate) struct States {
    by_type: HashMap<TypeId, Box<dyn Any + Send + Sync>>,
    /// In the order in which they were given.
    names: Vec<&'static str>,
    given_twice: Option<&'static str>,
}

impl fmt::Debug for States {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "States({})", self.by_type.len())
    }
}

impl States {
    pub(crate) fn insert<T: Send + Sync + 'static>(&mut self, value: T) {
        self.insert_any(StateType::of::<T>(), Box::new(State::new(value)));
    }

    fn insert_any(&mut self, state: StateType, value: Box<dyn Any + Send + Sync>) {
        if self.by_type.insert(state.id, value).is_some() {
            self.given_twice = Some(state.name);
        }
        self.names.push(state.name);
    }

    /// A type of which there was more than one, so that it is not clear which of them a tool is to get.
    pub(crate) fn given_twice(&self) -> Option<&'static str> {
        self.given_twice
    }

    /// The types of all states.
    pub(crate) fn names(&self) -> &[&'static str] {
        &self.names
    }

    pub(crate) fn has(&self, state: StateType) -> bool {
        self.by_type.contains_key(&state.id) || self.by_type.contains_key(&state.id_in_arc)
    }

    /// The state of a type: the bare value, or else what is in an `Arc`.
    pub(super) fn get<T: ?Sized + 'static>(&self) -> Option<State<T>> {
        if let Some(state) = self.get_any(TypeId::of::<T>()) {
            return state.downcast_ref::<State<T>>().cloned();
        }
        let shared = self.get_any(TypeId::of::<Arc<T>>())?.downcast_ref::<State<Arc<T>>>()?;
        Some(State(Arc::clone(shared)))
    }

    fn get_any(&self, id: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        self.by_type.get(&id).map(|state| &**state)
    }
}
