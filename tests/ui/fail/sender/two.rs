#[mcpc::background]
async fn count(updates: mcpc::Sender, more: mcpc::Sender) {
    updates.progress(1, 2, "half");
    more.progress(2, 2, "done");
}

fn main() {}
