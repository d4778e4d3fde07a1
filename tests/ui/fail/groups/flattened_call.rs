#[mcpc::tool]
async fn find(#[arg(flatten)] at: mcpc::Call) {
    drop(at);
}

fn main() {
    let _ = mcpc::tools![find];
}
