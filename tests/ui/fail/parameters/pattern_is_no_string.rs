#[mcpc::tool]
async fn count(#[arg(pattern = 5)] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
