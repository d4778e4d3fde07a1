#[mcpc::background]
async fn count(instructions: tokio::sync::mpsc::Receiver<u32>) {
    drop(instructions);
}

fn main() {
    let _ = mcpc::tools![count];
}
