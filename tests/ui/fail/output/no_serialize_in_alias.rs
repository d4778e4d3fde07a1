struct Weather {
    degrees: f64,
}

#[mcpc::tool]
async fn weather() -> std::io::Result<Weather> {
    Ok(Weather { degrees: 21.0 })
}

fn main() {}
