/// Repeats.
#[mcpc::tool]
async fn repeat(#[arg(default(5))] times: u32) -> u32 {
    times
}

fn main() {
    let _ = mcpc::tools![repeat];
}
