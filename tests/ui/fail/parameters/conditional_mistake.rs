#[mcpc::tool]
async fn add(#[cfg_attr(all(), arg(default = 5), arg(rnge = 1..=9))] a: i64, b: i64) -> i64 {
    a + b
}

fn main() {}
