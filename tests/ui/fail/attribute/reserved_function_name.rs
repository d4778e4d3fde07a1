#[mcpc::tool]
async fn is_mcpc_enabled() -> bool {
    true
}

fn main() {}
