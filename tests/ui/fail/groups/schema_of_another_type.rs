#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool(input_schema = 5)]
async fn find(#[arg(all)] at: Selector) -> String {
    at.zone
}

fn main() {
    let _ = mcpc::tools![find];
}
