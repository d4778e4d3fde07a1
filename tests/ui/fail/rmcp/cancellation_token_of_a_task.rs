use tokio_util::sync::CancellationToken;

#[mcpc::background]
async fn add(a: i64, token: CancellationToken) -> i64 {
    drop(token);
    a
}

fn main() {}
