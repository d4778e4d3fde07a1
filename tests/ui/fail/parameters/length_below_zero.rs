#[mcpc::tool]
async fn count(#[arg(length = -1..=64)] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
