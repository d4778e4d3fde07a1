#[mcpc::background]
async fn count(updates: std::sync::Arc<mcpc::Sender>) {
    updates.progress(1, 1, "done");
}

fn main() {}
