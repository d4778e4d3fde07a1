#[mcpc::tool]
async fn add(#[arg(min = 1)] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
