#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    name: String,
}

#[mcpc::tool]
async fn weather(#[arg(default)] city: City) -> String {
    city.name
}

fn main() {}
