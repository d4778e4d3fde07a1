#[mcpc::tool]
async fn count(names: Vec<impl ToString>) -> usize {
    names.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
