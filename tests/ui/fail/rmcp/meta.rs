use mcpc::rmcp::model::RequestMetaObject;

#[mcpc::tool]
async fn add(a: i64, meta: RequestMetaObject) -> i64 {
    drop(meta);
    a
}

fn main() {}
