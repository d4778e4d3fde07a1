#[mcpc::tool]
async fn name() -> &str {
    "name"
}

fn main() {
    let _ = mcpc::tools![name];
}
