#[derive(schemars::JsonSchema)]
struct Weather {
    degrees: f64,
}

#[mcpc::background]
async fn weather() -> Result<Weather, String> {
    Ok(Weather { degrees: 21.0 })
}

fn main() {}
