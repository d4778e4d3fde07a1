#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(flatten, all)] at: Selector) -> String {
    at.zone
}

fn main() {
    let _ = mcpc::tools![find];
}
