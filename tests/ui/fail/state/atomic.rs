use std::sync::atomic::{AtomicU64, Ordering};

#[mcpc::tool]
async fn count(calls: AtomicU64) -> u64 {
    calls.fetch_add(1, Ordering::Relaxed)
}

fn main() {}
