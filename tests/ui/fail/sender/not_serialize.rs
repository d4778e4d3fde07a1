use mcpc::Sender;

struct Step(u8);

/// Builds.
#[mcpc::background]
async fn build(updates: Sender) {
    updates.send(Step(1)).await;
}

fn main() {
    let _ = mcpc::tools![build];
}
