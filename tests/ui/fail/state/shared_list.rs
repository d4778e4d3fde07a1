use std::sync::Arc;

/// Adds bytes.
#[mcpc::tool]
async fn add(bytes: Arc<[u8]>) -> usize {
    bytes.len()
}

fn main() {
    let _ = mcpc::tools![add];
}
