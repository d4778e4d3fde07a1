#[mcpc::tool]
async fn add(#[cfg_attr(all(), serde(default))] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
