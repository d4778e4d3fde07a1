use mcpc::rmcp::handler::server::wrapper::Parameters;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn add(args: Parameters<Args>) -> i64 {
    args.0.a + args.0.b
}

fn main() {
    let _ = mcpc::tools![add];
}
