#[mcpc::tool]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

fn main() {
    let _ = mcpc::Server::new("calculator").tools(add);
}
