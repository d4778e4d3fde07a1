use std::sync::mpsc::Sender;

#[mcpc::background]
async fn count(updates: Sender<u32>) {
    drop(updates);
}

fn main() {}
