//! What the servers have in common.

mod clock;
mod on_rmcp;

pub use clock::now;
pub use on_rmcp::OnRmcp;

/// What an update says: about what a progress message with a path in it has.
pub const TEXT: &str =
    "target/release/deps/libmcpc_runtime-0123456789abcdef.rmeta, again and again";
