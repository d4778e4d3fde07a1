#[mcpc::background]
async fn find(#[arg(flatten)] at: mcpc::Sender) {
    drop(at);
}

fn main() {
    let _ = mcpc::tools![find];
}
