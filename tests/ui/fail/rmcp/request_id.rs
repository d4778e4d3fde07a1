#[mcpc::tool]
async fn add(a: i64, id: mcpc::rmcp::model::RequestId) -> i64 {
    drop(id);
    a
}

fn main() {}
