#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(all, rename = "at")] at: Selector) -> String {
    at.zone
}

fn main() {
    let _ = mcpc::tools![find];
}
