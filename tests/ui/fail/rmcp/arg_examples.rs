#[mcpc::tool]
async fn add(#[arg(examples = [1, 2])] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
