#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(all)] at: Selector, times: u8) -> String {
    at.zone.repeat(times.into())
}

fn main() {
    let _ = mcpc::tools![find];
}
