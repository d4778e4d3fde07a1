use mcpc::Sender;

struct Step;

#[mcpc::background]
async fn count(updates: Sender<Step>) {
    updates.send(Step).await;
}

fn main() {
    let _ = mcpc::tools![count];
}
