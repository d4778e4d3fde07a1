#[mcpc::tool(local)]
async fn add(a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
