#[mcpc::tool]
async fn add(#[arg(title = "Number")] a: i64) -> i64 {
    a
}

fn main() {
    let _ = mcpc::tools![add];
}
