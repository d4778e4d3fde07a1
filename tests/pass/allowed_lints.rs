//! What a function was allowed goes for what stands beside it, too.

#![deny(deprecated, unused, warnings)]

mod types {
    #![allow(deprecated)]

    use schemars::JsonSchema;
    use serde::Deserialize;

    #[deprecated]
    #[derive(Deserialize, JsonSchema)]
    pub(crate) struct Old(pub(crate) u8);
}

#[allow(deprecated)]
use types::Old;

#[mcpc::tool]
#[allow(deprecated, reason = "clients still send it")]
async fn takes(old: Old) -> u8 {
    old.0
}

#[mcpc::tool]
#[expect(deprecated)]
async fn takes_too(old: Old) -> u8 {
    old.0
}

/// Somebody may still call it.
#[mcpc::tool]
#[deprecated = "use `takes`"]
async fn old_itself() {}

pub fn main() {
    drop(mcpc::tools![takes, takes_too, old_itself]);
}
