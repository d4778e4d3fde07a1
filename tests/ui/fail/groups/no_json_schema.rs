#[derive(serde::Deserialize)]
struct Selector {
    zone: String,
}

#[mcpc::tool]
async fn find(#[arg(flatten)] at: Selector) -> String {
    at.zone
}

fn main() {
    let _ = mcpc::tools![find];
}
