struct City {
    name: String,
}

#[mcpc::background]
async fn weather(cities: Vec<City>) -> usize {
    cities.len()
}

fn main() {}
