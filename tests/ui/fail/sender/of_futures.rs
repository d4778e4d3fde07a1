use futures::channel::mpsc::Sender;

#[mcpc::background]
async fn count(updates: Sender<u32>) {
    drop(updates);
}

fn main() {
    let _ = mcpc::tools![count];
}
