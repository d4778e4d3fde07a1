#[mcpc::tool]
async fn add(#[arg(header = "")] a: String, b: i64) -> i64 {
    drop(a);
    b
}

fn main() {}
