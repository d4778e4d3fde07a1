#[mcpc::tool]
async fn weather(#[arg(range = 1..=64)] city: Option<String>) -> bool {
    city.is_some()
}

fn main() {}
