use mcpc::rmcp::model::ProgressToken;

#[mcpc::tool]
async fn add(a: i64, token: ProgressToken) -> i64 {
    drop(token);
    a
}

fn main() {}
