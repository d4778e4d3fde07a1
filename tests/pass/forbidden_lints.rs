//! What the attributes write down turns no lint off, so a crate may forbid any.

#![forbid(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    unused_qualifications,
    unused_results,
    single_use_lifetimes,
    absolute_paths_not_starting_with_crate,
    explicit_outlives_requirements,
    variant_size_differences,
    nonstandard_style,
    deprecated,
    dead_code,
    unused,
    warnings
)]
#![forbid(unsafe_code)]
#![cfg_attr(not(clippy), forbid(clippy::all, clippy::pedantic, clippy::nursery))]

use std::fmt;

use mcpc::{Call, Sender, Server, State, tools};

/// Documented, public, and listed.
#[mcpc::tool(read_only)]
pub async fn add(
    /// First addend
    a: i64,
    /// Second addend
    #[arg(default = 1, range = -5..=5)]
    b: i64,
) -> i64 {
    a + b
}

#[mcpc::background(name = "count.up", timeout = "10m", patience = "30s", retention = "1h")]
async fn count(
    #[arg(default = "en", rename = "lang")] language: String,
    #[arg(length = 1..=9, pattern = "^[a-z]+$", example = "up")] direction: Option<String>,
    to: Option<u32>,
    call: Call,
    factor: State<u32>,
    updates: Sender,
) -> Result<u32, fmt::Error> {
    updates.progress(1, 1, language + call.session_id() + direction.as_deref().unwrap_or("up"));
    Ok(to.unwrap_or(*factor))
}

/// Tools of a module.
pub mod inner {
    /// Seen by everybody.
    #[mcpc::tool]
    pub async fn nothing() {}

    /// Seen by its parent.
    #[mcpc::tool]
    pub(super) async fn listed() -> std::borrow::Cow<'static, str> {
        "listed".into()
    }
}

macro_rules! tool {
    ($name:ident: $ty:ty = $default:expr) => {
        #[mcpc::tool]
        async fn $name(#[arg(default = $default)] value: $ty) -> $ty {
            value
        }
    };
}

tool!(of_a_macro: u8 = 5);

/// Lists them.
pub fn main() {
    #[mcpc::tool]
    async fn in_a_function() {}

    let server = Server::new("forbidden").state(1_u32);
    drop(server.tools(tools![add, count, inner::listed, inner::nothing, of_a_macro, in_a_function]));
}
