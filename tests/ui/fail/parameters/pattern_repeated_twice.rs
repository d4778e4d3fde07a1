#[mcpc::tool]
async fn count(#[arg(pattern = "^a**$")] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
