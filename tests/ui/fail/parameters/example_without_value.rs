#[mcpc::tool]
async fn count(#[arg(example)] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![count];
}
