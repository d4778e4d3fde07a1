#[mcpc::tool]
async fn count(#[arg(length = 1..=64)] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![count];
}
