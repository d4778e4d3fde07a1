#[mcpc::tool]
async fn find(#[arg(flatten)] at: Vec<u8>) -> Vec<u8> {
    at
}

fn main() {
    let _ = mcpc::tools![find];
}
