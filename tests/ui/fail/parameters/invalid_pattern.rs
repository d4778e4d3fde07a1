#[mcpc::tool]
async fn count(#[arg(pattern = "([a-z]+")] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
