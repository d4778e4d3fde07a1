#[mcpc::tool]
async fn show(_metadata: String) -> String {
    _metadata
}

fn main() {}
