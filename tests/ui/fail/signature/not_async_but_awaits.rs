#[mcpc::tool]
fn add(a: i64, b: i64) -> i64 {
    tokio::task::yield_now().await;
    a + b
}

async fn three() -> i64 {
    add(1, 2).await
}

fn main() {
    let _ = three();
}
