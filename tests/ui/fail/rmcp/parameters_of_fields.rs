use mcpc::rmcp::handler::server::wrapper::Parameters;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
    b: i64,
}

#[mcpc::background]
async fn add(Parameters(Args { a, b }): Parameters<Args>) -> i64 {
    a + b
}

fn main() {
    let _ = mcpc::tools![add];
}
