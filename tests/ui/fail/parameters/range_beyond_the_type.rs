#[mcpc::tool]
async fn count(#[arg(range = 0..=300)] times: u8) -> u8 {
    times
}

fn main() {
    let _ = mcpc::tools![count];
}
