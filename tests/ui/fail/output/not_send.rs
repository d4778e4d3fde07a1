use std::rc::Rc;

#[mcpc::tool]
async fn count() -> usize {
    let count = Rc::new(1);
    tokio::task::yield_now().await;
    *count
}

fn main() {}
