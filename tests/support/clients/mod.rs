//! Clients of every kind that a server has to do with, each over one [`Wire`](super::Wire).
//!
//! [`Plain`] has a session, calls tools and waits. [`Mcpc`] does so, too, and starts tasks as MCPC has them;
//! [`WithProgress`] hears how far its calls are. [`WithTasks`] has no session: it speaks MCP 2026-07-28, with its Tasks
//! extension. [`WithTasksOf2025`] has a session, and the tasks of MCP 2025-11-25.

mod mcpc;
mod plain;
mod progress;
mod tasks;
mod tasks_2025;

pub(crate) use mcpc::{Event, Mcpc, rest_of_task};
pub(crate) use plain::Plain;
pub(crate) use progress::{Heard, WithProgress};
pub(crate) use tasks::{WithTasks, status};
pub(crate) use tasks_2025::{WithTasksOf2025, of_2025};

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
