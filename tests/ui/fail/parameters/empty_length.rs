#[mcpc::tool]
async fn count(#[arg(length = 5..5)] names: Vec<String>) -> usize {
    names.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
