use mcpc::rmcp::handler::server::common::Extension;

#[mcpc::tool]
async fn add(a: i64, Extension(key): Extension<String>) -> i64 {
    drop(key);
    a
}

fn main() {}
