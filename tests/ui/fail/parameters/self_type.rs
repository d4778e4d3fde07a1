#[mcpc::tool]
async fn count(times: Vec<Self>) -> usize {
    times.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
