#[mcpc::tool]
async fn add(#[serde(default)] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
