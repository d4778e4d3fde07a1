#[derive(schemars::JsonSchema)]
struct Weather {
    degrees: f64,
}

#[mcpc::tool]
async fn weather() -> Weather {
    Weather { degrees: 21.0 }
}

fn main() {}
