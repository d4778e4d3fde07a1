#[mcpc::tool]
async fn count(#[arg(default = "", length = 1..=64)] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
