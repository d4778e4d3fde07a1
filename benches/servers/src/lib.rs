//! What the servers have in common.

mod on_rmcp;
mod time;

pub use on_rmcp::OnRmcp;
pub use time::now;

/// What an update says: about what a progress message with a path in it has.
pub const TEXT: &str =
    "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";
