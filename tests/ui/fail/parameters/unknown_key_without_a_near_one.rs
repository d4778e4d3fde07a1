#[mcpc::tool]
async fn count(#[arg(colour = "red")] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
