#[mcpc::background]
async fn count(#[arg(default)] updates: mcpc::Sender) {
    updates.progress(1, 1, "done");
}

fn main() {}
