use std::collections::{BTreeMap, HashMap};

#[mcpc::tool]
async fn find(
    #[arg(flatten)] some: HashMap<String, u8>,
    #[arg(flatten)] others: BTreeMap<String, u8>,
) -> usize {
    some.len() + others.len()
}

fn main() {
    let _ = mcpc::tools![find];
}
