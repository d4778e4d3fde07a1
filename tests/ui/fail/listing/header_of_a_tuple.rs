#[mcpc::tool]
async fn add(#[arg(header = "Region")] a: (u8, u8), b: i64) -> i64 {
    drop(a);
    b
}

fn main() {}
