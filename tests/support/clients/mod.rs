//! Clients of every kind that a server has to do with, each over one [`Wire`](super::Wire).
//!
//! [`Plain`] has a session, calls tools and waits. [`Mcpc`] does so, too, and starts tasks as MCPC has them;
//! [`WithProgress`] hears how far its calls are. [`WithTasks`] has no session: it speaks MCP 2026-07-28, with its Tasks
//! extension.

mod mcpc;
mod plain;
mod progress;
mod tasks;

pub(crate) use mcpc::{Event, Mcpc, rest_of_task};
pub(crate) use plain::Plain;
pub(crate) use progress::{Heard, WithProgress};
pub(crate) use tasks::{WithTasks, status};

/// Makes a client whatever it is built on, and more.
macro_rules! built_on {
    ($client:ty, $field:ident: $inner:ty) => {
        impl std::ops::Deref for $client {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.$field
            }
        }

        impl std::ops::DerefMut for $client {
            fn deref_mut(&mut self) -> &mut $inner {
                &mut self.$field
            }
        }
    };
}
use built_on;
