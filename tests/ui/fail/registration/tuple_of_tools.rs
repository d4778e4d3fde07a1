use mcpc::{DynamicTool, tools};

#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn all(more: DynamicTool) -> mcpc::Server {
    mcpc::Server::new("calculator").tools((tools![add], more))
}

fn main() {}
