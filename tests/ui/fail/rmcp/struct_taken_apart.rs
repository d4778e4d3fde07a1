#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn add(Args { a, b }: Args) -> i64 {
    a + b
}

fn main() {
    let _ = mcpc::tools![add];
}
