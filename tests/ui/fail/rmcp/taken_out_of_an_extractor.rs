#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Query<T>(T);

/// Doubles.
#[mcpc::tool]
async fn double(Query(args): Query<Args>) -> i64 {
    2 * args.a
}

fn main() {
    let _ = mcpc::tools![double];
}
