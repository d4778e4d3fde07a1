#[mcpc::tool]
async fn find(#[arg(flatten)] at: String) -> String {
    at
}

fn main() {
    let _ = mcpc::tools![find];
}
