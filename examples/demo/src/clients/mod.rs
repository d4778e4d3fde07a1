//! The four clients of the demo: a host at an ordinary server, and three kinds at one on `mcpc`.

mod host;
mod mcpc;
mod plain;
mod tasks;

pub(crate) use host::Host;
pub(crate) use mcpc::Mcpc;
pub(crate) use plain::Plain;
pub(crate) use tasks::Tasks;
