#[mcpc::tool]
async fn count(#[arg(pattern = "[0-9]+")] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![count];
}
