#[mcpc::tool]
async fn count(#[arg(example = true)] times: Option<u32>) -> bool {
    times.is_some()
}

fn main() {
    let _ = mcpc::tools![count];
}
