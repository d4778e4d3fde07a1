use mcpc::Receiver;

#[mcpc::background]
async fn count(mut told: Receiver) {
    told.try_recv();
}

fn main() {}
