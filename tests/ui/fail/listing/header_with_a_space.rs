#[mcpc::tool]
async fn add(#[arg(header = "My Region")] a: String, b: i64) -> i64 {
    drop(a);
    b
}

fn main() {}
