struct Weather {
    degrees: f64,
}

#[mcpc::tool]
async fn weather() -> Vec<Weather> {
    vec![Weather { degrees: 21.0 }]
}

fn main() {}
