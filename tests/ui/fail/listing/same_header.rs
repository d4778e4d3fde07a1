#[mcpc::tool]
async fn add(#[arg(header = "Region")] a: i64, #[arg(header = "REGION")] b: i64) -> i64 {
    a + b
}

fn main() {}
