//! Types of the user's own that are called like ours, and tools that are called like crates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A state of the union.
#[derive(Serialize, Deserialize, JsonSchema, Default)]
enum State {
    #[default]
    Texas,
    Utah,
}

#[derive(Deserialize, JsonSchema)]
struct Tool {
    name: String,
}

#[derive(Deserialize, JsonSchema)]
struct Error {
    text: String,
}

#[mcpc::tool]
async fn visit(#[arg(default, example = State::Utah)] state: State, tool: Tool, error: Error) -> String {
    match state {
        State::Texas => tool.name,
        State::Utah => error.text,
    }
}

#[mcpc::tool]
async fn anyhow() {}

#[mcpc::background]
async fn std() {}

pub fn main() {
    let _ = mcpc::tools![visit, anyhow, std];
}
