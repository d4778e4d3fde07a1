#[mcpc::background]
async fn count(updates: tokio::sync::mpsc::Sender<u32>) {
    drop(updates);
}

fn main() {}
