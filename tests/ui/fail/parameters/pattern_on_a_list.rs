#[mcpc::tool]
async fn count(#[arg(pattern = "[a-z]+")] names: Vec<String>) -> usize {
    names.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
