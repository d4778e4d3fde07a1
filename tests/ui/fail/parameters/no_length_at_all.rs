#[mcpc::tool]
async fn count(#[arg(length = ..0)] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
