#[mcpc::tool]
async fn count(#[arg(length)] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
