#[mcpc::tool]
async fn add(#[arg(max = 9)] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
