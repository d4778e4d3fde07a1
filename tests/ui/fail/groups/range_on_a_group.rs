#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(flatten, range = 1..=5)] at: Selector) -> String {
    at.zone
}

fn main() {
    let _ = mcpc::tools![find];
}
