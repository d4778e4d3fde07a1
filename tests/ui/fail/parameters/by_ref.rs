#[mcpc::tool]
async fn weather(ref city: String) -> String {
    city.clone()
}

fn main() {}
