#[mcpc::tool]
async fn add(#[serde(rename = "number", default)] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
