#[mcpc::tool]
async fn add(#[arg(header = "Region:")] a: String, b: i64) -> i64 {
    drop(a);
    b
}

fn main() {}
