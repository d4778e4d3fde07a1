use mcpc::rmcp::handler::server::wrapper::Parameters;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Args {
    a: i64,
    b: i64,
}

#[mcpc::tool]
async fn add(Parameters(sum): Parameters<Args>) -> i64 {
    sum.a + sum.b
}

fn main() {
    let _ = mcpc::tools![add];
}
