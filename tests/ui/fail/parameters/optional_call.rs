/// Says who calls.
#[mcpc::tool]
async fn caller(call: Option<mcpc::Call>) -> bool {
    call.is_some()
}

fn main() {
    let _ = mcpc::tools![caller];
}
