#[mcpc::background]
async fn count(to: u8, updates: Option<mcpc::Sender<u8>>) -> u8 {
    if let Some(updates) = updates {
        updates.send(to).await;
    }
    to
}

fn main() {
    let _ = mcpc::tools![count];
}
