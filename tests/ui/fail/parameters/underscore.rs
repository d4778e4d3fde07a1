#[mcpc::tool]
async fn weather(_: String) -> String {
    "sunny".to_owned()
}

fn main() {}
