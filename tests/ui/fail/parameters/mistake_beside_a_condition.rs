#[mcpc::tool]
async fn add(#[arg(range = 9..=1)] #[cfg_attr(all(), arg(default = 5))] a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
