#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(flatten)] at: Option<Selector>) -> Option<String> {
    at.map(|at| at.zone)
}

fn main() {
    let _ = mcpc::tools![find];
}
