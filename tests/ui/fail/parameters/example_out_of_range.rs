#[mcpc::tool]
async fn count(#[arg(example = 0, range = 1..)] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![count];
}
