use std::sync::Arc;

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    place: String,
}

#[mcpc::tool]
async fn place(config: Arc<Config>) -> String {
    config.place.clone()
}

fn main() {}
