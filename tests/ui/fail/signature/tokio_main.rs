#[mcpc::tool]
#[tokio::main]
async fn add() -> i64 {
    3
}

fn main() {}
