//! What the attributes write down trips none of the lints that a careful crate turns on.

#![deny(
    missing_docs,
    unreachable_pub,
    missing_debug_implementations,
    missing_copy_implementations,
    unused_qualifications,
    unused_results,
    unused_lifetimes,
    single_use_lifetimes,
    let_underscore_drop,
    trivial_casts,
    trivial_numeric_casts,
    absolute_paths_not_starting_with_crate,
    elided_lifetimes_in_paths,
    explicit_outlives_requirements,
    redundant_lifetimes,
    unit_bindings,
    variant_size_differences,
    nonstandard_style,
    rust_2018_idioms,
    unused,
    warnings
)]
#![forbid(unsafe_code)]

use mcpc::{Call, Sender, State, tools};

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

#[mcpc::background(name = "count.up", title = "Count up", timeout = "10m", patience = "30s", retention = "1h")]
async fn count(
    #[arg(default = "en".to_owned(), rename = "lang")] language: String,
    #[arg(length = 1..=9, pattern = "^[a-z]+$", example = "up")] direction: Option<String>,
    to: Option<u32>,
    call: Call,
    factor: State<u32>,
    updates: Sender,
) -> Result<u32, std::num::TryFromIntError> {
    updates.progress(1, 1, language + call.session_id() + direction.as_deref().unwrap_or("up"));
    u8::try_from(to.unwrap_or(*factor)).map(u32::from)
}

#[mcpc::tool]
async fn nothing() {}

/// Lists them.
pub fn main() {
    drop(tools![add, count, nothing]);
}
