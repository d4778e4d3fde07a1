#[mcpc::tool]
async fn count(#[arg(default)] call: mcpc::Call) -> usize {
    call.session_id().len()
}

fn main() {
    let _ = mcpc::tools![count];
}
