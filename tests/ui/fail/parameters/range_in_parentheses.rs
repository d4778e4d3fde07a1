/// Repeats.
#[mcpc::tool]
async fn repeat(#[arg(range(1, 100))] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![repeat];
}
