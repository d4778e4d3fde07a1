#[mcpc::tool]
async fn count(#[arg(length = 1..)] loud: Option<bool>) -> bool {
    loud.is_some()
}

fn main() {
    let _ = mcpc::tools![count];
}
