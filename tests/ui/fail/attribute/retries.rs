#[mcpc::background(retries = 3)]
async fn wait() {}

fn main() {
    let _ = mcpc::tools![wait];
}
