#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(flatten)] at: mcpc::State<Selector>) -> String {
    at.zone.clone()
}

fn main() {
    let _ = mcpc::tools![find];
}
