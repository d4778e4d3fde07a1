#[mcpc::tool]
#[tokio::test]
async fn add() -> i64 {
    3
}

fn main() {}
