#[mcpc::tool]
async fn add(#[arg(minimum = 1, maximum = 9)] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
