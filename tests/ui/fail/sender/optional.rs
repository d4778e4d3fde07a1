#[mcpc::background]
async fn count(updates: Option<mcpc::Sender>) {
    drop(updates);
}

fn main() {}
