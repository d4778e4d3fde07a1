#[mcpc::tool]
async fn count(told: mcpc::Receiver<String>) {
    drop(told);
}

fn main() {}
