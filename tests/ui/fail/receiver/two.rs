use mcpc::Receiver;

#[mcpc::background]
async fn count(mut texts: Receiver<String>, mut numbers: Receiver<u64>) {
    tokio::join!(texts.recv(), numbers.recv());
}

fn main() {}
