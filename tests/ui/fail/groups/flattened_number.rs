#[mcpc::tool]
async fn find(#[arg(flatten)] at: u32) -> u32 {
    at
}

fn main() {
    let _ = mcpc::tools![find];
}
