//! How messages leave and arrive: our own transport for lines of JSON, and a wrapper for any other
//! transport of rmcp's.
//!
//! Both put a [`Gate`] into the extensions of every `tools/call` they read, and open it right behind
//! the reply.

mod erased;
mod gates;
mod lines;
mod wrapped;

pub(crate) use erased::Erased;
pub(crate) use lines::{Lines, Reader, Writer};
pub(crate) use wrapped::Wrapped;

use crate::log::Boxed;

/// What a transport waits for when no more calls come: the tasks of the connection, for a while.
pub(crate) type End = Boxed<'static, ()>;
