#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Pair {
    #[arg(range = 1..=9)]
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn add(#[arg(flatten)] pair: Pair) -> i64 {
    pair.a + pair.b
}

fn main() {}
