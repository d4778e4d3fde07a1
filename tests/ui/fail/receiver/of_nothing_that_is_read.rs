struct Faster;

#[mcpc::background]
async fn count(mut told: mcpc::Receiver<Faster>) {
    told.try_recv();
}

fn main() {}
