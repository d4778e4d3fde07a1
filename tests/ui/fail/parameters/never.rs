#[mcpc::tool]
async fn count(times: !) -> usize {
    match times {}
}

fn main() {
    let _ = mcpc::tools![count];
}
