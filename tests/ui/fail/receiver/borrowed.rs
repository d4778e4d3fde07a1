#[mcpc::background]
async fn count(told: &mut mcpc::Receiver<String>) {
    told.recv().await;
}

fn main() {}
