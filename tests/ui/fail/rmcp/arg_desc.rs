#[mcpc::tool]
async fn add(#[arg(desc = "The number")] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
