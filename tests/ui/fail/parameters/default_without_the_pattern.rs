#[mcpc::tool]
async fn count(#[arg(default = "EN", pattern = "^[a-z]+$")] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
