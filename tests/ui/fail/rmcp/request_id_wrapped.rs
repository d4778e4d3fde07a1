use mcpc::rmcp::handler::server::common::RequestId;

#[mcpc::tool]
async fn add(a: i64, id: RequestId) -> i64 {
    drop(id);
    a
}

fn main() {}
