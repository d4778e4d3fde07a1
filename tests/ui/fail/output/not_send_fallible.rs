use std::rc::Rc;

#[mcpc::background]
async fn count() -> Result<usize, String> {
    let count = Rc::new(1);
    tokio::task::yield_now().await;
    Ok(*count)
}

fn main() {}
