#[mcpc::tool]
async fn weather(_city: String) -> String {
    "sunny".to_owned()
}

fn main() {}
