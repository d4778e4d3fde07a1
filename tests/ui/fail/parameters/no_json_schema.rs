#[derive(serde::Deserialize)]
struct City {
    name: String,
}

#[mcpc::tool]
async fn weather(city: City) -> String {
    city.name
}

fn main() {}
