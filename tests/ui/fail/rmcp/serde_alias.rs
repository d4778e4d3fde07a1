#[mcpc::tool]
async fn add(#[serde(alias = "number")] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
