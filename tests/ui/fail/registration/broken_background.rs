#[mcpc::background(name = "")]
async fn add(a: i64, b: i64) -> i64 {
    a + b
}

async fn three() -> i64 {
    add(1, 2).await
}

fn main() {
    let _ = three();
    let _ = mcpc::tools![add];
}
