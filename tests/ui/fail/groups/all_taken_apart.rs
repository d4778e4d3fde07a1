#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Pair {
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn add(#[arg(all)] Pair { a, b }: Pair) -> i64 {
    a + b
}

fn main() {}
