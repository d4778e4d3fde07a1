use mcpc::rmcp::model::ProgressToken;

#[mcpc::background]
async fn add(a: i64, token: ProgressToken) -> i64 {
    drop(token);
    a
}

fn main() {}
