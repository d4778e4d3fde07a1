#[mcpc::tool]
async fn weather(city @ _: String) -> String {
    city
}

fn main() {}
