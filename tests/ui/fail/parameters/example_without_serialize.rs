#[derive(serde::Deserialize, schemars::JsonSchema)]
struct City {
    name: String,
}

#[mcpc::tool]
async fn count(#[arg(example = City { name: String::new() })] city: City) -> usize {
    city.name.len()
}

fn main() {
    let _ = mcpc::tools![count];
}
