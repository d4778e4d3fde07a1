#[mcpc::tool]
async fn count(#[arg(pattern = "(?i)[a-z]+")] name: String) -> usize {
    name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
